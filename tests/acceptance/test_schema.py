"""`replica schema`: specs from a live source, drift on either side, CREATE TABLE text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from drive.shop import Shop, loads


@pytest.fixture
def healthy(shop: Shop) -> Shop:
    shop.open(days=1)
    return shop


def column_of(table: dict[str, Any], name: str) -> dict[str, Any]:
    (column,) = [column for column in table["columns"] if column["name"] == name]
    return column


def drifts(shop: Shop, *words: str) -> dict[tuple[str, str, str], str]:
    answer = shop.replica("schema", "diff", "--json", *words)
    found = loads(answer.out)
    assert answer.code == (1 if found else 0), answer
    return {(line["table"], line["side"], line["column"]): line["what"] for line in found}


def test_specs_are_pulled_with_types_keys_and_the_named_day(healthy: Shop) -> None:
    answer = healthy.must(
        "schema", "pull", "--table", "ORDERS", "--table", "ORDER_LINES",
        "--day", "ORDERS=ORDERED_AT",
    )  # fmt: skip

    pulled = loads(answer.out)
    orders, lines = pulled["tables"]
    assert (pulled["source_schema"], pulled["target_schema"]) == ("COM_5013", "dbo")
    assert (orders["strategy"], orders["day_column"]) == ("daily", "ORDERED_AT")
    assert orders["key"] == ["ID"]
    assert column_of(orders, "ID") == {"name": "ID", "type": "bigint", "nullable": False}
    assert column_of(orders, "AMOUNT")["type"] == "decimal(16,4)"
    assert column_of(orders, "ORDERED_AT")["type"] == "datetime2(3)"
    assert lines["strategy"] == "snapshot"
    assert lines["key"] == ["ORDER_ID", "LINE_NO"]
    assert "--day ORDER_LINES=" in answer.err


def test_pulled_specs_copy_the_table(new_shop: Shop) -> None:
    """What was pulled is a spec file that the other commands work with, as it stands."""
    new_shop.open(days=1)
    new_shop.must("schema", "pull", "--table", "ITEMS", "--output", "pulled.json")
    pulled = {"REPLICA_SCHEMA": str(new_shop.folder / "pulled.json")}
    new_shop.must("migrate", **pulled)

    new_shop.must("run", "--inline", "--no-check-fixes", "--date", "2024-03-14", **pulled)

    copied = new_shop.target.execute('SELECT count(*), min("PIN") FROM "dbo"."ITEMS"').fetchone()
    assert copied == (40, "pin-never-copied")
    assert new_shop.must("schema", "diff", **pulled).out.startswith("no drift: 1 tables")


def test_a_file_that_is_there_is_not_written_over(healthy: Shop) -> None:
    answer = healthy.replica("schema", "pull", "--table", "ITEMS", "--output", "specs.json")

    assert answer.code == 2
    assert "specs.json exists already" in answer.err


def test_a_table_without_a_key_asks_for_one(healthy: Shop) -> None:
    healthy.source.execute('CREATE TABLE "COM_5013"."TILLS" ("NO" int, "AT" jsonb)')

    asked = healthy.replica("schema", "pull", "--table", "TILLS")
    told = healthy.must("schema", "pull", "--table", "TILLS", "--key", "TILLS=NO")

    assert asked.code == 2
    assert "--key TILLS=" in asked.err
    (tills,) = loads(told.out)["tables"]
    assert tills["key"] == ["NO"]
    assert column_of(tills, "AT") == {"name": "AT", "type": "jsonb", "replicate": False}
    assert "TILLS.AT is left out" in told.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--table", "items"], "no table 'items'"),
        (["--table", "ITEMS", "--day", "ITEMS=SOLD"], "no column 'SOLD'"),
        (["--table", "ITEMS", "--day", "ITEMS=NAME"], "must be date"),
        (["--table", "ITEMS", "--day", "ITEMS"], "write it like T=COLUMN"),
        (["--table", "ITEMS", "--key", "TILLS=NO"], "names a table that no --table names"),
        ([], "--table"),
    ],
)
def test_what_cannot_be_pulled_is_said_in_one_line(
    healthy: Shop, words: list[str], complaint: str
) -> None:
    answer = healthy.replica("schema", "pull", *words)

    assert answer.code == 2, answer
    assert complaint in answer.err
    assert len(answer.err.splitlines()) == 1
    assert answer.out == ""


def test_tables_as_specified_have_not_drifted(healthy: Shop) -> None:
    assert drifts(healthy, "--table", "ORDER_LINES", "--table", "STORE_DAYS") == {}


def test_drift_is_told_on_both_sides(healthy: Shop) -> None:
    at_source = (
        'ALTER TABLE "COM_5013"."ORDER_LINES" ADD COLUMN "TAX" numeric(9,2)',
        'ALTER TABLE "COM_5013"."ORDER_LINES" ALTER COLUMN "ITEM" TYPE varchar(80)',
        'ALTER TABLE "COM_5013"."STORE_DAYS" DROP COLUMN "CASH"',
        'DROP TABLE "COM_5013"."ITEMS"',
    )
    for statement in at_source:
        healthy.source.execute(statement)
    healthy.target.execute('ALTER TABLE "dbo"."ORDER_LINES" ALTER COLUMN "QTY" SET NOT NULL')

    found = drifts(healthy)

    assert "is new" in found["ORDER_LINES", "source", "TAX"]
    assert "wider" in found["ORDER_LINES", "source", "ITEM"]
    assert "not in the source" in found["STORE_DAYS", "source", "CASH"]
    assert "not there" in found["ITEMS", "source", ""]
    assert "takes no NULL" in found["ORDER_LINES", "warehouse", "QTY"]
    people = healthy.replica("schema", "diff", "--table", "ORDER_LINES")
    assert people.code == 1
    assert "TAX" in people.out


def test_ddl_is_what_migrate_runs(new_shop: Shop) -> None:
    """The text makes the tables, run by another client, and needs no server to be made."""
    text = new_shop.must("schema", "ddl", "--table", "ITEMS").out
    new_shop.target.execute(text)

    columns = new_shop.target.execute(
        "SELECT json_agg(column_name ORDER BY ordinal_position)::text "
        "FROM information_schema.columns WHERE table_schema = 'dbo'"
    ).fetchone()
    assert columns is not None
    assert json.loads(str(columns[0])) == ["CODE", "NAME", "PRICE"]
