"""Forecasts are made of what the ledger measured, and an open run tells when it will be done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, SALES, spec_text

from replica_worker.ledger.clock import read_now
from replica_worker.model.chunks import STRAYS, Action, ChunkId, RunKind
from replica_worker.model.days import DayRange
from replica_worker.model.grouping import GroupRules
from replica_worker.model.hours import Hours
from replica_worker.usecases.forecast import end_of, expected_end, forecast_plan
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import begin_run, finalize_run, plan_run

ROWS = 2_000


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, ITEMS))
    replica.make_source()
    replica.at_source(
        """INSERT INTO "COM_5013"."SALES"
           SELECT n, %s::date + n %% 2, n, 'sale' FROM generate_series(1, %s) n""",
        DAY,
        2 * ROWS,
    )
    return replica


def plan_of(replica: Replica):  # type: ignore[no-untyped-def]
    days = DayRange.inclusive(DAY, NEXT_DAY)
    return plan_run(replica.deployment, RunKind.BACKFILL, days=days, tables=["SALES"])


def test_past_of_a_table_foretells_its_bytes_and_its_time(replica: Replica) -> None:
    (before,) = forecast_plan(replica.deployment, plan_of(replica), workers=2).tables
    assert before.is_guess
    assert before.work_seconds is None
    replica.load("SALES", DAY)
    replica.at_target(
        "UPDATE dbo.etl_progress SET started_at = finished_at - interval '10 seconds'"
    )
    found = forecast_plan(replica.deployment, plan_of(replica), workers=2)
    (table,) = found.tables
    assert (table.rows, table.is_guess) == (2 * ROWS, False)
    ((source_bytes, parquet_bytes),) = replica.at_target(
        "SELECT source_bytes, bytes FROM dbo.etl_progress"
    )
    assert table.source_bytes == pytest.approx(2 * source_bytes, rel=0.01)
    assert table.parquet_bytes == pytest.approx(2 * parquet_bytes, rel=0.01)
    assert table.work_seconds == pytest.approx(20, rel=0.01)
    assert found.seconds == pytest.approx(10, rel=0.01)


def test_small_days_that_went_together_took_their_share_of_the_time(make_replica) -> None:
    replica = make_replica(spec_text(SALES)).with_policy(
        groups=GroupRules(most_days=10, fewest_hand_outs=1)
    )
    replica.make_source()
    days = DayRange(first=DAY, end=DAY + timedelta(days=10))
    for at, day in enumerate(days):
        replica.insert("SALES", (at, day, at, "sale"))
    plan = plan_run(replica.deployment, RunKind.BACKFILL, days=days, tables=["SALES"])
    run_id = begin_run(replica.deployment, plan, asked_by="tests")
    assert run_id
    work_inline(replica.deployment, run_id, worker="w", on_progress=lambda: None)
    ((took,),) = replica.at_target(
        "SELECT extract(epoch FROM max(finished_at) - min(started_at))::float8"
        " FROM dbo.etl_progress WHERE group_day IS NOT NULL"
    )
    (table,) = forecast_plan(replica.deployment, plan, workers=1).tables
    assert table.hand_outs == 2, "the days, and the strays"
    ((read, chunks),) = replica.at_target(
        "SELECT sum(source_bytes), count(*) FROM dbo.etl_progress WHERE source_rows = 1"
    )
    assert chunks == 10
    assert table.source_bytes == pytest.approx(int(read), rel=0.2)
    assert table.work_seconds is not None
    assert table.work_seconds < 2 * took


def test_warehouse_that_was_never_migrated_foretells_from_the_source_alone(make_replica) -> None:
    replica = make_replica(spec_text(SALES), migrate=False)
    replica.make_source()
    (table,) = forecast_plan(replica.deployment, plan_of(replica), workers=1).tables
    assert (table.rows, table.work_seconds) == (0, None)


def test_no_more_workers_share_the_work_than_the_source_grants_connections(
    replica: Replica,
) -> None:
    few = replica.with_policy(source_connections=3)
    assert forecast_plan(few.deployment, plan_of(few), workers=50).workers == 3


def test_open_run_tells_when_it_will_be_done(replica: Replica) -> None:
    run_id = begin_run(replica.deployment, plan_of(replica), asked_by="tests")
    assert run_id
    assert end_now(replica, run_id) is None  # nothing is done yet
    for day in (DAY, STRAYS):
        replica.work(ChunkId(run_id=run_id, table="SALES", day=day))
    replica.at_target(
        "UPDATE dbo.replica_run_history SET started_at = started_at - interval '4000 seconds'"
    )
    with replica.deployment.warehouse.sql.connect() as connection:
        now = read_now(connection)
    end = end_now(replica, run_id)
    assert end
    # One day and the strays took 4,000 s: 2,000 rows, and what two chunks cost as 2,000 more.
    assert (end - now).total_seconds() == pytest.approx(4000 * 3 / 4, abs=60)
    replica.work(ChunkId(run_id=run_id, table="SALES", day=NEXT_DAY))
    assert finalize_run(replica.deployment, run_id, worker="w")
    assert end_now(replica, run_id) is None


def end_now(replica: Replica, run_id: str) -> datetime | None:
    ledger = replica.deployment.ledger
    standing, _ = ledger.paces.standing(run_id)
    return expected_end(replica.deployment, ledger.runs.find(run_id), standing)


def test_backfill_s_end_knows_its_hours_and_a_night_s_does_not(replica: Replica) -> None:
    nights = replica.with_policy(backfill_hours=Hours.parse("23:00-06:00"))
    noon = datetime(2026, 3, 14, 4, tzinfo=UTC)  # there
    hour = 3600.0
    backfill = end_of(nights.deployment, hour, begin=noon, kind=RunKind.BACKFILL)
    assert str(backfill) == "2026-03-15 00:00:00+08:00"
    nightly = end_of(nights.deployment, hour, begin=noon, kind=RunKind.NIGHTLY)
    assert nightly == noon + timedelta(hours=1)
    assert end_of(nights.deployment, 1e12, begin=noon, kind=RunKind.BACKFILL) is None


def test_standing_counts_what_is_done_and_what_is_expected(replica: Replica) -> None:
    run_id = begin_run(replica.deployment, plan_of(replica), asked_by="tests")
    assert run_id
    replica.work(ChunkId(run_id=run_id, table="SALES", day=DAY))
    standing, states = replica.deployment.ledger.paces.standing(run_id)
    assert (standing.done, standing.open, standing.open_unknown) == (1, 2, 0)
    assert (standing.rows_done, standing.rows_open) == (ROWS, ROWS)
    assert {str(state): count for state, count in states.items()} == {"merged": 1, "pending": 2}
    unplanned = replica.begin(("SALES", DAY, Action.CHECK))
    assert replica.deployment.ledger.paces.standing(unplanned)[0].open_unknown == 1
