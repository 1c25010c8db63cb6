"""Values at the edges of every SQL type, as T-SQL's literals, and values beyond them."""

from __future__ import annotations

from support.postgres_values import Misfit

_INSTANTS = [
    "'0001-01-01T00:00:00'",
    "'1752-12-31T23:59:59'",
    "'1969-12-31T23:59:59'",
    "'2000-02-29T12:34:56'",
    "'9999-12-31T23:59:59'",
]
_MILLISECONDS = [
    "'2026-03-14T15:09:26.535'",
    "'1969-12-31T23:59:59.999'",
    "'2000-01-01T00:00:00.003'",
]
_MICROSECONDS = [
    "'2026-03-14T15:09:26.535897'",
    "'1969-12-31T23:59:59.999999'",
    "'9999-12-31T23:59:59.999999'",
    "'0001-01-01T00:00:00.000001'",
]
_TICKS = [
    "'2026-03-14T15:09:26.5358979'",
    "'0001-01-01T00:00:00.0000001'",
    "'9999-12-31T23:59:59.9999999'",
]
_TEXTS = [
    "''",
    "' '",
    "'trailing  '",
    "'  leading'",
    "'it''s \"quoted\"'",
    r"'back\slash \N \\'",
    "'tab' + CHAR(9) + 'new' + CHAR(10) + 'line' + CHAR(13) + CHAR(10)",
    "'%s %(x)s {} {0} $1 :name ;--'",
    "'NULL'",
    "'NaN'",
]
_CODE_PAGE = [
    "N'na\u00efve caf\u00e9 \u20ac \u201cquoted\u201d \u2014 \u0178'",  # of Windows-1252
]
_UNICODE = [
    "N'\u4e2d\u6587 \U0001f35f\U0001f469\u200d\U0001f373'",
    "N'e\u0301 is not \u00e9'",
    "N'\u0130I\u0131i \u00df \ufb01 \u2126 \u03a9'",
]
PADDED_PAIR = "N'\U0001f35f\U0001f373'"
"""Characters of two units each: nchar(10) has room for three more pairs, not for eight blanks."""
_LONG = [
    "REPLICATE(CAST('x' AS varchar(max)), 8001)",
    "REPLICATE(CAST('y' AS varchar(max)), 200000)",
    "REPLICATE(CAST('z' AS varchar(max)), 8000)",
]
_LONG_UNICODE = [
    "REPLICATE(CAST(N'\u4e2d' AS nvarchar(max)), 4001)",
    "REPLICATE(CAST(N'\u4e2d\U0001f35f' AS nvarchar(max)), 66667)",
]
_BYTES = ["0x", "0x00", "0x0000000000000000", "0xFF00FE0A0D5C27"]
_LONG_BYTES = [
    "CAST(REPLICATE(CAST('ab' AS varchar(max)), 50000) AS varbinary(max))",
    "CAST(REPLICATE(CAST('a' AS varchar(max)), 8001) AS varbinary(max))",
]
_FLOATS = ["0", "-0e0", "0.1", "-1.5", "3.0000001"]
_UUIDS = [
    "'00000000-0000-0000-0000-000000000000'",
    "'FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF'",
    "'3f2504e0-4f89-11d3-9a0c-0305e82c3301'",
]
_DATETIMES = [
    "'1753-01-01T00:00:00'",
    "'1900-01-01T00:00:00'",
    "'1969-12-31T23:59:59.997'",
    "'2000-02-29T12:34:56'",
    "'9999-12-31T23:59:59.997'",
    *[f"'2026-03-14T15:09:{second:02d}.{ms}'" for second in range(3) for ms in ("003", "007")],
]


def _fractions(moment: str, digits: int, suffix: str = "") -> list[str]:
    """The moment with the smallest and the largest fraction of a second of so many digits."""
    if digits == 0:
        return [f"'{moment}{suffix}'"]
    return [f"'{moment}.{'0' * (digits - 1)}1{suffix}'", f"'{moment}.{'9' * digits}{suffix}'"]


