"""Live columns as the catalogue describes them, and whether they fit their spec."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from replica_worker.engines.interface import Side
from replica_worker.engines.mismatches import refuse_columns
from replica_worker.engines.sqlserver.types import strategy_for
from replica_worker.model.specs import ColumnSpec, TableSpec


@dataclass(frozen=True, kw_only=True)
class FoundColumn:
    """A live column."""

    name: str
    type_name: str  # sys.types.name
    precision: int
    scale: int
    max_length: int  # bytes; -1 for (max)

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> FoundColumn:
        """A row of `statements.FIND_COLUMNS`."""
        return cls(
            name=str(row[0]),
            type_name=str(row[1]),
            precision=int(row[2] or 0),
            scale=int(row[3] or 0),
            max_length=int(row[4] or 0),
        )

    @property
    def spelling(self) -> str:
        """The type for messages."""
        if self.type_name in ("decimal", "numeric"):
            return f"{self.type_name}({self.precision},{self.scale})"
        return self.type_name


def require_columns(table: TableSpec, found: Iterable[FoundColumn], side: Side) -> None:
    """SchemaMismatchError if a column of the spec is missing or of another type."""
    listed = list(found)
    exact = {column.name: column for column in listed}
    folded = {column.name.casefold(): column for column in listed}  # most collations fold case

    def objection_to(column: ColumnSpec) -> str | None:
        live = exact.get(column.name) or folded.get(column.name.casefold())
        return _objection(column, live, side)

    refuse_columns(table, objection_to)


def _objection(column: ColumnSpec, found: FoundColumn | None, side: Side) -> str | None:
    where = f"the {side}'s table"
    if found is None:
        return f"of the spec is not in {where}"
    if found.type_name not in strategy_for(column.type).accepted:
        return f"is {found.spelling} in {where}; the spec says {column.type}"
    return None
