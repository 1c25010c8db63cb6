"""Retry and cancel: a run stays one run, with one history row, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, SALES, spec_text

from replica_worker.errors import RunNotFoundError, UsageError
from replica_worker.model.chunks import Action, ChunkId, ChunkState, HandOut, RunKind, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import (
    begin_run,
    cancel_run,
    feed_run,
    finalize_run,
    plan_run,
    retry_run,
    sweep,
)


class Inbox:
    """A dispatcher that keeps what it was handed."""

    def __init__(self) -> None:
        self.chunks: list[ChunkId] = []

    def send(self, kind: RunKind, given: Sequence[HandOut]) -> None:
        self.chunks += [one.chunk for one in given]


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, ITEMS))
    replica.make_source()
    replica.insert("SALES", (1, DAY, 1, "one"), (2, NEXT_DAY, 2, "two"))
    replica.insert("ITEMS", (1, "item"))
    return replica


def begin(replica: Replica, kind: RunKind = RunKind.BACKFILL) -> str:
    days = DayRange.inclusive(DAY, NEXT_DAY)
    plan = plan_run(replica.deployment, kind, days=days, tables=[])
    run_id = begin_run(replica.deployment, plan, asked_by="tests")
    assert run_id
    return run_id


def work(replica: Replica, run_id: str) -> RunStatus:
    return work_inline(replica.deployment, run_id, worker="w", on_progress=lambda: None).status


def history(replica: Replica) -> list[tuple[object, ...]]:
    return replica.at_target("SELECT run_id, status, ended_at IS NULL FROM dbo.replica_run_history")


def states(replica: Replica, run_id: str) -> list[ChunkState]:
    return [row.state for row in replica.deployment.ledger.chunks.of_run(run_id)]


def break_items(replica: Replica) -> None:
    replica.at_source('ALTER TABLE "COM_5013"."ITEMS" RENAME COLUMN "NAME" TO "LABEL"')


def mend_items(replica: Replica) -> None:
    replica.at_source('ALTER TABLE "COM_5013"."ITEMS" RENAME COLUMN "LABEL" TO "NAME"')


@pytest.mark.parametrize("kind", [RunKind.BACKFILL, RunKind.NIGHTLY, RunKind.CHECK_FIXES])
def test_retry_does_the_failed_chunks_again_in_the_same_run(
    replica: Replica, kind: RunKind
) -> None:
    break_items(replica)
    run_id = begin(replica, kind)
    assert work(replica, run_id) is RunStatus.FAILED
    before = {row.chunk.table: row for row in replica.deployment.ledger.chunks.of_run(run_id)}
    mend_items(replica)
    assert retry_run(replica.deployment, run_id) == 1
    assert history(replica) == [(run_id, "running", True)]
    assert work(replica, run_id) is RunStatus.SUCCEEDED
    assert history(replica) == [(run_id, "succeeded", False)]
    after = {row.chunk.table: row for row in replica.deployment.ledger.chunks.of_run(run_id)}
    assert after["ITEMS"].attempt == before["ITEMS"].attempt + 1, "the fencing number rises"
    assert after["ITEMS"].error is None
    assert after["SALES"] == before["SALES"], "what was done is not done again"
    run = replica.deployment.ledger.runs.find(run_id)
    assert (run.chunks_done, run.chunks_failed, run.error) == (run.chunks, 0, None)
    assert replica.target_rows("ITEMS") == replica.source_rows("ITEMS")


def test_retry_forgets_the_outages_of_before(replica: Replica) -> None:
    """After hours of an outage the next moment's must not end the chunk at once."""
    run_id = begin(replica)
    replica.at_target("UPDATE dbo.etl_progress SET state = 'failed', failures = 1, outages = 499")
    assert retry_run(replica.deployment, run_id)
    assert set(replica.at_target("SELECT failures, outages FROM dbo.etl_progress")) == {(0, 0)}
    assert work(replica, run_id) is RunStatus.SUCCEEDED


def test_retry_may_fail_again(replica: Replica) -> None:
    break_items(replica)
    run_id = begin(replica)
    for _ in range(2):
        assert work(replica, run_id) is RunStatus.FAILED
        assert retry_run(replica.deployment, run_id) == 1
    assert work(replica, run_id) is RunStatus.FAILED
    assert history(replica) == [(run_id, "failed", False)]


