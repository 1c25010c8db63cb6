"""A read-only snapshot of a PostgreSQL database, read as Arrow.

One ADBC connection, one REPEATABLE READ transaction: the digest, the rows and the look-up of
moved rows all see the same instant. COPY streams the rows, so memory holds one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
from psycopg import sql

from replica_worker.engines.postgresql import descriptions, digests, measures, statements
from replica_worker.engines.postgresql.arrays import to_spec_batch
from replica_worker.engines.postgresql.catalogue import require_columns
from replica_worker.engines.postgresql.connect import adbc_version, open_adbc
from replica_worker.engines.postgresql.errors import translated_errors
from replica_worker.engines.postgresql.types import FoundColumn
from replica_worker.engines.values import (
    DAY_FIELD,
    ROW_HASHES,
    ConnectionOptions,
    DayChanges,
    KeyList,
    RowSelection,
    Side,
)
from replica_worker.model.digests import KEY_BUCKETS, Digest, DigestKind
from replica_worker.model.live import LiveTable
from replica_worker.model.specs import TableSpec
from replica_worker.pulse import give_sign

_BATCH_BYTES = "adbc.postgresql.batch_size_hint_bytes"
_USE_COPY = "adbc.postgresql.use_copy"


class PostgresSnapshot:
    """Implements `interface.Snapshot`."""

    def __init__(self, connection: Any, options: ConnectionOptions) -> None:
        self._connection = connection
        self._options = options
        self._found: dict[tuple[str, str], tuple[FoundColumn, ...]] = {}

    def require_table(self, table: TableSpec, side: Side) -> bool:
        """Whether the table is there; SchemaMismatchError if its columns are not the spec's."""
        found = self._find_columns(RowSelection(table=table, side=side))
        if not found:
            return False
        require_columns(table, found, side)
        return True

    def describe(self, schema: str, name: str) -> LiveTable | None:
        """A table or view as the catalogue has it; None if the login sees none of that name."""
        columns, unique = (
            self._fetch(query, "read the catalogue")
            for query in (
                descriptions.find_columns(schema, name),
                descriptions.find_unique(schema, name),
            )
        )
        return descriptions.live_table(schema, name, columns, unique)

    def read(self, selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """The selected rows, in no order, as batches of the spec's Arrow schema."""
        found = self._find_columns(selection)
        statement = statements.select_rows(selection, found, self._options.zone)
        for batch in self._stream(statement, f"read table {selection.table_name}"):
            yield to_spec_batch(selection.table, batch)

    def read_by_key(
        self, table: TableSpec, side: Side, keys: Sequence[KeyList], *, dateless: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows, on any day, whose keys are listed, with `DAY_FIELD` behind the columns."""
        dateless = dateless or not table.is_daily
        selection = RowSelection(table=table, side=side, dateless=dateless)
        found = self._find_columns(selection)
        for key_list in keys:
            statement = statements.select_rows_by_key(
                selection, found, key_list.json, self._options.zone
            )
            for batch in self._stream(statement, f"look up keys in table {table.name}"):
                rows = to_spec_batch(table, batch)
                yield pa.RecordBatch.from_arrays(
                    [*rows.columns, batch.column(batch.num_columns - 1)],
                    schema=table.arrow_schema.append(pa.field(DAY_FIELD, pa.date32())),
                )

    def digest(self, selection: RowSelection, kind: DigestKind) -> Digest:
        """The digest of the selected rows, computed in the database."""
        statement = digests.digest_rows(selection, kind, self._terms)
        (row,) = self._fetch(statement, f"digest table {selection.table_name}")
        return _digest_of(kind, row)

    def digest_days(self, selection: RowSelection, kind: DigestKind) -> dict[date | None, Digest]:
        """The digest of each day that has selected rows; under None that of those of no day."""
        statement = digests.digest_days(selection, kind, self._terms)
        rows = self._fetch(statement, f"digest the days of table {selection.table_name}")
        return {row["g"]: _digest_of(kind, row) for row in rows}

    def changed_days(self, selection: RowSelection) -> dict[date | None, DayChanges]:
        """Of each day that has selected rows, their number and their highest rowversion."""
        statement = statements.changed_days(selection, self._options.zone)
        rows = self._fetch(statement, f"read the changes of table {selection.table_name}")
        return {
            row["g"]: DayChanges(rows=row["rows"], newest=bytes.fromhex(row["newest"]))
            for row in rows
        }

    def count_days(self, selection: RowSelection) -> dict[date | None, int]:
        """How many selected rows each day has that has some; under None those of no day."""
        statement = measures.count_days(selection, self._options.zone)
        rows = self._fetch(statement, f"count the rows of table {selection.table_name}")
        return {row["g"]: row["rows"] for row in rows}

    def key_bounds(self, selection: RowSelection, rows_apart: int) -> list[str]:
        """Texts of the first key column, in the server's order, with so many rows between them."""
        statement = measures.key_bounds(selection, rows_apart, self._options.zone)
        rows = self._fetch(statement, f"choose key ranges of table {selection.table_name}")
        return [row["bound"] for row in rows]

    def safe_rowversion(self) -> bytes | None:
        """None: here a rowversion is a column that the source fills by a rule of its own."""
        return None

    def digest_buckets(
        self, selection: RowSelection, kind: DigestKind, of: int = KEY_BUCKETS
    ) -> dict[int, Digest]:
        """The digest of each of `of` buckets that has selected rows, by the bucket's number."""
        statement = digests.digest_buckets(selection, kind, of, self._terms)
        rows = self._fetch(statement, f"digest the key buckets of table {selection.table_name}")
        return {row["g"]: _digest_of(kind, row) for row in rows}

    def row_hashes(
        self,
        selection: RowSelection,
        kind: DigestKind,
        buckets: frozenset[int] | None = None,
        of: int = KEY_BUCKETS,
    ) -> Iterator[pa.RecordBatch]:
        """(`key` as JSON text, `hash` as text) of each selected row in these of `of` buckets."""
        statement = digests.select_row_hashes(selection, kind, buckets, of, self._terms)
        operation = f"hash the rows of table {selection.table_name}"
        for batch in self._stream(statement, operation):
            yield pa.RecordBatch.from_arrays(batch.columns, schema=ROW_HASHES)

    @property
    def _terms(self) -> digests.Terms:
        version = adbc_version(self._options, self._connection)
        return digests.Terms(zone=self._options.zone, server_version=version)

    def _find_columns(self, selection: RowSelection) -> tuple[FoundColumn, ...]:
        name = (selection.schema_name, selection.table_name)
        if name not in self._found:
            rows = self._fetch(statements.find_columns(*name), "read the catalogue")
            self._found[name] = tuple(FoundColumn(**row) for row in rows)
        return self._found[name]

    def _fetch(self, statement: sql.Composable, operation: str) -> list[dict[str, Any]]:
        """All rows of a result that fits memory, in one round trip: COPY would take three."""
        batches = self._batches(statement, operation, {_USE_COPY: "false"})
        return [row for batch in batches for row in batch.to_pylist()]

    def _stream(self, statement: sql.Composable, operation: str) -> Iterator[pa.RecordBatch]:
        """A result of any size, by COPY."""
        return self._batches(statement, operation, {_BATCH_BYTES: str(self._options.batch_bytes)})

    def _batches(
        self, statement: sql.Composable, operation: str, options: dict[str, str]
    ) -> Iterator[pa.RecordBatch]:
        cursor = self._connection.cursor(adbc_stmt_kwargs=options)
        try:
            with translated_errors(operation):
                give_sign()
                cursor.execute(statements.text_of(statement))
                # Not `cursor.fetch_record_batch()`: an error in mid-stream would leave that
                # reader as an OSError without the server's error code.
                for batch in cursor._results.reader:
                    give_sign()
                    yield batch
        finally:
            cursor.close()


def _digest_of(kind: DigestKind, row: dict[str, Any]) -> Digest:
    return Digest.from_sums(kind=kind, rows=row["rows"], high=int(row["high"]), low=int(row["low"]))


@contextmanager
def open_snapshot(options: ConnectionOptions) -> Iterator[PostgresSnapshot]:
    """Connect, give the snapshot, and end its transaction without a trace."""
    options = replace(options, read_only=True)
    with translated_errors("connect to the database"):
        connection = open_adbc(options)
        adbc_version(options, connection)
    try:
        yield PostgresSnapshot(connection, options)
    finally:
        connection.close()
