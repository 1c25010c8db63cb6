"""Whether a live SQL Server column fits its spec: what may be read, what must be held."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.specs import columns, daily, spec_text

from replica_worker.engines.sqlserver.catalogue import require_columns
from replica_worker.engines.sqlserver.found_column import FoundColumn
from replica_worker.engines.sqlserver.narrowing import is_narrower
from replica_worker.engines.values import Side
from replica_worker.errors import SchemaMismatchError
from replica_worker.model.specs import TableSpec, parse_specs
from replica_worker.model.types import SqlType

_SPELLING = re.compile(r"(\w+)(?:\((max|\d+)(?:,(\d+))?\))?")


def found(spelling: str, name: str = "C", **more: object) -> FoundColumn:
    """A live column as the catalogue describes it: lengths in bytes."""
    match = _SPELLING.fullmatch(spelling)
    assert match
    type_name, first, second = match.groups()
    size = -1 if first == "max" else int(first or 0)
    column = FoundColumn(
        name=name,
        type_name=type_name,
        precision=size if type_name == "decimal" else 0,
        scale=int(second or 0) if type_name == "decimal" else size,
        max_length=size * 2 if type_name.startswith("n") and size > 0 else size,
    )
    return replace(column, **more)


def table_of(**types: str) -> TableSpec:
    spec = daily("T", ["NO"], "DAY", columns=columns(NO="varchar(45)!", DAY="date", **types))
    return parse_specs(spec_text(spec), origin="spec.json").table("T")


@pytest.mark.parametrize(
    ("spec", "live"),
    [
        ("varchar(45)", "varchar(20)"),
        ("varchar(45)", "char(45)"),
        ("varchar(45)", "nvarchar(44)"),
        ("varchar(max)", "varchar(8000)"),
        ("nvarchar(20)", "varchar(20)"),
        ("nvarchar(max)", "varchar(max)"),
        ("char(5)", "char(6)"),
        ("varchar(max)", "xml"),
        ("decimal(16,4)", "decimal(10,2)"),
        ("decimal(16,4)", "decimal(16,3)"),
        ("decimal(16,4)", "decimal(15,4)"),
        ("decimal(16,4)", "smallmoney"),
        ("decimal(18,0)", "int"),
        ("decimal(19,0)", "bigint"),
        ("money", "decimal(18,4)"),
        ("money", "smallmoney"),
        ("bigint", "int"),
        ("smallint", "tinyint"),
        ("float", "real"),
        ("datetime", "datetime2(2)"),
        ("datetime", "smalldatetime"),
        ("datetime2(7)", "datetime"),
        ("datetime2(7)", "datetime2(6)"),
        ("datetime2(0)", "smalldatetime"),
        ("datetimeoffset(7)", "datetimeoffset(3)"),
        ("time(7)", "time(0)"),
        ("varbinary(16)", "varbinary(8)"),
        ("varbinary(16)", "binary(16)"),
        ("binary(8)", "timestamp"),
        ("rowversion", "timestamp"),
        ("rowversion", "varbinary(4)"),
    ],
)
def test_column_that_would_change_a_value_is_narrower(spec: str, live: str) -> None:
    assert is_narrower(SqlType.parse(spec), found(live))


@pytest.mark.parametrize(
    ("spec", "live"),
    [
        ("varchar(45)", "varchar(45)"),
        ("varchar(45)", "varchar(max)"),
        ("varchar(45)", "nvarchar(45)"),
        ("varchar(max)", "text"),
        ("char(5)", "char(5)"),
        ("char(5)", "varchar(5)"),
        ("nchar(5)", "nchar(5)"),
        ("nvarchar(20)", "nvarchar(30)"),
        ("xml", "xml"),
        ("decimal(16,4)", "decimal(18,6)"),
        ("decimal(16,4)", "money"),
        ("decimal(9,0)", "int"),
        ("money", "money"),
        ("money", "decimal(19,4)"),
        ("smallmoney", "money"),
        ("int", "bigint"),
        ("bigint", "bigint"),
        ("tinyint", "smallint"),
        ("bit", "bit"),
        ("float", "float"),
        ("date", "date"),
        ("datetime", "datetime"),
        ("datetime", "datetime2(3)"),
        ("datetime2(3)", "datetime2(7)"),
        ("datetimeoffset(7)", "datetimeoffset(7)"),
        ("varbinary(16)", "varbinary(max)"),
        ("binary(8)", "varbinary(8)"),
        ("rowversion", "binary(8)"),
        ("uniqueidentifier", "uniqueidentifier"),
    ],
)
def test_column_that_holds_every_value_is_not_narrower(spec: str, live: str) -> None:
    assert not is_narrower(SqlType.parse(spec), found(live))


def test_varchar_of_a_utf8_collation_holds_every_character() -> None:
    live = found("varchar(80)", collation="Latin1_General_100_CI_AS_SC_UTF8")
    assert not is_narrower(SqlType.parse("nvarchar(20)"), live)


def fitting() -> list[FoundColumn]:
    return [
        found("varchar(45)", "NO", nullable=False, collation="Latin1_General_100_BIN2"),
        found("date", "DAY"),
        found("varchar(45)", "NOTE", collation="SQL_Latin1_General_CP1_CI_AS"),
    ]


@pytest.mark.parametrize(
    ("place", "change", "complaint"),
    [
        (2, {"max_length": 20}, r"column NOTE is varchar\(20\) in .*narrower .*varchar\(45\)"),
        (2, {"nullable": False}, "column NOTE takes no NULL in the warehouse's table"),
        (2, {"made_by_server": True}, "column NOTE is a computed or identity column"),
        (2, {"type_name": "int"}, "column NOTE is int in the warehouse's table; the spec says"),
        (2, {"name": "OTHER"}, "column NOTE of the spec is not in the warehouse's table"),
        (
            0,
            {"collation": "SQL_Latin1_General_CP1_CI_AS"},
            r"column NO has collation SQL_Latin1_.*make it varchar\(45\) COLLATE Latin1_",
        ),
    ],
)
def test_column_that_cannot_hold_the_spec_is_refused_by_name(
    place: int, change: dict[str, object], complaint: str
) -> None:
    live = fitting()
    live[place] = replace(live[place], **change)
    with pytest.raises(SchemaMismatchError, match=complaint):
        require_columns(table_of(NOTE="varchar(45)"), live, Side.WAREHOUSE)


def test_fitting_table_is_taken_whatever_the_case_in_which_its_catalogue_answers() -> None:
    live = [
        replace(one, name=one.name.lower(), collation=one.collation.lower()) for one in fitting()
    ]
    require_columns(table_of(NOTE="varchar(45)"), live, Side.WAREHOUSE)


def test_source_may_be_narrower_computed_and_of_any_collation() -> None:
    live = [
        replace(one, max_length=5, made_by_server=True, collation="x_CI_AS") for one in fitting()
    ]
    require_columns(table_of(NOTE="varchar(45)"), live, Side.SOURCE)