def test_a_refused_chunk_is_retried_with_a_person_s_word(replica: Replica) -> None:
    work(replica, begin(replica))
    replica.at_source('DELETE FROM "COM_5013"."ITEMS"')
    run_id = begin(replica)
    assert work(replica, run_id) is RunStatus.FAILED
    retry_run(replica.deployment, run_id)
    assert work(replica, run_id) is RunStatus.FAILED, "nobody allowed it"
    retry_run(replica.deployment, run_id, allow_deletes=True)
    assert work(replica, run_id) is RunStatus.SUCCEEDED
    assert replica.target_rows("ITEMS") == []


def test_nothing_to_retry_leaves_the_run_alone(replica: Replica) -> None:
    run_id = begin(replica)
    work(replica, run_id)
    before = replica.deployment.ledger.runs.find(run_id)
    assert retry_run(replica.deployment, run_id) == 0
    assert replica.deployment.ledger.runs.find(run_id) == before


def test_a_closer_that_comes_late_does_not_close_a_reopened_run(replica: Replica) -> None:
    break_items(replica)
    run_id = begin(replica)
    work(replica, run_id)
    runs = replica.deployment.ledger.runs
    retry_run(replica.deployment, run_id)
    assert not runs.claim_finalize(run_id, finalizer="late", seconds=60)
    assert runs.close(run_id, finalizer="late") is None
    assert history(replica) == [(run_id, "running", True)]


def test_cancel_ends_a_run_of_which_nothing_is_under_way(replica: Replica) -> None:
    run_id = begin(replica)
    inbox = Inbox()
    feed_run(replica.deployment, run_id, inbox)
    assert cancel_run(replica.deployment, run_id) == 4, "two days, the strays, and ITEMS"
    closed = finalize_run(replica.deployment, run_id, worker="w")
    assert closed is not None
    assert closed.status is RunStatus.CANCELLED
    assert history(replica) == [(run_id, "cancelled", False)]
    assert [replica.work(chunk) for chunk in inbox.chunks] == [None] * 4, "messages come too late"
    assert replica.target_rows("SALES") == []
    assert cancel_run(replica.deployment, run_id) is None


def test_a_chunk_under_way_ends_and_nothing_else_is_handed_out(replica: Replica) -> None:
    run_id = begin(replica)
    first = ChunkId(run_id=run_id, table="SALES", day=DAY)
    inbox = Inbox()
    feed_run(replica.deployment, run_id, inbox)
    claim = replica.deployment.ledger.chunks.claim(first, worker="w", lease_seconds=60)
    assert claim is not None
    assert cancel_run(replica.deployment, run_id) == 3
    assert history(replica) == [(run_id, "cancelling", True)]
    assert feed_run(replica.deployment, run_id, inbox) == 0
    assert finalize_run(replica.deployment, run_id, worker="w") is None
    with pytest.raises(UsageError, match="being cancelled"):
        retry_run(replica.deployment, run_id)
    replica.deployment.ledger.chunks.fail(claim, state=ChunkState.MERGED, error="")
    assert sweep(replica.deployment, inbox, close=close_by(replica)) == 0
    assert history(replica) == [(run_id, "cancelled", False)]
    assert sorted(states(replica, run_id)) == ["cancelled"] * 3 + ["merged"]


@pytest.mark.parametrize("end", ["given back", "worker died"])
def test_a_chunk_that_comes_back_while_cancelling_is_cancelled(replica: Replica, end: str) -> None:
    run_id = replica.begin(("SALES", DAY, Action.LOAD))
    chunk = ChunkId(run_id=run_id, table="SALES", day=DAY)
    chunks = replica.deployment.ledger.chunks
    claim = chunks.claim(chunk, worker="w", lease_seconds=60)
    assert claim is not None
    cancel_run(replica.deployment, run_id)
    if end == "given back":
        chunks.give_back(claim, after_seconds=0, error="x", is_failure=True)
    else:
        replica.at_target("UPDATE dbo.etl_progress SET lease_until = '2000-01-01'")
    sweep(replica.deployment, Inbox(), close=close_by(replica))
    assert history(replica) == [(run_id, "cancelled", False)]
    assert states(replica, run_id) == [ChunkState.CANCELLED]


def test_a_cancelled_night_does_no_checks(replica: Replica) -> None:
    run_id = begin(replica, RunKind.NIGHTLY)
    cancel_run(replica.deployment, run_id)
    assert work(replica, run_id) is RunStatus.CANCELLED
    assert set(states(replica, run_id)) == {ChunkState.CANCELLED}


def test_unknown_runs_are_told(replica: Replica) -> None:
    for ask in (cancel_run, retry_run):
        with pytest.raises(RunNotFoundError):
            ask(replica.deployment, "nowhere")


def close_by(replica: Replica):
    return lambda run_id, _: finalize_run(replica.deployment, run_id, worker="w")