MATRIX: dict[str, list[str]] = {
    "bigint": ["0", "-1", "9223372036854775807", "-9223372036854775808"],
    "int": ["0", "-1", "2147483647", "-2147483648"],
    "smallint": ["0", "-1", "32767", "-32768"],
    "tinyint": ["0", "1", "127", "128", "255"],
    "bit": ["1", "0"],
    "decimal(16,4)": ["0", "-0.0001", "999999999999.9999", "-999999999999.9999", "1.5", "10"],
    "decimal(18,0)": ["0", "999999999999999999", "-999999999999999999"],
    "decimal(18,18)": ["0", "0.999999999999999999", "-0.000000000000000001"],
    "decimal(19,4)": ["999999999999999.9999", "-0.0001"],
    "decimal(38,0)": ["99999999999999999999999999999999999999", "-1", "0"],
    "decimal(38,20)": ["999999999999999999.99999999999999999999", "-0.00000000000000000001"],
    "decimal(38,38)": ["0.99999999999999999999999999999999999999", "0"],
    "money": ["922337203685477.5807", "-922337203685477.5808", "0.0001", "0", "-1.5"],
    "smallmoney": ["214748.3647", "-214748.3648", "0"],
    "float": [*_FLOATS, "1e-300", "2.2250738585072014e-308", "1.7976931348623157e308", "1e0/3"],
    "real": [*_FLOATS, "1e-37", "3.4028235e38", "16777217", "CAST(1 AS real)/3"],
    "date": ["'0001-01-01'", "'1582-10-10'", "'1969-12-31'", "'2024-02-29'", "'9999-12-31'"],
    "time(7)": ["'00:00:00'", "'23:59:59.9999999'", "'12:34:56.0000001'", "'12:34:56.000001'"],
    "time(0)": ["'00:00:00'", "'23:59:59'"],
    "datetime": _DATETIMES,
    "smalldatetime": ["'1900-01-01T00:00:00'", "'2079-06-06T23:59:00'"],
    "datetime2(0)": _INSTANTS,
    "datetime2(3)": [*_INSTANTS, *_MILLISECONDS],
    "datetime2(6)": [*_INSTANTS, *_MICROSECONDS],
    "datetime2(7)": [*_INSTANTS, *_MICROSECONDS, *_TICKS],
    "datetimeoffset(7)": [
        "'0001-01-01T00:00:00+00:00'",
        "'2026-03-14T23:59:59.9999999+08:00'",
        "'2026-03-15T00:00:00+08:00'",
        "'2026-03-14T16:00:00+00:00'",  # the same instant by another offset
        "'1969-12-31T23:59:59.9999999-11:30'",
        "'2000-01-01T00:00:00+14:00'",
        "'9999-12-31T23:59:59.9999999+00:00'",
    ],
    "datetimeoffset(0)": ["'2026-03-14T23:59:59+08:00'"],
    "char(10)": ["''", "'a'", "'0123456789'", "N'caf\u00e9'"],
    "nchar(10)": ["'it''s'", "''", "N'\u4e2d\u6587'", PADDED_PAIR],
    "varchar(100)": [*_TEXTS, *_CODE_PAGE],
    "nvarchar(100)": [*_TEXTS, *_CODE_PAGE, *_UNICODE],
    "varchar(max)": [*_TEXTS, *_CODE_PAGE, *_LONG],
    "nvarchar(max)": [*_TEXTS, *_CODE_PAGE, *_UNICODE, *_LONG, *_LONG_UNICODE],
    "text": [*_TEXTS, *_CODE_PAGE, *_LONG],
    "ntext": [*_TEXTS, *_UNICODE, *_LONG_UNICODE],
    "xml": ["N'<a b=\"1\">x &amp; y</a>'", "''", "N'<m>\u4e2d\U0001f35f</m>'"],
    "binary(8)": ["0x0000000000000000", "0xFF00FE0A0D5C2700"],
    "varbinary(100)": _BYTES,
    "varbinary(max)": [*_BYTES, *_LONG_BYTES],
    "image": [*_BYTES, *_LONG_BYTES],
    "rowversion": ["0x0000000000000001", "0xFFFFFFFFFFFFFFFF"],
    "uniqueidentifier": _UUIDS,
}

MORE_TYPES: dict[str, list[str]] = {
    **{f"time({n})": ["'00:00:00'", *_fractions("23:59:59", n)] for n in range(1, 7)},
    **{
        f"datetime2({n})": ["'0001-01-01T00:00:00'", *_fractions("9999-12-31T23:59:59", n)]
        for n in (1, 2, 4, 5)
    },
    **{f"datetimeoffset({n})": _fractions("2026-03-14T23:59:59", n, "-03:30") for n in range(1, 7)},
    "char(8000)": ["'wide'", "REPLICATE('x', 8000)"],
    "varchar(8000)": ["''", "REPLICATE('x', 8000)"],
    "nvarchar(4000)": ["''", "REPLICATE(N'\u4e2d', 4000)"],
    "varbinary(8000)": ["0x", "CAST(REPLICATE('x', 8000) AS varbinary(8000))"],
    "decimal(1,0)": ["9", "-9", "0"],
    "decimal(38,10)": ["1234567890123456789012345678.0000000001"],
    "numeric(9,2)": ["-9999999.99"],
    "float(24)": ["0.1"],
    "nvarchar(1)": ["''", "'x'", "' '"],
}
"""Types that only T-SQL's own literals can fill, or that PostgreSQL has no edge for."""

