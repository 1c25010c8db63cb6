"""Chunks in the ledger: one worker each, fenced by the attempt number, lost by nobody's fault."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import sqlalchemy as sa
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, SALES, spec_text

from replica_worker.errors import LeaseLostError
from replica_worker.ledger.chunk_rows import Claim
from replica_worker.ledger.chunks import Chunks
from replica_worker.model.chunks import Action, ChunkId, ChunkState, RunKind
from replica_worker.model.days import ONE_DAY, DayRange

LOST_AFTER = 300


@pytest.fixture
def replica(make_replica) -> Replica:
    return make_replica(spec_text(SALES, ITEMS))


@pytest.fixture
def chunks(replica: Replica) -> Chunks:
    return replica.deployment.ledger.chunks


@pytest.fixture
def chunk(replica: Replica) -> ChunkId:
    run_id = replica.begin(("SALES", DAY, Action.LOAD))
    return ChunkId(run_id=run_id, table="SALES", day=DAY)


def claim_of(chunks: Chunks, chunk: ChunkId, worker: str = "worker-1") -> Claim:
    claim = chunks.claim(chunk, worker=worker, lease_seconds=60)
    assert claim is not None
    return claim


def expire_leases(replica: Replica) -> None:
    replica.at_target(
        "UPDATE dbo.etl_progress SET lease_until = lease_until - interval '1 day' "
        "WHERE state = 'running'"
    )


def write_and_finish(replica: Replica, claim: Claim) -> None:
    with replica.deployment.warehouse.sql.begin() as connection:
        connection.execute(sa.text('INSERT INTO dbo."SALES" ("ID") VALUES (1)'))
        replica.deployment.ledger.chunks.finish(connection, claim, state=ChunkState.MERGED)


def take_pending(replica: Replica, run_id: str, window: int) -> list[ChunkId]:
    handing_out = replica.deployment.ledger.handing_out
    given = handing_out.take_pending(run_id, window=window, actions=[Action.LOAD])
    return [one.chunk for one in given]


def sweep(chunks: Chunks, run_id: str, most_attempts: int = 5) -> tuple[int, int]:
    counts = chunks.sweep(run_id, lost_after_seconds=LOST_AFTER, most_attempts=most_attempts)
    return counts.expired, counts.lost


def test_of_many_workers_one_gets_the_chunk(chunks: Chunks, chunk: ChunkId) -> None:
    with ThreadPoolExecutor(6) as pool:
        claims = list(
            pool.map(lambda n: chunks.claim(chunk, worker=f"w{n}", lease_seconds=60), range(6))
        )
    (claim,) = [claim for claim in claims if claim]
    assert (claim.attempt, claim.failures, claim.action) == (1, 0, Action.LOAD)


def test_finished_chunk_is_claimed_no_more(
    replica: Replica, chunks: Chunks, chunk: ChunkId
) -> None:
    claim = claim_of(chunks, chunk)
    with replica.deployment.warehouse.sql.begin() as connection:
        chunks.finish(connection, claim, state=ChunkState.MERGED, rows_extracted=7)
    assert chunks.claim(chunk, worker="w", lease_seconds=60) is None
    row = replica.row_of(chunk)
    assert (row.state, row.rows_extracted, row.error) == (ChunkState.MERGED, 7, None)
    assert row.finished_at is not None


def test_chunk_whose_lease_ran_out_can_be_taken_over(
    replica: Replica, chunks: Chunks, chunk: ChunkId
) -> None:
    first = claim_of(chunks, chunk)
    assert chunks.claim(chunk, worker="worker-2", lease_seconds=60) is None
    expire_leases(replica)
    second = claim_of(chunks, chunk, "worker-2")
    assert (second.attempt, second.failures) == (first.attempt + 1, 1)
    assert chunks.keep(second, lease_seconds=60)
    assert not chunks.keep(first, lease_seconds=60)


@pytest.mark.parametrize("taken_over", [True, False])
def test_attempt_that_lost_its_lease_commits_nothing(
    replica: Replica, chunks: Chunks, chunk: ChunkId, taken_over: bool
) -> None:
    old = claim_of(chunks, chunk)
    expire_leases(replica)
    sweep(chunks, chunk.run_id)
    if taken_over:
        claim_of(chunks, chunk, "worker-2")
    before = replica.row_of(chunk)
    with pytest.raises(LeaseLostError, match="attempt 1"):
        write_and_finish(replica, old)
    assert replica.target_rows("SALES") == []
    chunks.give_back(old, after_seconds=0, error="late", is_failure=True)
    with pytest.raises(LeaseLostError):
        chunks.fail(old, state=ChunkState.FAILED, error="late")
    assert replica.row_of(chunk) == before


def test_required_lease_keeps_the_chunk_from_being_taken_until_the_transaction_ends(
    replica: Replica, chunks: Chunks, chunk: ChunkId
) -> None:
    claim = claim_of(chunks, chunk)
    expire_leases(replica)
    with ThreadPoolExecutor(1) as pool:
        with replica.deployment.warehouse.sql.begin() as connection:
            chunks.require_lease(connection, claim)
            rival = pool.submit(chunks.claim, chunk, worker="w2", lease_seconds=60)
            assert replica.row_of(chunk).attempt == 1
            chunks.finish(connection, claim, state=ChunkState.MERGED)
        assert rival.result() is None


def test_sweep_brings_back_expired_and_lost_chunks_only(replica: Replica, chunks: Chunks) -> None:
    days = [DAY + n * ONE_DAY for n in range(5)]
    run_id = replica.begin(*[("SALES", day, Action.LOAD) for day in days])
    ids = [ChunkId(run_id=run_id, table="SALES", day=day) for day in days]
    taken = take_pending(replica, run_id, 4)
    assert taken == ids[:4]
    claim_of(chunks, ids[0])
    expire_leases(replica)
    claim_of(chunks, ids[1])
    replica.at_target(
        "UPDATE dbo.etl_progress SET queued_at = queued_at - interval '301 s' WHERE day = %s",
        days[2],
    )
    assert sweep(chunks, run_id) == (1, 1)
    states = [replica.row_of(chunk).state.value for chunk in ids]
    assert states == ["pending", "running", "pending", "queued", "pending"]
    assert sweep(chunks, run_id) == (0, 0)


def test_chunk_that_kills_its_workers_is_failed_in_the_end(
    replica: Replica, chunks: Chunks, chunk: ChunkId
) -> None:
    for number in (1, 2, 3):
        assert claim_of(chunks, chunk).attempt == number
        expire_leases(replica)
        sweep(chunks, chunk.run_id, most_attempts=3)
    row = replica.row_of(chunk)
    assert row.state is ChunkState.FAILED
    assert "worker died" in (row.error or "")
    assert chunks.claim(chunk, worker="w", lease_seconds=60) is None


def test_waiting_behind_another_run_is_no_failure(
    replica: Replica, chunks: Chunks, chunk: ChunkId
) -> None:
    """A chunk that gave way often must survive its worker's first death."""
    for _ in range(10):
        chunks.give_back(claim_of(chunks, chunk), after_seconds=0, error=None, is_failure=False)
    claim_of(chunks, chunk)
    expire_leases(replica)
    assert sweep(chunks, chunk.run_id) == (1, 0)
    assert replica.row_of(chunk).state is ChunkState.PENDING


