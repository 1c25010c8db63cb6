"""The report of late changes is exact: checked against every column of every row."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from replica_worker.demo.source import (
    ChangedRows,
    LateChanges,
    PosShape,
    build_source,
    make_late_changes,
)

Snapshot = dict[str, dict[Any, tuple[date | None, str]]]
SALES_TABLES = ("APP_4_SALES", "APP_4_SALESITEM", "APP_4_PAYMENT")


def take_snapshot(url: str, spec_json: dict[str, Any]) -> Snapshot:
    snapshot: Snapshot = {}
    with psycopg.connect(url) as connection:
        for table in (t for t in spec_json["tables"] if not t.get("if_exposed")):
            day = f'"{table["day_column"]}"' if "day_column" in table else "NULL::date"
            query = f'SELECT "ID", {day}, t::text FROM "COM_5013"."{table["name"]}" AS t'
            rows = connection.execute(query.encode())
            snapshot[table["name"]] = {key: (day_value, text) for key, day_value, text in rows}
    return snapshot


def expected_changes(before: Snapshot, after: Snapshot, t0: date) -> set[ChangedRows]:
    """What a copy of all days before t0 lacks of the days up to t0, from whole rows."""
    expected = set()
    for table in after:
        old = {k: v for k, v in before[table].items() if v[0] is None or v[0] < t0}
        new = {k: v for k, v in after[table].items() if v[0] is None or v[0] <= t0}
        for day in {value[0] for value in (*old.values(), *new.values())}:
            was = {key for key, value in old.items() if value[0] == day}
            has = {key for key, value in new.items() if value[0] == day}
            changed = ChangedRows(
                table=table,
                day=day,
                inserted=frozenset(has - old.keys()),
                deleted=frozenset(was - new.keys()),
                updated=frozenset(key for key in was & has if old[key] != new[key]),
                moved_out=frozenset((was - has) & new.keys()),
                moved_in=frozenset((has - was) & old.keys()),
            )
            if changed != ChangedRows(table=table, day=day):
                expected.add(changed)
    return expected


class Told:
    """A source before and after its late changes, and the report on them."""

    def __init__(self, url: str, spec_json: dict[str, Any], shape: PosShape) -> None:
        self.url = url
        build_source(
            connection_url=url, spec_json=spec_json, shape=shape, on_progress=lambda t, n: None
        )
        self.before = take_snapshot(url, spec_json)
        self.report: LateChanges = make_late_changes(
            connection_url=url, spec_json=spec_json, shape=shape, t0=shape.end
        )
        self.after = take_snapshot(url, spec_json)

    def subjects(self, name: str) -> set[Any]:
        return {key for step in self.report.steps if step.name == name for key in step.subjects}

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode(), values).fetchall()


@pytest.fixture(scope="module")
def told(make_pos_database: Any, spec_json: dict[str, Any], shape: PosShape) -> Told:
    return Told(make_pos_database(), spec_json, shape)


def test_the_report_is_exact(told: Told, shape: PosShape) -> None:
    assert set(told.report.changes) == expected_changes(told.before, told.after, shape.end)


def test_every_kind_of_change_hits_all_three_sales_tables(told: Told, shape: PosShape) -> None:
    t1 = shape.end - timedelta(days=1)
    for table in SALES_TABLES:
        changed = told.report.of(table, t1)
        assert changed.inserted, table
        assert changed.updated, table
        assert changed.deleted, table
        assert changed.moved_out, table
        assert told.report.of(table, t1 - timedelta(days=1)).moved_in == changed.moved_out
        assert told.report.of(table, shape.end).inserted, table


def test_days_before_the_move_and_quiet_tables_are_untouched(told: Told, shape: PosShape) -> None:
    nothing = ChangedRows(table="APP_4_SALES", day=shape.first_day)
    assert told.report.of("APP_4_SALES", shape.first_day) == nothing
    assert {c.table for c in told.report.changes if c.day is None} == {
        "APP_4_ITEM",
        "APP_4_CUSTOMER",
    }


def test_steps_touch_disjoint_sales(told: Told) -> None:
    sales_steps = [s for s in told.report.steps if isinstance(s.subjects[0], str)]
    subjects = [sales_no for step in sales_steps for sales_no in step.subjects]
    assert len(sales_steps) == 8
    assert len(set(subjects)) == len(subjects)


def test_header_updates_are_the_fixes_voids_and_spellings(told: Told) -> None:
    wanted = ("price fix", "void", "case only", "NULL and empty")
    sales = sorted(set().union(*(told.subjects(name) for name in wanted)))
    ids = told.rows(
        'SELECT "ID" FROM "COM_5013"."APP_4_SALES" WHERE "SALES_NO" = ANY(%(sales)s)', sales=sales
    )
    assert told.report.of("APP_4_SALES", told.report.t1).updated == {key for (key,) in ids}


def test_money_still_adds_up(told: Told) -> None:
    wrong = told.rows("""
        SELECT s."SALES_NO"
        FROM "COM_5013"."APP_4_SALES" AS s
        CROSS JOIN LATERAL (
            SELECT sum(i."DOUBLE_SUB_TOTAL") AS net, sum(i."DOUBLE_MGST_TAX_AMOUNT") AS tax
            FROM "COM_5013"."APP_4_SALESITEM" AS i WHERE i."SALES_NO" = s."SALES_NO") AS items
        CROSS JOIN LATERAL (
            SELECT sum(p."DOUBLE_AMOUNT") AS paid
            FROM "COM_5013"."APP_4_PAYMENT" AS p WHERE p."INVOICE_ID" = s."SALES_NO") AS payments
        WHERE s."DOUBLE_TOTAL_AMOUNT" IS DISTINCT FROM items.net + items.tax
                    + s."DOUBLE_DELIVERYCHARGEAMOUNT" + s."DOUBLE_ROUNDINGAMOUNT"
           OR (s."SALES_STATUS" = 'Completed' AND payments.paid <> s."DOUBLE_TOTAL_AMOUNT")
    """)
    assert wrong == []


def test_nothing_is_left_of_deleted_sales(told: Told) -> None:
    gone = sorted(told.subjects("deletion"))
    for table, column in zip(SALES_TABLES, ("SALES_NO", "SALES_NO", "INVOICE_ID"), strict=True):
        query = f'SELECT count(*) FROM "COM_5013"."{table}" WHERE "{column}" = ANY(%(gone)s)'
        assert told.rows(query, gone=gone) == [(0,)]


def test_equal_shapes_give_equal_changes(
    told: Told, pos_database: str, spec_json: dict[str, Any], shape: PosShape
) -> None:
    again = Told(pos_database, spec_json, shape)
    assert again.report == told.report
    assert again.after == told.after


def test_late_changes_are_made_once(told: Told, spec_json: dict[str, Any], shape: PosShape) -> None:
    with pytest.raises(ValueError, match="already has sales"):
        make_late_changes(connection_url=told.url, spec_json=spec_json, shape=shape, t0=shape.end)


def test_another_day_is_refused(
    pos_database: str, spec_json: dict[str, Any], shape: PosShape
) -> None:
    with pytest.raises(ValueError, match="t0 must be the day after"):
        make_late_changes(
            connection_url=pos_database, spec_json=spec_json, shape=shape, t0=shape.first_day
        )
