"""One strategy per SQL type: how it is stored, read into Arrow, staged, compared and hashed.

Two rules shape the table. What the driver would round or cut (`datetime` ticks, the seventh
digit of `datetime2`, offsets) travels as text or as a type that it keeps. Text is staged as
nvarchar, so that no code page stands between the file and the conversion that SQL Server makes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from replica_worker.engines.sqlserver.fragments import Fragment, compose, join
from replica_worker.model.types import MAX_LENGTH, SqlType

EXACT_COLLATION = "Latin1_General_100_BIN2"
"""Compares code points: case, accents and width count."""

UTF8_COLLATION = "Latin1_General_100_BIN2_UTF8"
"""Makes varchar UTF-8; SQL Server has it since 2019."""

BOUNDED_BYTES = 8000
"""What a MAX column's values are bounded to, so that the driver can fetch many rows at once."""
_BOUNDED_WIDE_BYTES = 4000  # in UTF-16 and in UTF-8 alike no more than 4,000 units of nvarchar

Expression = Callable[[Fragment], Fragment]


def _as_is(column: Fragment) -> Fragment:
    return column


def _written(template: str) -> Expression:
    return lambda column: compose(template, c=column)


@dataclass(frozen=True, kw_only=True)
class TypeStrategy:
    """How one SQL type lives in SQL Server."""

    stored_as: str  # type of the target's column
    accepted: frozenset[str]  # sys.types names that a source column may have
    read: Expression = _as_is  # what is selected, so that it arrives exactly
    read_bounded: Expression | None = None  # the same for values of at most `bounded_bytes`
    bounded_bytes: int = BOUNDED_BYTES
    staged_as: str  # type of the staging column
    staged_arrow: pa.DataType | None = None  # Arrow type to load, where it is not the spec's
    unstaged: Expression = _as_is  # from the staging column to the target's type
    comparable: Expression = _as_is  # differs exactly when the value differs; NULL for NULL
    text: Expression  # the value as exact text, for keys; the same in every engine
    hashed: Expression  # the value as model/encoding.py writes it
    width: int = 8  # bytes of the driver's fetch buffer for one value


_INTEGERS = frozenset({"bigint", "int", "smallint", "tinyint"})
_NUMBERS = _INTEGERS | {"decimal", "numeric", "money", "smallmoney"}
_TEXTS = frozenset({"char", "varchar", "nchar", "nvarchar", "text", "ntext", "sysname"})
_BYTES = frozenset({"binary", "varbinary", "image", "timestamp", "rowversion"})
_INSTANTS = frozenset({"datetime", "datetime2", "smalldatetime"})

_NUMBER_TEXT = _written("CONVERT(varchar(50), {c})")
_WIDE_TEXT = _written("CAST({c} AS nvarchar(max))")
_BARE_TEXT = _written("RTRIM(CAST({c} AS nvarchar(max)))")
_NANOSECONDS = _written("DATEDIFF_BIG(nanosecond, CAST('00:00:00' AS time(7)), {c})")
_EXACT_TEXT = _written(f"(CAST({{c}} AS nvarchar(max)) + N'.') COLLATE {EXACT_COLLATION}")


def _hex(width: int) -> Expression:
    """Of a value that is cast to so many bytes."""
    template = f"LOWER(CONVERT(varchar({2 * width}), CAST({{c}} AS binary({width})), 2))"
    return _written(template)


def _microseconds(since: str, live: str = "{c}") -> Expression:
    """A count from an instant to the value, as 16 hexadecimal digits."""
    count = _written(f"DATEDIFF_BIG(microsecond, {since}, {live})")
    return lambda column: _hex(8)(count(column))


_SINCE_2000 = "CAST('2000-01-01' AS datetime2(7))"
_SINCE_MIDNIGHT = "CAST('00:00:00' AS time(7))"
_INSTANT_HASHED = _microseconds(_SINCE_2000)
_SEVENTH_DIGIT = _written("DATEPART(nanosecond, {c}) / 100 % 10")
_OFFSET_KEY = _written(
    "CONVERT(varchar(34), SWITCHOFFSET(CAST({c} AS datetimeoffset(7)), '+00:00'), 121)"
)  # two offsets of one instant are one key
_BYTES_HASHED = _written("LOWER(CONVERT(varchar(max), CAST({c} AS varbinary(max)), 2))")


def _concat(*pieces: Expression) -> Expression:
    return lambda column: compose(
        "CONCAT({pieces})", pieces=join(", ", (piece(column) for piece in pieces))
    )


def _decimal_hashed(sql_type: str) -> Expression:
    """All digits of the type; a number that it does not hold has a text of its own."""
    return _written(
        f"CASE WHEN TRY_CAST({{c}} AS {sql_type}) = {{c}} "
        f"THEN CONVERT(varchar(50), CAST({{c}} AS {sql_type})) "
        "ELSE '!' + CONVERT(varchar(50), {c}, 2) END"
    )


