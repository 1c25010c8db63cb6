"""One strategy per SQL type: how PostgreSQL stores it, reads it into Arrow, stages and hashes it.

Everything that depends on a column's type in this engine is in this table; the statements only
ask it. `xml` is stored as text, because servers may be built without libxml.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
from psycopg import sql

from replica_worker.model.specs import ColumnSpec
from replica_worker.model.types import MAX_LENGTH, SqlType

_SCALED_DIGITS = 18  # decimals of up to so many digits fit a bigint when scaled
_NO_NUMBER = 2**63 - 1  # has more digits than that

_INTEGERS = frozenset({"int2", "int4", "int8"})
_TEXTS = frozenset({"varchar", "text"})  # not bpchar: its text loses trailing blanks
_NUMBERS = _INTEGERS | {"numeric"}

Expression = Callable[[sql.Composable], sql.Composable]


def _as_is(column: sql.Composable) -> sql.Composable:
    return column


def _written(template: str) -> Expression:
    return lambda column: sql.SQL(template).format(c=column)


@dataclass(frozen=True, kw_only=True)
class TypeStrategy:
    """How one SQL type lives in PostgreSQL."""

    stored_as: str  # type of the target's column
    accepted: frozenset[str]  # types (pg_type.typname) a source column may have
    read: Expression = _as_is  # what is selected, so that it arrives in or near the Arrow type
    staged_as: str | None = None  # type of the staging column, where it is not `stored_as`
    unstaged: Expression = _as_is  # from the staging column to the target's type
    comparable: Expression = _as_is  # differs exactly when the value differs
    hashed: Expression = _as_is  # what `concat` writes as model/encoding.py says
    size: Expression | None = None  # bytes of the value, for types whose field begins with them
    key: Expression | None = None  # its text in a key, where it is not `hashed`; casts back
    staged_arrow: pa.DataType | None = None  # Arrow type to load, where it is not the spec's
    fraction: int | None = None  # digits of a second that the target keeps

    def key_text(self, column: sql.Composable) -> sql.Composable:
        """The value as it stands in a key's JSON, the same text in every engine."""
        return sql.SQL("({})::text").format((self.key or self.hashed)(column))


@dataclass(frozen=True, kw_only=True)
class FoundColumn:
    """A live column as the catalogue describes it."""

    name: str
    type_name: str  # pg_type.typname
    spelling: str  # format_type, for messages
    precision: int | None  # of numeric with a type modifier
    scale: int | None
    length: int | None  # of text with a type modifier
    fraction: int | None  # digits of a second


BEYOND_CALENDAR = "!"
"""Stands before the text of an instant that SQL Server's calendar does not have."""


def _digits_behind(scale: int) -> Expression:
    """At least so many digits behind the point: 1.5 and 1.50000 are one decimal(16,4).

    Nothing is rounded: a number that the spec's type does not hold has a text of its own. Numbers
    that are stored with just so many digits need no arithmetic.
    """
    zero = "0." + "0" * scale if scale else "0"
    return _written(
        f"CASE WHEN scale({{c}}) = {scale} THEN {{c}} ELSE trim_scale({{c}}::numeric) + {zero} END"
    )


def _instant(text: str) -> Expression:
    """to_char makes NULL of infinity and drops the era: what it cannot write is marked."""
    return _written(
        f"CASE WHEN {{c}} >= '0001-01-01' AND {{c}} < '10000-01-01' THEN {text} "
        f"ELSE '{BEYOND_CALENDAR}' || {{c}}::text END"
    )


_TIMESTAMP_TEXT = _instant("to_char({c}, 'YYYY-MM-DD HH24:MI:SS.US') || '0'")
_OFFSET_TEXT = _instant("to_char({c} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '0 +00:00'")

_SIZE = _written("octet_length({c})")
_HEX = _written("encode({c}, 'hex')")
_INSTANT_HASHED = _written("encode(timestamp_send({c}), 'hex')")  # microseconds since 2000


