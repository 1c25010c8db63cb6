"""Comparing the books of tables that belong together, in the warehouse, as part of closing a run.

Each question is one grouped statement for a week. What is found is recorded and fails nothing:
copies may be equal to a source whose own books do not balance.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from replica_worker.errors import ReplicaError
from replica_worker.ledger.runs import Run
from replica_worker.model.books import (
    BookFigures,
    BookPage,
    by_location,
    judged_headers,
    judged_lines,
)
from replica_worker.model.business import BusinessCheck, Lines
from replica_worker.model.chunks import Action
from replica_worker.model.days import DayRange, contiguous
from replica_worker.usecases.deployment import Deployment

_log = logging.getLogger(__name__)
_DAYS_PER_QUERY = 7
_NO_ROWS = BookFigures(rows=0)


@dataclass(frozen=True, kw_only=True)
class BooksFound:
    """How the books of one check stand on some days."""

    check: BusinessCheck
    judged: frozenset[tuple[str, date]]  # (table, day) that were looked at
    pages: tuple[BookPage, ...]  # by table, day and location

    @property
    def unbalanced(self) -> tuple[BookPage, ...]:
        """The pages on which something is wrong."""
        return tuple(page for page in self.pages if not page.figures.is_balanced)


def record_books(deployment: Deployment, run: Run) -> None:
    """Compare the books of the days that the run touched, newest first, and record what is found.

    Ends early when its time is up, and gives up a check that cannot be made: the run's own work is
    done. Does nothing while chunks of the run are still open.
    """
    checks = deployment.spec.business_checks
    if not checks or deployment.ledger.chunks.has_open(run.run_id, actions=list(Action)):
        return
    end = time.monotonic() + deployment.policy.books_seconds
    for check in checks:
        try:
            left = _record(deployment, run, check, end)
        except (ReplicaError, sa.exc.SQLAlchemyError) as error:
            meant = deployment.target.translate_error(error, operation="compare the books")
            _log.warning(
                "business check %s of run %s was not made: %s", check.name, run.run_id, meant
            )
            continue
        if left:
            _log.warning(
                "business check %s: no time was left for %d days up to %s; `replica audit` looks "
                "at them",
                check.name,
                sum(map(len, left)),
                left[0].last,
            )


def _record(deployment: Deployment, run: Run, check: BusinessCheck, end: float) -> list[DayRange]:
    """The days that no time was left for, newest first."""
    books = deployment.ledger.business
    touched = books.touched_days(run.run_id, [book.table.name for book in check.books])
    if not touched:
        return []
    with deployment.warehouse.sql.connect() as connection:
        days = _concerned_days(deployment, connection, check, touched)
        connection.commit()
        weeks = contiguous(days, longest=_DAYS_PER_QUERY)[::-1]
        for at, week in enumerate(weeks):
            if time.monotonic() > end:
                return weeks[at:]
            found = compare_books(deployment, connection, check, week)
            with connection.begin():
                books.record(
                    connection, run.run_id, check.name, judged=found.judged, pages=found.pages
                )
    return []


def _concerned_days(
    deployment: Deployment,
    connection: sa.Connection,
    check: BusinessCheck,
    touched: dict[str, set[date]],
) -> set[date]:
    """The touched days, those of the headers whose lines lie on them, and those before them."""
    days = set().union(*touched.values())
    headers = deployment.ledger.business.loaded_days(check.header.table.name)
    if headers is None:
        return days
    for lines in check.lines:
        theirs = touched.get(lines.table.name, set())
        for some in contiguous(theirs, longest=_DAYS_PER_QUERY):
            days |= set(deployment.warehouse.books.header_days(connection, check, lines, some))
        days |= {
            day - timedelta(days=late)
            for day in theirs
            for late in range(1, lines.late_days + 1)
            if day - timedelta(days=late) >= headers.first
        }
    return days


def audit_books(deployment: Deployment, days: DayRange) -> Iterator[BooksFound]:
    """How the books stand on these days, a week at a time; nothing is recorded."""
    with deployment.warehouse.sql.connect() as connection:
        for check in deployment.spec.business_checks:
            for week in contiguous(list(days), longest=_DAYS_PER_QUERY):
                yield compare_books(deployment, connection, check, week)


def compare_books(
    deployment: Deployment, connection: sa.Connection, check: BusinessCheck, days: DayRange
) -> BooksFound:
    """How the books stand on these days; those are left out that were not loaded far enough.

    A header whose lines may still come, and a line whose header may lie before the first day of the
    copy, are no faults.
    """
    books, ledger = deployment.warehouse.books, deployment.ledger.business
    headers = ledger.loaded_days(check.header.table.name)
    loaded = [day for day in days if headers and headers.first <= day <= headers.last]
    pages = _blank(check.header.table.name, loaded)
    for some in contiguous(loaded):
        pages += books.count_headers(connection, check, some)
    for lines in check.lines:
        pages += _compare_lines(deployment, connection, check, lines, loaded, days, headers)
    connection.commit()
    return BooksFound(
        check=check,
        judged=frozenset((page.table, page.day) for page in pages),
        pages=tuple(by_location(pages)),
    )


def _compare_lines(
    deployment: Deployment,
    connection: sa.Connection,
    check: BusinessCheck,
    lines: Lines,
    header_days: Collection[date],
    days: DayRange,
    headers: DayRange | None,
) -> list[BookPage]:
    books, name, late = deployment.warehouse.books, lines.table.name, lines.late_days
    loaded = deployment.ledger.business.loaded_days(name)
    with_lines = judged_headers(header_days, lines=loaded, late_days=late)
    with_headers = [
        day
        for day in judged_lines(days, headers=headers, late_days=late)
        if loaded and loaded.first <= day <= loaded.last
    ]
    pages = _blank(name, {*with_lines, *with_headers})
    for some in contiguous(with_lines):
        pages += books.compare_lines(connection, check, lines, some)
    for some in contiguous(with_headers):
        pages += books.count_lines(connection, check, lines, some)
    return pages


def _blank(table: str, days: Iterable[date]) -> list[BookPage]:
    """A page for each day that is looked at, so that a day without rows is seen to be one."""
    return [BookPage(table=table, day=day, figures=_NO_ROWS) for day in sorted(days)]
