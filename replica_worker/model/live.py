"""A live table as its catalogue describes it, and how it has drifted from its spec.

Pure: an engine reads the catalogue and spells types as SQL Server does; what differs from a spec
in a way that an engine's own check does not tell (columns that came new, NULLs, widths, keys) is
decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from replica_worker.model.specs import TableSpec
from replica_worker.model.types import MAX_LENGTH, SqlType

_ANY_LENGTH = 1 << 40
_SAME_SIZE = {"tinyint": "smallint"}  # PostgreSQL has no tinyint
_INTEGERS = ("smallint", "int", "bigint")
_FRACTIONS = ("time", "datetime2", "datetimeoffset")


@dataclass(frozen=True, kw_only=True)
class LiveColumn:
    """A column of a live table."""

    name: str
    spelling: str  # the type as SQL Server spells it; the server's own word if it has no such
    nullable: bool

    @property
    def type(self) -> SqlType | None:
        """The type, if it is one that can be replicated."""
        try:
            return SqlType.parse(self.spelling)
        except ValueError:
            return None


@dataclass(frozen=True, kw_only=True)
class LiveTable:
    """A table or view that the login can see."""

    schema: str
    name: str
    columns: tuple[LiveColumn, ...]
    unique: tuple[tuple[str, ...], ...]  # columns of the primary key, then of unique indexes
    is_view: bool

    @cached_property
    def _folded(self) -> dict[str, LiveColumn]:
        return {column.name.casefold(): column for column in self.columns}

    def column(self, name: str) -> LiveColumn | None:
        """The column of that name; case counts only where two names differ by it alone."""
        exact = (column for column in self.columns if column.name == name)
        return next(exact, None) or self._folded.get(name.casefold())

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Column lists that may serve as a key: unique, and never NULL."""
        return tuple(
            names
            for names in self.unique
            if all(column and not column.nullable for column in map(self.column, names))
        )

    @property
    def rowversion(self) -> str | None:
        """The rowversion column; SQL Server has one a table at most, and fills it always."""
        kinds = ((one.name, one.type) for one in self.columns)
        return next((name for name, kind in kinds if kind and kind.base == "rowversion"), None)


def source_drift(table: TableSpec, live: LiveTable) -> Iterator[tuple[str, str]]:
    """(column, what) where the source has more than the spec says; the table's own: no column."""
    for column in table.columns:
        found = live.column(column.name)
        if found is None:
            continue
        if found.nullable and not column.nullable and found.name != live.rowversion:
            yield column.name, "may be NULL at the source; the spec says it is not"
        if found.type is not None and is_wider(found.type, column.type):
            yield column.name, f"is {found.type} at the source, wider than the spec's {column.type}"
    known = {name.casefold() for name in (*table.column_names, *table.left_out)}
    for found in live.columns:
        if found.name.casefold() not in known:
            yield found.name, f"{found.spelling}, is new at the source and not in the spec"
    if not live.is_view and not any(_folded(key) <= _folded(table.key) for key in live.keys):
        yield "", f"nothing at the source keeps the key ({', '.join(table.key)}) unique"


def target_drift(table: TableSpec, live: LiveTable) -> Iterator[tuple[str, str]]:
    """(column, what) where the target is not what `migrate` would have made."""
    for column in table.columns:
        found = live.column(column.name)
        if found is not None and column.nullable and not found.nullable:
            yield column.name, "takes no NULL in the warehouse; the spec says it may be NULL"
    known = {name.casefold() for name in table.column_names}
    for found in live.columns:
        if found.name.casefold() not in known:
            yield found.name, "is in the warehouse only; the product leaves it as it is"
    if not any(_folded(key) == _folded(table.key) for key in live.keys):
        yield "", f"the target has no unique key ({', '.join(table.key)})"


def is_wider(live: SqlType, spec: SqlType) -> bool:
    """Whether the live type holds values of its kind that the spec's type does not."""
    if live.is_text and spec.is_text:
        return _length(live) > _length(spec)
    if live.base == spec.base == "decimal":
        scale, spec_scale = live.scale or 0, spec.scale or 0
        whole, spec_whole = (live.precision or 0) - scale, (spec.precision or 0) - spec_scale
        return scale > spec_scale or whole > spec_whole
    if live.base == spec.base and live.base in _FRACTIONS:
        return (live.scale or 0) > (spec.scale or 0)
    ranks = [_SAME_SIZE.get(one.base, one.base) for one in (live, spec)]
    if all(rank in _INTEGERS for rank in ranks):
        return _INTEGERS.index(ranks[0]) > _INTEGERS.index(ranks[1])
    return False


def _length(sql_type: SqlType) -> int:
    if sql_type.length is None or sql_type.length == MAX_LENGTH:
        return _ANY_LENGTH
    return sql_type.length


def _folded(names: tuple[str, ...]) -> set[str]:
    return {name.casefold() for name in names}
