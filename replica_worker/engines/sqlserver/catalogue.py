"""Whether the live columns fit their spec: the same kind, and wide enough for what is written."""

from __future__ import annotations

from collections.abc import Iterable

from replica_worker.engines.mismatches import refuse_columns
from replica_worker.engines.sqlserver.found_column import FRACTIONS, FoundColumn
from replica_worker.engines.sqlserver.narrowing import is_narrower
from replica_worker.engines.sqlserver.types import EXACT_COLLATION, strategy_for
from replica_worker.engines.values import Side
from replica_worker.model.specs import ColumnSpec, TableSpec


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
    if found.type_name in FRACTIONS and found.scale > (column.type.scale or 0):
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