def test_errors_and_deaths_count_alike(replica: Replica, chunks: Chunks, chunk: ChunkId) -> None:
    chunks.give_back(claim_of(chunks, chunk), after_seconds=0, error="e", is_failure=True)
    assert claim_of(chunks, chunk).failures == 1
    expire_leases(replica)
    sweep(chunks, chunk.run_id)
    assert claim_of(chunks, chunk).failures == 2


def test_window_bounds_what_is_handed_out(replica: Replica, chunks: Chunks) -> None:
    days = [DAY + n * ONE_DAY for n in range(6)]
    run_id = replica.begin(*[("SALES", day, Action.LOAD) for day in days])

    def take() -> list[date]:
        taken = take_pending(replica, run_id, 2)
        return [chunk.day for chunk in taken]

    assert take() == days[:2]
    assert take() == []
    claim = claim_of(chunks, ChunkId(run_id=run_id, table="SALES", day=days[0]))
    assert take() == []
    with replica.deployment.warehouse.sql.begin() as connection:
        chunks.finish(connection, claim, state=ChunkState.MERGED)
    assert take() == days[2:3]


def test_feeders_at_once_hand_out_each_chunk_once(replica: Replica, chunks: Chunks) -> None:
    days = [DAY + n * ONE_DAY for n in range(12)]
    run_id = replica.begin(*[("SALES", day, Action.LOAD) for day in days])
    with ThreadPoolExecutor(4) as pool:
        taken = pool.map(
            lambda _: take_pending(replica, run_id, 8),
            range(4),
        )
        handed_out = [chunk.day for batch in taken for chunk in batch]
    assert sorted(handed_out) == days[:8]


def test_chunk_given_back_is_not_handed_out_before_its_time(
    replica: Replica, chunks: Chunks, chunk: ChunkId
) -> None:
    chunks.give_back(claim_of(chunks, chunk), after_seconds=3600, error="busy", is_failure=True)
    assert take_pending(replica, chunk.run_id, 9) == []
    replica.at_target("UPDATE dbo.etl_progress SET not_before = not_before - interval '1 hour'")
    assert take_pending(replica, chunk.run_id, 9) == [chunk]


