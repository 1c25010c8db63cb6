"""The writing side of the PostgreSQL engine: staging, merge, chunk locks.

Statements run on the caller's SQLAlchemy connection and in its transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql

from replica_worker.engines.books import Books
from replica_worker.engines.mismatches import rows_elsewhere
from replica_worker.engines.postgresql import (
    dates,
    digests,
    driver,
    merges,
    statements,
)
from replica_worker.engines.postgresql.arrays import staging_schema
from replica_worker.engines.postgresql.books import PostgresBookStatements
from replica_worker.engines.postgresql.catalogue import require_columns, takes_binary
from replica_worker.engines.postgresql.connect import (
    cursor_of,
    make_sqlalchemy_engine,
    version_of,
)
from replica_worker.engines.postgresql.copying import copy_rows
from replica_worker.engines.postgresql.errors import translated_errors
from replica_worker.engines.postgresql.session_locks import (
    TARGET_COLUMNS,
    PostgresSessionLocks,
)
from replica_worker.engines.postgresql.types import FoundColumn
from replica_worker.engines.values import (
    ROW_HASHES,
    ConnectionOptions,
    KeyList,
    RowSelection,
    Side,
    StagedChunk,
)
from replica_worker.errors import MergeError
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import KEY_BUCKETS, Digest, DigestKind
from replica_worker.model.specs import TableSpec
from replica_worker.pulse import give_sign
from replica_worker.trips import AT_ONCE

_HASHES_PER_BATCH = 10_000  # some 2 MB
_PLAN_FROM_ROWS = 1000  # below so many staged rows the planner's guess is good enough


class PostgresWarehouse(PostgresSessionLocks):
    """Implements `interface.Warehouse`."""

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self.sql = make_sqlalchemy_engine(options)
        self.books = Books(PostgresBookStatements(options.zone), self._fetch)
        self.at_once: sa.Engine = self.sql.execution_options(**{AT_ONCE: True})

    def note_growth(self, connection: sa.Connection, schema: str, name: str) -> None:
        """Let the planner know that a table has many more rows than a moment ago."""
        analyze = sql.SQL("ANALYZE {}").format(sql.Identifier(schema, name))
        self._run(connection, analyze, "note how a table has grown")
        connection.commit()

    def create_staging(self, connection: sa.Connection, table: TableSpec, staging: str) -> None:
        """Make an empty staging table for one attempt."""
        self._run(connection, statements.create_staging(table, staging), "make the staging table")

    def load_staging(
        self,
        connection: sa.Connection,
        table: TableSpec,
        staging: str,
        batches: Iterable[pa.RecordBatch],
    ) -> int:
        """Bulk-load batches into a staging table; the number of rows that arrived."""
        operation = f"load the staging table of {table.name}"
        copy_into = statements.copy_into_staging(table, staging)
        with translated_errors(operation):
            rows = copy_rows(connection, copy_into, staging_schema(table), batches)
        if rows >= _PLAN_FROM_ROWS:
            self._run(connection, statements.analyze_staging(table, staging), operation)
        return rows

    def drop_staging(self, connection: sa.Connection, staging: str) -> None:
        """Drop a staging table if it is there."""
        self._run(connection, statements.drop_staging(staging), "drop the staging table")

    def list_staging(self, connection: sa.Connection) -> list[str]:
        """Names of all staging tables."""
        rows = self._fetch(connection, statements.list_staging(), "list the staging tables")
        return [str(row[0]) for row in rows]

    def can_append(
        self, connection: sa.Connection, table: TableSpec, along: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether `append` can load the target as it is: rows need no conversion on their way."""
        found = {column.name: column for column in self._find_columns(connection, table, along)}
        return all(takes_binary(column, found[column.name]) for column in table.columns)

    def append(
        self, connection: sa.Connection, chunk: StagedChunk, batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Load the rows of a chunk that the target has no row of, without staging them."""
        copy_into = statements.copy_into_target(chunk.table)
        with _taken_keys(chunk, f"load table {chunk.table.target_name}"):
            return copy_rows(connection, copy_into, staging_schema(chunk.table), batches)

    def holds_exactly(self, connection: sa.Connection, chunk: StagedChunk) -> bool:
        """Whether the target's rows of a complete chunk are the staged ones, value for value."""
        counts, _ = self._compare(connection, chunk)
        return counts.changed == 0

    def surplus_keys(self, connection: sa.Connection, chunk: StagedChunk) -> list[KeyList]:
        """Keys of the target's rows of the chunk that are not staged."""
        found = []
        for gone in [None] if chunk.is_complete else chunk.gone:
            statement = merges.list_surplus_keys(chunk, self._options.zone, gone)
            found += self._fetch(connection, statement, "list surplus rows")
        return [KeyList(json=str(json), count=int(count)) for json, count in found]

    def replaced_keys(self, connection: sa.Connection, chunk: StagedChunk) -> list[KeyList]:
        """Keys of the target's rows, on any day, that differ from their staged twins."""
        statement = merges.list_replaced_keys(chunk)
        rows = self._fetch(connection, statement, "list replaced rows")
        return [KeyList(json=str(json), count=int(count)) for json, count in rows]

    def require_table(
        self, connection: sa.Connection, table: TableSpec, along: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether the target is there; SchemaMismatchError if it cannot hold what the spec says."""
        found = self._find_columns(connection, table, along)
        if found:
            require_columns(table, found, Side.WAREHOUSE)
        return bool(found)

    def _find_columns(
        self, connection: sa.Connection, table: TableSpec, along: Mapping[str, Any] | None
    ) -> list[FoundColumn]:
        if along and TARGET_COLUMNS in along:
            described = along[TARGET_COLUMNS]
        else:
            statement = statements.describe_columns(table.target_schema, table.target_name)
            ((described,),) = self._fetch(connection, statement, "read the warehouse's catalogue")
        return [FoundColumn(**column) for column in json.loads(described or "[]")]

    def holds_rows(self, connection: sa.Connection, chunk: StagedChunk) -> bool:
        """Whether the target has any row of the chunk."""
        statement = merges.holds_rows(chunk, self._options.zone)
        return bool(self._fetch(connection, statement, "look for the target's rows")[0][0])

    def count_present(self, connection: sa.Connection, chunk: StagedChunk) -> int:
        """Number of rows the target has of the chunk."""
        statement = merges.count_present(chunk, self._options.zone)
        return int(self._fetch(connection, statement, "count the target's rows")[0][0])

    def count_surplus(self, connection: sa.Connection, chunk: StagedChunk) -> int:
        """Number of the target's rows of the chunk that are not staged."""
        statement = merges.count_surplus(chunk, self._options.zone)
        return int(self._fetch(connection, statement, "count surplus rows")[0][0])

    def days_elsewhere(self, connection: sa.Connection, chunk: StagedChunk) -> list[date]:
        """The days outside the chunk on which the target has rows that are staged."""
        statement = merges.list_days_elsewhere(chunk, self._options.zone)
        rows = self._fetch(connection, statement, "look for rows of other days")
        return [day for (day,) in rows if day]

    def merge(
        self, connection: sa.Connection, chunk: StagedChunk, *, may_move: bool = True
    ) -> MergeCounts:
        """Make the target's rows of the chunk equal the staged ones."""
        operation = f"merge into table {chunk.table.target_name}"
        zone = self._options.zone
        if not chunk.is_complete:
            deleted = sum(
                self._run(connection, merges.delete_listed(chunk, zone, gone), operation)
                for gone in chunk.gone
            )
            return MergeCounts(deleted=deleted) + self._merge_by_key(connection, chunk, operation)
        found, matched = self._compare(connection, chunk)
        done = MergeCounts()
        if found.deleted:
            deleted = self._run(connection, merges.delete_surplus(chunk, zone), operation)
            done += MergeCounts(deleted=deleted)
        if may_move and not chunk.is_whole_table:
            return done + self._merge_by_key(connection, chunk, operation)
        if found.updated:
            updated = self._run(connection, merges.update_changed(chunk, zone), operation)
            done += MergeCounts(updated=updated)
        if found.inserted:
            insert = merges.insert_new(chunk, zone) if matched else merges.insert_all(chunk)
            done += MergeCounts(inserted=self._insert(connection, chunk, insert, operation))
        if done != found:
            raise MergeError(
                operation=operation,
                cause=f"{done} was done, though {found} was found to do",
                next_step="It is tried again",
                retryable=True,
            )
        return done

    def _compare(self, connection: sa.Connection, chunk: StagedChunk) -> tuple[MergeCounts, int]:
        """What there is to do of a complete chunk, and how many staged rows the target has."""
        statement = merges.compare_staged(chunk, self._options.zone)
        (counts,) = self._fetch(connection, statement, "compare the staged rows")
        new, changed, matched, surplus = map(int, counts)
        return MergeCounts(inserted=new, updated=changed, deleted=surplus), matched

    def _insert(
        self,
        connection: sa.Connection,
        chunk: StagedChunk,
        insert: sql.Composable,
        operation: str,
    ) -> int:
        """Insert rows that the chunk has not."""
        with _taken_keys(chunk, operation), cursor_of(connection) as cursor:
            cursor.execute(statements.text_of(insert))
            return int(cursor.rowcount)

    def _merge_by_key(
        self, connection: sa.Connection, chunk: StagedChunk, operation: str
    ) -> MergeCounts:
        """Insert or update what is staged, on whatever day the target has it."""
        new = int(self._fetch(connection, merges.count_new(chunk), operation)[0][0])
        merged = self._run(connection, merges.merge_staged(chunk), operation)
        if merged < new:
            raise MergeError(
                operation=operation,
                cause=f"{new} rows were new but only {merged} were merged",
                next_step="It is tried again",
                retryable=True,
            )
        return MergeCounts(inserted=new, updated=merged - new)

    def digest(
        self, connection: sa.Connection, selection: RowSelection, kind: DigestKind
    ) -> Digest:
        """The digest of the selected rows as this transaction sees them."""
        statement = digests.digest_rows(selection, kind, self._terms(connection))
        (sums,) = self._fetch(connection, statement, "digest the target's rows")
        return _digest_of(kind, sums)

    def digest_days(
        self, connection: sa.Connection, selection: RowSelection, kind: DigestKind
    ) -> dict[date | None, Digest]:
        """The digest of each day that has selected rows; under None that of those of no day."""
        statement = digests.digest_days(selection, kind, self._terms(connection))
        rows = self._fetch(connection, statement, "digest the target's days")
        return {day: _digest_of(kind, sums) for day, *sums in rows}

    def digest_buckets(
        self,
        connection: sa.Connection,
        selection: RowSelection,
        kind: DigestKind,
        of: int = KEY_BUCKETS,
    ) -> dict[int, Digest]:
        """The digest of each of `of` buckets that has selected rows, by the bucket's number."""
        statement = digests.digest_buckets(selection, kind, of, self._terms(connection))
        rows = self._fetch(connection, statement, "digest the target's key buckets")
        return {bucket: _digest_of(kind, sums) for bucket, *sums in rows}

    def row_hashes(
        self,
        connection: sa.Connection,
        selection: RowSelection,
        kind: DigestKind,
        buckets: frozenset[int] | None = None,
        of: int = KEY_BUCKETS,
    ) -> Iterator[pa.RecordBatch]:
        """(`key` as JSON text, `hash` as text) of each selected row in these of `of` buckets."""
        statement = digests.select_row_hashes(selection, kind, buckets, of, self._terms(connection))
        with (
            translated_errors("hash the target's rows"),
            cursor_of(connection, name="row_hashes") as cursor,
        ):
            cursor.execute(statements.text_of(statement))
            while rows := cursor.fetchmany(_HASHES_PER_BATCH):
                give_sign()
                keys, hashes = zip(*rows, strict=True)
                yield pa.RecordBatch.from_arrays(
                    [pa.array(keys, pa.string()), pa.array(hashes, pa.string())],
                    schema=ROW_HASHES,
                )

    def count_unparsable_dates(self, connection: sa.Connection, selection: RowSelection) -> int:
        """How many texts of the selected rows no format that the spec names for them fits."""
        if not selection.table.date_texts:
            return 0
        statement = dates.count_unparsable(selection, self._options.zone)
        return int(self._fetch(connection, statement, "count unparsable dates")[0][0])

    def highest_rowversion(self, connection: sa.Connection, table: TableSpec) -> bytes | None:
        """The largest rowversion the target holds; None if it holds no row."""
        rows = self._fetch(
            connection, statements.highest_rowversion(table), "read the highest rowversion"
        )
        return bytes(rows[0][0]) if rows and rows[0][0] is not None else None

    @contextmanager
    def transaction(self, connection: sa.Connection) -> Iterator[None]:
        """A transaction over a connection of either kind: committed, or undone by an error."""
        with connection.begin():
            if connection.get_execution_options().get(AT_ONCE):
                driver.begin(connection)
            yield

    def _terms(self, connection: sa.Connection) -> digests.Terms:
        return digests.Terms(zone=self._options.zone, server_version=version_of(connection))

    def _run(self, connection: sa.Connection, statement: sql.Composable, operation: str) -> int:
        with translated_errors(operation), cursor_of(connection) as cursor:
            cursor.execute(statements.text_of(statement))
            return int(cursor.rowcount)

    def _fetch(
        self, connection: sa.Connection, statement: sql.Composable, operation: str
    ) -> list[tuple[Any, ...]]:
        with translated_errors(operation), cursor_of(connection) as cursor:
            cursor.execute(statements.text_of(statement))
            return list(cursor.fetchall())


def _digest_of(kind: DigestKind, sums: Sequence[Any]) -> Digest:
    rows, high, low = sums
    return Digest.from_sums(kind=kind, rows=int(rows), high=int(high), low=int(low))


@contextmanager
def _taken_keys(chunk: StagedChunk, operation: str) -> Iterator[None]:
    """Where a part of the table is loaded, a key that is taken is one of another day."""
    with translated_errors(operation):
        try:
            yield
        except psycopg.errors.UniqueViolation:
            if chunk.is_whole_table:
                raise
            raise rows_elsewhere(chunk.table) from None
