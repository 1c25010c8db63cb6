"""Values at the edges of every SQL type, as PostgreSQL's literals, and values beyond them."""

from __future__ import annotations

from dataclasses import dataclass

_INSTANTS = [
    "'0001-01-01 00:00:00'",
    "'1752-12-31 23:59:59'",
    "'1969-12-31 23:59:59'",
    "'2000-02-29 12:34:56'",
    "'9999-12-31 23:59:59'",
]
_MILLISECONDS = [
    "'2026-03-14 15:09:26.535'",
    "'1969-12-31 23:59:59.999'",
    "'2000-01-01 00:00:00.003'",
]
_MICROSECONDS = [
    "'2026-03-14 15:09:26.535897'",
    "'1969-12-31 23:59:59.999999'",
    "'9999-12-31 23:59:59.999999'",
    "'0001-01-01 00:00:00.000001'",
]
_TEXTS = [
    "''",
    "' '",
    "'trailing  '",
    "'  leading'",
    "'it''s \"quoted\"'",
    r"'back\slash \N \\'",
    r"E'tab\tnew\nline\r\n'",
    "'%s %(x)s {} {0} $1 :name ;--'",
    "'na\u00efve \u4e2d\u6587 \U0001f35f\U0001f469\u200d\U0001f373'",
    r"E'e\u0301 is not \u00e9'",
    "'NULL'",
    "'NaN'",
]
_LONG_TEXTS = ["repeat('x', 200000)", "repeat('\u4e2d\U0001f35f', 50000)"]
_BYTES = [
    "'\\x'",
    "'\\x00'",
    "'\\x0000000000000000'",
    "'\\xff00fe0a0d5c27'",
    "decode(repeat('00ff', 50000), 'hex')",
]
_FLOATS = ["0", "'-0'", "'NaN'", "'Infinity'", "'-Infinity'", "0.1", "-1.5", "3.0000001"]
_UUIDS = [
    "'00000000-0000-0000-0000-000000000000'",
    "'FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF'",
    "'3f2504e0-4f89-11d3-9a0c-0305e82c3301'",
]

MATRIX: dict[str, list[str]] = {
    "bigint": ["0", "-1", "9223372036854775807", "-9223372036854775808"],
    "int": ["0", "-1", "2147483647", "-2147483648"],
    "smallint": ["0", "-1", "32767", "-32768"],
    "tinyint": ["0", "1", "127", "128", "255"],
    "bit": ["true", "false"],
    "decimal(16,4)": ["0", "-0.0001", "999999999999.9999", "-999999999999.9999", "1.5", "10"],
    "decimal(18,0)": ["0", "999999999999999999", "-999999999999999999"],
    "decimal(18,18)": ["0", "0.999999999999999999", "-0.000000000000000001"],
    "decimal(19,4)": ["999999999999999.9999", "-0.0001"],
    "decimal(38,0)": ["99999999999999999999999999999999999999", "-1", "0"],
    "decimal(38,20)": ["999999999999999999.99999999999999999999", "-0.00000000000000000001"],
    "decimal(38,38)": ["0.99999999999999999999999999999999999999", "0"],
    "money": ["922337203685477.5807", "-922337203685477.5808", "0.0001"],
    "smallmoney": ["214748.3647", "-214748.3648", "0"],
    "float": [*_FLOATS, "1e-300", "5e-324", "1.7976931348623157e308", "0.1::float8 + 0.2::float8"],
    "real": [*_FLOATS, "1e-37", "3.4028235e38", "16777217"],
    "date": ["'0001-01-01'", "'1582-10-10'", "'1969-12-31'", "'2024-02-29'", "'9999-12-31'"],
    "time(7)": ["'00:00:00'", "'23:59:59.999999'", "'12:34:56.000001'"],
    "time(0)": ["'00:00:00'", "'23:59:59'"],
    "datetime": [*_INSTANTS, *_MILLISECONDS, "'9999-12-31 23:59:59.997'"],
    "smalldatetime": ["'1900-01-01 00:00:00'", "'2079-06-06 23:59:00'"],
    "datetime2(0)": _INSTANTS,
    "datetime2(3)": [*_INSTANTS, *_MILLISECONDS],
    "datetime2(6)": [*_INSTANTS, *_MICROSECONDS],
    "datetime2(7)": [*_INSTANTS, *_MICROSECONDS],
    "datetimeoffset(7)": [
        "'0001-01-01 00:00:00+00'",
        "'2026-03-14 23:59:59.999999+08'",
        "'2026-03-15 00:00:00+08'",
        "'1969-12-31 23:59:59.999999-11:30'",
        "'9999-12-31 23:59:59.999999+00'",
    ],
    "datetimeoffset(0)": ["'2026-03-14 23:59:59+08'"],
    "char(10)": ["''", "'a'", "'a         '", "'0123456789'", "'\u4e2d\u6587'"],
    "nchar(10)": ["'\U0001f35f'", "'it''s'"],
    "varchar(100)": _TEXTS,
    "nvarchar(100)": _TEXTS,
    "varchar(max)": [*_TEXTS, *_LONG_TEXTS],
    "nvarchar(max)": [*_TEXTS, *_LONG_TEXTS],
    "text": [*_TEXTS, *_LONG_TEXTS],
    "ntext": _TEXTS,
    "xml": ["'<a b=\"1\">x &amp; y</a>'", "''"],
    "binary(8)": ["'\\x0000000000000000'", "'\\xff00fe0a0d5c2700'"],
    "varbinary(100)": _BYTES[:4],
    "varbinary(max)": _BYTES,
    "image": _BYTES,
    "rowversion": ["'\\x0000000000000001'", "'\\xffffffffffffffff'"],
    "uniqueidentifier": _UUIDS,
}


