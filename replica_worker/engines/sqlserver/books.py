"""The statements that compare books, see `engines.books`."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from replica_worker.engines.books import LONGEST_LOCATION
from replica_worker.engines.sqlserver.ddl import is_exact_text
from replica_worker.engines.sqlserver.fragments import (
    EMPTY,
    Fragment,
    column_of,
    compose,
    join,
    quote,
    value,
)
from replica_worker.engines.sqlserver.statements import day_value, rows_of
from replica_worker.engines.sqlserver.types import EXACT_COLLATION
from replica_worker.engines.values import RowSelection, Side
from replica_worker.model.business import (
    AMOUNT_DIGITS,
    AMOUNT_SCALE,
    Book,
    BusinessCheck,
    LeftOut,
    Lines,
)
from replica_worker.model.days import DayRange
from replica_worker.model.specs import ColumnSpec

_AMOUNT = f"decimal({AMOUNT_DIGITS}, {AMOUNT_SCALE})"


@dataclass(frozen=True)
class SqlServerBookStatements:
    """Implements `books.BookStatements`. Numbers compare as the warehouse's collation says."""

    zone: ZoneInfo

    def count_headers(self, check: BusinessCheck, days: DayRange) -> Fragment:
        """The headers of these days, those without a number, those that share it."""
        return compose(
            """
            WITH {headers}
            SELECT h.day, h.location,
                   COUNT_BIG(*), COUNT_BIG(*) - COUNT_BIG(h.number), COUNT_BIG(w.number)
              FROM header AS h
              LEFT JOIN twin AS w ON w.number = h.number
             GROUP BY h.day, h.location
            """,
            headers=self._headers(check, days),
        )

    def compare_lines(self, check: BusinessCheck, lines: Lines, days: DayRange) -> Fragment:
        """What the headers of these days say, and what their lines come to."""
        return compose(
            """
            WITH {headers},
            found AS (
                SELECT {number} AS number, SUM({amount}) AS amount
                  FROM {lines} AS t
                 WHERE {number} IN (SELECT number FROM header){counted}
                 GROUP BY {number})
            SELECT h.day, h.location,
                   COUNT_BIG(*),
                   SUM(CASE WHEN f.number IS NULL AND h.amount <> 0 THEN 1 ELSE 0 END),
                   SUM(CASE WHEN f.amount <> h.amount THEN 1 ELSE 0 END),
                   SUM(h.amount), COALESCE(SUM(f.amount), 0)
              FROM header AS h
              LEFT JOIN twin AS w  ON w.number = h.number
              LEFT JOIN found AS f ON f.number = h.number
             WHERE h.number IS NOT NULL AND w.number IS NULL
             GROUP BY h.day, h.location
            """,
            headers=self._headers(check, days, lines),
            number=_plain_number(lines, check.header),
            amount=_amount(lines.amounts),
            lines=_table(lines),
            counted=_counted(lines),
        )

    def count_lines(self, check: BusinessCheck, lines: Lines, days: DayRange) -> Fragment:
        """The lines of these days, those without a number, those without a header."""
        return compose(
            """
            WITH line AS (
                SELECT {day} AS day, {location} AS location, {number} AS number
                  {rows}{counted}),
            known AS (
                SELECT DISTINCT {header_number} AS number
                  FROM {header} AS t
                 WHERE {header_number} IN (SELECT number FROM line){header_counted})
            SELECT l.day, l.location,
                   COUNT_BIG(*), COUNT_BIG(*) - COUNT_BIG(l.number),
                   COUNT_BIG(l.number) - COUNT_BIG(k.number)
              FROM line AS l
              LEFT JOIN known AS k ON k.number = l.number
             GROUP BY l.day, l.location
            """,
            day=day_value(self._selection(lines, days), self.zone),
            location=_location(lines),
            number=_number(lines, check.header),
            rows=self._rows(lines, days),
            counted=_counted(lines),
            header_number=_plain_number(check.header, lines),
            header=_table(check.header),
            header_counted=_counted(check.header),
        )

    def header_days(self, check: BusinessCheck, lines: Lines, days: DayRange) -> Fragment:
        """The days of the headers that have lines on these days."""
        return compose(
            """
            SELECT DISTINCT {day}
              {headers}
               AND {number} IN (SELECT {lines_number} {lines})
            """,
            day=day_value(self._selection(check.header, None), self.zone),
            headers=self._rows(check.header, None),
            number=_plain_number(check.header, lines),
            lines_number=_number(lines, check.header),
            lines=self._rows(lines, days),
        )

    def _headers(
        self, check: BusinessCheck, days: DayRange, lines: Lines | None = None
    ) -> Fragment:
        """The headers of these days, and which of their numbers several headers have."""
        header = check.header
        return compose(
            """header AS (
                SELECT {day} AS day, {location} AS location, {number} AS number,
                       {amount} AS amount
                  {rows}{counted}),
            twin AS (
                SELECT {plain} AS number
                  FROM {table} AS t
                 WHERE {plain} IN (SELECT number FROM header){counted}
                 GROUP BY {plain}
                HAVING COUNT_BIG(*) > 1)""",
            day=day_value(self._selection(header, days), self.zone),
            location=_location(header),
            number=_number(header, lines),
            amount=_amount(lines.header_amounts if lines else ()),
            rows=self._rows(header, days),
            counted=_counted(header),
            plain=_plain_number(header, lines),
            table=_table(header),
        )

    def _selection(self, book: Book, days: DayRange | None) -> RowSelection:
        return RowSelection(table=book.table, side=Side.WAREHOUSE, days=days)

    def _rows(self, book: Book, days: DayRange | None) -> Fragment:
        return rows_of(self._selection(book, days), self.zone)


def _table(book: Book) -> Fragment:
    return quote(book.table.target_schema, book.table.target_name)


def _plain_number(book: Book, other: Book | None) -> Fragment:
    """The number as an index has it, unless it meets one of another collation (error 468)."""
    number = column_of("t", book.number.name)
    if other is None or _is_exact(book) == _is_exact(other):
        return number
    return compose("{number} COLLATE {exact}", number=number, exact=EXACT_COLLATION)


def _number(book: Book, other: Book | None) -> Fragment:
    """The number; an empty text is none."""
    plain = _plain_number(book, other)
    return compose("NULLIF({n}, '')", n=plain) if book.number.type.is_text else plain


def _is_exact(book: Book) -> bool:
    return is_exact_text(book.table, book.number)


def _location(book: Book) -> Fragment:
    text = Fragment("NULL") if book.location is None else column_of("t", book.location.name)
    return compose("CAST({text} AS nvarchar({n}))", text=text, n=LONGEST_LOCATION)


def _amount(columns: tuple[ColumnSpec, ...]) -> Fragment:
    parts = [
        compose("CAST(COALESCE({c}, 0) AS {t})", c=column_of("t", column.name), t=_AMOUNT)
        for column in columns
    ]
    return join(" + ", parts) if parts else Fragment("0")


def _counted(book: Book) -> Fragment:
    """The conditions that keep out what the book leaves out, each behind an AND."""
    kept = [compose("\n   AND {kept}", kept=_is_kept(one)) for one in book.left_out]
    return join("", kept) if kept else EMPTY


def _is_kept(left_out: LeftOut) -> Fragment:
    column = column_of("t", left_out.column.name)
    listed = [value(one, str(left_out.column.type)) for one in left_out.values]
    return compose("({c} IS NULL OR {c} NOT IN ({values}))", c=column, values=join(", ", listed))
