"""Runs: begun once, fed in a window and by waves, closed once with the right totals."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, LINES, SALES, spec_text

from replica_worker.errors import RunNotFoundError
from replica_worker.ledger.clock import read_now
from replica_worker.model.chunks import (
    STRAYS,
    Action,
    ChunkId,
    ChunkState,
    HandOut,
    RunKind,
    RunStatus,
)
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Verdict
from replica_worker.model.hours import Hours
from replica_worker.usecases.runs import begin_run, feed_run, finalize_run, plan_run, sweep


class Inbox:
    """A dispatcher that keeps what it was handed, for the test to work on."""

    def __init__(self) -> None:
        self.chunks: list[ChunkId] = []

    def send(self, kind: RunKind, given: Sequence[HandOut]) -> None:
        self.chunks += [one.chunk for one in given]

    def take(self) -> list[ChunkId]:
        taken, self.chunks = self.chunks, []
        return taken


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, LINES, ITEMS))
    replica.make_source()
    for number, day in enumerate((DAY, DAY, NEXT_DAY)):
        replica.insert("SALES", (number, day, number, "sale"))
        replica.insert("LINES", (number, 1, "item"))
    replica.insert("ITEMS", (1, "item"))
    return replica


def begin(replica: Replica, kind: RunKind, run_id: str | None = None, **more: bool) -> str | None:
    days = DayRange.inclusive(DAY, NEXT_DAY)
    plan = plan_run(replica.deployment, kind, days=days, tables=[], **more)
    return begin_run(replica.deployment, plan, asked_by="tests", run_id=run_id)


def run_to_end(replica: Replica, run_id: str) -> list[list[ChunkId]]:
    """Do what is handed out, round by round; the rounds."""
    inbox, rounds = Inbox(), []
    while feed_run(replica.deployment, run_id, inbox):
        rounds.append(inbox.take())
        for chunk in rounds[-1]:
            replica.work(chunk)
    return rounds


def history(replica: Replica) -> list[tuple[object, ...]]:
    return replica.at_target("SELECT run_id, status FROM dbo.replica_run_history")


def test_backfill_loads_parents_before_children_and_closes_once(replica: Replica) -> None:
    run_id = begin(replica, RunKind.BACKFILL)
    assert run_id
    assert finalize_run(replica.deployment, run_id, worker="w") is None
    rounds = run_to_end(replica, run_id)
    assert [{chunk.table for chunk in chunks} for chunks in rounds] == [
        {"SALES", "ITEMS"},
        {"LINES"},
    ]
    run = finalize_run(replica.deployment, run_id, worker="w")
    assert run is not None
    assert (run.status, run.chunks, run.chunks_done, run.chunks_failed) == (
        RunStatus.SUCCEEDED,
        7,
        7,
        0,
    )
    assert (run.rows_extracted, run.rows_inserted, run.rows_updated, run.rows_deleted) == (
        7,
        7,
        0,
        0,
    )
    assert run.ended_at is not None
    assert finalize_run(replica.deployment, run_id, worker="w") is None
    assert history(replica) == [(run_id, "succeeded")]
    for table in ("SALES", "LINES", "ITEMS"):
        assert replica.target_rows(table) == replica.source_rows(table)


def test_run_is_closed_by_one_of_many_who_try_at_once(replica: Replica) -> None:
    run_id = begin(replica, RunKind.BACKFILL)
    assert run_id
    run_to_end(replica, run_id)
    with ThreadPoolExecutor(6) as pool:
        closed = list(
            pool.map(lambda n: finalize_run(replica.deployment, run_id, worker=f"w{n}"), range(6))
        )
    assert len([run for run in closed if run]) == 1
    assert len(history(replica)) == 1


def test_right_to_close_a_run_is_one_worker_s_until_its_time_is_over(replica: Replica) -> None:
    run_id = begin(replica, RunKind.BACKFILL)
    assert run_id
    runs = replica.deployment.ledger.runs
    assert not runs.claim_finalize(run_id, finalizer="w1", seconds=60), "loads are open"
    run_to_end(replica, run_id)
    assert runs.claim_finalize(run_id, finalizer="w1", seconds=60)
    assert not runs.claim_finalize(run_id, finalizer="w2", seconds=60)
    assert runs.keep_finalizing(run_id, finalizer="w1", seconds=60)
    replica.at_target("UPDATE dbo.replica_run_history SET finalizer_until = now() - interval '1d'")
    assert runs.claim_finalize(run_id, finalizer="w2", seconds=60)
    assert not runs.keep_finalizing(run_id, finalizer="w1", seconds=60)
    assert runs.close(run_id, finalizer="w1") is None
    assert runs.close(run_id, finalizer="w2") is not None
    assert runs.close(run_id, finalizer="w2") is None


def test_nightly_checks_the_day_before_when_it_is_closed(replica: Replica) -> None:
    first = begin(replica, RunKind.BACKFILL)
    assert first
    run_to_end(replica, first)
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = \'late\' WHERE "ID" = 0')
    replica.at_source('UPDATE "COM_5013"."LINES" SET "ITEM" = \'late\' WHERE "SALE_ID" = 0')
    run_id = begin(replica, RunKind.NIGHTLY)
    assert run_id
    handed_out = [chunk for chunks in run_to_end(replica, run_id) for chunk in chunks]
    assert {chunk.day for chunk in handed_out} == {NEXT_DAY}
    run = finalize_run(replica.deployment, run_id, worker="w")
    assert run is not None
    assert (run.status, run.rows_updated) == (RunStatus.SUCCEEDED, 2)
    verdicts = {
        row.table: row.verdict
        for row in replica.deployment.ledger.audit.of_run(run_id)
        if row.day == DAY
    }
    assert verdicts == {"SALES": Verdict.REPAIRED, "LINES": Verdict.REPAIRED}
    for table in ("SALES", "LINES"):
        assert replica.target_rows(table) == replica.source_rows(table)


def test_run_with_a_failed_chunk_is_failed_with_its_reason(replica: Replica) -> None:
    replica.at_source('DROP TABLE "COM_5013"."ITEMS"')
    run_id = begin(replica, RunKind.BACKFILL)
    assert run_id
    run_to_end(replica, run_id)
    run = finalize_run(replica.deployment, run_id, worker="w")
    assert run is not None
    assert (run.status, run.chunks_done, run.chunks_failed) == (RunStatus.FAILED, 6, 1)
    assert "COM_5013.ITEMS" in (run.error or "")
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_run_id_that_is_taken_begins_nothing(replica: Replica) -> None:
    assert begin(replica, RunKind.NIGHTLY, "nightly-2026-03-15") == "nightly-2026-03-15"
    assert begin(replica, RunKind.NIGHTLY, "nightly-2026-03-15") is None
    assert len(history(replica)) == 1
    assert len(replica.deployment.ledger.chunks.of_run("nightly-2026-03-15")) == 7


def test_begin_is_all_or_nothing_among_many_at_once(replica: Replica) -> None:
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda _: begin(replica, RunKind.NIGHTLY, "same"), range(4)))
    assert sorted(begun, key=str) == [None, None, None, "same"]
    assert len(replica.deployment.ledger.chunks.of_run("same")) == 7


def test_missing_only_backfill_leaves_out_what_was_loaded(replica: Replica) -> None:
    replica.load("SALES", DAY)
    run_id = begin(replica, RunKind.BACKFILL, missing_only=True)
    assert run_id
    planned = {
        (row.chunk.table, row.chunk.day) for row in replica.deployment.ledger.chunks.of_run(run_id)
    }
    assert planned == {
        ("SALES", NEXT_DAY),
        ("LINES", DAY),
        ("LINES", NEXT_DAY),
        ("ITEMS", NEXT_DAY),
        ("SALES", STRAYS),
        ("LINES", STRAYS),
    }


def test_closed_run_hands_out_and_claims_nothing(replica: Replica) -> None:
    run_id = replica.begin(("SALES", DAY, Action.LOAD))
    replica.at_target("UPDATE dbo.replica_run_history SET status = 'cancelled'")
    inbox = Inbox()
    assert feed_run(replica.deployment, run_id, inbox) == 0
    chunk = ChunkId(run_id=run_id, table="SALES", day=DAY)
    assert replica.work(chunk) is None
    assert replica.row_of(chunk).state is ChunkState.PENDING


def test_sweeps_alone_bring_a_run_to_its_end(replica: Replica) -> None:
    """Messages are lost, a worker dies holding a chunk: the ledger still knows what to do."""
    run_id = begin(replica, RunKind.NIGHTLY)
    assert run_id
    lost, inbox = Inbox(), Inbox()
    feed_run(replica.deployment, run_id, lost)
    chunks = replica.deployment.ledger.chunks
    assert chunks.claim(lost.take()[0], worker="dead", lease_seconds=60)
    replica.at_target(
        "UPDATE dbo.etl_progress SET lease_until = lease_until - interval '1 day', "
        "queued_at = queued_at - interval '1 day' WHERE state IN ('queued', 'running')"
    )

    def close(run_id: str, kind: RunKind) -> None:
        finalize_run(replica.deployment, run_id, worker="sweeper")

    for _ in range(5):
        if not sweep(replica.deployment, inbox, close=close):
            break
        for chunk in inbox.take():
            replica.work(chunk)
    assert history(replica) == [(run_id, "succeeded")]
    for table in ("SALES", "LINES"):
        day = '"SALE_ID" = 2' if table == "LINES" else '"ID" = 2'
        assert replica.target_rows(table, day) == replica.source_rows(table, day)
    assert sweep(replica.deployment, inbox, close=close) == 0
    assert len(history(replica)) == 1


def test_unknown_run_is_named(replica: Replica) -> None:
    with pytest.raises(RunNotFoundError, match="no-such-run"):
        replica.deployment.ledger.runs.find("no-such-run")


def test_backfill_waits_for_its_hours_and_the_night_does_not(replica: Replica) -> None:
    now = read_today_hours(replica)
    closed = replica.with_policy(backfill_hours=now)
    backfill, nightly = begin(closed, RunKind.BACKFILL), begin(closed, RunKind.NIGHTLY)
    assert backfill
    assert nightly
    inbox = Inbox()
    assert feed_run(closed.deployment, backfill, inbox) == 0
    assert feed_run(closed.deployment, nightly, inbox) > 0
    opened = Hours(start=now.end, end=now.start)
    open_again = closed.with_policy(backfill_hours=opened)
    assert feed_run(open_again.deployment, backfill, inbox) > 0


def test_backfill_stops_when_its_hours_end_and_goes_on_when_they_begin(replica: Replica) -> None:
    night = read_today_hours(replica)
    by_day = replica.with_policy(backfill_hours=night, window=2)
    by_night = replica.with_policy(backfill_hours=Hours(start=night.end, end=night.start), window=2)
    run_id = begin(by_night, RunKind.BACKFILL)
    assert run_id
    inbox = Inbox()
    assert feed_run(by_night.deployment, run_id, inbox) == 2
    for chunk in inbox.take():  # what was handed out before the hours ended is done
        assert by_day.work(chunk) is ChunkState.MERGED
    assert feed_run(by_day.deployment, run_id, inbox) == 0
    assert finalize_run(by_day.deployment, run_id, worker="w") is None
    run_to_end(by_night, run_id)
    closed = finalize_run(by_night.deployment, run_id, worker="w")
    assert closed
    assert (closed.status, closed.chunks_done) == (RunStatus.SUCCEEDED, closed.chunks)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def read_today_hours(replica: Replica) -> Hours:
    """Two hours that lie half a day away from now, so that the test's minutes do not matter."""
    with replica.deployment.warehouse.sql.connect() as connection:
        there = read_now(connection).astimezone(replica.deployment.zone) + timedelta(hours=11)
    return Hours(start=there.time(), end=(there + timedelta(hours=2)).time())
