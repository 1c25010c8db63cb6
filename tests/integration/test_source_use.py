"""What a run asks of the source is counted, whatever becomes of its chunks."""

from __future__ import annotations

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, SALES, VERSIONED, spec_text

from replica_worker.model.chunks import Action, ChunkId, ChunkState, RunKind, RunStatus
from replica_worker.model.source_use import SourceUse
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import finalize_run

ROWS = 50


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, ITEMS, VERSIONED))
    replica.make_source()
    for day in (DAY, NEXT_DAY):
        replica.insert("SALES", *((day.day * 1000 + n, day, n, "sale") for n in range(ROWS)))
    return replica


def run_of(replica: Replica, *chunks: tuple[str, Action]) -> str:
    return replica.begin(
        *((table, day, action) for table, action in chunks for day in (DAY, NEXT_DAY))
    )


def work(replica: Replica, run_id: str) -> None:
    work_inline(replica.deployment, run_id, worker="w", on_progress=lambda: None)


def chunk_uses(replica: Replica, run_id: str) -> list[SourceUse]:
    return [row.source_use for row in replica.deployment.ledger.chunks.of_run(run_id)]


def test_run_s_row_has_the_sums_of_its_chunks(replica: Replica) -> None:
    run_id = run_of(replica, ("SALES", Action.LOAD))
    work(replica, run_id)
    uses = chunk_uses(replica, run_id)
    assert [(use.connections, use.rows) for use in uses] == [(1, ROWS), (1, ROWS)]
    assert all(use.statements >= 2 and use.bytes > ROWS * 8 and use.seconds > 0 for use in uses)
    run = replica.deployment.ledger.runs.find(run_id)
    assert run.source_use == pytest.approx(uses[0] + uses[1])


def test_equal_day_is_checked_without_reading_a_row(replica: Replica) -> None:
    work(replica, run_of(replica, ("SALES", Action.LOAD)))
    run_id = run_of(replica, ("SALES", Action.CHECK))
    work(replica, run_id)
    for use in chunk_uses(replica, run_id):
        assert (use.connections, use.rows) == (1, 0)
        assert 0 < use.bytes < 1000


def test_attempts_that_fail_count_and_a_retried_run_counts_nothing_twice(replica: Replica) -> None:
    run_id = run_of(replica, ("SALES", Action.LOAD))
    refused = NEXT_DAY.day * 1000
    replica.at_target(f'ALTER TABLE dbo."SALES" ADD CONSTRAINT refusal CHECK ("ID" <> {refused})')
    for day in (DAY, NEXT_DAY):
        replica.work(ChunkId(run_id=run_id, table="SALES", day=day))
    failed = replica.row_of(ChunkId(run_id=run_id, table="SALES", day=NEXT_DAY))
    assert failed.state is ChunkState.FAILED
    assert failed.source_use.rows == ROWS
    closed = finalize_run(replica.deployment, run_id, worker="w")
    assert closed
    assert closed.source_use.rows == 2 * ROWS
    replica.at_target('ALTER TABLE dbo."SALES" DROP CONSTRAINT refusal')
    runs = replica.deployment.ledger.runs
    assert runs.reopen(run_id, options=closed.options) == 1
    assert runs.find(run_id).source_use.rows == 0  # of an open run, what was beside its chunks
    work(replica, run_id)
    ended = runs.find(run_id)
    assert ended.status is RunStatus.SUCCEEDED
    assert ended.source_use.rows == 3 * ROWS
    assert ended.source_use.connections == 3


def test_trouble_of_an_open_run_is_retried_with_nothing_taken_off(replica: Replica) -> None:
    run_id = run_of(replica, ("SALES", Action.LOAD))
    ledger = replica.deployment.ledger
    claim = ledger.chunks.claim(
        ChunkId(run_id=run_id, table="SALES", day=DAY), worker="w", lease_seconds=60
    )
    assert claim
    claim.use.rows += 7
    ledger.chunks.fail(claim, state=ChunkState.FAILED, error="no")
    assert ledger.runs.reopen(run_id, options=ledger.runs.find(run_id).options) == 1
    assert ledger.runs.find(run_id).source_use == SourceUse()
    work(replica, run_id)
    assert ledger.runs.find(run_id).source_use.rows == 2 * ROWS + 7


def test_history_checks_of_a_night_are_counted_in_its_run(replica: Replica) -> None:
    before = DAY.replace(day=1)
    replica.insert("VERSIONED", (1, before, "old", bytes(8)))
    replica.load("VERSIONED", before)
    run_id = replica.begin(
        ("VERSIONED", DAY, Action.CHECK), ("VERSIONED", NEXT_DAY, Action.LOAD), kind=RunKind.NIGHTLY
    )
    work(replica, run_id)
    (check, load) = chunk_uses(replica, run_id)
    run = replica.deployment.ledger.runs.find(run_id)
    assert run.source_use.connections == 3
    assert run.source_use.statements > check.statements + load.statements
