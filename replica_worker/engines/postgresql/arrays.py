"""Arrow arrays on their way out of and into PostgreSQL: the driver's types ↔ the spec's.

Vectorised throughout. A value that the spec's type cannot hold is an error that names the
column, never a rounded or cut value.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.engines.mismatches import value_mismatch
from replica_worker.engines.postgresql.types import BEYOND_CALENDAR, strategy_for
from replica_worker.model.specs import ColumnSpec, TableSpec
from replica_worker.model.types import MAX_LENGTH

# PostgreSQL's 'infinity' arrives as a number near the end of int64; SQL Server's calendar ends
# here, and so does every sensible sales date.
_FIRST_INSTANT = pa.scalar(-62_135_596_800_000_000, pa.int64())  # 0001-01-01, microseconds
_LAST_INSTANT = pa.scalar(253_402_300_799_999_999, pa.int64())  # 9999-12-31
_FIRST_DAY = pa.scalar(-719_162, pa.int32())
_LAST_DAY = pa.scalar(2_932_896, pa.int32())
_MICROSECOND_DIGITS = 6
_BEYOND = "it holds infinity or a year outside 1 to 9999"


def to_spec_batch(table: TableSpec, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The driver's batch, whose columns stand in the spec's order, in the spec's types."""
    arrays = [
        _to_spec_array(table, column, batch.column(index))
        for index, column in enumerate(table.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)


def _to_spec_array(table: TableSpec, column: ColumnSpec, array: pa.Array) -> pa.Array:
    target = column.type.arrow
    if array.null_count and not column.nullable:
        raise value_mismatch(table, column, "it holds NULL, though the spec says it cannot")
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    _refuse_infinity(table, column, array)
    _refuse_long_text(table, column, array)
    _refuse_finer_time(table, column, array)
    if array.type == target:
        return array
    try:
        if pa.types.is_decimal(target) and pa.types.is_int64(array.type):
            return _unscale(array, target)
        return array.cast(target)
    except pa.ArrowInvalid as error:
        raise value_mismatch(
            table, column, f"a value does not fit {column.type} ({str(error).splitlines()[0]})"
        ) from None


def _unscale(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Read whole numbers as decimals of the target's scale: 12345 → 1.2345."""
    digits = pa.decimal128(19, target.scale)
    return array.cast(pa.decimal128(19, 0)).view(digits).cast(target)


def _refuse_infinity(table: TableSpec, column: ColumnSpec, array: pa.Array) -> None:
    if pa.types.is_timestamp(array.type):
        first, last, whole = _FIRST_INSTANT, _LAST_INSTANT, pa.int64()
    elif pa.types.is_date32(array.type):
        first, last, whole = _FIRST_DAY, _LAST_DAY, pa.int32()
    else:
        if column.type.base in ("datetime2", "datetimeoffset") and _any_beyond(array):
            raise value_mismatch(table, column, _BEYOND)
        return
    bounds = pc.min_max(array.view(whole))
    low, high = bounds["min"], bounds["max"]
    if low.is_valid and (low.as_py() < first.as_py() or high.as_py() > last.as_py()):
        raise value_mismatch(table, column, _BEYOND)


def _any_beyond(array: pa.Array) -> bool:
    return bool(pc.any(pc.starts_with(array, BEYOND_CALENDAR)).as_py())


def _refuse_long_text(table: TableSpec, column: ColumnSpec, array: pa.Array) -> None:
    """PostgreSQL would cut trailing blanks off without a word. Bytes are counted first: quicker."""
    longest = column.type.length if column.type.is_text else None
    if longest is None or longest == MAX_LENGTH:
        return
    if _most(pc.binary_length(array)) > longest and _most(pc.utf8_length(array)) > longest:
        raise value_mismatch(table, column, f"a value is longer than {column.type}")


def _refuse_finer_time(table: TableSpec, column: ColumnSpec, array: pa.Array) -> None:
    """PostgreSQL would round digits of a second off without a word."""
    kept = strategy_for(column.type).fraction
    if kept is None or kept >= _MICROSECOND_DIGITS:
        return
    if pa.types.is_string(array.type):
        pattern = rf"\.\d{{{kept}}}0*( |$)"
        is_exact = pc.all(pc.match_substring_regex(array, pattern)).as_py()
    else:
        whole = array.view(pa.int64())
        unit = 10 ** (_MICROSECOND_DIGITS - kept)
        is_exact = pc.all(pc.equal(pc.multiply(pc.divide(whole, unit), unit), whole)).as_py()
    if is_exact is False:
        raise value_mismatch(
            table, column, f"a value has more digits of a second than {column.type}"
        )


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
