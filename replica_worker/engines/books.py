"""Asking the warehouse how its books stand: the questions, and what an engine answers them with.

Each question is one grouped statement for many days. An engine writes the statements; how their
rows become figures is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

from replica_worker.model.books import BookFigures, BookPage
from replica_worker.model.business import Book, BusinessCheck, Lines
from replica_worker.model.days import DayRange

Statement = TypeVar("Statement")
StatementMade = TypeVar("StatementMade", covariant=True)

LONGEST_LOCATION = 255  # characters of a location that are told


class BookStatements(Protocol[StatementMade]):
    """The statements, in one dialect, over the warehouse's tables.

    Rows that are left out, of headers and of lines alike, are seen by none but `header_days`. An
    empty text is no number.
    """

    def count_headers(self, check: BusinessCheck, days: DayRange) -> StatementMade:
        """(day, location, headers, those without a number, those that share it with another)."""
        ...

    def compare_lines(self, check: BusinessCheck, lines: Lines, days: DayRange) -> StatementMade:
        """What the headers of these days say, and what their lines come to, whatever their day.

        (day, location, headers, those that have an amount and no line, those whose lines come to
        another amount, sum of the headers, sum of the lines). Headers without a number, and those
        that share it, are not compared: nobody can tell which lines are theirs.
        """
        ...

    def count_lines(self, check: BusinessCheck, lines: Lines, days: DayRange) -> StatementMade:
        """(day, location, lines, those without a number, those whose number no header has)."""
        ...

    def header_days(self, check: BusinessCheck, lines: Lines, days: DayRange) -> StatementMade:
        """(day,) of each header that has a line on these days."""
        ...


@dataclass(frozen=True)
class Books(Generic[Statement]):
    """Answers the questions on the caller's connection, in its transaction."""

    statements: BookStatements[Statement]
    fetch: Callable[[sa.Connection, Statement, str], list[tuple[Any, ...]]]

    def count_headers(
        self, connection: sa.Connection, check: BusinessCheck, days: DayRange
    ) -> list[BookPage]:
        """Of the headers: rows, null keys, duplicate keys."""
        statement = self.statements.count_headers(check, days)
        rows = self.fetch(connection, statement, f"count the rows of {check.header.table.name}")
        return [
            _page(
                check.header,
                where,
                BookFigures(rows=int(all_), null_keys=int(null), duplicate_keys=int(twins)),
            )
            for *where, all_, null, twins in rows
        ]

    def compare_lines(
        self, connection: sa.Connection, check: BusinessCheck, lines: Lines, days: DayRange
    ) -> list[BookPage]:
        """Of the headers of these days: how many their lines leave unbalanced, and both amounts."""
        statement = self.statements.compare_lines(check, lines, days)
        operation = f"compare {check.header.table.name} with {lines.table.name}"
        return [
            _page(
                lines,
                where,
                BookFigures(
                    headers=int(headers),
                    headers_without=int(without),
                    headers_unbalanced=int(unbalanced),
                    amount_expected=Decimal(expected),
                    amount_found=Decimal(found),
                ),
            )
            for *where, headers, without, unbalanced, expected, found in self.fetch(
                connection, statement, operation
            )
        ]

    def count_lines(
        self, connection: sa.Connection, check: BusinessCheck, lines: Lines, days: DayRange
    ) -> list[BookPage]:
        """Of the lines of these days: rows, null keys, orphans."""
        statement = self.statements.count_lines(check, lines, days)
        rows = self.fetch(connection, statement, f"count the rows of {lines.table.name}")
        return [
            _page(
                lines,
                where,
                BookFigures(rows=int(all_), null_keys=int(null), orphans=int(orphans)),
            )
            for *where, all_, null, orphans in rows
        ]

    def header_days(
        self, connection: sa.Connection, check: BusinessCheck, lines: Lines, days: DayRange
    ) -> Iterator[date]:
        """The days of the headers that have lines on these days."""
        statement = self.statements.header_days(check, lines, days)
        for (day,) in self.fetch(connection, statement, f"date the lines of {lines.table.name}"):
            if day is not None:
                yield day


def _page(book: Book, where: list[Any], figures: BookFigures) -> BookPage:
    day, location = where
    return BookPage(table=book.table.name, day=day, location=location or "", figures=figures)
