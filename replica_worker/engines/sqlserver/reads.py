"""Query results read as Arrow batches of bounded size, each result proven whole.

The driver may end a result without a word when its connection breaks in the middle. So every
read asks for the row count behind the rows, in the same round trip, and compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import mssql_python
import pyarrow as pa

from replica_worker.engines.sqlserver.errors import translate
from replica_worker.engines.sqlserver.fragments import Fragment
from replica_worker.engines.sqlserver.types import strategy_for
from replica_worker.errors import DatabaseUnreachableError
from replica_worker.model.specs import TableSpec
from replica_worker.pulse import give_sign

_FEWEST_ROWS, _MOST_ROWS = 16, 8192
_MOST_LONG_ROWS = 1024
_WIDTHS_OVERSTATE = 8  # a declared width is some eight times what its values take


@dataclass(frozen=True, kw_only=True)
class RowLimit:
    """How many rows a fetch may take: always `most`, or what the rows' bytes allow."""

    most: int
    batch_bytes: int | None = None  # None: the rows' width is known to be bounded

    @classmethod
    def by_width(cls, table: TableSpec, batch_bytes: int) -> RowLimit:
        """For rows without long values: the driver's buffer is rows × declared width."""
        width = sum(strategy_for(column.type).width for column in table.columns)
        rows = _WIDTHS_OVERSTATE * batch_bytes // width
        return cls(most=max(_FEWEST_ROWS, min(_MOST_ROWS, rows)))

    @classmethod
    def by_bytes(cls, batch_bytes: int) -> RowLimit:
        """For rows with values of any length, which the driver fetches one by one."""
        return cls(most=_MOST_LONG_ROWS, batch_bytes=batch_bytes)

    def first(self) -> int:
        """Rows of the first batch."""
        return self.most if self.batch_bytes is None else 1

    def after(self, rows: int, widest: int) -> int:
        """Rows of the batch after one of `rows`; `widest`: bytes of the widest row so far."""
        if self.batch_bytes is None:
            return self.most
        return max(1, min(self.most, 2 * rows, self.batch_bytes // max(1, widest)))


def stream(
    connection: Any, statement: Fragment, operation: str, limit: RowLimit
) -> Iterator[pa.RecordBatch]:
    """The statement's rows, as the driver types them; DatabaseUnreachableError if some are missing.

    `statement` is one SELECT.
    """
    with _counted(connection, statement, operation) as cursor:
        rows, seen, widest = limit.first(), 0, 0
        while (batch := cursor.arrow_batch(rows)).num_rows:
            seen += batch.num_rows
            give_sign()
            yield batch
            widest = max(widest, batch.nbytes // batch.num_rows)
            rows = limit.after(rows, widest)
        require_count(cursor, seen, operation)


def fetch(connection: Any, statement: Fragment, operation: str) -> list[tuple[Any, ...]]:
    """All rows of one SELECT that gives few."""
    with _counted(connection, statement, operation) as cursor:
        rows = [tuple(row) for row in cursor.fetchall()]
        require_count(cursor, len(rows), operation)
        return rows


def run(connection: Any, statement: Fragment, operation: str) -> None:
    """A statement that gives no rows."""
    with _cursor(connection, operation) as cursor:
        cursor.execute(statement.text, *statement.values)


@contextmanager
def _counted(connection: Any, statement: Fragment, operation: str) -> Iterator[Any]:
    with _cursor(connection, operation) as cursor:
        cursor.execute(counted_text(statement), *statement.values)
        yield cursor


@contextmanager
def _cursor(connection: Any, operation: str) -> Iterator[Any]:
    give_sign()
    try:
        with closing(connection.cursor()) as cursor:
            yield cursor
    except mssql_python.Error as error:
        raise translate(error, operation=operation) from None


def counted_text(statement: Fragment) -> str:
    """The text of one SELECT, with the count of its rows as a second result."""
    return f"{statement.text.rstrip()};\nSELECT ROWCOUNT_BIG()"


def require_count(cursor: Any, seen: int, operation: str) -> None:
    """DatabaseUnreachableError unless the second result counts as many rows as were seen."""
    counted = cursor.fetchall() if cursor.nextset() else []
    if not counted or counted[0][0] != seen:
        raise DatabaseUnreachableError(
            operation=operation,
            cause=f"the result ended after {seen} rows, before its end",
            next_step="Look at the network, or for who ended the session; it is tried again",
            retryable=True,
        )