KEYS: dict[str, tuple[str, str, str]] = {
    "bigint": ("bigint", "1", "9223372036854775807"),
    "decimal": ("decimal(16,4)", "1.5", "-1.5000"),
    "case": ("varchar(20)", "'gpo10'", "'GPO10'"),
    "accents": ("nvarchar(20)", "'e\u0301'", "'\u00e9'"),
    "blanks": ("varchar(20)", "''", "' '"),
    "control characters": ("varchar(20)", "'a\"b\\c'", r"E'tab\tnew\nline'"),
    "fixed width": ("char(10)", "'gpo10'", "'GPO10'"),
    "date": ("date", "'0001-01-01'", "'9999-12-31'"),
    "datetime": ("datetime", "'2026-03-14 00:00:00.003'", "'2026-03-14 00:00:00.007'"),
    "datetime2": ("datetime2(7)", "'2026-03-14 00:00:00.000001'", "'2026-03-14 00:00:00.000002'"),
    "datetimeoffset": ("datetimeoffset(7)", "'2026-03-14 00:00:00+08'", "'2026-03-14 00:00:00+00'"),
    "uniqueidentifier": (
        "uniqueidentifier",
        "'3F2504E0-4F89-11D3-9A0C-0305E82C3301'",
        "gen_random_uuid()",
    ),
    "varbinary": ("varbinary(20)", "'\\x00'", "'\\x0000'"),
    "bit": ("bit", "true", "false"),
    "float": ("float", "0.1", "1e300"),
    "time": ("time(7)", "'00:00:00'", "'23:59:59.999999'"),
}
"""What a key shows → its type and two keys of it that are not one."""


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A value that a live column holds and the spec's type does not."""

    sql_type: str
    live_type: str
    literal: str

    def __str__(self) -> str:
        return f"{self.literal} in {self.live_type} for {self.sql_type}"