def test_later_wave_waits_until_the_earlier_one_has_ended(replica: Replica, chunks: Chunks) -> None:
    run_id = replica.begin(("SALES", DAY, Action.LOAD), ("SALES", NEXT_DAY, Action.LOAD))
    replica.at_target("UPDATE dbo.etl_progress SET wave = 1 WHERE day = %s", DAY)
    first, second = (ChunkId(run_id=run_id, table="SALES", day=day) for day in (NEXT_DAY, DAY))
    assert take_pending(replica, run_id, 9) == [first]
    claim = claim_of(chunks, first)
    assert take_pending(replica, run_id, 9) == []
    chunks.give_back(claim, after_seconds=3600, error="busy", is_failure=True)
    assert take_pending(replica, run_id, 9) == [], "it is not due, and holds the next wave up"
    chunks.fail(_due_again(replica, chunks, first), state=ChunkState.FAILED, error="x")
    assert take_pending(replica, run_id, 9) == [second]


def _due_again(replica: Replica, chunks: Chunks, chunk: ChunkId) -> Claim:
    replica.end_delays()
    return claim_of(chunks, chunk)


def test_outlook_tells_when_to_feed_and_when_to_close(replica: Replica, chunks: Chunks) -> None:
    days = [DAY + n * ONE_DAY for n in range(4)]
    run_id = replica.begin(*[("SALES", day, Action.LOAD) for day in days])
    ledger = replica.deployment.ledger

    def seen(window: int = 4) -> tuple[int, bool, bool]:
        outlook = ledger.handing_out.outlook(run_id)
        assert outlook is not None
        return outlook.under_way, outlook.needs_feeding(window), outlook.is_ripe

    assert seen() == (0, True, False)
    take_pending(replica, run_id, 3)
    assert seen() == (3, False, False)
    assert seen(window=6) == (3, True, False)
    for day in days:
        assert seen()[2] is False
        claim = claim_of(chunks, ChunkId(run_id=run_id, table="SALES", day=day))
        chunks.fail(claim, state=ChunkState.FAILED, error="x")
    assert seen() == (0, False, True)
    ledger.runs.claim_finalize(run_id, finalizer="w", seconds=60)
    ledger.runs.close(run_id, finalizer="w")
    assert seen() == (0, False, False)
    assert ledger.handing_out.outlook("no such run") is None


def test_checks_of_a_night_are_not_waited_for_by_whoever_closes_it(
    replica: Replica, chunks: Chunks
) -> None:
    chunks_of_night = (("SALES", NEXT_DAY, Action.LOAD), ("SALES", DAY, Action.CHECK))
    night = replica.begin(*chunks_of_night, kind=RunKind.NIGHTLY)
    checks = replica.begin(("SALES", DAY, Action.CHECK), kind=RunKind.CHECK_FIXES)
    loaded = claim_of(chunks, ChunkId(run_id=night, table="SALES", day=NEXT_DAY))
    chunks.fail(loaded, state=ChunkState.FAILED, error="x")
    outlooks = [replica.deployment.ledger.handing_out.outlook(run) for run in (night, checks)]
    assert [outlook and outlook.is_ripe for outlook in outlooks] == [True, False]


def test_loaded_days_are_those_that_any_run_merged(
    replica: Replica, chunks: Chunks, chunk: ChunkId
) -> None:
    failed = ChunkId(
        run_id=replica.begin(("SALES", NEXT_DAY, Action.LOAD)), table="SALES", day=NEXT_DAY
    )
    chunks.fail(claim_of(chunks, failed), state=ChunkState.FAILED, error="x")
    with replica.deployment.warehouse.sql.begin() as connection:
        chunks.finish(connection, claim_of(chunks, chunk), state=ChunkState.MERGED)
    days = DayRange.inclusive(DAY, NEXT_DAY)
    assert chunks.loaded_days(["SALES"], days) == {("SALES", DAY)}
    assert chunks.loaded_days(["ITEMS"], days) == set()
    assert chunks.loaded_days(["SALES"], DayRange.one(NEXT_DAY)) == set()


def test_planner_knows_of_a_run_with_many_chunks(replica: Replica) -> None:
    replica.begin(*[("SALES", DAY + n * ONE_DAY, Action.LOAD) for n in range(1000)])
    ((rows,),) = replica.at_target(
        "SELECT reltuples FROM pg_class WHERE oid = 'dbo.etl_progress'::regclass"
    )
    assert rows == 1000
