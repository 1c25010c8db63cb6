"""Proof that all statements of a transaction run in the one that was begun.

Under XACT_ABORT the server may roll a transaction back while the driver says nothing; the next
statement would then begin another, or commit by itself. So the first statement takes an
application lock that only this transaction has, and every later one, SQLAlchemy's included, does
nothing unless the lock is still held: a condition in front of it, in the same round trip. (The
transaction's own number would do, but not every server tells it.)

Also the statements themselves: they run on the driver's cursor, in SQLAlchemy's transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa

from replica_worker.engines.sqlserver.error_codes import ENDED, ENDED_NUMBER
from replica_worker.engines.sqlserver.errors import translate
from replica_worker.engines.sqlserver.fragments import Fragment
from replica_worker.errors import DatabaseError, DatabaseUnreachableError, ReplicaError
from replica_worker.pulse import give_sign

_MARK = "replica_worker.transaction_mark"

# The SELECT that reads a table begins the implicit transaction; EXEC alone would not.
_BEGIN = Fragment(
    """
DECLARE @schemas int, @got int, @mark nvarchar(255);
SELECT @schemas = COUNT(*) FROM sys.schemas;
SET @mark = CONCAT('replica_worker|transaction|', NEWID());
EXEC @got = sp_getapplock @Resource = @mark, @LockMode = 'Exclusive',
                          @LockOwner = 'Transaction', @LockTimeout = 0;
SELECT @mark, @got, @@TRANCOUNT
"""
)


def guard_transactions(engine: sa.Engine) -> sa.Engine:
    """Make the engine run nothing in, and not commit, a marked transaction that was ended."""
    sa.event.listen(engine, "before_cursor_execute", _guard_statement, retval=True)
    sa.event.listen(engine, "handle_error", _give_up_connection)
    sa.event.listen(engine, "commit", _require_same)
    sa.event.listen(engine, "rollback", _forget)
    return engine


def mark_transaction(connection: sa.Connection) -> None:
    """Begin the connection's transaction at the server, if need be, and mark it, once."""
    if not connection.in_transaction():
        connection.begin()
    if _MARK in connection.info:
        return
    mark, got, open_transactions = _row(connection, _BEGIN)
    if got < 0 or not open_transactions:
        raise DatabaseError(
            operation="begin the transaction",
            cause=f"sp_getapplock returned {got} in {open_transactions} transactions",
            next_step="Look into the database server's log",
            retryable=True,
        )
    connection.info[_MARK] = mark


def _require_same(connection: sa.Connection) -> None:
    mark = connection.info.pop(_MARK, None)
    if mark is None or _row(connection, Fragment(f"SELECT {_mode_of(mark)}"))[0] == "Exclusive":
        return
    connection.invalidate()  # whatever ended the transaction, the session's locks may be gone too
    raise DatabaseUnreachableError(
        operation="commit the transaction",
        cause="the server had ended it before all its statements were run",
        next_step="It is tried again; nothing was changed",
        retryable=True,
    )


def _guarded(connection: sa.Connection, text: str) -> str:
    """The statement behind its condition, if the transaction is marked."""
    mark = connection.info.get(_MARK)
    if mark is None:
        return text
    return f"IF {_mode_of(mark)} <> 'Exclusive' THROW {ENDED_NUMBER}, N'{ENDED}', 1;\n{text}"


def _guard_statement(
    connection: sa.Connection, cursor: Any, statement: str, values: Any, *_: Any
) -> tuple[str, Any]:
    return _guarded(connection, statement), values


def _give_up_connection(context: sa.ExceptionContext) -> None:
    if ENDED in str(context.original_exception):
        context.is_disconnect = True


def _mode_of(mark: str) -> str:
    """How the lock is held. Its name is the server's own words: letters, digits and dashes."""
    return f"APPLOCK_MODE('public', N'{mark}', 'Transaction')"


def _forget(connection: sa.Connection) -> None:
    if not connection.invalidated:  # what it held is forgotten with it
        connection.info.pop(_MARK, None)


def _row(connection: sa.Connection, statement: Fragment) -> tuple[Any, ...]:
    return fetch_row(connection, statement, "prove the transaction")


# ---------------------------------------------------------------- statements in a transaction


def run(connection: sa.Connection, statement: Fragment, operation: str) -> int:
    """Number of rows that the statement changed."""
    with cursor_in(connection, operation) as cursor:
        cursor.execute(_guarded(connection, statement.text), statement.values)
        return int(cursor.rowcount)


def fetch_rows(
    connection: sa.Connection, statement: Fragment, operation: str
) -> list[tuple[Any, ...]]:
    """The rows of the first result; behind what a batch did before it."""
    with cursor_in(connection, operation) as cursor:
        cursor.execute(_guarded(connection, statement.text), statement.values)
        while cursor.description is None:
            if not cursor.nextset():
                raise _no_result(operation)
        return [tuple(row) for row in cursor.fetchall()]


def fetch_row(connection: sa.Connection, statement: Fragment, operation: str) -> tuple[Any, ...]:
    """The one row of a statement that always gives one."""
    rows = fetch_rows(connection, statement, operation)
    if not rows:
        raise _no_result(operation)
    return rows[0]


def fetch_value(connection: sa.Connection, statement: Fragment, operation: str) -> Any:
    """The one value of a statement that always gives one."""
    return fetch_row(connection, statement, operation)[0]


def _no_result(operation: str) -> DatabaseError:
    return DatabaseUnreachableError(
        operation=operation,
        cause="the server's answer ended before its result",
        next_step="Look at the network, or for who ended the session; it is tried again",
        retryable=True,
    )


@contextmanager
def cursor_in(connection: sa.Connection, operation: str) -> Iterator[Any]:
    """A driver cursor in the SQLAlchemy connection's transaction, its errors translated.

    SQLAlchemy does not see these errors, so it is told when the connection is gone: it would
    roll back over it otherwise, and that error would hide the first.
    """
    if not connection.in_transaction():
        connection.begin()
    driver: Any = connection.connection.driver_connection
    give_sign()
    try:
        with closing(driver.cursor()) as cursor:
            yield cursor
    except ReplicaError:
        raise
    except Exception as error:
        meant = translate(error, operation=operation)
        if isinstance(meant, DatabaseUnreachableError):
            connection.invalidate()
        raise meant from None