def _number(
    name: str, stored_as: str | None = None, accepted: frozenset[str] = _INTEGERS
) -> TypeStrategy:
    return TypeStrategy(
        stored_as=stored_as or name,
        accepted=accepted,
        staged_as=stored_as or name,
        text=_NUMBER_TEXT,
        hashed=_as_is,
    )


def _float(name: str, accepted: frozenset[str], width: int) -> TypeStrategy:
    """-0 and 0 compare equal though their bytes differ: compare the bytes."""
    as_bytes = _written(f"CAST({{c}} AS binary({width}))")
    hashed = _written(
        f"LOWER(CONVERT(varchar({2 * width}), CAST(CAST({{c}} AS {name}) AS binary({width})), 2))"
    )
    return TypeStrategy(
        stored_as=name,
        accepted=accepted,
        staged_as=name,
        comparable=as_bytes,
        text=_written("CONVERT(varchar(40), CAST({c} AS float), 3)"),
        hashed=hashed,
    )


_PLAIN: dict[str, TypeStrategy] = {
    "bigint": _number("bigint"),
    "int": _number("int"),
    "smallint": _number("smallint"),
    "tinyint": _number("tinyint"),
    "bit": _number("bit", accepted=frozenset({"bit"})),
    "money": TypeStrategy(
        stored_as="money",
        accepted=frozenset({"money", "smallmoney"}),  # reading a decimal as money would round
        read=_written("CAST({c} AS decimal(19,4))"),
        staged_as="decimal(19,4)",
        unstaged=_written("CAST({c} AS money)"),
        text=_written("CONVERT(varchar(50), CAST({c} AS decimal(19,4)))"),
        hashed=_decimal_hashed("decimal(19,4)"),
    ),
    "smallmoney": TypeStrategy(
        stored_as="smallmoney",
        accepted=frozenset({"smallmoney"}),
        read=_written("CAST({c} AS decimal(10,4))"),
        staged_as="decimal(10,4)",
        unstaged=_written("CAST({c} AS smallmoney)"),
        text=_written("CONVERT(varchar(50), CAST({c} AS decimal(10,4)))"),
        hashed=_decimal_hashed("decimal(10,4)"),
    ),
    "float": _float("float", frozenset({"float", "real"}), 8),
    "real": _float("real", frozenset({"real"}), 4),
    "date": TypeStrategy(
        stored_as="date",
        accepted=frozenset({"date"}),
        staged_as="date",
        text=_written("CONVERT(varchar(10), {c}, 23)"),
        hashed=_written("CONVERT(varchar(10), {c}, 23)"),
    ),
    # A datetime is a whole number of 1/300 s; its milliseconds (.000 .003 .007) name it exactly.
    "datetime": TypeStrategy(
        stored_as="datetime",
        accepted=frozenset({"datetime", "smalldatetime"}),  # of others CAST would round
        read=_written("CAST({c} AS datetime2(3))"),
        staged_as="datetime2(3)",
        staged_arrow=pa.timestamp("us"),
        unstaged=_written("CAST({c} AS datetime)"),
        text=_written("CONVERT(varchar(23), CAST({c} AS datetime2(3)), 121)"),
        hashed=_microseconds(_SINCE_2000, "CAST({c} AS datetime2(3))"),
    ),
    "smalldatetime": TypeStrategy(
        stored_as="smalldatetime",
        accepted=frozenset({"smalldatetime"}),
        read=_written("CAST({c} AS datetime2(0))"),
        staged_as="datetime2(0)",
        staged_arrow=pa.timestamp("us"),
        unstaged=_written("CAST({c} AS smalldatetime)"),
        text=_written("CONVERT(varchar(19), CAST({c} AS datetime2(0)), 121)"),
        hashed=_microseconds(_SINCE_2000, "CAST({c} AS datetime2(0))"),
    ),
    "uniqueidentifier": TypeStrategy(
        stored_as="uniqueidentifier",
        accepted=frozenset({"uniqueidentifier"}),
        read=_written("LOWER(CONVERT(char(36), {c}))"),
        staged_as="nvarchar(36)",
        unstaged=_written("CAST({c} AS uniqueidentifier)"),
        text=_written("LOWER(CONVERT(varchar(36), {c}))"),
        hashed=_written("LOWER(CONVERT(varchar(36), {c}))"),
        width=80,
    ),
    "rowversion": TypeStrategy(
        stored_as="binary(8)",
        accepted=_BYTES,
        read=_written("CAST({c} AS varbinary(8))"),  # binary(8) would fill shorter values up
        staged_as="binary(8)",
        text=_hex(8),
        hashed=_hex(8),
        width=8,
    ),
}


def strategy_for(sql_type: SqlType) -> TypeStrategy:
    """The strategy of a type; every type that a spec may name has one."""
    if sql_type.base in _PLAIN:
        return _PLAIN[sql_type.base]
    if sql_type.base == "decimal":
        return TypeStrategy(
            stored_as=str(sql_type),
            accepted=_NUMBERS,
            staged_as=str(sql_type),
            text=_NUMBER_TEXT,
            hashed=_decimal_hashed(str(sql_type)),
            width=20,
        )
    if sql_type.is_text:
        return _text(sql_type)
    if sql_type.base in ("binary", "varbinary", "image"):
        return _bytes(sql_type)
    return _fine_time(sql_type)


