"""SQL types as SQL Server spells them, and the Arrow type each one travels as.

One table says it all: a type is in `_ARROW_TYPES` (it round-trips) or in `_REFUSED` (named, with
advice). Owns no dialect: how an engine reads and stores a type is the engine's own matter.

Types that Arrow cannot hold exactly travel as text: `datetime2(7)` (100 ns ticks over ten
thousand years fit no Arrow timestamp) and `datetimeoffset` (Arrow has no per-value offset).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

MAX_LENGTH = -1
"""The length that stands for `(max)`."""

_SPELLING = re.compile(r"\s*([a-z_0-9]+)\s*(?:\(\s*(max|\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*", re.I)
_DEFAULT_FRACTION = 7
_EXACT_FRACTION = 6  # the finest fraction of a second an Arrow timestamp holds over all years

_DAY_TYPES = frozenset({"date", "datetime", "datetime2", "datetimeoffset", "smalldatetime"})
_TEXT_TYPES = frozenset({"char", "varchar", "nchar", "nvarchar", "text", "ntext", "xml"})
_SIZED_TYPES = frozenset({"char", "varchar", "nchar", "nvarchar", "binary", "varbinary"})
_IN_BRACKETS = _SIZED_TYPES | {"datetime2", "datetimeoffset", "time", "float"}
_REFUSED = {
    "sql_variant": "its values have no one type: cast it to a definite type in a view",
    "geography": "replicate STAsText() and STSrid from a view instead",
    "geometry": "replicate STAsText() and STSrid from a view instead",
    "hierarchyid": "replicate ToString() from a view instead",
    "cursor": "it is no column type",
    "table": "it is no column type",
}


@dataclass(frozen=True, kw_only=True)
class SqlType:
    """A column's SQL type: its base name in lower case and what stands in brackets."""

    base: str
    length: int | None = None  # characters or bytes; MAX_LENGTH for (max)
    precision: int | None = None  # decimal digits in all
    scale: int | None = None  # decimal digits behind the point, or digits of a second

    @classmethod
    def parse(cls, spelling: str) -> SqlType:
        """Read a spelling such as `decimal(16,4)`; ValueError says what is wrong with it."""
        match = _SPELLING.fullmatch(spelling)
        if not match:
            raise ValueError(f"{spelling!r} is not a SQL type; write it like varchar(45)")
        base, first, second = match.group(1).lower(), match.group(2), match.group(3)
        base = {"timestamp": "rowversion", "numeric": "decimal", "integer": "int"}.get(base, base)
        if base in _REFUSED:
            raise ValueError(f"type {base} cannot be replicated: {_REFUSED[base]}")
        if base not in _ARROW_TYPES:
            raise ValueError(f"type {base!r} is not known; the known ones: {_known_types()}")
        return _build(base, first, second)

    @property
    def is_day(self) -> bool:
        """Whether a day column may have this type."""
        return self.base in _DAY_TYPES

    @property
    def is_text(self) -> bool:
        """Whether values are character strings."""
        return self.base in _TEXT_TYPES

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type in which values travel and lie in Parquet."""
        return _ARROW_TYPES[self.base](self)

    def __str__(self) -> str:
        if self.length is not None:
            return f"{self.base}({'max' if self.length == MAX_LENGTH else self.length})"
        if self.base == "decimal":
            return f"{self.base}({self.precision},{self.scale})"
        if self.base in ("datetime2", "datetimeoffset", "time"):
            return f"{self.base}({self.scale})"
        return self.base


def _build(base: str, first: str | None, second: str | None) -> SqlType:
    _refuse_odd_brackets(base, first, second)
    if base == "decimal":
        precision, scale = int(first or 18), int(second or 0)
        if not (1 <= precision <= 38 and scale <= precision):
            raise ValueError(f"decimal({precision},{scale}) is out of range; 38 digits at most")
        return SqlType(base=base, precision=precision, scale=scale)
    if base in ("datetime2", "datetimeoffset", "time"):
        fraction = int(first) if first is not None else _DEFAULT_FRACTION
        if fraction > _DEFAULT_FRACTION:
            raise ValueError(f"{base}({fraction}) is out of range; 7 digits of a second at most")
        return SqlType(base=base, scale=fraction)
    if base in _SIZED_TYPES:
        length = MAX_LENGTH if first and first.lower() == "max" else int(first or 1)
        if length == 0:
            raise ValueError(f"{base}({first}) is not a type of SQL Server")
        return SqlType(base=base, length=length)
    if base == "float" and first is not None and int(first) <= 24:
        return SqlType(base="real")
    return SqlType(base=base)


def _refuse_odd_brackets(base: str, first: str | None, second: str | None) -> None:
    """What stands in brackets behind a type that takes no such thing is a slip of the pen."""
    given = [part for part in (first, second) if part is not None]
    takes = 2 if base == "decimal" else 1 if base in _IN_BRACKETS else 0
    is_max = first is not None and first.lower() == "max"
    if len(given) > takes or (is_max and base not in ("varchar", "nvarchar", "varbinary")):
        raise ValueError(f"{base}({','.join(given)}) is not a type of SQL Server")


def _fixed(arrow: pa.DataType) -> Callable[[SqlType], pa.DataType]:
    return lambda _: arrow


def _decimal(sql_type: SqlType) -> pa.DataType:
    return pa.decimal128(sql_type.precision, sql_type.scale)


def _datetime2(sql_type: SqlType) -> pa.DataType:
    return pa.timestamp("us") if (sql_type.scale or 0) <= _EXACT_FRACTION else pa.string()


_ARROW_TYPES: dict[str, Callable[[SqlType], pa.DataType]] = {
    "bigint": _fixed(pa.int64()),
    "int": _fixed(pa.int32()),
    "smallint": _fixed(pa.int16()),
    "tinyint": _fixed(pa.uint8()),
    "bit": _fixed(pa.bool_()),
    "decimal": _decimal,
    "money": _fixed(pa.decimal128(19, 4)),
    "smallmoney": _fixed(pa.decimal128(10, 4)),
    "float": _fixed(pa.float64()),
    "real": _fixed(pa.float32()),
    "date": _fixed(pa.date32()),
    "time": _fixed(pa.time64("ns")),
    "datetime": _fixed(pa.timestamp("ms")),
    "smalldatetime": _fixed(pa.timestamp("s")),
    "datetime2": _datetime2,
    "datetimeoffset": _fixed(pa.string()),
    "char": _fixed(pa.string()),
    "varchar": _fixed(pa.string()),
    "nchar": _fixed(pa.string()),
    "nvarchar": _fixed(pa.string()),
    "text": _fixed(pa.string()),
    "ntext": _fixed(pa.string()),
    "xml": _fixed(pa.string()),
    "binary": _fixed(pa.binary()),
    "varbinary": _fixed(pa.binary()),
    "image": _fixed(pa.binary()),
    "rowversion": _fixed(pa.binary(8)),
    "uniqueidentifier": _fixed(pa.string()),
}


def _known_types() -> str:
    return ", ".join(sorted(_ARROW_TYPES))
