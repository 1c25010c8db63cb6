"""The session's locks of the SQL Server engine: chunks, slots of the source, a table's moves.

Application locks, whose statements are in `locks`. A session may hold one several times, and gives
back what it holds only: SQLAlchemy may have connected anew meanwhile.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from replica_worker.engines.mismatches import moves_busy
from replica_worker.engines.sqlserver.locks import (
    release_lock,
    release_session_locks,
    take_lock,
    take_session_locks,
)
from replica_worker.engines.sqlserver.transactions import fetch_value, mark_transaction, run
from replica_worker.engines.values import SlotsOf
from replica_worker.errors import DatabaseError
from replica_worker.model.specs import TableSpec

_LOCK_TIMEOUT_MS = 30_000
_TIMED_OUT = -1  # says sp_getapplock
_HELD = "replica_worker.session_locks"  # how often a driver's connection holds each, by name


class SqlServerSessionLocks:
    """The part of `interface.Warehouse` that takes locks."""

    def share_moves(self, connection: sa.Connection, table: TableSpec) -> None:
        """Hold off `lock_moves` of the table until this transaction ends."""
        mark_transaction(connection)
        self._take_moves(connection, table, "Shared", "Transaction")

    @contextmanager
    def lock_moves(self, connection: sa.Connection, table: TableSpec) -> Iterator[None]:
        """Hold the session's lock under which alone rows of other days may be overwritten."""
        self._take_moves(connection, table, "Exclusive", "Session")
        connection.commit()
        try:
            yield
        finally:
            self._release(connection, _moves(table))

    def along(
        self, table: TableSpec, lock: str, slots: SlotsOf, needs_slot: sa.ColumnElement[bool]
    ) -> Mapping[str, sa.ColumnElement[Any]]:
        """None: a procedure takes a lock, and OUTPUT takes no subquery."""
        del table, lock, slots, needs_slot
        return {}

    @contextmanager
    def lock_chunk(
        self,
        connection: sa.Connection,
        name: str,
        slots: SlotsOf | None = None,
        along: Mapping[str, Any] | None = None,
    ) -> Iterator[bool]:
        """Hold the session's application lock of that name; False if another session has it."""
        del slots, along
        is_ours = self._got(connection, name, "Exclusive", "Session", 0) >= 0
        connection.commit()
        try:
            yield is_ours
        finally:
            if is_ours:
                self._release(connection, name)

    @contextmanager
    def lock_chunks(self, connection: sa.Connection, names: Sequence[str]) -> Iterator[bool]:
        """Hold all application locks of these names; False if another session has one of them."""
        with _done_or_lost(connection):
            count = int(fetch_value(connection, take_session_locks(names), "take locks"))
            connection.commit()
        taken = names[:count]
        connection.info.setdefault(_HELD, Counter()).update(taken)
        try:
            yield len(taken) == len(names)
        finally:
            self._release_all(connection, taken)

    def ask_in_parting(
        self, connection: sa.Connection, query: sa.Select[Any]
    ) -> sa.Row[Any] | None:
        """Run the query; its row, if it has one. The locks are given back where they end."""
        row = connection.execute(query).one_or_none()
        connection.commit()
        return row

    @contextmanager
    def lock_slot(self, connection: sa.Connection, slots: SlotsOf) -> Iterator[bool]:
        """Hold the session's application lock of one of some slots; False if none is free."""
        # In any order: all who began with the first would meet there.
        order = random.sample(range(1, slots.count + 1), slots.count)
        names = (f"slot {slot}|{slots.name}" for slot in order)
        taken = next(
            (slot for slot in names if self._got(connection, slot, "Exclusive", "Session", 0) >= 0),
            None,
        )
        connection.commit()
        try:
            yield taken is not None
        finally:
            if taken:
                self._release(connection, taken)

    def _take_moves(
        self, connection: sa.Connection, table: TableSpec, mode: str, owner: str
    ) -> None:
        code = self._got(connection, _moves(table), mode, owner, _LOCK_TIMEOUT_MS)
        if code == _TIMED_OUT:
            raise moves_busy(table)
        if code < 0:
            raise DatabaseError(
                operation="lock the table's moves",
                cause=f"sp_getapplock returned {code}",
                next_step="It is tried again; nothing was changed",
                retryable=True,
            )

    def _got(
        self, connection: sa.Connection, name: str, mode: str, owner: str, timeout_ms: int
    ) -> int:
        """What sp_getapplock returned: below zero, another session has the lock."""
        take = take_lock(name, mode=mode, owner=owner, timeout_ms=timeout_ms)
        got = int(fetch_value(connection, take, "take a lock"))
        if got >= 0 and owner == "Session":
            connection.info.setdefault(_HELD, Counter())[name] += 1
        return got

    def _release(self, connection: sa.Connection, name: str) -> None:
        """Give a session's lock back; a lost connection has lost its locks with it."""
        if connection.invalidated or connection.closed:
            return
        held = connection.info.get(_HELD, Counter())
        if not held[name]:  # SQLAlchemy has connected anew meanwhile
            return
        held[name] -= 1
        with _done_or_lost(connection):
            connection.rollback()
            run(connection, release_lock(name), "give a lock back")
            connection.commit()

    def _release_all(self, connection: sa.Connection, names: Sequence[str]) -> None:
        """As `_release`, of several locks of one session."""
        if connection.invalidated or connection.closed:
            return
        held = connection.info.get(_HELD, Counter())
        ours = [name for name in names if held[name]]
        if not ours:
            return
        held.subtract(ours)
        with _done_or_lost(connection):
            connection.rollback()
            run(connection, release_session_locks(ours), "give locks back")
            connection.commit()


@contextmanager
def _done_or_lost(connection: sa.Connection) -> Iterator[None]:
    """End the session if this fails: it may hold locks that nobody would give back."""
    try:
        yield
    except BaseException:
        connection.invalidate()
        raise


def _moves(table: TableSpec) -> str:
    return f"{table.target_schema}.{table.target_name}|moves"
