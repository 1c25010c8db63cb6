"""A psycopg connection that sends together what need not be sent alone.

psycopg sends BEGIN by itself and waits for the answer; so a statement that is a transaction of its
own is three round trips. Here the connection is in autocommit, SQLAlchemy says when a transaction
begins, and BEGIN travels in front of the next statement, in one message; so does a statement that
is marked as `DEFERRED`. A message with parameters beside it could hold one statement only, so
psycopg quotes them into the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
import sqlalchemy as sa
from psycopg import sql

from replica_worker.trips import AT_ONCE, DEFERRED

_BEGIN = "BEGIN"
_BEGIN_TEXT = f"{_BEGIN};\n"


class FoldedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that keeps statements back until the next one."""

    _waiting = ""  # SQL text
    _waiting_count = 0
    defers_next = False

    def defer(self, statement: str) -> None:
        """Send the statement together with the next one; its result is not looked at."""
        self._waiting += f"{statement};\n"
        self._waiting_count += 1

    def take_waiting(self) -> tuple[str, int]:
        """What to put before the next statement, and how many statements that is."""
        waiting = (self._waiting, self._waiting_count)
        self._waiting, self._waiting_count, self.defers_next = "", 0, False
        return waiting

    def send_waiting(self) -> None:
        """Send what waits, for a statement that nothing can stand before."""
        text, _ = self.take_waiting()
        if text:
            self.execute(text)

    def cursor(self, name: str = "", **options: Any) -> Any:
        """A cursor; one with a name, whose rows stay at the server, begins a transaction."""
        if name:
            self.send_waiting()
            if self.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                self.execute(_BEGIN)
        return super().cursor(name, **options)

    def commit(self) -> None:
        """End the transaction, if one was begun at the server."""
        text, count = self.take_waiting()
        if not count or text == _BEGIN_TEXT:
            super().commit()
            return
        try:
            self.execute(f"{text}COMMIT")
        except psycopg.Error:
            if not self.closed:  # whoever commits does not expect to be still in the transaction
                super().rollback()
            raise

    def rollback(self) -> None:
        """Undo the transaction, if one was begun at the server."""
        self.take_waiting()
        super().rollback()


class FoldedCursor(psycopg.ClientCursor[tuple[Any, ...]]):
    """A cursor that puts what waits before its statement; the result is the statement's own."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Run the statement, or keep it back if it is to be deferred."""
        connection = self.connection
        if not isinstance(connection, FoldedConnection):
            return super().execute(query, params, **options)
        if connection.defers_next:
            connection.defers_next = False
            connection.defer(self.mogrify(query, params))
            return self
        text, count = connection.take_waiting()
        if params is not None:  # then psycopg reads a percent sign as the begin of a place
            text = text.replace("%", "%%")
        super().execute(_behind(text, query) if count else query, params, **options)
        for _ in range(count):
            self.nextset()
        return self

    def executemany(self, query: Any, params_seq: Any, *, returning: bool = False) -> None:
        """Run the statement with each of the parameters."""
        self._send_waiting()
        super().executemany(query, params_seq, returning=returning)

    @contextmanager
    def copy(
        self, statement: Any, params: Any = None, *, writer: psycopg.copy.Writer | None = None
    ) -> Iterator[psycopg.Copy]:
        """COPY to or from the client, which PostgreSQL takes as a message of its own only."""
        self._send_waiting()
        with super().copy(statement, params, writer=writer) as copy:
            yield copy

    def _send_waiting(self) -> None:
        if isinstance(self.connection, FoldedConnection):
            self.connection.send_waiting()


def _behind(text: str, query: Any) -> Any:
    """The query with the text, which holds values that are quoted already, before it."""
    if isinstance(query, str):
        return text + query
    if isinstance(query, bytes):
        return text.encode() + query
    return sql.SQL(text) + query


def fold_statements(engine: sa.Engine) -> sa.Engine:
    """Have the engine's connections be folded ones; no BEGIN for those that are `AT_ONCE`."""

    def connect(dialect: Any, record: Any, words: Any, named: dict[str, Any]) -> FoldedConnection:
        del dialect, record
        return FoldedConnection.connect(
            *words, **named, autocommit=True, cursor_factory=FoldedCursor
        )

    def note_begin(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get(AT_ONCE):
            begin(connection)

    def note_deferred(
        connection: sa.Connection, cursor: Any, text: str, values: Any, context: Any, many: bool
    ) -> None:
        del cursor, text, values
        if not many and context and context.execution_options.get(DEFERRED):
            driver_of(connection).defers_next = True

    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "begin", note_begin)
    sa.event.listen(engine, "before_cursor_execute", note_deferred)
    return engine


def driver_of(connection: sa.Connection) -> FoldedConnection:
    """The psycopg connection underneath."""
    driver: Any = connection.connection.driver_connection
    folded: FoldedConnection = driver
    return folded


def begin(connection: sa.Connection) -> None:
    """Begin a transaction at the server, together with the next statement."""
    driver_of(connection).defer(_BEGIN)