def _text(sql_type: SqlType) -> TypeStrategy:
    if sql_type.base in ("text", "ntext", "xml") or sql_type.length == MAX_LENGTH:
        return _long_text(sql_type)
    text = _BARE_TEXT if sql_type.base in ("char", "nchar") else _WIDE_TEXT
    return TypeStrategy(
        stored_as=str(sql_type),
        accepted=_TEXTS,
        staged_as=f"nvarchar({sql_type.length})"
        if (sql_type.length or 0) <= 4000
        else "nvarchar(max)",
        unstaged=_written(f"CAST({{c}} AS {sql_type})"),
        comparable=_EXACT_TEXT,
        text=text,
        hashed=text,
        width=2 * (sql_type.length or 0) + 2,
    )


def _long_text(sql_type: SqlType) -> TypeStrategy:
    wide = sql_type.base in ("nvarchar", "ntext", "xml")
    bounded = "nvarchar(4000)" if wide else "varchar(8000)"
    whole = "nvarchar(max)" if wide else "varchar(max)"
    return TypeStrategy(
        stored_as=str(sql_type),
        accepted=_TEXTS | {"xml"},
        read=_written(f"CAST({{c}} AS {whole})"),
        read_bounded=_written(f"CAST({{c}} AS {bounded})"),
        bounded_bytes=_BOUNDED_WIDE_BYTES if wide else BOUNDED_BYTES,
        staged_as="nvarchar(max)",
        unstaged=_written(f"CAST({{c}} AS {sql_type})"),
        comparable=_EXACT_TEXT,
        text=_WIDE_TEXT,
        hashed=_WIDE_TEXT,
        width=2 * BOUNDED_BYTES if not wide else BOUNDED_BYTES,
    )


def _bytes(sql_type: SqlType) -> TypeStrategy:
    is_long = sql_type.base == "image" or sql_type.length == MAX_LENGTH
    # A trailing zero byte counts: `=` pads binary values with zeros, so the length is compared too.
    comparable = _written("CAST({c} AS varbinary(max)) + 0x01")
    return TypeStrategy(
        stored_as=str(sql_type),
        accepted=_BYTES,
        read=_written("CAST({c} AS varbinary(max))") if is_long else _as_is,
        read_bounded=_written(f"CAST({{c}} AS varbinary({BOUNDED_BYTES}))") if is_long else None,
        staged_as="varbinary(max)" if is_long else f"varbinary({sql_type.length})",
        unstaged=_written(f"CAST({{c}} AS {sql_type})"),
        comparable=comparable,
        text=_BYTES_HASHED,
        hashed=_BYTES_HASHED,
        width=BOUNDED_BYTES if is_long else (sql_type.length or 8),
    )


def _fine_time(sql_type: SqlType) -> TypeStrategy:
    """time, datetime2 and datetimeoffset: by text where the driver keeps too few digits."""
    name = str(sql_type)
    if sql_type.base == "datetime2" and sql_type.arrow != pa.string():
        return TypeStrategy(
            stored_as=name,
            accepted=_INSTANTS,
            staged_as=name,
            text=_written(f"CONVERT(varchar(27), CAST({{c}} AS {name}), 121)"),
            hashed=_INSTANT_HASHED,
        )
    style = {"time": "time(7)", "datetime2": "datetime2(7)", "datetimeoffset": "datetimeoffset(7)"}
    full = style[sql_type.base]
    as_text = _written(f"CONVERT(varchar(34), CAST({{c}} AS {full}), 121)")
    accepted = frozenset({sql_type.base}) | (_INSTANTS if sql_type.base == "datetime2" else set())
    return TypeStrategy(
        stored_as=name,
        accepted=accepted,
        read=_NANOSECONDS if sql_type.base == "time" else as_text,
        staged_as="nvarchar(34)",
        staged_arrow=pa.string(),
        unstaged=_written(f"CAST({{c}} AS {name})"),
        # Two offsets of one instant compare equal; their texts do not.
        comparable=as_text if sql_type.base == "datetimeoffset" else _as_is,
        text=_OFFSET_KEY if sql_type.base == "datetimeoffset" else as_text,
        hashed=_fine_hashed(sql_type),
        width=72,
    )


def _fine_hashed(sql_type: SqlType) -> Expression:
    if sql_type.base == "datetimeoffset":
        utc = "CAST(SWITCHOFFSET({c}, '+00:00') AS datetime2(7))"
        offset = _written("DATEPART(tzoffset, {c})")
        return _concat(_microseconds(_SINCE_2000, utc), _SEVENTH_DIGIT, offset)
    if sql_type.base == "datetime2":
        return _concat(_INSTANT_HASHED, _SEVENTH_DIGIT)
    whole = _microseconds(_SINCE_MIDNIGHT)
    return _concat(whole, _SEVENTH_DIGIT) if sql_type.scale == 7 else whole
