"""Live columns as the catalogue describes them, and whether they fit their spec."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from replica_worker.engines.interface import Side
from replica_worker.engines.mismatches import refuse_columns
from replica_worker.engines.sqlserver.narrowing import is_narrower
from replica_worker.engines.sqlserver.types import EXACT_COLLATION, strategy_for
from replica_worker.model.specs import ColumnSpec, TableSpec
from replica_worker.model.types import MAX_LENGTH

_FRACTIONS = frozenset({"time", "datetime2", "datetimeoffset"})  # types that name their digits


@dataclass(frozen=True, kw_only=True)
class FoundColumn:
    """A live column."""

    name: str
    type_name: str  # sys.types.name
    precision: int
    scale: int
    max_length: int  # bytes; -1 for (max)
    nullable: bool = True
    made_by_server: bool = False  # computed or identity: it cannot be written
    collation: str = ""  # of a text

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> FoundColumn:
        """A row of `statements.FIND_COLUMNS`."""
        return cls(
            name=str(row[0]),
            type_name=str(row[1]),
            precision=int(row[2] or 0),
            scale=int(row[3] or 0),
            max_length=int(row[4] or 0),
            nullable=bool(row[5]),
            made_by_server=bool(row[6]),
            collation=str(row[7] or ""),
        )

    @property
    def spelling(self) -> str:
        """The type for messages, as the spec file would write it."""
        if self.type_name in ("decimal", "numeric"):
            return f"{self.type_name}({self.precision},{self.scale})"
        if self.type_name in _FRACTIONS:
            return f"{self.type_name}({self.scale})"
        if self.type_name in ("char", "varchar", "binary", "varbinary"):
            return f"{self.type_name}({_in_brackets(self.max_length)})"
        if self.type_name in ("nchar", "nvarchar"):
            return f"{self.type_name}({_in_brackets(self.max_length, 2)})"
        return self.type_name

    @property
    def is_utf8(self) -> bool:
        """Whether a varchar column holds every character."""
        return self.collation.casefold().endswith("_utf8")

    @property
    def is_exact(self) -> bool:
        """Whether texts that differ in case or accents are different."""
        return self.collation.casefold().removesuffix("_utf8").endswith(("_bin", "_bin2"))


def _in_brackets(length: int, unit: int = 1) -> str:
    return "max" if length == MAX_LENGTH else str(length // unit)


def require_columns(table: TableSpec, found: Iterable[FoundColumn], side: Side) -> None:
    """SchemaMismatchError if a column of the spec is missing, of another type or too narrow.

    A source column may be narrower or wider than the spec: its values are looked at when they
    are read, except digits of a second, which could not be seen any more then. A target column
    must hold every value of the spec's type as it is.
    """
    listed = list(found)
    exact = {column.name: column for column in listed}
    folded = {column.name.casefold(): column for column in listed}  # most collations fold case

    def objection_to(column: ColumnSpec) -> str | None:
        live = exact.get(column.name) or folded.get(column.name.casefold())
        return _objection(table, column, live, side)

    refuse_columns(table, objection_to)


def _objection(
    table: TableSpec, column: ColumnSpec, found: FoundColumn | None, side: Side
) -> str | None:
    where = f"the {side}'s table"
    if found is None:
        return f"of the spec is not in {where}"
    if found.type_name not in strategy_for(column.type).accepted:
        return f"is {found.spelling} in {where}; the spec says {column.type}"
    if side is Side.SOURCE:
        return _objection_to_reading(column, found, where)
    return _objection_to_writing(table, column, found, where)


def _objection_to_reading(column: ColumnSpec, found: FoundColumn, where: str) -> str | None:
    """The driver and CAST would take digits of a second away without a word."""
    if found.type_name in _FRACTIONS and found.scale > (column.type.scale or 0):
        return f"is {found.spelling} in {where}; {column.type} of the spec would round it"
    return None


def _objection_to_writing(
    table: TableSpec, column: ColumnSpec, found: FoundColumn, where: str
) -> str | None:
    """The source's columns are only read; the warehouse's must hold what is read."""
    if found.made_by_server:
        return f"is a computed or identity column in {where}: make it a plain {column.type}"
    if is_narrower(column.type, found):
        return f"is {found.spelling} in {where}, which is narrower than the spec's {column.type}"
    if column.nullable and not found.nullable:
        return f"takes no NULL in {where}, which the spec allows"
    if column.name in table.key and column.type.is_text and not found.is_exact:
        return (
            f"has collation {found.collation} in {where}, in which keys that differ by case are "
            f"one: make it {found.spelling} COLLATE {EXACT_COLLATION}"
        )
    return None
