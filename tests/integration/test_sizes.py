"""How many rows a backfill has to expect is counted at the source before it begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.databases import Site, connect
from support.proxy import open_proxy_of
from support.replica import DAY, NEXT_DAY, Replica, open_replica
from support.specs import ITEMS, LINES, SALES, STAFF, spec_text

from replica_worker.model.chunks import STRAYS, Plan, RunKind
from replica_worker.model.days import DayRange
from replica_worker.usecases.runs import begin_run, plan_run

EMPTY_DAY = NEXT_DAY + timedelta(days=1)
LONG_AGO = DAY - timedelta(days=1000)
DAYS = DayRange.inclusive(DAY, EMPTY_DAY)


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, LINES, ITEMS, {**STAFF, "if_exposed": True}))
    replica.make_source("SALES", "LINES", "ITEMS")
    for number, day in enumerate((DAY, DAY, NEXT_DAY, LONG_AGO)):
        replica.insert("SALES", (number, day, number, "sale"))
        replica.insert("LINES", *((number, line, "item") for line in range(number + 1)))
    replica.insert("ITEMS", (1, "tea"), (2, "milk"))
    return replica


def plan(replica: Replica, days: DayRange = DAYS, kind: RunKind = RunKind.BACKFILL) -> Plan:
    return plan_run(replica.deployment, kind, days=days, tables=[])


def expected(planned: Plan) -> dict[tuple[str, date], int | None]:
    return {(chunk.table, chunk.day): chunk.rows_expected for chunk in planned.chunks}


def test_backfill_knows_how_many_rows_each_chunk_will_have(replica: Replica) -> None:
    assert expected(plan(replica)) == {
        ("SALES", DAY): 2,
        ("SALES", NEXT_DAY): 1,
        ("SALES", EMPTY_DAY): 0,
        ("LINES", DAY): 1 + 2,
        ("LINES", NEXT_DAY): 3,
        ("LINES", EMPTY_DAY): 0,
        ("ITEMS", EMPTY_DAY): 2,
        ("STAFF", EMPTY_DAY): None,  # the source does not expose it
        ("SALES", STRAYS): None,
        ("LINES", STRAYS): None,
    }


def test_range_of_years_is_counted_to_its_ends(replica: Replica) -> None:
    years = plan(replica, DayRange.inclusive(LONG_AGO, NEXT_DAY))
    of_sales = {day: rows for (table, day), rows in expected(years).items() if table == "SALES"}
    assert of_sales.pop(STRAYS) is None
    assert {day: rows for day, rows in of_sales.items() if rows} == {
        LONG_AGO: 1,
        DAY: 2,
        NEXT_DAY: 1,
    }
    assert len(of_sales) == 1002


def test_ledger_keeps_what_was_expected(replica: Replica) -> None:
    planned = plan(replica)
    run_id = begin_run(replica.deployment, planned, asked_by="tests")
    assert run_id
    rows = replica.deployment.ledger.chunks.of_run(run_id)
    assert {(row.chunk.table, row.chunk.day): row.rows_expected for row in rows} == expected(
        planned
    )


def test_nightly_run_and_a_time_limit_of_zero_count_nothing(replica: Replica) -> None:
    unlimited = replica.with_policy(count_seconds=0)
    for planned in (plan(replica, kind=RunKind.NIGHTLY), plan(unlimited)):
        assert set(expected(planned).values()) == {None}


def test_table_that_takes_too_long_is_unknown_and_the_plan_goes_on(
    replica: Replica, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    known = expected(plan(replica))
    with connect(site.source_owner_url) as other, other.transaction():
        other.execute('LOCK TABLE "COM_5013"."ITEMS" IN ACCESS EXCLUSIVE MODE')
        found = expected(plan(replica.with_policy(count_seconds=2)))
    assert found == {**known, ("ITEMS", EMPTY_DAY): None}
    (line,) = caplog.messages
    assert "rows of ITEMS are not counted" in line


def test_backfill_is_planned_while_the_source_is_away(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_proxy_of(site.source_url) as proxy:
        far = replace(site, source_url=proxy.in_front_of(site.source_url))
        proxy.go_away()
        with open_replica(far, tmp_path, spec_text(SALES, ITEMS)) as replica:
            planned = plan(replica)
    assert len(planned.chunks) == 5
    assert set(expected(planned).values()) == {None}
    (line,) = caplog.messages  # not one a table
    assert "not counted before the run" in line
