"""The statements that compare books, see `engines.books`."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from psycopg import sql

from replica_worker.engines.books import LONGEST_LOCATION
from replica_worker.engines.postgresql.statements import column_of, day_value, rows_of
from replica_worker.engines.values import RowSelection, Side
from replica_worker.model.business import Book, BusinessCheck, LeftOut, Lines
from replica_worker.model.days import DayRange
from replica_worker.model.specs import ColumnSpec

_and = sql.SQL("\n   AND ")
_plus = sql.SQL(" + ")
_comma = sql.SQL(", ")


@dataclass(frozen=True)
class PostgresBookStatements:
    """Implements `books.BookStatements`."""

    zone: ZoneInfo

    def count_headers(self, check: BusinessCheck, days: DayRange) -> sql.Composable:
        """The headers of these days, those without a number, those that share it."""
        return sql.SQL(
            """
            WITH {headers}
            SELECT h.day, h.location,
                   count(*), count(*) - count(h.number), count(w.number)
              FROM header h
              LEFT JOIN twin w ON w.number = h.number
             GROUP BY h.day, h.location
            """
        ).format(headers=self._headers(check, days, ()))

    def compare_lines(self, check: BusinessCheck, lines: Lines, days: DayRange) -> sql.Composable:
        """What the headers of these days say, and what their lines come to."""
        return sql.SQL(
            """
            WITH {headers},
            found AS (
                SELECT {number} AS number, sum({amount}) AS amount
                  FROM {lines} t
                 WHERE {number} IN (SELECT number FROM header){counted}
                 GROUP BY {number})
            SELECT h.day, h.location,
                   count(*),
                   count(*) FILTER (WHERE f.number IS NULL AND h.amount <> 0),
                   count(*) FILTER (WHERE f.amount <> h.amount),
                   sum(h.amount), coalesce(sum(f.amount), 0)
              FROM header h
              LEFT JOIN twin w  ON w.number = h.number
              LEFT JOIN found f ON f.number = h.number
             WHERE h.number IS NOT NULL AND w.number IS NULL
             GROUP BY h.day, h.location
            """
        ).format(
            headers=self._headers(check, days, lines.header_amounts),
            number=_plain_number(lines),
            amount=_amount(lines.amounts),
            lines=_table(lines),
            counted=_counted(lines),
        )

    def count_lines(self, check: BusinessCheck, lines: Lines, days: DayRange) -> sql.Composable:
        """The lines of these days, those without a number, those without a header."""
        return sql.SQL(
            """
            WITH line AS (
                SELECT {day} AS day, {location} AS location, {number} AS number
                  {rows}{counted}),
            known AS (
                SELECT DISTINCT {header_number} AS number
                  FROM {header} t
                 WHERE {header_number} IN (SELECT number FROM line){header_counted})
            SELECT l.day, l.location,
                   count(*), count(*) - count(l.number), count(l.number) - count(k.number)
              FROM line l
              LEFT JOIN known k ON k.number = l.number
             GROUP BY l.day, l.location
            """
        ).format(
            day=day_value(lines.table, self.zone),
            location=_location(lines),
            number=_number(lines),
            rows=self._rows(lines, days),
            counted=_counted(lines),
            header_number=_plain_number(check.header),
            header=_table(check.header),
            header_counted=_counted(check.header),
        )

    def header_days(self, check: BusinessCheck, lines: Lines, days: DayRange) -> sql.Composable:
        """The days of the headers that have lines on these days."""
        return sql.SQL(
            """
            SELECT DISTINCT {day}
              {headers}
               AND {number} IN (SELECT {lines_number} {lines})
            """
        ).format(
            day=day_value(check.header.table, self.zone),
            headers=self._rows(check.header, None),
            number=_plain_number(check.header),
            lines_number=_number(lines),
            lines=self._rows(lines, days),
        )

    def _headers(
        self, check: BusinessCheck, days: DayRange, amounts: tuple[ColumnSpec, ...]
    ) -> sql.Composable:
        """The headers of these days, and which of their numbers several headers have."""
        header = check.header
        return sql.SQL(
            """header AS (
                SELECT {day} AS day, {location} AS location, {number} AS number,
                       {amount} AS amount
                  {rows}{counted}),
            twin AS (
                SELECT {plain} AS number
                  FROM {table} t
                 WHERE {plain} IN (SELECT number FROM header){counted}
                 GROUP BY {plain}
                HAVING count(*) > 1)"""
        ).format(
            day=day_value(header.table, self.zone),
            location=_location(header),
            number=_number(header),
            amount=_amount(amounts),
            rows=self._rows(header, days),
            counted=_counted(header),
            plain=_plain_number(header),
            table=_table(header),
        )

    def _rows(self, book: Book, days: DayRange | None) -> sql.Composable:
        return rows_of(RowSelection(table=book.table, side=Side.WAREHOUSE, days=days), self.zone)


def _table(book: Book) -> sql.Composable:
    return sql.Identifier(book.table.target_schema, book.table.target_name)


def _plain_number(book: Book) -> sql.Composable:
    """The number as an index has it."""
    return column_of("t", book.number.name)


def _number(book: Book) -> sql.Composable:
    """The number; an empty text is none."""
    plain = _plain_number(book)
    return sql.SQL("nullif({}, '')").format(plain) if book.number.type.is_text else plain


def _location(book: Book) -> sql.Composable:
    if book.location is None:
        return sql.SQL("NULL::text")
    return sql.SQL("left({}::text, {})").format(
        column_of("t", book.location.name), sql.Literal(LONGEST_LOCATION)
    )


def _amount(columns: tuple[ColumnSpec, ...]) -> sql.Composable:
    parts = [
        sql.SQL("coalesce({}, 0)::numeric").format(column_of("t", column.name))
        for column in columns
    ]
    return _plus.join(parts) if parts else sql.SQL("0")


def _counted(book: Book) -> sql.Composable:
    """The conditions that keep out what the book leaves out, each behind an AND."""
    return sql.SQL("").join(_and + _is_kept(one) for one in book.left_out)


def _is_kept(left_out: LeftOut) -> sql.Composable:
    column = column_of("t", left_out.column.name)
    is_bit = left_out.column.type.base == "bit"
    return sql.SQL("({column} IS NULL OR {compared} NOT IN ({values}))").format(
        column=column,
        compared=sql.SQL("{}::int").format(column) if is_bit else column,
        values=_comma.join(sql.Literal(value) for value in left_out.values),
    )
