"""A live column as the catalogue describes it, and what that says about the values it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from replica_worker.model.types import MAX_LENGTH

FRACTIONS = frozenset({"time", "datetime2", "datetimeoffset"})  # types that name their digits


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
        if self.type_name in FRACTIONS:
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
