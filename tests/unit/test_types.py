"""Spellings of SQL types, and the Arrow type each one travels as."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replica_worker.model.types import MAX_LENGTH, SqlType

ARROW = [
    ("bigint", pa.int64()),
    ("int", pa.int32()),
    ("smallint", pa.int16()),
    ("tinyint", pa.uint8()),
    ("bit", pa.bool_()),
    ("decimal(16,4)", pa.decimal128(16, 4)),
    ("decimal(38,38)", pa.decimal128(38, 38)),
    ("money", pa.decimal128(19, 4)),
    ("smallmoney", pa.decimal128(10, 4)),
    ("float", pa.float64()),
    ("real", pa.float32()),
    ("date", pa.date32()),
    ("time(7)", pa.time64("ns")),
    ("datetime", pa.timestamp("ms")),
    ("smalldatetime", pa.timestamp("s")),
    ("datetime2(6)", pa.timestamp("us")),
    ("datetime2(7)", pa.string()),
    ("datetimeoffset(7)", pa.string()),
    ("char(10)", pa.string()),
    ("varchar(45)", pa.string()),
    ("nchar(10)", pa.string()),
    ("nvarchar(max)", pa.string()),
    ("text", pa.string()),
    ("ntext", pa.string()),
    ("xml", pa.string()),
    ("binary(8)", pa.binary()),
    ("varbinary(max)", pa.binary()),
    ("image", pa.binary()),
    ("rowversion", pa.binary(8)),
    ("uniqueidentifier", pa.string()),
]


@pytest.mark.parametrize(("spelling", "arrow"), ARROW)
def test_type_is_read_and_written_and_has_an_arrow_type(spelling: str, arrow: pa.DataType) -> None:
    sql_type = SqlType.parse(spelling)
    assert str(sql_type) == spelling
    assert sql_type.arrow == arrow
    assert SqlType.parse(str(sql_type)) == sql_type


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("  VARCHAR ( 45 ) ", "varchar(45)"),
        ("NVarChar(MAX)", "nvarchar(max)"),
        ("Numeric(16, 4)", "decimal(16,4)"),
        ("decimal", "decimal(18,0)"),
        ("decimal(9)", "decimal(9,0)"),
        ("timestamp", "rowversion"),
        ("integer", "int"),
        ("datetime2", "datetime2(7)"),
        ("time(0)", "time(0)"),
        ("varchar", "varchar(1)"),
        ("float(53)", "float"),
        ("float(24)", "real"),
    ],
)
def test_other_spelling_means_the_same(spelling: str, meant: str) -> None:
    assert str(SqlType.parse(spelling)) == meant


def test_max_is_a_length_of_its_own() -> None:
    assert SqlType.parse("varchar(max)").length == MAX_LENGTH


@pytest.mark.parametrize(
    ("spelling", "advice"),
    [
        ("sql_variant", "cast it"),
        ("geography", "STAsText"),
        ("geometry", "STAsText"),
        ("hierarchyid", "ToString"),
        ("cursor", "no column type"),
        ("table", "no column type"),
    ],
)
def test_refused_type_comes_with_advice(spelling: str, advice: str) -> None:
    with pytest.raises(ValueError, match=f"{spelling} cannot be replicated.*{advice}"):
        SqlType.parse(spelling)


@pytest.mark.parametrize(
    ("spelling", "complaint"),
    [
        ("", "is not a SQL type"),
        ("varchar(45", "is not a SQL type"),
        ("varchar 45", "is not a SQL type"),
        ("varchar(-1)", "is not a SQL type"),
        ("varchar(45);", "is not a SQL type"),
        ("varchar(45) -- x", "is not a SQL type"),
        ("decimal(16,4,2)", "is not a SQL type"),
        ("varchr(45)", "'varchr' is not known; the known ones: bigint, .*varchar"),
        ("jsonb", "'jsonb' is not known"),
        ("varchar(0)", r"varchar\(0\) is not a type"),
        ("char(max)", r"char\(max\) is not a type"),
        ("nchar(max)", r"nchar\(max\) is not a type"),
        ("binary(max)", r"binary\(max\) is not a type"),
        ("varchar(45,2)", r"varchar\(45,2\) is not a type"),
        ("bigint(20)", r"bigint\(20\) is not a type"),
        ("date(3)", r"date\(3\) is not a type"),
        ("rowversion(8)", r"rowversion\(8\) is not a type"),
        ("decimal(max)", r"decimal\(max\) is not a type"),
        ("time(max)", r"time\(max\) is not a type"),
        ("float(max)", r"float\(max\) is not a type"),
        ("decimal(39,0)", "38 digits at most"),
        ("decimal(0)", "out of range"),
        ("decimal(4,5)", "out of range"),
        ("datetime2(8)", "7 digits of a second at most"),
        ("datetimeoffset(9)", "7 digits of a second at most"),
    ],
)
def test_bad_spelling_is_refused_with_a_reason(spelling: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SqlType.parse(spelling)


def test_day_types_are_those_with_a_date() -> None:
    days = {spelling for spelling, _ in ARROW if SqlType.parse(spelling).is_day}
    assert days == {
        "date",
        "datetime",
        "smalldatetime",
        "datetime2(6)",
        "datetime2(7)",
        "datetimeoffset(7)",
    }
