"""What comparing books gives: figures of a table's rows by day and location, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from replica_worker.model.days import DayRange

Figure = TypeVar("Figure", int, Decimal)


@dataclass(frozen=True, kw_only=True)
class BookFigures:
    """Figures of one table's rows; None is what was not looked at.

    Rows that are left out count nowhere. What is said of headers is said of them by the table of
    lines that was looked at, on the headers' day and at their location.
    """

    rows: int | None = None  # of the table itself
    null_keys: int | None = None  # rows without a number
    duplicate_keys: int | None = None  # headers that share their number with another header
    orphans: int | None = None  # lines whose number no header has
    headers: int | None = None  # headers that were compared with their lines
    headers_without: int | None = None  # those that have an amount and not one line
    headers_unbalanced: int | None = None  # those whose lines come to another amount
    amount_expected: Decimal | None = None  # what the headers say
    amount_found: Decimal | None = None  # what their lines come to

    @property
    def is_balanced(self) -> bool:
        """Whether nothing is wrong in what was looked at."""
        faults = (
            self.null_keys,
            self.duplicate_keys,
            self.orphans,
            self.headers_without,
            self.headers_unbalanced,
        )
        return not any(faults)

    def __add__(self, other: BookFigures) -> BookFigures:
        """Figures of both together; one that neither has is not there."""
        return BookFigures(
            rows=_sum(self.rows, other.rows),
            null_keys=_sum(self.null_keys, other.null_keys),
            duplicate_keys=_sum(self.duplicate_keys, other.duplicate_keys),
            orphans=_sum(self.orphans, other.orphans),
            headers=_sum(self.headers, other.headers),
            headers_without=_sum(self.headers_without, other.headers_without),
            headers_unbalanced=_sum(self.headers_unbalanced, other.headers_unbalanced),
            amount_expected=_sum(self.amount_expected, other.amount_expected),
            amount_found=_sum(self.amount_found, other.amount_found),
        )


@dataclass(frozen=True, kw_only=True)
class BookPage:
    """Figures of one table on one day, at one location or at all of them."""

    table: str
    day: date
    location: str = ""  # empty: the spec names no location, the row has none, or all are meant
    figures: BookFigures


def by_day(pages: Iterable[BookPage]) -> list[BookPage]:
    """One page for each table and day, of all locations together."""
    return _added_up(replace(page, location="") for page in pages)


def by_location(pages: Iterable[BookPage]) -> list[BookPage]:
    """One page for each table, day and location, in the spelling that comes first.

    Locations that differ only by case or by blanks behind are one outlet: many a source does not
    tell them apart, nor does the key of the table that pages are recorded in on SQL Server.
    """
    spelled: dict[str, str] = {}
    return _added_up(
        replace(page, location=spelled.setdefault(_folded(page.location), page.location))
        for page in sorted(pages, key=lambda page: page.location)
    )


def _folded(location: str) -> str:
    return location.rstrip(" ").casefold()


def _added_up(pages: Iterable[BookPage]) -> list[BookPage]:
    sums: dict[tuple[str, date, str], BookFigures] = {}
    for page in pages:
        place = (page.table, page.day, page.location)
        sums[place] = sums[place] + page.figures if place in sums else page.figures
    return [
        BookPage(table=table, day=day, location=location, figures=figures)
        for (table, day, location), figures in sorted(sums.items(), key=lambda item: item[0])
    ]


def _sum(one: Figure | None, other: Figure | None) -> Figure | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def judged_headers(days: Iterable[date], *, lines: DayRange | None, late_days: int) -> list[date]:
    """The headers' days whose lines can all have been loaded, of the days `lines` that were."""
    if lines is None:
        return []
    late = timedelta(days=late_days)
    return [day for day in days if lines.first <= day and day + late <= lines.last]


def judged_lines(days: Iterable[date], *, headers: DayRange | None, late_days: int) -> list[date]:
    """The lines' days whose headers can all have been loaded, of the days `headers` that were."""
    if headers is None:
        return []
    late = timedelta(days=late_days)
    return [day for day in days if headers.first <= day - late and day <= headers.last]
