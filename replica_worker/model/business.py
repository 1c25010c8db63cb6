"""What a spec file says of tables that belong together, so that their books can be compared.

A header (a sale) has lines in other tables (its items, its payments), found by the header's number.
Owns these relations and the proof that the columns fit. Does not compare anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replica_worker.model.spec_document import (
    BookDocument,
    BusinessCheckDocument,
    LinesDocument,
)
from replica_worker.model.types import MAX_LENGTH, SqlType

if TYPE_CHECKING:
    from replica_worker.model.specs import ColumnSpec, TableSpec

AMOUNT_DIGITS, AMOUNT_SCALE = 28, 6
"""As decimals of this size amounts are added up; their sums have 38 digits."""

_WHOLE_DIGITS = {"bigint": 19, "int": 10, "smallint": 5, "tinyint": 3}
_MONEY_DIGITS = {"money": 15, "smallmoney": 6}
_NO_NUMBERS = frozenset({"text", "ntext", "image", "xml", "float", "real"})


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Rows that no books count: those that have one of these values in the column."""

    column: ColumnSpec
    values: tuple[int | str, ...]


@dataclass(frozen=True, kw_only=True)
class Book:
    """A table as one of the books: its rows' number, and where they were written."""

    table: TableSpec
    number: ColumnSpec  # names the header, here and in its lines
    location: ColumnSpec | None  # the outlet; None: the books are compared by day alone
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lines(Book):
    """A table of lines, and which columns of both add up to the same amount for each header."""

    amounts: tuple[ColumnSpec, ...]  # of a line
    header_amounts: tuple[ColumnSpec, ...]  # of the header
    late_days: int = 0  # a line may be dated so many days after its header


@dataclass(frozen=True, kw_only=True)
class BusinessCheck:
    """Books that must balance."""

    name: str
    header: Book
    lines: tuple[Lines, ...]

    @property
    def books(self) -> tuple[Book, ...]:
        """All tables, the header first."""
        return (self.header, *self.lines)


def build_business_check(
    document: BusinessCheckDocument, tables: Mapping[str, TableSpec]
) -> BusinessCheck:
    """The relation, proven usable; ValueError says what is wrong with it."""
    try:
        return _build(document, tables)
    except ValueError as error:
        raise ValueError(f"business check {document.name}: {error}") from None


def _build(document: BusinessCheckDocument, tables: Mapping[str, TableSpec]) -> BusinessCheck:
    if not document.lines:
        raise ValueError("it names no lines")
    header = _build_book(document.header, tables)
    lines = tuple(_build_lines(one, header, tables) for one in document.lines)
    named = [header.table.name, *(one.table.name for one in lines)]
    for name in named:
        if named.count(name) > 1:
            raise ValueError(f"table {name} stands twice in it")
    return BusinessCheck(name=document.name, header=header, lines=lines)


def _build_book(document: BookDocument, tables: Mapping[str, TableSpec]) -> Book:
    table = tables.get(document.table)
    if table is None:
        raise ValueError(f"table {document.table} is not in the file")
    if not table.is_daily:
        raise ValueError(f"table {table.name} is {table.strategy}; only daily tables have books")
    number = _column(table, document.number)
    if number.type.base in _NO_NUMBERS or number.type.length == MAX_LENGTH:
        raise ValueError(
            f"column {number.name} of {table.name} has type {number.type}, which names no header"
        )
    location = None if document.location is None else _column(table, document.location)
    if location and (location.type.base in _NO_NUMBERS or location.type.length == MAX_LENGTH):
        raise ValueError(
            f"column {location.name} of {table.name} has type {location.type}, "
            "which names no location"
        )
    left_out = tuple(
        _left_out(table, _column(table, name), values) for name, values in document.left_out.items()
    )
    return Book(table=table, number=number, location=location, left_out=left_out)


def _build_lines(document: LinesDocument, header: Book, tables: Mapping[str, TableSpec]) -> Lines:
    book = _build_book(document, tables)
    if _kind(book.number.type) != _kind(header.number.type):
        raise ValueError(
            f"number {book.number.name} of {book.table.name} has type {book.number.type}, "
            f"{header.number.name} of {header.table.name} {header.number.type}"
        )
    if document.late_days < 0:
        raise ValueError(f"late_days of {book.table.name} is {document.late_days}; 0 or more")
    return Lines(
        table=book.table,
        number=book.number,
        location=book.location,
        left_out=book.left_out,
        amounts=_amounts(book.table, document.amount, "amount"),
        header_amounts=_amounts(header.table, document.equals, "equals"),
        late_days=document.late_days,
    )


def _column(table: TableSpec, name: str) -> ColumnSpec:
    if name not in table.column_names:
        raise ValueError(f"{name} is no replicated column of {table.name}")
    return table.column(name)


def _amounts(table: TableSpec, names: list[str], field: str) -> tuple[ColumnSpec, ...]:
    if not names:
        raise ValueError(f"{field} names no column of {table.name}")
    columns = tuple(_column(table, name) for name in names)
    for column in columns:
        before, behind = _digits(column.type)
        if before > AMOUNT_DIGITS - AMOUNT_SCALE or behind > AMOUNT_SCALE:
            raise ValueError(
                f"column {column.name} of {table.name} has type {column.type}; an amount is a "
                f"whole number, money, or a decimal of at most {AMOUNT_DIGITS - AMOUNT_SCALE} "
                f"digits before the point and {AMOUNT_SCALE} behind it"
            )
    return columns


def _digits(sql_type: SqlType) -> tuple[int, int]:
    """Digits before the point and behind it; too many for what is no exact number."""
    if sql_type.base == "decimal":
        scale = sql_type.scale or 0
        return (sql_type.precision or 0) - scale, scale
    if sql_type.base in _MONEY_DIGITS:
        return _MONEY_DIGITS[sql_type.base], 4
    return _WHOLE_DIGITS.get(sql_type.base, AMOUNT_DIGITS), 0


def _kind(sql_type: SqlType) -> str:
    """Types of one kind can be compared."""
    if sql_type.is_text:
        return "text"
    return "whole number" if sql_type.base in _WHOLE_DIGITS else sql_type.base


def _left_out(table: TableSpec, column: ColumnSpec, values: list[int | str]) -> LeftOut:
    wanted = str if column.type.is_text else int
    if not column.type.is_text and column.type.base not in (*_WHOLE_DIGITS, "bit"):
        raise ValueError(
            f"left_out: column {column.name} of {table.name} has type {column.type}; "
            "rows are left out by texts and whole numbers"
        )
    for value in values:
        if type(value) is not wanted:
            raise ValueError(
                f"left_out: {value!r} is no value of column {column.name} of {table.name}, "
                f"whose type is {column.type}"
            )
    if not values:
        raise ValueError(f"left_out: column {column.name} of {table.name} has no values")
    return LeftOut(column=column, values=tuple(values))
