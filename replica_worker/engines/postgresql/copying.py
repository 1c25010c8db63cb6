"""COPY of Arrow batches into a table, as the bytes that `pgpq` encodes from them.

Through the psycopg connection underneath the caller's, in its transaction. The binary format
converts nothing: the table's types are those of the schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from replica_worker.engines.postgresql import statements
from replica_worker.engines.postgresql.connect import cursor_of
from replica_worker.pulse import give_sign

_ENCODED_BYTES = 2 * 1024 * 1024  # of Arrow that are encoded at once


def copy_rows(
    connection: sa.Connection,
    copy_into: sql.Composable,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
) -> int:
    """Load the batches by that statement, in the columns' types of `schema`; how many rows."""
    with cursor_of(connection) as cursor:
        with cursor.copy(statements.text_of(copy_into)) as copy:
            _write_encoded(copy, schema, batches)
        return int(cursor.rowcount)


def _write_encoded(copy: Any, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    encoder = ArrowToPostgresBinaryEncoder(schema)
    copy.write(encoder.write_header())
    for batch in batches:
        rows = max(1, batch.num_rows * _ENCODED_BYTES // max(1, batch.nbytes))
        for start in range(0, batch.num_rows, rows):
            give_sign()
            copy.write(encoder.write_batch(_cast(batch.slice(start, rows), schema)))
    copy.write(encoder.finish())


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with the few columns cast whose staging type is another Arrow type."""
    arrays = [
        array if array.type == field.type else array.cast(field.type)
        for array, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
