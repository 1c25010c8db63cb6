"""Whether a live column of the warehouse holds every value of the type that the spec names.

SQL Server rounds decimals and instants and pads texts without a word, so what the column cannot
hold exactly is found before anything is written to it.
"""

from __future__ import annotations

from replica_worker.engines.sqlserver.found_column import FoundColumn
from replica_worker.engines.sqlserver.types import strategy_for
from replica_worker.model.types import MAX_LENGTH, SqlType

_NEEDED_DIGITS = {"bigint": 19, "int": 10, "smallint": 5, "tinyint": 3}
_NEEDED_MONEY = {"money": 15, "smallmoney": 6}
# Digits of which every number fits; the largest values of a type have one more.
_HELD_DIGITS = {"bigint": 18, "int": 9, "smallint": 4, "tinyint": 0, "money": 14, "smallmoney": 5}
_FIXED = frozenset({"char", "nchar", "binary"})
_WIDE = frozenset({"nchar", "nvarchar", "ntext", "xml"})
_UNBOUNDED = frozenset({"text", "ntext", "xml", "image"})


def is_narrower(sql_type: SqlType, found: FoundColumn) -> bool:
    """Whether some value of `sql_type` would be cut, rounded, padded or refused."""
    made = SqlType.parse(strategy_for(sql_type).stored_as)
    if made.base in _NEEDED_DIGITS or made.base in _NEEDED_MONEY:
        return found.type_name != made.base and not _holds_number(made, found)
    if made.base == "decimal":
        return not _holds_number(made, found)
    if made.is_text:
        return not _holds_text(made, found)
    if made.base in ("binary", "varbinary", "image"):
        return not _holds_bytes(made, found)
    if made.base == "datetime":
        return found.type_name != "datetime" and _fraction(found) < 3
    if made.base in ("datetime2", "datetimeoffset", "time"):
        return found.type_name != made.base or found.scale < (made.scale or 0)
    return found.type_name != made.base


def _holds_number(made: SqlType, found: FoundColumn) -> bool:
    if made.base == "decimal":
        scale = made.scale or 0
        whole = (made.precision or 0) - scale
    else:
        scale = 4 if made.base in _NEEDED_MONEY else 0
        whole = (_NEEDED_DIGITS | _NEEDED_MONEY)[made.base]
    if found.type_name in ("decimal", "numeric"):
        return found.scale >= scale and found.precision - found.scale >= whole
    held_scale = 4 if found.type_name in _NEEDED_MONEY else 0
    return held_scale >= scale and _HELD_DIGITS[found.type_name] >= whole


def _holds_text(made: SqlType, found: FoundColumn) -> bool:
    if (found.type_name == "xml") != (made.base == "xml"):
        return False
    if made.base in _WIDE and found.type_name not in _WIDE and not found.is_utf8:
        return False
    characters = 2 if found.type_name in _WIDE else 1
    return _holds_length(made, found, unit=characters)


def _holds_bytes(made: SqlType, found: FoundColumn) -> bool:
    """A rowversion column is the server's own: nothing can be written to it."""
    if found.type_name in ("timestamp", "rowversion"):
        return False
    return _holds_length(made, found, unit=1)


def _holds_length(made: SqlType, found: FoundColumn, *, unit: int) -> bool:
    """A column of fixed length pads what is shorter; only values of that very length fit."""
    if found.type_name in _FIXED:
        return made.base in _FIXED and found.max_length == (made.length or 0) * unit
    if found.type_name in _UNBOUNDED or found.max_length == MAX_LENGTH:
        return True
    if made.base in _UNBOUNDED or made.length == MAX_LENGTH:
        return False
    return found.max_length >= (made.length or 0) * unit


def _fraction(found: FoundColumn) -> int:
    return found.scale if found.type_name == "datetime2" else 0