def _instant_key(digits: int) -> Expression:
    """With so many digits of a second; what to_char cannot write stays as PostgreSQL has it."""
    fraction = {0: "", 7: ".US"}.get(digits, f".FF{digits}")
    text = f"to_char({{c}}, 'YYYY-MM-DD HH24:MI:SS{fraction}')" + (" || '0'" * (digits == 7))
    return _written(
        f"CASE WHEN {{c}} >= '0001-01-01' AND {{c}} < '10000-01-01' THEN {text} "
        "ELSE {c}::text END"
    )


_PLAIN: dict[str, TypeStrategy] = {
    "bigint": TypeStrategy(stored_as="bigint", accepted=_INTEGERS),
    "int": TypeStrategy(stored_as="integer", accepted=_INTEGERS),
    "smallint": TypeStrategy(stored_as="smallint", accepted=_INTEGERS),
    "tinyint": TypeStrategy(stored_as="smallint", accepted=_INTEGERS),
    "bit": TypeStrategy(
        stored_as="boolean", accepted=frozenset({"bool"}), hashed=_written("{c}::int")
    ),
    "money": TypeStrategy(stored_as="numeric(19,4)", accepted=_NUMBERS, hashed=_digits_behind(4)),
    "smallmoney": TypeStrategy(
        stored_as="numeric(10,4)", accepted=_NUMBERS, hashed=_digits_behind(4)
    ),
    # -0 and 0, and NaNs, compare equal though their bytes differ: compare the bytes.
    "float": TypeStrategy(
        stored_as="double precision",
        accepted=frozenset({"float8", "float4"}),
        comparable=_written("float8send({c})"),
        hashed=_written("encode(float8send({c}), 'hex')"),
        key=_as_is,
    ),
    "real": TypeStrategy(
        stored_as="real",
        accepted=frozenset({"float4"}),
        comparable=_written("float4send({c})"),
        hashed=_written("encode(float4send({c}), 'hex')"),
        key=_as_is,
    ),
    "date": TypeStrategy(stored_as="date", accepted=frozenset({"date"})),
    "datetime": TypeStrategy(
        stored_as="timestamp(3)",
        accepted=frozenset({"timestamp"}),
        hashed=_INSTANT_HASHED,
        key=_instant_key(3),
    ),
    "smalldatetime": TypeStrategy(
        stored_as="timestamp(0)",
        accepted=frozenset({"timestamp"}),
        hashed=_INSTANT_HASHED,
        key=_instant_key(0),
    ),
    **dict.fromkeys(("text", "ntext"), TypeStrategy(stored_as="text", accepted=_TEXTS, size=_SIZE)),
    "xml": TypeStrategy(
        stored_as="text",
        accepted=_TEXTS | {"xml"},
        read=_written("{c}::text"),
        hashed=_written("{c}::text"),
        size=_written("octet_length({c}::text)"),
    ),
    **dict.fromkeys(
        ("binary", "varbinary", "image"),
        TypeStrategy(stored_as="bytea", accepted=frozenset({"bytea"}), hashed=_HEX, size=_SIZE),
    ),
    "rowversion": TypeStrategy(stored_as="bytea", accepted=frozenset({"bytea"}), hashed=_HEX),
    "uniqueidentifier": TypeStrategy(
        stored_as="uuid",
        accepted=frozenset({"uuid"}),
        read=_written("{c}::text"),
        staged_as="text",
        unstaged=_written("{c}::uuid"),
    ),
}


def strategy_for(sql_type: SqlType) -> TypeStrategy:
    """The strategy of a type; every type that a spec may name has one."""
    if sql_type.base in _PLAIN:
        return _PLAIN[sql_type.base]
    if sql_type.base == "decimal":
        return TypeStrategy(
            stored_as=f"numeric({sql_type.precision},{sql_type.scale})",
            accepted=_NUMBERS,
            hashed=_digits_behind(sql_type.scale or 0),
        )
    if sql_type.is_text:
        return _text(sql_type)
    return _time(sql_type)


