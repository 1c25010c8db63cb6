"""Whether a live table fits its spec: what the source may hold, what the target must hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from replica_worker.engines.mismatches import refuse_columns
from replica_worker.engines.postgresql.types import FoundColumn, strategy_for
from replica_worker.engines.values import Side
from replica_worker.model.specs import ColumnSpec, TableSpec

_STORED_AS = re.compile(r"([a-z ]+)(?:\((\d+)(?:,(\d+))?\))?")
_SIZES = {
    "int2": 2,
    "smallint": 2,
    "int4": 4,
    "integer": 4,
    "int8": 8,
    "bigint": 8,
    "float4": 4,
    "real": 4,
    "float8": 8,
    "double precision": 8,
}
_LARGEST = 8


def require_columns(table: TableSpec, found: Iterable[FoundColumn], side: Side) -> None:
    """SchemaMismatchError if a column of the spec is missing, of another type or too narrow.

    A source column may be narrower or wider than the spec: its values are looked at when they
    are read. A target column that is narrower would round or cut them without a word.
    """
    live = {column.name: column for column in found}
    refuse_columns(table, lambda column: _objection(column, live.get(column.name), side))


def _objection(column: ColumnSpec, found: FoundColumn | None, side: Side) -> str | None:
    where = f"the {side}'s table"
    if found is None:
        return f"of the spec is not in {where}"
    if found.type_name not in strategy_for(column.type).accepted:
        return f"is {found.spelling} in {where}; the spec says {column.type}"
    if side is Side.WAREHOUSE and _is_narrower(column, found):
        return f"is {found.spelling} in {where}, which is narrower than the spec's {column.type}"
    return None


def takes_binary(column: ColumnSpec, found: FoundColumn) -> bool:
    """Whether COPY can load the column's values into the live column in the binary format.

    Nothing is converted there: a column that is only wider, or of a type that a cast leads to,
    is filled from staging. Texts are the same bytes in every type of text.
    """
    strategy = strategy_for(column.type)
    if strategy.staged_as or found.type_name not in strategy.accepted:
        return False
    made = _STORED_AS.fullmatch(strategy.stored_as)
    name = made.group(1) if made else strategy.stored_as
    if name in _SIZES:
        return _SIZES.get(found.type_name) == _SIZES[name]
    return found.type_name == "numeric" if name == "numeric" else found.type_name != "xml"


def _is_narrower(column: ColumnSpec, found: FoundColumn) -> bool:
    """Whether the live type holds less than the type that `migrate` would have made."""
    made = _STORED_AS.fullmatch(strategy_for(column.type).stored_as)
    if made is None:
        return False
    name, first, second = made.group(1), int(made.group(2) or 0), int(made.group(3) or 0)
    if name in _SIZES:
        return _SIZES.get(found.type_name, _LARGEST) < _SIZES[name]
    if name == "numeric" and found.precision is not None:
        scale = found.scale or 0
        return scale < second or found.precision - scale < first - second
    if column.type.is_text and found.length is not None:
        return name == "text" or found.length < first
    if name.startswith("time") and found.fraction is not None:
        return found.fraction < first
    return False