KEYS: dict[str, tuple[str, str, str]] = {
    "bigint": ("bigint", "1", "9223372036854775807"),
    "decimal": ("decimal(16,4)", "1.5", "-1.5000"),
    "case": ("varchar(20)", "'gpo10'", "'GPO10'"),
    "accents": ("nvarchar(20)", "N'e\u0301'", "N'\u00e9'"),
    "control characters": ("varchar(20)", "'a\"b\\c'", "'tab' + CHAR(9) + 'new' + CHAR(10)"),
    "fixed width": ("char(10)", "'gpo10'", "'GPO10'"),
    "date": ("date", "'0001-01-01'", "'9999-12-31'"),
    "datetime": ("datetime", "'2026-03-14T00:00:00.003'", "'2026-03-14T00:00:00.007'"),
    "datetime2": ("datetime2(7)", "'2026-03-14T00:00:00.0000001'", "'2026-03-14T00:00:00.0000002'"),
    "microseconds": (
        "datetime2(7)",
        "'2026-03-14T00:00:00.000001'",
        "'2026-03-14T00:00:00.000002'",
    ),
    "datetimeoffset": (
        "datetimeoffset(7)",
        "'2026-03-14T00:00:00+08:00'",
        "'2026-03-14T00:00:00+00:00'",
    ),
    "uniqueidentifier": (
        "uniqueidentifier",
        "'3F2504E0-4F89-11D3-9A0C-0305E82C3301'",
        "'00000000-0000-0000-0000-0000000000ff'",
    ),
    "varbinary": ("varbinary(20)", "0x01", "0x0100FF"),
    "bit": ("bit", "1", "0"),
    "float": ("float", "0.1", "1e300"),
    "time": ("time(7)", "'00:00:00'", "'23:59:59.9999999'"),
}
"""No two keys that differ by trailing blanks or zero bytes alone: SQL Server holds them equal."""

MISFITS = [
    Misfit(sql_type="int", live_type="bigint", literal="2147483648"),
    Misfit(sql_type="smallint", live_type="int", literal="-32769"),
    Misfit(sql_type="tinyint", live_type="smallint", literal="256"),
    Misfit(sql_type="tinyint", live_type="smallint", literal="-1"),
    Misfit(sql_type="decimal(16,4)", live_type="decimal(18,5)", literal="1.00005"),
    Misfit(sql_type="decimal(16,4)", live_type="decimal(20,4)", literal="1000000000000"),
    Misfit(sql_type="decimal(4,0)", live_type="bigint", literal="10000"),
    Misfit(sql_type="money", live_type="decimal(20,5)", literal="1.00001"),
    Misfit(sql_type="smallmoney", live_type="money", literal="1000000000"),
    Misfit(sql_type="datetime", live_type="datetime2(7)", literal="'2026-03-14T00:00:00.0005'"),
    Misfit(sql_type="datetime", live_type="datetime2(7)", literal="'1752-12-31T00:00:00'"),
    Misfit(sql_type="smalldatetime", live_type="datetime", literal="'2026-03-14T00:00:30'"),
    Misfit(sql_type="datetime2(3)", live_type="datetime2(7)", literal="'2026-03-14T00:00:00.0005'"),
    Misfit(sql_type="datetime2(5)", live_type="datetime2(6)", literal="'2026-01-01T0:0:0.000005'"),
    Misfit(
        sql_type="datetimeoffset(0)",
        live_type="datetimeoffset(7)",
        literal="'2026-01-01T00:00:00.5+00:00'",
    ),
    Misfit(sql_type="time(0)", live_type="time(7)", literal="'12:00:00.5'"),
    Misfit(sql_type="time(3)", live_type="time(7)", literal="'12:00:00.0000001'"),
    Misfit(sql_type="varchar(5)", live_type="varchar(9)", literal="'sixsix'"),
    Misfit(sql_type="varchar(5)", live_type="varchar(9)", literal="'five5   '"),
    Misfit(sql_type="varchar(5)", live_type="varchar(max)", literal="REPLICATE('x', 9000)"),
    Misfit(sql_type="char(5)", live_type="char(6)", literal="'sixsix'"),
    Misfit(sql_type="varbinary(4)", live_type="varbinary(9)", literal="0x0102030400"),
    Misfit(sql_type="rowversion", live_type="varbinary(8)", literal="0x01"),
]
"""None may be cut, rounded or turned into NULL; each is refused by its column's name."""

UNLIKE = {
    "bigint": "varchar(20)",
    "decimal(16,4)": "float",
    "varchar(45)": "varbinary(45)",
    "bit": "int",
    "date": "datetime",
    "datetime": "datetimeoffset(7)",
    "datetime2(7)": "date",
    "datetimeoffset(7)": "datetime2(7)",
    "uniqueidentifier": "varchar(36)",
    "float": "decimal(9,2)",
}
"""A spec's type → a live column's type that is no such thing."""

HOSTILE_NAMES = [
    'quote"quote',
    "apostrophe'",
    "per%cent %s %(x)s %%",
    "braces {} {0} {x}",
    "semi;colon --",
    "dot.dot",
    "back\\slash",
    "bracket] [x]",
    "\u4e2d\u6587 na\u00efve \U0001f35f",
    "select",
    "t",
    ":bind $1",
    "question ? mark",
    "n" * 63,
    "\u4e2d" * 21,
    "__day",
]