def _text(sql_type: SqlType) -> TypeStrategy:
    if sql_type.length == MAX_LENGTH:
        return TypeStrategy(stored_as="text", accepted=_TEXTS, size=_SIZE)
    if sql_type.base in ("char", "nchar"):
        return TypeStrategy(
            stored_as=f"char({sql_type.length})",
            accepted=_TEXTS | {"bpchar"},
            hashed=_written("{c}::bpchar::text"),  # which drops the blanks behind
            size=_written("octet_length({c}::bpchar::text)"),
        )
    return TypeStrategy(stored_as=f"varchar({sql_type.length})", accepted=_TEXTS, size=_SIZE)


def _digits_kept_not(sql_type: SqlType) -> str:
    """The seventh digit of a second, which PostgreSQL does not keep."""
    return " || '0'" if sql_type.scale == 7 else ""


def _time(sql_type: SqlType) -> TypeStrategy:
    digits = min(sql_type.scale or 0, 6)
    if sql_type.base == "time":
        return TypeStrategy(
            stored_as=f"time({digits})",
            accepted=frozenset({"time"}),
            staged_arrow=pa.time64("us"),
            hashed=_written("encode(time_send({c}), 'hex')" + _digits_kept_not(sql_type)),
            key=_written("to_char({c}, 'HH24:MI:SS.US') || '0'"),
            fraction=digits,
        )
    if sql_type.base == "datetimeoffset":
        return TypeStrategy(
            stored_as=f"timestamptz({digits})",
            accepted=frozenset({"timestamptz"}),
            read=_OFFSET_TEXT,
            hashed=_written("encode(timestamptz_send({c}), 'hex') || '00'"),  # 7th digit, offset
            key=_OFFSET_TEXT,
            staged_as="text",
            unstaged=_written(f"{{c}}::timestamptz({digits})"),
            fraction=digits,
        )
    stored_as = f"timestamp({digits})"
    accepted = frozenset({"timestamp"})
    if sql_type.arrow != pa.string():
        return TypeStrategy(
            stored_as=stored_as,
            accepted=accepted,
            fraction=digits,
            hashed=_INSTANT_HASHED,
            key=_instant_key(digits),
        )
    return TypeStrategy(
        stored_as=stored_as,
        accepted=accepted,
        fraction=digits,
        read=_TIMESTAMP_TEXT,
        hashed=_written("encode(timestamp_send({c}), 'hex')" + _digits_kept_not(sql_type)),
        key=_instant_key(7),
        staged_as="text",
        unstaged=_written(f"{{c}}::{stored_as}"),
    )


def read_expression(
    column: ColumnSpec, found: FoundColumn, quoted: sql.Composable
) -> sql.Composable:
    """What to select of a live column.

    A numeric arrives as text from the driver. Sent as a scaled bigint it is cheaper on both
    sides; that is exact only if the live column can hold no more digits than the spec's.
    """
    strategy = strategy_for(column.type)
    if (
        column.type.base == "decimal"
        and found.type_name == "numeric"
        and (found.precision or _SCALED_DIGITS + 1) <= _SCALED_DIGITS
        and (column.type.precision or 0) <= _SCALED_DIGITS
        and (found.scale or 0) <= (column.type.scale or 0)
    ):
        factor = sql.Literal(10 ** (column.type.scale or 0))
        # NaN has no bigint: it goes as a number that no column takes, and is refused by name.
        return sql.SQL("CASE WHEN {c} = 'NaN' THEN {nan} ELSE ({c} * {factor})::bigint END").format(
            c=quoted, factor=factor, nan=sql.Literal(_NO_NUMBER)
        )
    if found.type_name in _NUMBERS and strategy.accepted is _NUMBERS:
        return sql.SQL("{c}::numeric").format(c=quoted)
    return strategy.read(quoted)
