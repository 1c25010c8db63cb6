"""Types as SQL Server spells them, keys that may serve, and drift between a table and its spec."""

from __future__ import annotations

from typing import Any

import pytest
from support.specs import SALES, VERSIONED, columns, daily, spec_text

from replica_worker.engines.postgresql import descriptions as postgresql
from replica_worker.engines.sqlserver import descriptions as sqlserver
from replica_worker.model.live import (
    LiveColumn,
    LiveTable,
    is_wider,
    source_drift,
    target_drift,
)
from replica_worker.model.specs import TableSpec, parse_specs
from replica_worker.model.types import SqlType


def spec_of(document: dict[str, Any]) -> TableSpec:
    return parse_specs(spec_text(document), origin="test").tables[0]


def live(
    *unique: tuple[str, ...], is_view: bool = False, schema: str = "COM_5013", **types: str
) -> LiveTable:
    """A live table; a type that ends in `!` takes no NULL."""
    return LiveTable(
        schema=schema,
        name="SALES",
        columns=tuple(
            LiveColumn(
                name=name, spelling=spelling.rstrip("!"), nullable=not spelling.endswith("!")
            )
            for name, spelling in types.items()
        ),
        unique=unique or (("ID",),),
        is_view=is_view,
    )


AS_SPECIFIED = {"ID": "bigint!", "DAY": "date", "AMOUNT": "decimal(16,4)", "NOTE": "varchar(200)"}


@pytest.mark.parametrize(
    ("row", "spelling"),
    [
        (("decimal", 16, 4, 9), "decimal(16,4)"),
        (("numeric", 38, 0, 17), "numeric(38,0)"),
        (("nvarchar", 0, 0, 90), "nvarchar(45)"),
        (("nvarchar", 0, 0, -1), "nvarchar(max)"),
        (("nchar", 0, 0, 6), "nchar(3)"),
        (("varchar", 0, 0, 8000), "varchar(8000)"),
        (("varbinary", 0, 0, -1), "varbinary(max)"),
        (("datetime2", 27, 7, 8), "datetime2(7)"),
        (("datetimeoffset", 34, 0, 8), "datetimeoffset(0)"),
        (("time", 16, 3, 5), "time(3)"),
        (("datetime", 23, 3, 8), "datetime"),
        (("timestamp", 0, 0, 8), "timestamp"),
        (("geography", 0, 0, -1), "geography"),
    ],
)
def test_sql_server_types_are_spelled_as_in_create_table(
    row: tuple[str, int, int, int], spelling: str
) -> None:
    name, precision, scale, length = row

    spelled = sqlserver.spelling_of(name, precision=precision, scale=scale, max_length=length)

    assert spelled == spelling


@pytest.mark.parametrize(
    ("type_name", "given", "spelling"),
    [
        ("int8", {}, "bigint"),
        ("bool", {}, "bit"),
        ("numeric", {"precision": 16, "scale": 4}, "decimal(16,4)"),
        ("numeric", {"spelling": "numeric"}, "numeric"),
        ("varchar", {"length": 45}, "nvarchar(45)"),
        ("varchar", {"length": 4001}, "nvarchar(max)"),
        ("varchar", {}, "nvarchar(max)"),
        ("bpchar", {"length": 3}, "nchar(3)"),
        ("timestamp", {"fraction": 3}, "datetime2(3)"),
        ("timestamptz", {"fraction": 6}, "datetimeoffset(6)"),
        ("jsonb", {"spelling": "jsonb"}, "jsonb"),
    ],
)
def test_postgresql_types_are_spelled_as_sql_server_does(
    type_name: str, given: dict[str, Any], spelling: str
) -> None:
    nothing = dict.fromkeys(("precision", "scale", "length", "fraction"))

    assert postgresql.spelling_of({"type_name": type_name, **nothing, **given}) == spelling


