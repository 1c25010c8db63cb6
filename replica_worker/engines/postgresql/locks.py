"""Advisory locks of a session: the chunk's, a table's moves, the slots of a source.

A session's locks are given back together, where they end together: to give back is a round trip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from replica_worker.engines.postgresql.connect import is_broken
from replica_worker.engines.postgresql.driver import driver_of
from replica_worker.engines.postgresql.errors import translate
from replica_worker.engines.postgresql.statements import text_of
from replica_worker.engines.values import SlotsOf
from replica_worker.pulse import give_sign

_LOCK, _SLOT = "lock_taken", "slot_taken"
_HELD = "replica_worker.locks"


class _Held:
    """What a session holds, beside the lock of a table's moves."""

    def __init__(self) -> None:
        self.depth = 0  # locks of chunks, one within another
        self.slots: set[str] = set()  # names of what it holds a slot of
        self.is_given_back = False  # all of it, before its end


def by_reading(
    name: str, slots: SlotsOf, needs_slot: sa.ColumnElement[bool]
) -> dict[str, sa.ColumnElement[Any]]:
    """The columns that take the lock, and a slot if need be, when they are read; for `hold`."""
    # A parameter, not a literal, so that SQLAlchemy compiles the statement once for all chunks.
    key = sa.literal(_number(name, 8), sa.BigInteger())
    slot = sa.literal_column(text_of(sql.SQL("({})").format(_try_slots(slots))), sa.Integer())
    columns: dict[str, sa.ColumnElement[Any]] = {
        _LOCK: sa.func.pg_try_advisory_lock(key),
        _SLOT: sa.case((needs_slot, slot)),  # evaluates the subquery in no other case
    }
    return {key: column.label(key) for key, column in columns.items()}


@contextmanager
def hold(
    connection: sa.Connection, name: str, slots: SlotsOf | None, taken: Mapping[str, Any]
) -> Iterator[bool]:
    """Hold the lock; False if another session has it. With the outermost all slots go, too."""
    if _LOCK in taken:
        is_ours = bool(taken[_LOCK])
    else:
        is_ours = bool(_ask(connection, sql.SQL("SELECT {}").format(_try(name))))
    held = connection.info.setdefault(_HELD, _Held())
    held.depth += 1
    if slots and taken.get(_SLOT) is not None:
        held.slots.add(slots.name)
    try:
        yield is_ours
    finally:
        held.depth -= 1
        if held.depth == 0:
            _forget(connection)
            if (is_ours or held.slots) and not held.is_given_back:
                _give_back(connection, sql.SQL("pg_advisory_unlock_all()"))
        elif is_ours and not held.is_given_back:
            _give_back(connection, sql.SQL("pg_advisory_unlock({})").format(key_of(name)))


@contextmanager
def hold_all(connection: sa.Connection, names: Sequence[str]) -> Iterator[bool]:
    """Hold all these locks; False if another session has one. With them all slots go, too."""
    if _HELD in connection.info:
        raise ValueError("these locks are the session's outermost")
    take = sql.SQL(
        "SELECT bool_and(pg_try_advisory_lock(key)) FROM unnest({}::bigint[]) AS key"
    ).format(sql.Literal([_number(name, 8) for name in names]))
    held = connection.info.setdefault(_HELD, _Held())
    held.depth += 1
    try:
        # In here: a statement that fails keeps the locks that it took before.
        yield bool(_ask(connection, take))
    finally:
        _forget(connection)
        if not held.is_given_back:
            _give_back(connection, sql.SQL("pg_advisory_unlock_all()"))


def _forget(connection: sa.Connection) -> None:
    """Hold nothing any more; what is known of a lost session is lost with it."""
    if not (connection.invalidated or connection.closed):
        connection.info.pop(_HELD, None)


def ask_in_parting(connection: sa.Connection, query: sa.Select[Any]) -> sa.Row[Any] | None:
    """Give back all locks and run the query, in one message."""
    driver_of(connection).defer("SELECT pg_advisory_unlock_all()")
    row = connection.execute(query).one_or_none()
    connection.commit()
    if _HELD in connection.info:
        connection.info[_HELD].is_given_back = True
    return row


@contextmanager
def hold_slot(connection: sa.Connection, slots: SlotsOf) -> Iterator[bool]:
    """Hold a slot; False if none is free. Within a chunk's lock it is kept as long as that."""
    held: _Held | None = connection.info.get(_HELD)
    if held and slots.name in held.slots:
        yield True
        return
    slot = _ask(connection, _try_slots(slots))
    if held:
        if slot is not None:
            held.slots.add(slots.name)
        yield slot is not None
        return
    try:
        yield slot is not None
    finally:
        if slot is not None:
            release = sql.SQL("pg_advisory_unlock({}, {})")
            _give_back(connection, release.format(_group(slots.name), sql.Literal(slot)))


def give_back(connection: sa.Connection, name: str) -> None:
    """Give the lock of that name back."""
    _give_back(connection, sql.SQL("pg_advisory_unlock({})").format(key_of(name)))


def _ask(connection: sa.Connection, statement: sql.Composable) -> Any:
    """The one value, if there is a row; a statement of its own unless in a transaction."""
    give_sign()
    try:
        with driver_of(connection).cursor() as cursor:
            cursor.execute(text_of(statement))
            row = cursor.fetchone()
    except Exception as error:
        raise translate(error, operation="take or give back a lock") from None
    return row[0] if row else None


def _give_back(connection: sa.Connection, release: sql.Composable) -> None:
    """Give locks back; a lost connection has lost its locks with it."""
    if connection.invalidated or connection.closed or is_broken(connection):
        return
    connection.rollback()
    _ask(connection, sql.SQL("SELECT {}").format(release))


def _try(name: str) -> sql.Composable:
    return sql.SQL("pg_try_advisory_lock({})").format(key_of(name))


def _try_slots(slots: SlotsOf) -> sql.Composable:
    """LIMIT stops the function scan at the first slot whose lock was free."""
    return sql.SQL(
        "SELECT slot FROM generate_series(1, {}) AS slot "
        "WHERE pg_try_advisory_lock({}, slot) LIMIT 1"
    ).format(sql.Literal(slots.count), _group(slots.name))


def key_of(name: str) -> sql.Composable:
    """The number by which PostgreSQL knows the lock of that name."""
    return sql.SQL("({})::bigint").format(sql.Literal(_number(name, 8)))


def _group(name: str) -> sql.Composable:
    """Slots are locks of two keys, which PostgreSQL keeps apart from those of one."""
    return sql.SQL("({})::int").format(sql.Literal(_number(name, 4)))


def _number(name: str, size: int) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=size).digest()
    return int.from_bytes(digest, "big", signed=True)