MISFITS = [
    Misfit(sql_type="int", live_type="bigint", literal="2147483648"),
    Misfit(sql_type="smallint", live_type="integer", literal="-32769"),
    Misfit(sql_type="tinyint", live_type="smallint", literal="256"),
    Misfit(sql_type="tinyint", live_type="smallint", literal="-1"),
    Misfit(sql_type="decimal(16,4)", live_type="numeric(16,4)", literal="'NaN'"),
    Misfit(sql_type="decimal(16,4)", live_type="numeric", literal="'NaN'"),
    Misfit(sql_type="decimal(16,4)", live_type="numeric", literal="'Infinity'"),
    Misfit(sql_type="decimal(16,4)", live_type="numeric", literal="1.00005"),
    Misfit(sql_type="decimal(16,4)", live_type="numeric", literal="1000000000000"),
    Misfit(sql_type="decimal(16,4)", live_type="numeric(18,4)", literal="9999999999999.9999"),
    Misfit(sql_type="decimal(16,4)", live_type="numeric(18,6)", literal="1.000001"),
    Misfit(sql_type="decimal(38,4)", live_type="numeric", literal="1e35"),
    Misfit(sql_type="decimal(4,0)", live_type="bigint", literal="10000"),
    Misfit(sql_type="money", live_type="numeric", literal="1.00001"),
    Misfit(sql_type="smallmoney", live_type="numeric", literal="1e9"),
    Misfit(sql_type="date", live_type="date", literal="'infinity'"),
    Misfit(sql_type="date", live_type="date", literal="'-infinity'"),
    Misfit(sql_type="date", live_type="date", literal="'0044-03-15 BC'"),
    Misfit(sql_type="date", live_type="date", literal="'10000-01-01'"),
    Misfit(sql_type="datetime", live_type="timestamp", literal="'infinity'"),
    Misfit(sql_type="datetime", live_type="timestamp", literal="'-infinity'"),
    Misfit(sql_type="datetime", live_type="timestamp", literal="'2026-03-14 00:00:00.0005'"),
    Misfit(sql_type="smalldatetime", live_type="timestamp", literal="'2026-03-14 00:00:00.5'"),
    Misfit(sql_type="datetime2(3)", live_type="timestamp", literal="'2026-03-14 00:00:00.0005'"),
    Misfit(sql_type="datetime2(6)", live_type="timestamp", literal="'infinity'"),
    Misfit(sql_type="datetime2(7)", live_type="timestamp", literal="'infinity'"),
    Misfit(sql_type="datetime2(7)", live_type="timestamp", literal="'-infinity'"),
    Misfit(sql_type="datetime2(7)", live_type="timestamp", literal="'0044-03-15 00:00:00 BC'"),
    Misfit(sql_type="datetime2(7)", live_type="timestamp", literal="'10000-01-01 00:00:00'"),
    Misfit(sql_type="datetimeoffset(7)", live_type="timestamptz", literal="'infinity'"),
    Misfit(sql_type="datetimeoffset(7)", live_type="timestamptz", literal="'0044-03-15 BC'"),
    Misfit(
        sql_type="datetimeoffset(0)", live_type="timestamptz", literal="'2026-01-01 0:00:00.5Z'"
    ),
    Misfit(sql_type="time(0)", live_type="time", literal="'12:00:00.5'"),
    Misfit(sql_type="varchar(5)", live_type="text", literal="'sixsix'"),
    Misfit(sql_type="varchar(5)", live_type="varchar(9)", literal="'five5   '"),
    Misfit(sql_type="char(5)", live_type="text", literal="'sixsix'"),
    Misfit(sql_type="rowversion", live_type="bytea", literal="'\\x01'"),
]
"""None may be cut, rounded or turned into NULL; each is refused by its column's name."""

UNLIKE = {
    "bigint": "text",
    "decimal(16,4)": "double precision",
    "varchar(45)": "bytea",
    "varchar(9)": "character(9)",
    "bit": "integer",
    "date": "timestamp",
    "datetime": "timestamptz",
    "datetime2(7)": "date",
    "datetimeoffset(7)": "timestamp",
    "uniqueidentifier": "text",
    "float": "numeric",
}

HOSTILE_NAMES = [
    'quote"quote',
    "apostrophe'",
    "per%cent %s %(x)s %%",
    "braces {} {0} {x}",
    "  spaces  ",
    "semi;colon --",
    "dot.dot",
    "back\\slash",
    "\u4e2d\u6587 na\u00efve \U0001f35f",
    "select",
    "t",
    ":bind $1",
    "n" * 63,
    "\u4e2d" * 21,
    "__day",
]
