"""A read-only look at a SQL Server database, read as Arrow.

One mssql-python connection with ApplicationIntent=ReadOnly. Where the database allows snapshot
isolation, one SNAPSHOT transaction covers all reads; elsewhere each statement reads committed
rows, and the row count taken with the digest shows when they do not fit together. Never NOLOCK.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa

from replica_worker.engines.sqlserver import descriptions, digests, measures, reads, statements
from replica_worker.engines.sqlserver.arrays import to_spec_batch
from replica_worker.engines.sqlserver.catalogue import require_columns
from replica_worker.engines.sqlserver.connect import close_quietly, open_arrow
from replica_worker.engines.sqlserver.errors import translate
from replica_worker.engines.sqlserver.found_column import FoundColumn
from replica_worker.engines.sqlserver.fragments import Fragment
from replica_worker.engines.sqlserver.reads import RowLimit
from replica_worker.engines.sqlserver.zone_days import local_days
from replica_worker.engines.values import (
    DAY_FIELD,
    ROW_HASHES,
    ConnectionOptions,
    DayChanges,
    KeyList,
    RowSelection,
    Side,
)
from replica_worker.errors import DatabaseError, DatabaseUnreachableError
from replica_worker.model.digests import KEY_BUCKETS, Digest, DigestKind
from replica_worker.model.live import LiveTable
from replica_worker.model.specs import TableSpec

_SNAPSHOT_STATE = Fragment(
    "SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME()"
)


class SqlServerSnapshot:
    """Implements `interface.Snapshot`."""

    def __init__(self, connection: Any, options: ConnectionOptions) -> None:
        self._connection = connection
        self._options = options
        self._terms = digests.Terms(
            zone=options.zone, encoding=options.digest_encoding, max_dop=options.max_dop
        )
        self._by_bytes = RowLimit.by_bytes(options.batch_bytes)
        self._found: dict[tuple[str, str], tuple[FoundColumn, ...]] = {}

    def require_table(self, table: TableSpec, side: Side) -> bool:
        """Whether the table is there; SchemaMismatchError if its columns are not the spec's."""
        selection = RowSelection(table=table, side=side)
        found = self._find_columns(selection)
        if found:
            require_columns(table, found, side)
        return bool(found)

    def describe(self, schema: str, name: str) -> LiveTable | None:
        """A table or view as the catalogue has it; None if the login sees none of that name."""
        columns, unique = (
            reads.fetch(
                self._connection, replace(query, values=(schema, name)), "read the catalogue"
            )
            for query in (descriptions.FIND_COLUMNS, descriptions.FIND_UNIQUE)
        )
        return descriptions.live_table(columns, unique)

    def read(self, selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """The selected rows, in no order, as batches of the spec's Arrow schema.

        MAX columns would make the driver fetch row by row. So the rows whose values are all
        short come first, with those columns bounded; the rare others are read whole after them.
        """
        table, operation = selection.table, f"read table {selection.table_name}"
        for long in (False, True) if statements.long_columns(table) else (False,):
            statement = statements.select_rows(
                selection, self._options.zone, long=long, max_dop=self._options.max_dop
            )
            limit = self._by_bytes if long else RowLimit.by_width(table, self._options.batch_bytes)
            for batch in reads.stream(self._connection, statement, operation, limit):
                yield to_spec_batch(table, batch)

    def read_by_key(
        self, table: TableSpec, side: Side, keys: Sequence[KeyList], *, dateless: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows, on any day, whose keys are listed, with `DAY_FIELD` behind the columns."""
        dateless = dateless or not table.is_daily
        selection = RowSelection(table=table, side=side, dateless=dateless)
        schema = table.arrow_schema.append(pa.field(DAY_FIELD, pa.date32()))
        for key_list in keys:
            statement = statements.select_rows_by_key(selection, key_list.json, self._options.zone)
            operation = f"look up keys in table {table.name}"
            for batch in reads.stream(self._connection, statement, operation, self._by_bytes):
                rows = to_spec_batch(table, batch)
                day = batch.column(batch.num_columns - 1)
                if not pa.types.is_date(day.type):
                    day = local_days(day, self._options.zone)
                yield pa.RecordBatch.from_arrays([*rows.columns, day], schema=schema)

    def digest(self, selection: RowSelection, kind: DigestKind) -> Digest:
        """The digest of the selected rows, computed in the database."""
        statement = digests.digest_rows(selection, kind, self._terms)
        (sums,) = reads.fetch(self._connection, statement, f"digest table {selection.table_name}")
        return digests.digest_of(kind, sums)

    def digest_days(self, selection: RowSelection, kind: DigestKind) -> dict[date | None, Digest]:
        """The digest of each day that has selected rows; under None that of those of no day."""
        statement = digests.digest_days(selection, kind, self._terms)
        rows = reads.fetch(
            self._connection, statement, f"digest the days of table {selection.table_name}"
        )
        return {day: digests.digest_of(kind, sums) for day, *sums in rows}

    def changed_days(self, selection: RowSelection) -> dict[date | None, DayChanges]:
        """Of each day that has selected rows, their number and their highest rowversion."""
        statement = statements.changed_days(selection, self._options.zone)
        operation = f"read the changes of table {selection.table_name}"
        return {
            day: DayChanges(rows=int(rows), newest=bytes(newest))
            for day, rows, newest in reads.fetch(self._connection, statement, operation)
        }

    def count_days(self, selection: RowSelection) -> dict[date | None, int]:
        """How many selected rows each day has that has some; under None those of no day."""
        statement = measures.count_days(
            selection, self._options.zone, max_dop=self._options.max_dop
        )
        operation = f"count the rows of table {selection.table_name}"
        return {day: int(rows) for day, rows in reads.fetch(self._connection, statement, operation)}

    def key_bounds(self, selection: RowSelection, rows_apart: int) -> list[str]:
        """Texts of the first key column, in the server's order, with so many rows between them."""
        statement = measures.key_bounds(
            selection, rows_apart, self._options.zone, max_dop=self._options.max_dop
        )
        operation = f"choose key ranges of table {selection.table_name}"
        return [str(bound) for (bound,) in reads.fetch(self._connection, statement, operation)]

    def safe_rowversion(self) -> bytes | None:
        """One below the lowest that an open transaction of this database may have given.

        None from a server that has no such function; the snapshot then begins after the question.
        """
        operation = "ask for the lowest active rowversion"
        try:
            ((version,),) = reads.fetch(self._connection, statements.SAFE_ROWVERSION, operation)
        except DatabaseUnreachableError:
            raise
        except DatabaseError as error:
            if error.retryable:
                raise
            self._connection.rollback()
            return None
        return bytes(version)

    def digest_buckets(
        self, selection: RowSelection, kind: DigestKind, of: int = KEY_BUCKETS
    ) -> dict[int, Digest]:
        """The digest of each of `of` buckets that has selected rows, by the bucket's number."""
        statement = digests.digest_buckets(selection, kind, of, self._terms)
        rows = reads.fetch(
            self._connection, statement, f"digest the key buckets of table {selection.table_name}"
        )
        return {bucket: digests.digest_of(kind, sums) for bucket, *sums in rows}

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
        for batch in reads.stream(self._connection, statement, operation, self._by_bytes):
            yield pa.RecordBatch.from_arrays(
                [column.cast(pa.string()) for column in batch.columns], schema=ROW_HASHES
            )

    def begin(self) -> None:
        """Choose the isolation: a snapshot of the whole database where it allows one."""
        state = reads.fetch(self._connection, _SNAPSHOT_STATE, "ask for snapshot isolation")
        level = "SNAPSHOT" if state and int(state[0][0] or 0) == 1 else "READ COMMITTED"
        self._connection.commit()  # a transaction that has read may not change its isolation
        reads.run(
            self._connection,
            Fragment(f"SET TRANSACTION ISOLATION LEVEL {level}"),
            "set the isolation level",
        )

    def _find_columns(self, selection: RowSelection) -> tuple[FoundColumn, ...]:
        name = (selection.schema_name, selection.table_name)
        if name not in self._found:
            rows = reads.fetch(
                self._connection,
                replace(statements.FIND_COLUMNS, values=name),
                "read the catalogue",
            )
            self._found[name] = tuple(FoundColumn.from_row(row) for row in rows)
        return self._found[name]


@contextmanager
def open_snapshot(options: ConnectionOptions) -> Iterator[SqlServerSnapshot]:
    """Connect, give the snapshot, and end its transaction without a trace."""
    try:
        connection = open_arrow(options)
    except Exception as error:
        raise translate(error, operation="connect to the database") from None
    try:
        snapshot = SqlServerSnapshot(connection, options)
        snapshot.begin()
        yield snapshot
    finally:
        close_quietly(connection)
