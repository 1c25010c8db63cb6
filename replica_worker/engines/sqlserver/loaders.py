"""Two ways to fill a staging table: bulk copy, and arrays of parameters. REPLICA_LOADER chooses.

Both use a connection of their own, so the table must be committed before, and what they loaded
stays whatever becomes of the caller's transaction. The table is private to one attempt: a load
that breaks is thrown away with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

import mssql_python
import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.engines.sqlserver import staged
from replica_worker.engines.sqlserver.arrays import staging_schema, to_staging_batch
from replica_worker.engines.sqlserver.connect import close_quietly, open_arrow, open_bulk
from replica_worker.engines.sqlserver.errors import translate, translate_bulk_error
from replica_worker.engines.sqlserver.fragments import quote
from replica_worker.engines.sqlserver.texts import as_texts
from replica_worker.engines.values import STAGING_SCHEMA, ConnectionOptions
from replica_worker.errors import DatabaseError
from replica_worker.model.specs import TableSpec
from replica_worker.pulse import give_sign

Loader = Callable[[TableSpec, str, Iterable[pa.RecordBatch]], int]
"""(table, name of the staging table, batches) → number of rows that arrived."""

_LONGEST_INLINE = 4000  # characters that the driver takes into an array
_PYTHON_VALUE = 60  # bytes of a short Python string beside its characters


def make_loader(options: ConnectionOptions) -> Loader:
    """The loader that `options.loader` names."""
    return ArrayLoader(options).load if options.loader == "arrays" else BulkLoader(options).load


class BulkLoader:
    """Arrow batches through TDS bulk copy."""

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options

    def load(self, table: TableSpec, staging: str, batches: Iterable[pa.RecordBatch]) -> int:
        """Load all batches; the number of rows, as both ends counted them."""
        operation = f"load the staging table of {table.name}"
        feed = _Feed(_staged(table, batches))
        if feed.is_empty:
            return 0
        client = open_bulk(self._options)
        try:
            done = client.cursor().bulkcopy_arrow(
                str(quote(STAGING_SCHEMA, staging)),
                pa.RecordBatchReader.from_batches(staging_schema(table), feed),
                timeout=int(self._options.statement_timeout.total_seconds()),
                column_mappings=staged.staged_names(table),
                keep_nulls=True,
                table_lock=True,
            )
        except BaseException as error:  # a panic of the bulk client is no Exception
            if feed.error is not None:  # the client would tell it as one of its own
                raise feed.error from None
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            raise translate_bulk_error(error, operation=operation) from None
        finally:
            close_quietly(client)
        _require_rows(int(done["rows_copied"]), feed.rows, operation)
        return feed.rows


class ArrayLoader:
    """INSERT with arrays of texts, for servers on which bulk copy does not work.

    Each array is one transaction. Texts, because the driver guesses other types from values, and
    asks the server what a column of NULLs is, which can end the transaction.
    """

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options

    def load(self, table: TableSpec, staging: str, batches: Iterable[pa.RecordBatch]) -> int:
        """Load all batches; the number of rows, as both ends counted them."""
        operation = f"load the staging table of {table.name}"
        insert = staged.insert_texts(table, staging).text
        rows = 0
        client = open_arrow(self._options)
        try:
            for batch in _staged(table, batches):
                for piece in split_arrays(as_texts(batch), self._options.batch_bytes):
                    arrived = _insert(client, insert, piece)
                    _require_rows(arrived, piece.num_rows, operation)
                    client.commit()
                    rows += piece.num_rows
        except mssql_python.Error as error:
            raise translate(error, operation=operation) from None
        finally:
            close_quietly(client)
        return rows


def _insert(client: Any, insert: str, piece: pa.RecordBatch) -> int:
    give_sign()
    with closing(client.cursor()) as cursor:
        cursor.setinputsizes([(_odbc_type(width), width, 0) for width in _widths(piece)])
        columns = [column.to_pylist() for column in piece.columns]
        cursor.executemany(insert, list(zip(*columns, strict=True)))
        return int(cursor.rowcount)


def _odbc_type(width: int) -> int:
    is_long = width > _LONGEST_INLINE
    return int(mssql_python.SQL_WLONGVARCHAR if is_long else mssql_python.SQL_WVARCHAR)


def split_arrays(texts: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    """The rows in pieces that take at most so many bytes as arrays, or are one row.

    A row with a value that the driver does not put into an array is a piece for itself.
    """
    longest = pc.max_element_wise(*(pc.binary_length(column) for column in texts.columns))
    is_long = pc.greater(longest, _LONGEST_INLINE).fill_null(False)
    yield from _halved(texts.filter(pc.invert(is_long)), most)
    long_rows = texts.filter(is_long)
    for index in range(long_rows.num_rows):
        yield long_rows.slice(index, 1)


def _halved(texts: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    if not texts.num_rows:
        return
    row = sum(2 * width + _PYTHON_VALUE for width in _widths(texts))
    if texts.num_rows == 1 or texts.num_rows * row <= most:
        yield texts
        return
    half = texts.num_rows // 2
    yield from _halved(texts.slice(0, half), most)
    yield from _halved(texts.slice(half), most)


def _widths(texts: pa.RecordBatch) -> list[int]:
    """Characters to reserve for each column: UTF-16 never needs more than UTF-8 has bytes."""
    return [pc.max(pc.binary_length(column)).as_py() or 1 for column in texts.columns]


def _staged(table: TableSpec, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches that have rows, in the types that staging takes."""
    schema = staging_schema(table)
    for batch in batches:
        if batch.num_rows:
            give_sign()
            yield to_staging_batch(batch, schema)


class _Feed:
    """Batches on their way into a client that counts an empty one as a row and hides errors."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._first = next(batches, None)
        self.rows = 0
        self.error: BaseException | None = None

    @property
    def is_empty(self) -> bool:
        return self._first is None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield self._count(self._first)
            for batch in self._batches:
                yield self._count(batch)
        except GeneratorExit:
            raise
        except BaseException as error:
            self.error = error
            raise

    def _count(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self.rows += batch.num_rows
        return batch


def _require_rows(arrived: int, sent: int, operation: str) -> None:
    if arrived != sent:
        raise DatabaseError(
            operation=operation,
            cause=f"{sent} rows were sent, {arrived} arrived",
            next_step="It is tried again; if it comes again, use the other REPLICA_LOADER",
            retryable=True,
        )
