"""Arrow arrays on their way out of and into SQL Server: the driver's types ↔ the spec's.

Vectorised throughout. A value that the spec's type cannot hold is an error that names the
column, never a rounded or cut value.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.engines.mismatches import value_mismatch
from replica_worker.engines.sqlserver.types import strategy_for
from replica_worker.model.specs import ColumnSpec, TableSpec
from replica_worker.model.types import MAX_LENGTH


def to_spec_batch(table: TableSpec, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The driver's batch, whose columns stand in the spec's order, in the spec's types."""
    arrays = [
        _to_spec_array(table, column, batch.column(index))
        for index, column in enumerate(table.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)


def _to_spec_array(table: TableSpec, column: ColumnSpec, array: pa.Array) -> pa.Array:
    if array.null_count and not column.nullable:
        raise value_mismatch(table, column, "it holds NULL, though the spec says it cannot")
    _refuse_long(table, column, array)
    target = column.type.arrow
    if array.type == target:
        return array
    try:
        if pa.types.is_time(target) and pa.types.is_int64(array.type):
            return array.view(target)  # nanoseconds since midnight
        return array.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise value_mismatch(
            table, column, f"a value does not fit {column.type} ({str(error).splitlines()[0]})"
        ) from None


def _refuse_long(table: TableSpec, column: ColumnSpec, array: pa.Array) -> None:
    """CAST would cut without a word. Bytes are counted first: a character has at least one."""
    longest = column.type.length
    if longest is None or longest == MAX_LENGTH or _most(pc.binary_length(array)) <= longest:
        return
    if not column.type.is_text or _most(pc.utf8_length(array)) > longest:
        raise value_mismatch(table, column, f"a value is longer than {column.type}")


def _most(lengths: pa.Array) -> int:
    return pc.max(lengths).as_py() or 0


def staging_schema(table: TableSpec) -> pa.Schema:
    """The Arrow schema in which batches are loaded into staging."""
    return pa.schema(
        [
            pa.field(column.name, strategy_for(column.type).staged_arrow or column.type.arrow)
            for column in table.columns
        ]
    )


def to_staging_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the types that staging takes."""
    arrays = [
        array if array.type == field.type else _to_staging_array(array, field.type)
        for array, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _to_staging_array(array: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_time(array.type) and pa.types.is_string(target):
        return pc.utf8_slice_codeunits(array.cast(pa.string()), 0, 16)  # 100 ns, as SQL Server has
    return array.cast(target)
