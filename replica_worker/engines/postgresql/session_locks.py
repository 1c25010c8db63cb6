"""The session's locks of the PostgreSQL engine: chunks, slots of the source, a table's moves.

How they are taken and given back is in `locks`; here is what the use cases ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from replica_worker.engines.mismatches import moves_busy
from replica_worker.engines.postgresql import locks, statements
from replica_worker.engines.postgresql.connect import cursor_of
from replica_worker.engines.postgresql.errors import translated_errors
from replica_worker.engines.values import SlotsOf
from replica_worker.model.specs import TableSpec

TARGET_COLUMNS = "target_columns"
"""Names, of what a statement asks along, the target's description."""


class PostgresSessionLocks:
    """The part of `interface.Warehouse` that takes locks."""

    def share_moves(self, connection: sa.Connection, table: TableSpec) -> None:
        """Hold off `lock_moves` of the table until this transaction ends."""
        self._take_moves(connection, table, "pg_advisory_xact_lock_shared")

    @contextmanager
    def lock_moves(self, connection: sa.Connection, table: TableSpec) -> Iterator[None]:
        """Hold the session's lock under which alone rows of other days may be overwritten."""
        self._take_moves(connection, table, "pg_advisory_lock")
        connection.commit()
        try:
            yield
        finally:
            locks.give_back(connection, _moves(table))

    def _take_moves(self, connection: sa.Connection, table: TableSpec, function: str) -> None:
        take = sql.SQL("SELECT {}({})").format(
            sql.Identifier(function), locks.key_of(_moves(table))
        )
        with translated_errors("lock the table's moves"), cursor_of(connection) as cursor:
            try:
                cursor.execute(statements.text_of(take))
            except psycopg.errors.LockNotAvailable:
                raise moves_busy(table) from None

    def along(
        self, table: TableSpec, lock: str, slots: SlotsOf, needs_slot: sa.ColumnElement[bool]
    ) -> Mapping[str, sa.ColumnElement[Any]]:
        """Columns by which a statement takes the lock and a slot, and describes the target."""
        described = statements.describe_columns(table.target_schema, table.target_name)
        columns = sa.literal_column(f"({statements.text_of(described)})", sa.Text())
        return {
            **locks.by_reading(lock, slots, needs_slot),
            TARGET_COLUMNS: columns.label(TARGET_COLUMNS),
        }

    @contextmanager
    def lock_chunk(
        self,
        connection: sa.Connection,
        name: str,
        slots: SlotsOf | None = None,
        along: Mapping[str, Any] | None = None,
    ) -> Iterator[bool]:
        """Hold the session's lock of that name; False if another session has it."""
        with locks.hold(connection, name, slots, along or {}) as is_ours:
            yield is_ours

    @contextmanager
    def lock_chunks(self, connection: sa.Connection, names: Sequence[str]) -> Iterator[bool]:
        """Hold all session locks of these names; False if another session has one of them."""
        with locks.hold_all(connection, names) as are_ours:
            yield are_ours

    def ask_in_parting(
        self, connection: sa.Connection, query: sa.Select[Any]
    ) -> sa.Row[Any] | None:
        """Give back the session's locks and run the query; its row, if it has one."""
        return locks.ask_in_parting(connection, query)

    @contextmanager
    def lock_slot(self, connection: sa.Connection, slots: SlotsOf) -> Iterator[bool]:
        """Hold the session's lock of one of some slots; False if none is free."""
        with locks.hold_slot(connection, slots) as is_ours:
            yield is_ours


def _moves(table: TableSpec) -> str:
    return f"{table.target_schema}.{table.target_name}|moves"
