"""Arrow columns and column rules by themselves, and the shipped table specs."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from replica_worker.demo.source import arrow_columns as columns
from replica_worker.demo.source.column_rules import rule_for
from replica_worker.demo.source.shape import PosShape
from replica_worker.demo.source.source_spec import SourceColumn, read_source_schema
from replica_worker.demo.source.table_draft import TableDraft


def test_money_is_exact_for_either_sign() -> None:
    spelled = columns.money(np.array([-1, 0, 5, 123_456_789_012]), np.array([False] * 3 + [True]))
    assert spelled.to_pylist() == [Decimal("-0.0100"), Decimal("0.0000"), Decimal("0.0500"), None]


def test_datetimes_round_to_the_nearest_tick() -> None:
    spelled = columns.datetimes(np.array([0, 1, 2, 4, 5, 6, 999, 998, -3]))
    milliseconds = [moment.microsecond // 1000 for moment in spelled.to_pylist()]
    assert milliseconds == [0, 0, 3, 3, 7, 7, 0, 997, 997]
    assert spelled[6].as_py() == datetime(1970, 1, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("second", "day_clock", "till_clock"),
    [
        (0, "00:00:00", "12:00:00 AM"),
        (3_661, "01:01:01", "01:01:01 AM"),
        (43_200, "12:00:00", "12:00:00 PM"),
        (86_399, "23:59:59", "11:59:59 PM"),
    ],
)
def test_clocks(second: int, day_clock: str, till_clock: str) -> None:
    assert columns.clock(np.array([second])).to_pylist() == [day_clock]
    assert columns.clock_12h(np.array([second])).to_pylist() == [till_clock]


def test_row_versions_sort_as_their_numbers() -> None:
    assert columns.rowversions(255, 2).to_pylist() == [bytes(7) + b"\xff", bytes(6) + b"\x01\x00"]


def test_rules_never_exceed_a_columns_length() -> None:
    rule = rule_for(SourceColumn(name="CALLCODE_FAX", sql_type="varchar(5)", nullable=True))
    short = rule_for(SourceColumn(name="ANYTHING", sql_type="varchar(3)", nullable=True))
    assert rule.usual == "+60"
    assert all(text is None or len(text) <= 3 for text in short.others)


def test_columns_that_are_usually_null_have_a_value_in_any_batch(
    spec_json: dict[str, Any], shape: PosShape
) -> None:
    for table in read_source_schema(spec_json).tables.values():
        draft = TableDraft(table=table, rows=1, day=shape.first_day, seed=shape.seed, part=0)
        batch = draft.finish(first_rowversion=1)
        usually_null = [
            column.name
            for column in table.columns
            if column.family not in ("date", "rowversion") and rule_for(column).usual is None
        ]
        assert [name for name in usually_null if batch.column(name).null_count] == []


def test_shipped_specs_hold_every_column_of_the_source(spec_json: dict[str, Any]) -> None:
    widths = {table["name"]: len(table["columns"]) for table in spec_json["tables"]}
    assert widths == {
        "APP_4_SALES": 184,
        "APP_4_SALESITEM": 197,
        "APP_4_PAYMENT": 70,
        "APP_4_ITEM": 190,
        "APP_4_CUSTOMER": 160,
        "LOCATION_DETAIL": 14,
        "APP_4_VOUCHER_MASTER": 64,
        "APP_4_STAFF": 3 + 1,
        "APP_4_TERMINAL": 3,
    }
    assert "APP_4_STAFF" not in read_source_schema(spec_json).tables


def test_shipped_specs_keep_secrets_keys_and_row_versions_apart(spec_json: dict[str, Any]) -> None:
    for table in spec_json["tables"]:
        columns_by_name = {column["name"]: column for column in table["columns"]}
        secret = {name for name in columns_by_name if "PASSWORD" in name}
        kept_back = {n for n, c in columns_by_name.items() if not c.get("replicate", True)}
        assert secret == kept_back
        for name in (*table["key"], table["rowversion"]):
            assert columns_by_name[name]["nullable"] is False
        assert columns_by_name[table["rowversion"]]["type"] == "rowversion"
        assert ("day_column" in table) == (table["strategy"] == "daily")
