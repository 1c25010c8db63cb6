"""The writing side of the SQL Server engine: staging, bulk copy, merge, chunk locks.

Statements run on the caller's SQLAlchemy connection and in its transaction. Bulk copy opens a
connection of its own and is not part of any transaction: staging tables are committed before,
private to an attempt, and dropped with the merge or by the sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from replica_worker.engines.books import Books
from replica_worker.engines.mismatches import rows_elsewhere
from replica_worker.engines.sqlserver import dates, digests, merges, staged, statements
from replica_worker.engines.sqlserver.books import SqlServerBookStatements
from replica_worker.engines.sqlserver.catalogue import require_columns
from replica_worker.engines.sqlserver.connect import make_sqlalchemy_engine
from replica_worker.engines.sqlserver.found_column import FoundColumn
from replica_worker.engines.sqlserver.fragments import Fragment, column_of, compose, quote
from replica_worker.engines.sqlserver.loaders import make_loader
from replica_worker.engines.sqlserver.reads import counted_text, require_count
from replica_worker.engines.sqlserver.session_locks import SqlServerSessionLocks
from replica_worker.engines.sqlserver.transactions import (
    cursor_in,
    fetch_row,
    fetch_rows,
    fetch_value,
    guard_transactions,
    mark_transaction,
    run,
)
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

_HASHES_PER_BATCH = 10_000  # some 2 MB


class SqlServerWarehouse(SqlServerSessionLocks):
    """Implements `interface.Warehouse`."""

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._terms = digests.Terms(zone=options.zone, encoding=options.digest_encoding)
        self.sql = guard_transactions(make_sqlalchemy_engine(options))
        self.books = Books(SqlServerBookStatements(options.zone), fetch_rows)
        self.at_once = self.sql  # to change a connection's mode and back costs what a commit does
        self._load = make_loader(options)

    def note_growth(self, connection: sa.Connection, schema: str, name: str) -> None:
        """Nothing: the server looks itself, before it plans."""
        del connection, schema, name

    def create_staging(self, connection: sa.Connection, table: TableSpec, staging: str) -> None:
        """Make an empty staging table for one attempt."""
        run(connection, staged.create_staging(table, staging), "make the staging table")

    def load_staging(
        self,
        connection: sa.Connection,
        table: TableSpec,
        staging: str,
        batches: Iterable[pa.RecordBatch],
    ) -> int:
        """Load batches into a staging table; the number of rows that arrived."""
        connection.commit()  # the loader, on its own connection, must see the table
        return self._load(table, staging, batches)

    def drop_staging(self, connection: sa.Connection, staging: str) -> None:
        """Drop a staging table if it is there."""
        run(connection, staged.drop_staging(staging), "drop the staging table")

    def list_staging(self, connection: sa.Connection) -> list[str]:
        """Names of all staging tables."""
        rows = fetch_rows(connection, staged.LIST_STAGING, "list the staging tables")
        return [str(row[0]) for row in rows]

    def can_append(
        self, connection: sa.Connection, table: TableSpec, along: Mapping[str, Any] | None = None
    ) -> bool:
        """Never: bulk copy works on a connection of its own, outside the caller's transaction."""
        del connection, table, along
        return False

    def append(
        self, connection: sa.Connection, chunk: StagedChunk, batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Not done here, as `can_append` says."""
        raise NotImplementedError("rows are staged before they are merged")

    def holds_exactly(self, connection: sa.Connection, chunk: StagedChunk) -> bool:
        """Whether the target's rows of a complete chunk are the staged ones, value for value."""
        statement = merges.count_unequal(chunk)
        unequal = int(fetch_value(connection, statement, "compare the staged rows"))
        return unequal == 0 and self.count_surplus(connection, chunk) == 0

    def surplus_keys(self, connection: sa.Connection, chunk: StagedChunk) -> list[KeyList]:
        """Keys of the target's rows of the chunk that are not staged."""
        found = []
        for gone in [None] if chunk.is_complete else chunk.gone:
            statement = merges.list_surplus_keys(chunk, self._options.zone, gone)
            found += fetch_rows(connection, statement, "list surplus rows")
        return [KeyList(json=str(json), count=int(count)) for json, count in found]

    def replaced_keys(self, connection: sa.Connection, chunk: StagedChunk) -> list[KeyList]:
        """Keys of the target's rows, on any day, that differ from their staged twins."""
        rows = fetch_rows(connection, merges.list_replaced_keys(chunk), "list replaced rows")
        return [KeyList(json=str(json), count=int(count)) for json, count in rows]

    def holds_rows(self, connection: sa.Connection, chunk: StagedChunk) -> bool:
        """Whether the target has any row of the chunk."""
        return self.count_present(connection, chunk) > 0

    def count_present(self, connection: sa.Connection, chunk: StagedChunk) -> int:
        """Number of rows the target has of the chunk."""
        statement = merges.count_present(chunk, self._options.zone)
        return int(fetch_value(connection, statement, "count the target's rows"))

    def merge(
        self, connection: sa.Connection, chunk: StagedChunk, *, may_move: bool = True
    ) -> MergeCounts:
        """Make the target's rows of the chunk equal the staged ones, and see that they are."""
        operation = f"merge into table {chunk.table.target_name}"
        mark_transaction(connection)
        if not may_move and self._count_elsewhere(connection, chunk):
            raise rows_elsewhere(chunk.table)
        deleted = sum(
            run(connection, merges.delete_surplus(chunk, self._options.zone, gone), operation)
            for gone in ([None] if chunk.is_complete else chunk.gone)
        )
        inserted, updated = self._merge_staged(connection, chunk, operation, may_move=may_move)
        unequal = int(fetch_value(connection, merges.count_unequal(chunk), operation))
        if unequal and not may_move and self._count_elsewhere(connection, chunk):
            raise rows_elsewhere(chunk.table)  # a rival brought them there meanwhile
        if unequal:
            raise MergeError(
                operation=operation,
                cause=f"{unequal} rows would not be in the target as they are in the file: a "
                "column's type or code page cannot hold a value",
                next_step="Make the column nvarchar or wider in the spec file and the warehouse",
            )
        return MergeCounts(inserted=inserted, updated=updated, deleted=deleted)

    def _merge_staged(
        self, connection: sa.Connection, chunk: StagedChunk, operation: str, *, may_move: bool
    ) -> tuple[int, int]:
        """(inserted, updated), by the statement that the setting names."""
        zone = self._options.zone
        if self._options.merge_style == "upsert":
            updated = 0
            if chunk.table.other_columns:
                updated = run(
                    connection,
                    merges.update_staged(chunk, zone, may_move=may_move),
                    operation,
                )
            return run(connection, merges.insert_staged(chunk), operation), updated
        new = int(fetch_value(connection, merges.count_new(chunk), operation))
        merged = run(connection, merges.merge_staged(chunk, zone, may_move=may_move), operation)
        if merged < new:
            raise MergeError(
                operation=operation,
                cause=f"{new} rows were new but only {merged} were merged",
                next_step="It is tried again",
                retryable=True,
            )
        return new, merged - new

    def digest(
        self, connection: sa.Connection, selection: RowSelection, kind: DigestKind
    ) -> Digest:
        """The digest of the selected rows as this transaction sees them."""
        statement = digests.digest_rows(selection, kind, self._terms)
        sums = fetch_row(connection, statement, "digest the target's rows")
        return digests.digest_of(kind, sums)

    def digest_days(
        self, connection: sa.Connection, selection: RowSelection, kind: DigestKind
    ) -> dict[date | None, Digest]:
        """The digest of each day that has selected rows; under None that of those of no day."""
        statement = digests.digest_days(selection, kind, self._terms)
        rows = fetch_rows(connection, statement, "digest the target's days")
        return {day: digests.digest_of(kind, sums) for day, *sums in rows}

    def digest_buckets(
        self,
        connection: sa.Connection,
        selection: RowSelection,
        kind: DigestKind,
        of: int = KEY_BUCKETS,
    ) -> dict[int, Digest]:
        """The digest of each of `of` buckets that has selected rows, by the bucket's number."""
        statement = digests.digest_buckets(selection, kind, of, self._terms)
        rows = fetch_rows(connection, statement, "digest the target's key buckets")
        return {bucket: digests.digest_of(kind, sums) for bucket, *sums in rows}

    def row_hashes(
        self,
        connection: sa.Connection,
        selection: RowSelection,
        kind: DigestKind,
        buckets: frozenset[int] | None = None,
        of: int = KEY_BUCKETS,
    ) -> Iterator[pa.RecordBatch]:
        """(`key` as JSON text, `hash` as text) of each selected row in these of `of` buckets."""
        statement = digests.select_row_hashes(selection, kind, buckets, of, self._terms)
        operation = "hash the target's rows"
        with cursor_in(connection, operation) as cursor:
            cursor.execute(counted_text(statement), statement.values)
            seen = 0
            while rows := cursor.fetchmany(_HASHES_PER_BATCH):
                seen += len(rows)
                keys, hashes = zip(*rows, strict=True)
                yield pa.RecordBatch.from_arrays(
                    [pa.array(keys, pa.string()), pa.array(hashes, pa.string())],
                    schema=ROW_HASHES,
                )
            require_count(cursor, seen, operation)

    def count_unparsable_dates(self, connection: sa.Connection, selection: RowSelection) -> int:
        """How many texts of the selected rows no format that the spec names for them fits."""
        if not selection.table.date_texts:
            return 0
        statement = dates.count_unparsable(selection, self._options.zone)
        return int(fetch_value(connection, statement, "count unparsable dates"))

    def highest_rowversion(self, connection: sa.Connection, table: TableSpec) -> bytes | None:
        """The largest rowversion the target holds; None if it holds no row."""
        statement = compose(
            "SELECT (SELECT TOP (1) {c} FROM {target} AS t ORDER BY {c} DESC)",
            c=column_of("t", table.rowversion or ""),
            target=quote(table.target_schema, table.target_name),
        )
        highest = fetch_value(connection, statement, "read the highest rowversion")
        return None if highest is None else bytes(highest)

    def require_table(
        self, connection: sa.Connection, table: TableSpec, along: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether the target is there; SchemaMismatchError if it cannot hold what the spec says."""
        del along
        name = (table.target_schema, table.target_name)
        statement = Fragment(statements.FIND_COLUMNS.text, name)
        found = [
            FoundColumn.from_row(row)
            for row in fetch_rows(connection, statement, "read the warehouse's catalogue")
        ]
        if found:
            require_columns(table, found, Side.WAREHOUSE)
        return bool(found)

    def count_surplus(self, connection: sa.Connection, chunk: StagedChunk) -> int:
        """Number of the target's rows of the chunk that are not staged."""
        statement = merges.count_surplus(chunk, self._options.zone)
        return int(fetch_value(connection, statement, "count surplus rows"))

    def _count_elsewhere(self, connection: sa.Connection, chunk: StagedChunk) -> int:
        """Number of staged rows that the target has on a day outside the chunk."""
        statement = merges.count_elsewhere(chunk, self._options.zone)
        return int(fetch_value(connection, statement, "look for rows of other days"))

    def days_elsewhere(self, connection: sa.Connection, chunk: StagedChunk) -> list[date]:
        """The days outside the chunk on which the target has rows that are staged."""
        statement = merges.list_days_elsewhere(chunk, self._options.zone)
        rows = fetch_rows(connection, statement, "look for rows of other days")
        return [day for (day,) in rows if day]

    @contextmanager
    def transaction(self, connection: sa.Connection) -> Iterator[None]:
        """A transaction over a connection of either kind: committed, or undone by an error."""
        with connection.begin():
            yield
