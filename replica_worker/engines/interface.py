"""What the product asks of a database. An engine implements all of it for one SQL dialect.

Two roles: a `Snapshot` is a consistent, read-only look at either side; a `Warehouse` is the
database we own and write to. A third engine is one new folder beside this module and one line
in `registry`. Nothing outside an engine's folder writes SQL of a dialect.

Rules every engine keeps:
* record batches carry the spec's Arrow schema exactly: names, order, types, nullability;
* no Python object is made per row, and memory does not grow with the chunk;
* the source is only ever read, in one snapshot, with explicit columns and half-open ranges;
* every driver error leaves as a `ReplicaError` that says whether it can be retried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any, Protocol

import pyarrow as pa
import sqlalchemy as sa

from replica_worker.engines.books import Books
from replica_worker.engines.values import (
    DayChanges,
    KeyList,
    RowSelection,
    Side,
    SlotsOf,
    StagedChunk,
)
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import KEY_BUCKETS, Digest, DigestKind
from replica_worker.model.findings import Finding
from replica_worker.model.live import LiveTable
from replica_worker.model.specs import TableSpec


class Snapshot(Protocol):
    """A read-only look at one database, the same instant for all its calls."""

    def require_table(self, table: TableSpec, side: Side) -> bool:
        """Whether the table is there; SchemaMismatchError if its columns are not the spec's."""
        ...

    def describe(self, schema: str, name: str) -> LiveTable | None:
        """A table or view as the catalogue has it; None if the login sees none of that name."""
        ...

    def read(self, selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """The selected rows, in no order, as batches of the spec's Arrow schema."""
        ...

    def read_by_key(
        self, table: TableSpec, side: Side, keys: Sequence[KeyList], *, dateless: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows, on any day, whose keys are listed, with `DAY_FIELD` behind the columns.

        `keys` are lists as `Warehouse.surplus_keys` gives them. With `dateless` a daily table's
        rows of no day come too; their `DAY_FIELD` is NULL, as it is in tables that are not daily.
        """
        ...

    def digest(self, selection: RowSelection, kind: DigestKind) -> Digest:
        """The digest of the selected rows, computed in the database."""
        ...

    def digest_days(self, selection: RowSelection, kind: DigestKind) -> dict[date | None, Digest]:
        """The digest of each day that has selected rows; under None that of those of no day."""
        ...

    def changed_days(self, selection: RowSelection) -> dict[date | None, DayChanges]:
        """Of each day that has selected rows, their number and their highest rowversion.

        Under None stand those of no day. For a table with a rowversion; one grouped query.
        """
        ...

    def count_days(self, selection: RowSelection) -> dict[date | None, int]:
        """How many selected rows each day has that has some; under None those of no day.

        One grouped query that needs no column but the day's.
        """
        ...

    def key_bounds(self, selection: RowSelection, rows_apart: int) -> list[str]:
        """Texts of the first key column, in the server's order, with so many rows between them.

        Neighbours may be equal where many rows share a value. For the ends of a `KeyRange`.
        """
        ...

    def safe_rowversion(self) -> bytes | None:
        """A rowversion that no transaction still open can give to a row; None if none is known.

        All rows that have it or a lower one are committed. To be asked before anything is read.
        """
        ...

    def digest_buckets(
        self, selection: RowSelection, kind: DigestKind, of: int = KEY_BUCKETS
    ) -> dict[int, Digest]:
        """The digest of each of `of` buckets that has selected rows, by the bucket's number."""
        ...

    def row_hashes(
        self,
        selection: RowSelection,
        kind: DigestKind,
        buckets: frozenset[int] | None = None,
        of: int = KEY_BUCKETS,
    ) -> Iterator[pa.RecordBatch]:
        """(`key` as JSON text, `hash` as text) of each selected row in these of `of` buckets."""
        ...


class Warehouse(Protocol):
    """The database that the product owns: staging, merge, ledger, migrations.

    Methods take the caller's SQLAlchemy connection and run in its transaction, so that a merge
    and its ledger row commit together.
    """

    sql: sa.Engine
    at_once: sa.Engine
    """The same pool for single statements: where the engine can, each commits by itself, in one
    round trip. Elsewhere it is like `sql`; so whoever writes by it commits all the same."""
    books: Books[Any]  # compares the target tables with each other

    def transaction(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """A transaction over a connection of either kind: committed, or undone by an error."""
        ...

    def note_growth(self, connection: sa.Connection, schema: str, name: str) -> None:
        """Let the planner know that a table has many more rows than a moment ago."""
        ...

    def create_staging(self, connection: sa.Connection, table: TableSpec, staging: str) -> None:
        """Make an empty staging table for one attempt."""
        ...

    def load_staging(
        self,
        connection: sa.Connection,
        table: TableSpec,
        staging: str,
        batches: Iterable[pa.RecordBatch],
    ) -> int:
        """Bulk-load batches into a staging table; the number of rows that arrived."""
        ...

    def drop_staging(self, connection: sa.Connection, staging: str) -> None:
        """Drop a staging table if it is there."""
        ...

    def list_staging(self, connection: sa.Connection) -> list[str]:
        """Names of all staging tables."""
        ...

    def can_append(
        self, connection: sa.Connection, table: TableSpec, along: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether `append` can load the target as it is: rows need no conversion on their way."""
        ...

    def append(
        self, connection: sa.Connection, chunk: StagedChunk, batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Load the rows of a chunk that the target has no row of, without staging them.

        In the caller's transaction; the number of rows that arrived. RowsElsewhereError if the
        target has one of the keys on another day. Only where `can_append` says so.
        """
        ...

    def holds_exactly(self, connection: sa.Connection, chunk: StagedChunk) -> bool:
        """Whether the target's rows of a complete chunk are the staged ones, value for value."""
        ...

    def surplus_keys(self, connection: sa.Connection, chunk: StagedChunk) -> list[KeyList]:
        """Keys of the target's rows of the chunk that are not staged, in bounded lists.

        Of an incomplete chunk only those that are listed as gone.
        """
        ...

    def replaced_keys(self, connection: sa.Connection, chunk: StagedChunk) -> list[KeyList]:
        """Keys of the target's rows, on any day, that differ from their staged twins."""
        ...

    def require_table(
        self, connection: sa.Connection, table: TableSpec, along: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether the target is there; SchemaMismatchError if it cannot hold what the spec says.

        `along`: the answers to `along` of the same table, if it was asked.
        """
        ...

    def holds_rows(self, connection: sa.Connection, chunk: StagedChunk) -> bool:
        """Whether the target has any row of the chunk."""
        ...

    def count_present(self, connection: sa.Connection, chunk: StagedChunk) -> int:
        """Number of rows the target has of the chunk."""
        ...

    def count_surplus(self, connection: sa.Connection, chunk: StagedChunk) -> int:
        """Number of the target's rows of the chunk that are not staged."""
        ...

    def days_elsewhere(self, connection: sa.Connection, chunk: StagedChunk) -> list[date]:
        """The days outside the chunk on which the target has rows that are staged."""
        ...

    def merge(
        self, connection: sa.Connection, chunk: StagedChunk, *, may_move: bool = True
    ) -> MergeCounts:
        """Make the target's rows of the chunk equal the staged ones, touching only what differs.

        Rows of the chunk's own days that are not staged are deleted: all if the chunk is
        complete, else those whose keys are listed as gone.
        RowsElsewhereError, unless `may_move`, if the target has a staged row outside the chunk.
        """
        ...

    def digest(
        self, connection: sa.Connection, selection: RowSelection, kind: DigestKind
    ) -> Digest:
        """The digest of the selected rows as this transaction sees them."""
        ...

    def digest_days(
        self, connection: sa.Connection, selection: RowSelection, kind: DigestKind
    ) -> dict[date | None, Digest]:
        """The digest of each day that has selected rows; under None that of those of no day."""
        ...

    def digest_buckets(
        self,
        connection: sa.Connection,
        selection: RowSelection,
        kind: DigestKind,
        of: int = KEY_BUCKETS,
    ) -> dict[int, Digest]:
        """The digest of each of `of` buckets that has selected rows, by the bucket's number."""
        ...

    def row_hashes(
        self,
        connection: sa.Connection,
        selection: RowSelection,
        kind: DigestKind,
        buckets: frozenset[int] | None = None,
        of: int = KEY_BUCKETS,
    ) -> Iterator[pa.RecordBatch]:
        """(`key` as JSON text, `hash` as text) of each selected row in these of `of` buckets.

        To be read to its end before the connection is used for anything else.
        """
        ...

    def count_unparsable_dates(self, connection: sa.Connection, selection: RowSelection) -> int:
        """How many texts of the selected rows no format that the spec names for them fits.

        A text that is empty or blank is no such text.
        """
        ...

    def highest_rowversion(self, connection: sa.Connection, table: TableSpec) -> bytes | None:
        """The largest rowversion the target holds; None if it holds no row."""
        ...

    def share_moves(self, connection: sa.Connection, table: TableSpec) -> None:
        """Hold off `lock_moves` of the table until this transaction ends."""
        ...

    def lock_moves(
        self, connection: sa.Connection, table: TableSpec
    ) -> AbstractContextManager[None]:
        """Hold the session's lock under which alone rows of other days may be overwritten."""
        ...

    def along(
        self, table: TableSpec, lock: str, slots: SlotsOf, needs_slot: sa.ColumnElement[bool]
    ) -> Mapping[str, sa.ColumnElement[Any]]:
        """What a statement can ask along: columns that take the lock and a slot, and describe.

        A slot is taken only where `needs_slot`, over the statement's own rows, says so.
        None where an engine cannot do that. The answers are for `lock_chunk`, which gives back
        what was taken, and for `require_table`.
        """
        ...

    def lock_chunk(
        self,
        connection: sa.Connection,
        name: str,
        slots: SlotsOf | None = None,
        along: Mapping[str, Any] | None = None,
    ) -> AbstractContextManager[bool]:
        """Hold the session's lock of that name; False if another session has it.

        `along`: the answers to `along` of the same lock and slots on this connection, if it was
        asked; what was taken is not taken again. Slots may be kept as long as the lock.
        """
        ...

    def lock_chunks(
        self, connection: sa.Connection, names: Sequence[str]
    ) -> AbstractContextManager[bool]:
        """Hold all session locks of these names; False if another session has one of them.

        Not within `lock_chunk`. Slots may be kept as long as the locks.
        """
        ...

    def ask_in_parting(
        self, connection: sa.Connection, query: sa.Select[Any]
    ) -> sa.Row[Any] | None:
        """The last that is asked under `lock_chunk`: the query's row, if it has one.

        An engine may give the locks back with it. No transaction is open.
        """
        ...

    def lock_slot(self, connection: sa.Connection, slots: SlotsOf) -> AbstractContextManager[bool]:
        """Hold the session's lock of one of some slots; False if none is free.

        A session that holds a slot may be given the same one again.
        """
        ...


class Engine(Protocol):
    """One SQL dialect, over one URL."""

    dialect: str

    def open_snapshot(
        self, statement_limit: timedelta | None = None
    ) -> AbstractContextManager[Snapshot]:
        """Connect and open a read-only snapshot; closed without a trace.

        `statement_limit`: how long each of its statements may take, if not as long as any.
        """
        ...

    def open_warehouse(self) -> Warehouse:
        """The writing side; connects lazily."""
        ...

    def examine(self, side: Side, tables: Sequence[TableSpec]) -> Iterator[Finding]:
        """Look at the server, the session and the login's rights; changes nothing.

        DatabaseError if the server lets us not in; later errors are findings.
        """
        ...

    def table_ddl(self, table: TableSpec) -> str:
        """Re-runnable statements that make the target table, its key and its indexes."""
        ...

    def index_ddl(self, table: TableSpec) -> str:
        """Re-runnable statements that make the indexes that the spec asks for; maybe empty."""
        ...

    def view_ddl(self, table: TableSpec) -> str:
        """Re-runnable statements that make the view of the table's dates; maybe empty.

        It has the table's name behind `v_`, and the same columns, the date texts as `datetime`.
        """
        ...

    def metadata_ddl(self, metadata: sa.MetaData, schema: str) -> str:
        """Re-runnable statements that make the metadata tables and the staging schema."""
        ...

    def add_columns_ddl(self, metadata: sa.MetaData, schema: str) -> str:
        """Re-runnable statements that add the tables' columns to tables that are there.

        The columns take NULL or have a default of the server's.
        """
        ...

    def add_indexes_ddl(self, metadata: sa.MetaData) -> str:
        """Re-runnable statements that add the tables' indexes to tables that are there."""
        ...

    def select_view_ddl(self, schema: str, name: str, select: sa.Select[Any]) -> str:
        """Re-runnable statements that make a view of a SELECT."""
        ...

    def run_script(self, connection: sa.Connection, script: str) -> None:
        """Run a migration's text in the connection's transaction."""
        ...

    def translate_error(self, error: Exception, *, operation: str) -> Exception:
        """The ReplicaError that a driver's error means; other errors come back as they are."""
        ...