def test_a_unique_index_that_takes_null_is_no_key() -> None:
    found = live(("NOTE",), ("DAY", "ID"), ("ID",), **AS_SPECIFIED)

    assert found.keys == (("ID",),)


def test_a_table_as_specified_has_not_drifted() -> None:
    table = spec_of(SALES)

    assert list(source_drift(table, live(**AS_SPECIFIED))) == []
    assert list(target_drift(table, live(**AS_SPECIFIED))) == []


def test_a_server_that_folds_names_has_not_drifted() -> None:
    folded = {name.lower(): spelling for name, spelling in AS_SPECIFIED.items()}

    assert list(source_drift(spec_of(SALES), live(("id",), **folded))) == []


@pytest.mark.parametrize(
    ("changed", "unique", "column", "words"),
    [
        ({"NEW": "int"}, ("ID",), "NEW", "is new at the source"),
        ({"NOTE": "varchar(201)"}, ("ID",), "NOTE", "wider"),
        ({"ID": "bigint"}, ("ID",), "ID", "may be NULL"),
        ({}, ("NOTE",), "", "key (ID) unique"),
    ],
)
def test_what_came_new_at_the_source_is_drift(
    changed: dict[str, str], unique: tuple[str, ...], column: str, words: str
) -> None:
    drift = dict(source_drift(spec_of(SALES), live(unique, **{**AS_SPECIFIED, **changed})))

    assert words in drift[column]


def test_a_view_keeps_no_key_and_a_rowversion_is_never_null() -> None:
    view = live((), is_view=True, ID="bigint!", DAY="date", NOTE="varchar(200)", RV="timestamp")
    document = {**VERSIONED, "columns": columns(ID="bigint!", DAY="date", NOTE="varchar(200)")}
    document["columns"].append({"name": "RV", "type": "rowversion", "nullable": False})

    assert list(source_drift(spec_of(document), view)) == []


def test_a_column_that_is_left_out_is_not_new() -> None:
    listed = [*columns(ID="bigint!", DAY="date"), {"name": "PIN", "type": "?", "replicate": False}]
    table = spec_of(daily("SALES", ["ID"], "DAY", columns=listed))

    assert list(source_drift(table, live(ID="bigint!", DAY="date", PIN="sql_variant"))) == []


@pytest.mark.parametrize(
    ("changed", "unique", "column", "words"),
    [
        ({"OWN": "int"}, ("ID",), "OWN", "warehouse only"),
        ({"NOTE": "varchar(200)!"}, ("ID",), "NOTE", "takes no NULL"),
        ({"DAY": "date!"}, ("ID", "DAY"), "", "no unique key (ID)"),
    ],
)
def test_a_target_that_migrate_would_not_have_made_is_drift(
    changed: dict[str, str], unique: tuple[str, ...], column: str, words: str
) -> None:
    drift = dict(target_drift(spec_of(SALES), live(unique, **{**AS_SPECIFIED, **changed})))

    assert words in drift[column]


@pytest.mark.parametrize(
    ("spelled", "specified", "expected"),
    [
        ("varchar(45)", "varchar(45)", False),
        ("nvarchar(46)", "varchar(45)", True),
        ("varchar(max)", "nvarchar(4000)", True),
        ("varchar(8000)", "varchar(max)", False),
        ("decimal(17,4)", "decimal(16,4)", True),
        ("decimal(16,5)", "decimal(16,4)", True),
        ("decimal(16,3)", "decimal(16,4)", True),  # one more digit before the point
        ("decimal(15,3)", "decimal(16,4)", False),
        ("bigint", "int", True),
        ("smallint", "tinyint", False),
        ("int", "bigint", False),
        ("datetime2(7)", "datetime2(3)", True),
        ("datetime2(3)", "datetime", False),
        ("varbinary(max)", "rowversion", False),
    ],
)
def test_which_live_types_hold_more(spelled: str, specified: str, expected: bool) -> None:
    assert is_wider(SqlType.parse(spelled), SqlType.parse(specified)) is expected
