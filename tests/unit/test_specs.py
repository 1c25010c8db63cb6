"""Spec files: read as they are meant, refused with the table and column at fault."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from support.specs import LINES, SALES, STAFF, column, columns, daily, spec_text

from replica_worker.errors import SpecError, UsageError
from replica_worker.ledger.tables import metadata_for
from replica_worker.model.specs import SQL_TYPE_FIELD, ReplicaSpec, Strategy, parse_specs
from replica_worker.settings import DEFAULT_SPEC_FILE


def parse(*tables: dict[str, Any], **more: Any) -> ReplicaSpec:
    return parse_specs(spec_text(*tables, **more), origin="specs.json")


def test_table_is_read_as_it_is_written() -> None:
    table = parse(SALES).table("SALES")
    assert (table.strategy, table.key, table.day_column) == (Strategy.DAILY, ("ID",), "DAY")
    assert (table.source_schema, table.target_schema) == ("COM_5013", "dbo")
    assert table.target_name == "SALES"
    assert table.column_names == ("ID", "DAY", "AMOUNT", "NOTE")
    assert [column.name for column in table.other_columns] == ["DAY", "AMOUNT", "NOTE"]
    field = table.arrow_schema.field("AMOUNT")
    assert field.metadata == {SQL_TYPE_FIELD: b"decimal(16,4)"}
    assert (table.arrow_schema.field("ID").nullable, field.nullable) == (False, True)


def test_key_columns_take_no_null_whatever_the_file_says() -> None:
    table = daily("T", ["ID"], "DAY", columns=columns(ID="int", DAY="date"))
    assert not parse(table).table("T").column("ID").nullable


def test_column_that_is_not_replicated_is_left_out_whatever_its_type() -> None:
    odd = [
        column("SHAPE", "geography", replicate=False),
        column("PASSWORD", "varchar(9)", replicate=False),
    ]
    table = parse({**STAFF, "columns": [*STAFF["columns"], *odd]}).table("STAFF")
    assert table.left_out == ("SHAPE", "PASSWORD")
    assert table.column_names == ("ID", "NAME", "RV")


def test_child_knows_its_parent_s_names_and_day() -> None:
    spec = parse({**SALES, "target_name": "COPIED"}, LINES)
    day_from = spec.table("LINES").day_from
    assert day_from is not None
    assert (day_from.parent, day_from.parent_target) == ("SALES", "COPIED")
    assert (day_from.parent_day.name, day_from.on) == ("DAY", (("SALE_ID", "ID"),))


@pytest.mark.parametrize(
    "name", ["quote\"'", "per%cent %s", "{x}", " ", ".", "..", "a/b", "\u4e2d\U0001f35f", "n" * 128]
)
def test_hostile_name_is_a_name(name: str) -> None:
    table = daily(name, [name], "DAY", columns=columns(**{name: "int!", "DAY": "date"}))
    spec = parse(table, source_schema=name, target_schema=name)
    assert spec.table(name).key == (name,)


Change = Callable[[dict[str, Any]], None]


def setting(*path: Any) -> Change:
    """A change of a document: the last of the path is the value, before it the way there."""
    *way, last, value = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in way:
            place = place[step]
        place[last] = value

    return change


def removing(*path: Any) -> Change:
    *way, last = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in way:
            place = place[step]
        del place[last]

    return change


SALES_AT, LINES_AT, STAFF_AT = (("tables", number) for number in range(3))
BAD: list[tuple[str, Change, str]] = [
    ("version 2", setting("version", 2), "version: .*1"),
    ("no version", removing("version"), "version: Field required"),
    ("unknown field", setting("colour", "red"), "colour: Extra inputs"),
    ("no table", setting("tables", []), "no table is listed"),
    (
        "unknown field of a table",
        setting(*SALES_AT, "keys", ["ID"]),
        r"table SALES\.keys: Extra inputs",
    ),
    (
        "unknown field of a column",
        setting(*SALES_AT, "columns", 0, "size", 4),
        r"table SALES\.columns\.0\.size: Extra inputs",
    ),
    (
        "unknown strategy",
        setting(*SALES_AT, "strategy", "hourly"),
        r"table SALES\.strategy: .*daily",
    ),
    ("empty name", setting(*SALES_AT, "name", ""), "tables|table .*name"),
    ("name with a line break", setting(*SALES_AT, "name", "A\nB"), "name: .*pattern"),
    ("name too long", setting(*SALES_AT, "name", "n" * 129), "name: .*128"),
    ("name of another kind", setting(*SALES_AT, "name", 7), "table number 1"),
    ("table twice", setting(*STAFF_AT, "name", "SALES"), "table SALES stands twice"),
    (
        "target twice",
        setting(*STAFF_AT, "target_name", "SALES"),
        "target_name SALES stands twice",
    ),
    (
        "column twice",
        setting(*SALES_AT, "columns", 2, "name", "DAY"),
        "column DAY stands twice in table SALES",
    ),
    (
        "bad type",
        setting(*SALES_AT, "columns", 2, "type", "varchr(9)"),
        "table SALES, column AMOUNT: .*varchr",
    ),
    (
        "refused type",
        setting(*SALES_AT, "columns", 2, "type", "geography"),
        "table SALES, column AMOUNT: .*STAsText",
    ),
    ("no columns", setting(*SALES_AT, "columns", []), "table SALES: no replicated column"),
    ("no key", setting(*SALES_AT, "key", []), "table SALES: the key names no column"),
    ("key twice", setting(*SALES_AT, "key", ["ID", "ID"]), "ID stands twice in the key of .*SALES"),
    ("unknown key", setting(*SALES_AT, "key", ["IDX"]), "table SALES: key column IDX is not"),
    (
        "key left out",
        setting(*SALES_AT, "columns", 0, "replicate", False),
        "table SALES: key column ID is not a replicated column",
    ),
    (
        "key that cannot be compared",
        setting(*SALES_AT, "columns", 0, "type", "varchar(max)"),
        r"table SALES: key column ID has type varchar\(max\).*name another key",
    ),
    ("no day", removing(*SALES_AT, "day_column"), "table SALES: strategy daily needs a day_column"),
    ("unknown day", setting(*SALES_AT, "day_column", "D"), "table SALES: day_column D is not"),
    (
        "day that is no date",
        setting(*SALES_AT, "day_column", "NOTE"),
        r"table SALES: day_column NOTE has type varchar\(200\); it must be date",
    ),
    (
        "day of a table without days",
        setting(*STAFF_AT, "day_column", "NAME"),
        "table STAFF: strategy incremental has no day",
    ),
    (
        "day and day_from",
        setting(*LINES_AT, "day_column", "ITEM"),
        "table LINES: strategy daily needs a day_column or a day_from",
    ),
    (
        "unknown parent",
        setting(*LINES_AT, "day_from", "table", "SALE"),
        "table LINES: day_from names table SALE, which is not in the file",
    ),
    (
        "parent without a day",
        setting(*LINES_AT, "day_from", "table", "STAFF"),
        "table LINES: day_from names table STAFF, which has no day_column",
    ),
    ("no on", setting(*LINES_AT, "day_from", "on", {}), r"table LINES: day_from\.on names no col"),
    (
        "unknown child column",
        setting(*LINES_AT, "day_from", "on", {"X": "ID"}),
        r"table LINES: day_from\.on: X is no replicated column of LINES",
    ),
    (
        "unknown parent column",
        setting(*LINES_AT, "day_from", "on", {"SALE_ID": "X"}),
        r"table LINES: day_from\.on: X is no replicated column of SALES",
    ),
    (
        "formats of a column that is no text",
        setting(*SALES_AT, "columns", 2, "date_formats", ["DD/MM/YYYY"]),
        r"table SALES, column AMOUNT: date_formats are for .* not for decimal\(16,4\)",
    ),
    (
        "unknown format",
        setting(*SALES_AT, "columns", 3, "date_formats", ["D/M/Y"]),
        r"table SALES\.columns\.3\.date_formats\.0: .*YYYY-MM-DD",
    ),
    (
        "index on nothing",
        setting(*SALES_AT, "indexes", [{"on": []}]),
        "table SALES: an index names no column in `on`",
    ),
    (
        "index on an unknown column",
        setting(*SALES_AT, "indexes", [{"on": ["DAY"], "include": ["X"]}]),
        "table SALES: an index names X, which is no replicated column",
    ),
    (
        "column twice in an index",
        setting(*SALES_AT, "indexes", [{"on": ["DAY"], "include": ["DAY"]}]),
        "table SALES: an index names column DAY twice",
    ),
    (
        "index twice",
        setting(*SALES_AT, "indexes", [{"on": ["DAY"]}, {"on": ["DAY"], "include": ["NOTE"]}]),
        "an index on DAY stands twice in table SALES",
    ),
    (
        "incremental without rowversion",
        removing(*STAFF_AT, "rowversion"),
        "table STAFF: strategy incremental needs a rowversion",
    ),
    (
        "unknown rowversion",
        setting(*STAFF_AT, "rowversion", "X"),
        "table STAFF: rowversion X is not a replicated column",
    ),
    (
        "rowversion of another type",
        setting(*STAFF_AT, "rowversion", "NAME"),
        "table STAFF: rowversion NAME has type nvarchar",
    ),
]


@pytest.mark.parametrize(("change", "complaint"), [bad[1:] for bad in BAD], ids=[b[0] for b in BAD])
def test_bad_spec_is_refused_by_name(change: Change, complaint: str) -> None:
    document = copy.deepcopy(json.loads(spec_text(SALES, LINES, STAFF)))
    change(document)
    with pytest.raises(SpecError, match=complaint) as refusal:
        parse_specs(json.dumps(document), origin="specs.json")
    assert "specs.json" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_column_that_takes_no_index_is_refused() -> None:
    table = daily("T", ["ID"], "DAY", columns=columns(ID="int!", DAY="date", NOTE="varchar(max)"))
    assert parse({**table, "indexes": [{"on": ["DAY"], "include": ["NOTE"]}]})
    with pytest.raises(SpecError, match=r"table T: .*NOTE of type varchar\(max\)"):
        parse({**table, "indexes": [{"on": ["NOTE"]}]})


def test_name_of_a_view_is_no_target_name() -> None:
    dated = {"columns": [*columns(ID="int!", DAY="date"), column("X", "char(10)")]}
    dated["columns"][2]["date_formats"] = ["DD/MM/YYYY"]
    table, other = (daily(name, ["ID"], "DAY", **dated) for name in ("T", "v_T"))
    with pytest.raises(SpecError, match="table T has a view v_T, which is also a target_name"):
        parse(table, other)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 1, "tables": 7}'])
def test_text_that_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"specs\.json"):
        parse_specs(text, origin="specs.json")


def test_table_is_chosen_by_name_and_the_nearest_one_is_offered() -> None:
    spec = parse(SALES, LINES, STAFF)
    assert [table.name for table in spec.select([])] == ["SALES", "LINES", "STAFF"]
    assert [table.name for table in spec.select(["STAFF", "SALES", "SALES"])] == ["SALES", "STAFF"]
    with pytest.raises(UsageError, match=r"did you mean SALES\?"):
        spec.select(["sale"])
    with pytest.raises(UsageError, match="known: SALES, LINES, STAFF"):
        spec.table("zzz")


def test_shipped_spec_file_is_usable_and_keeps_passwords_at_the_source() -> None:
    spec = parse_specs(DEFAULT_SPEC_FILE.read_text(encoding="utf-8"), origin="shipped")
    assert len(spec.tables) == 9
    names = {f"{table.name}.{name}" for table in spec.tables for name in table.column_names}
    assert not [name for name in names if "PASSWORD" in name.upper()]


@pytest.mark.parametrize(
    "name", ["REPLICA_RUN_HISTORY", *(table.name for table in metadata_for("dbo").sorted_tables)]
)
def test_metadata_table_s_name_is_no_target_name(name: str) -> None:
    with pytest.raises(SpecError, match=f"table {name}: .*another target_name"):
        parse_specs(spec_text({**SALES, "name": name}), origin="spec.json")
