"""Groups that meet with trouble: the archive, the ledger and the source's book stay true."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psycopg
import pytest
from support.databases import Site, connect
from support.grouped import (
    ALONE,
    MANY,
    STAMPS,
    TIMES,
    backfill,
    begin,
    day_at,
    expect_copy,
    fill,
    finish,
    hand_out,
    plan,
    work_on_first_group,
)
from support.replica import DAY, Replica
from support.specs import SALES, VERSIONED, spec_text
from support.waiting import wait_until

from replica_worker.checkpoints import Checkpoint, watch
from replica_worker.engines.mismatches import moves_busy
from replica_worker.errors import ReplicaError
from replica_worker.ledger.endpoints import BreakerRules
from replica_worker.model.chunks import ChunkId, ChunkState, HandOut, RunStatus
from replica_worker.usecases.forecast import forecast_plan
from replica_worker.usecases.group_work import work_on
from replica_worker.usecases.runs import cancel_run, finalize_run, recover_chunks
from replica_worker.usecases.source_door import source_slots

INSERT = 'INSERT INTO dbo."SALES" ("ID", "DAY", "AMOUNT", "NOTE")'


@pytest.fixture
def replica(make_replica) -> Replica:
    return fill(make_replica(spec_text(SALES, VERSIONED, TIMES, STAMPS)))


class StoppedError(BaseException):
    """Ends the work at a checkpoint as a kill would: nothing is done after it."""


@contextmanager
def at(point: Checkpoint, do: Callable[[], None]) -> Iterator[list[Checkpoint]]:
    """Do something the first time that the point is passed; the points that were passed."""
    seen: list[Checkpoint] = []

    def look(reached: Checkpoint) -> None:
        seen.append(reached)
        if reached is point and seen.count(point) == 1:
            do()

    watch(look)
    try:
        yield seen
    finally:
        watch(None)


def stop() -> None:
    raise StoppedError


def extracts_of(replica: Replica, run_id: str) -> dict[object, int]:
    """The attempt of the extract that is in force, by day of the first group."""
    return {
        day: manifest.attempt
        for day in map(day_at, range(5))
        for name, manifest in replica.deployment.archive.extracts("SALES", day)
        if name.run_id == run_id
    }


def counted(replica: Replica, where: str) -> list[tuple[object, ...]]:
    """Failures and outages of the chunks."""
    return replica.at_target(f"SELECT failures, outages FROM dbo.etl_progress WHERE {where}")


def let_leases_run_out(replica: Replica) -> None:
    replica.at_target(
        "UPDATE dbo.etl_progress SET lease_until = '2020-01-01' WHERE state = 'running'"
    )


def sweep(replica: Replica, run_id: str, *, most_attempts: int = 5) -> None:
    replica.deployment.ledger.chunks.sweep(
        run_id, lost_after_seconds=3600, most_attempts=most_attempts
    )


def test_extracts_stay_in_force_whatever_comes_after_the_commit(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    with at(Checkpoint.MERGED, stop), pytest.raises(StoppedError):
        work_on_first_group(replica, run_id)
    assert replica.row_places("SALES")
    assert len(extracts_of(replica, run_id)) == 5


@pytest.mark.parametrize("is_grouped", [True, False], ids=["group", "chunk"])
@pytest.mark.parametrize("point", [Checkpoint.FILE_NAMED, Checkpoint.EXTRACTED])
def test_a_stalled_worker_leaves_alone_what_others_extracted_since(
    replica: Replica, point: Checkpoint, is_grouped: bool
) -> None:
    run_id = begin(replica, "SALES", rules=MANY if is_grouped else ALONE)
    caught = DAY if is_grouped else day_at(3)
    given = next(one for one in hand_out(replica, run_id) if one.chunk.day == caught)

    def others_do_it() -> None:
        replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = \'late\'')
        replica.at_target(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
        let_leases_run_out(replica)
        sweep(replica, run_id)
        replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
        finish(replica, run_id)

    with at(point, others_do_it):
        work_on(replica.deployment, given, worker="w")

    expect_copy(replica, "SALES")
    expect_extracts_of_last_attempts(replica, run_id)


def test_a_worker_that_stalls_between_its_claim_and_its_locks_extracts_nothing(
    replica: Replica,
) -> None:
    run_id = begin(replica, "SALES")

    def others_do_it() -> None:
        let_leases_run_out(replica)
        sweep(replica, run_id)
        replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
        finish(replica, run_id)

    with at(Checkpoint.CLAIMED, others_do_it):
        assert work_on_first_group(replica, run_id) is None

    expect_copy(replica, "SALES")
    expect_extracts_of_last_attempts(replica, run_id)


def expect_extracts_of_last_attempts(replica: Replica, run_id: str) -> None:
    """Each day's extract is that of the attempt that was merged, and whole."""
    archive = replica.deployment.archive
    for row in replica.deployment.ledger.chunks.of_run(run_id):
        ((name, manifest),) = archive.extracts("SALES", row.chunk.day) or [(None, None)]
        assert row.chunk.is_strays or manifest.attempt == row.attempt
        if name:
            assert sum(batch.num_rows for batch in archive.read(name, manifest)) == manifest.rows


def test_the_days_of_a_group_that_took_its_worker_down_used_up_no_try(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    with at(Checkpoint.EXTRACTED, stop), pytest.raises(StoppedError):
        work_on_first_group(replica, run_id)
    let_leases_run_out(replica)
    sweep(replica, run_id, most_attempts=1)
    rows = replica.deployment.ledger.chunks.of_run(run_id)
    assert {row.state for row in rows} == {ChunkState.PENDING, ChunkState.QUEUED}
    assert set(counted(replica, "TRUE")) == {(0, 0)}
    replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
    finish(replica, run_id)
    expect_copy(replica, "SALES")


STEPS = [point for point in Checkpoint if point is not Checkpoint.MERGED]


def lose_connections(replica: Replica) -> None:
    replica.at_target(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


@pytest.mark.parametrize("point", STEPS)
def test_a_group_whose_connection_is_lost_is_given_back(
    replica: Replica, point: Checkpoint
) -> None:
    run_id = begin(replica, "SALES")
    with at(point, lambda: lose_connections(replica)):
        assert work_on_first_group(replica, run_id) is ChunkState.PENDING
    assert counted(replica, "state = 'pending'") == [(0, 1)] * 5
    assert replica.target_rows("SALES") == []
    replica.end_delays()
    replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
    finish(replica, run_id)
    expect_copy(replica, "SALES")
    assert len(extracts_of(replica, run_id)) == 5


def test_a_connection_that_is_lost_after_the_commit_costs_nothing(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = begin(replica, "SALES")
    with at(Checkpoint.MERGED, lambda: lose_connections(replica)):
        assert work_on_first_group(replica, run_id) is ChunkState.MERGED
    assert "unexpected" not in caplog.text
    assert len(extracts_of(replica, run_id)) == 5


@pytest.mark.parametrize("point", STEPS)
def test_a_chunk_whose_connection_is_lost_is_given_back(
    replica: Replica, point: Checkpoint
) -> None:
    with at(point, lambda: lose_connections(replica)):
        outcome = replica.load("SALES", day_at(3))
    assert outcome.returned is ChunkState.PENDING
    assert counted(replica, "TRUE") == [(0, 1)]


def test_a_proof_that_fails_is_not_tried_again_with_the_same_rows(replica: Replica) -> None:
    run_id = begin(replica, "SALES")

    def give_rows() -> None:
        replica.at_target(f"{INSERT} VALUES (999, '{day_at(3)}', 0, 'meanwhile')")

    with at(Checkpoint.STAGED, give_rows) as seen:
        assert work_on_first_group(replica, run_id) is ChunkState.PENDING
    assert seen.count(Checkpoint.STAGED) == 1
    assert extracts_of(replica, run_id) == {}


def test_what_a_group_asked_of_the_source_is_counted_though_it_was_taken_apart(
    replica: Replica,
) -> None:
    backfill(replica, "SALES")
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = \'edited\' WHERE "ID" = 31')
    run_id = begin(replica, "SALES")
    work_on_first_group(replica, run_id)
    (use,) = replica.at_target(
        "SELECT sum(source_connections), sum(source_rows) FROM dbo.etl_progress WHERE run_id = %s",
        run_id,
    )
    assert use == (1, 6)


@pytest.mark.parametrize("is_grouped", [True, False], ids=["group", "chunk"])
@pytest.mark.parametrize("ends", ["cancelled", "failed"])
def test_what_was_never_merged_is_not_in_force_when_its_run_is_closed(
    replica: Replica, ends: str, is_grouped: bool
) -> None:
    run_id = begin(replica, "SALES", rules=MANY if is_grouped else ALONE)
    given = next(one for one in hand_out(replica, run_id) if one.chunk.day == day_at(0))
    with at(Checkpoint.STAGED, stop), pytest.raises(StoppedError):
        work_on(replica.deployment, given, worker="w")
    assert extracts_of(replica, run_id)
    if ends == "failed":
        replica.at_target(
            "UPDATE dbo.etl_progress SET group_day = NULL, failures = 99 WHERE state = 'running'"
        )
    let_leases_run_out(replica)
    sweep(replica, run_id)
    cancel_run(replica.deployment, run_id)

    closed = finalize_run(replica.deployment, run_id, worker="w")

    assert closed
    assert closed.status is RunStatus.CANCELLED
    assert extracts_of(replica, run_id) == {}


def test_extracts_of_a_group_are_as_old_as_what_was_read(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    work_on_first_group(replica, run_id)
    starts = {
        manifest.started_at
        for day in map(day_at, range(5))
        for name, manifest in replica.deployment.archive.extracts("SALES", day)
    }
    assert len(starts) == 1


def test_a_group_that_finds_no_slot_waits_and_stays_together(replica: Replica) -> None:
    few = replica.with_policy(source_connections=1, slot_wait_seconds=0)
    run_id = begin(few, "SALES")
    warehouse = few.deployment.warehouse
    with warehouse.sql.connect() as other, warehouse.lock_slot(other, source_slots(few.deployment)):
        assert work_on_first_group(few, run_id) is ChunkState.PENDING
    few.end_delays()
    (again,) = hand_out(few, run_id)
    assert (again.chunk.day, again.is_group) == (DAY, True)
    assert work_on(few.deployment, again, worker="w").state is ChunkState.MERGED
    assert set(counted(few, "TRUE")) == {(0, 0)}


@pytest.mark.parametrize("is_unfit", [False, True], ids=["merged", "taken apart"])
def test_a_run_that_is_cancelled_in_mid_group_is_closed(replica: Replica, is_unfit: bool) -> None:
    run_id = begin(replica, "SALES")

    def interrupt() -> None:
        cancel_run(replica.deployment, run_id)
        if is_unfit:
            replica.at_target(f"{INSERT} VALUES (999, '{day_at(3)}', 0, 'new')")

    with at(Checkpoint.STAGED, interrupt):
        state = work_on_first_group(replica, run_id)
    assert state is (ChunkState.PENDING if is_unfit else ChunkState.MERGED)
    closed = finalize_run(replica.deployment, run_id, worker="w")
    assert closed
    done = 0 if is_unfit else 5
    assert (closed.status, closed.chunks_done) == (RunStatus.CANCELLED, done)
    assert len(extracts_of(replica, run_id)) == done


def claim(replica: Replica, run_id: str) -> object:
    first = HandOut(chunk=ChunkId(run_id=run_id, table="SALES", day=DAY), is_group=True)
    return work_on(replica.deployment, first, worker="w").state


def feed(replica: Replica, run_id: str) -> object:
    return len(hand_out(replica, run_id))


def recover(replica: Replica, run_id: str) -> object:
    recover_chunks(replica.deployment, run_id)
    return {row.state for row in replica.deployment.ledger.chunks.of_run(run_id)}


def cancel(replica: Replica, run_id: str) -> object:
    return cancel_run(replica.deployment, run_id)


@pytest.mark.parametrize(
    ("state", "do", "done"),
    [
        ("pending", feed, 4),
        ("queued", claim, ChunkState.MERGED),
        ("running", recover, {ChunkState.PENDING}),
        ("queued", cancel, 13),
    ],
    ids=["feed", "claim", "sweep", "cancel"],
)
def test_statements_over_many_chunks_are_repeated_after_a_deadlock(
    replica: Replica,
    site: Site,
    state: str,
    do: Callable[[Replica, str], object],
    done: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    run_id = begin(replica, "SALES")
    replica.at_target("UPDATE dbo.etl_progress SET state = %s, lease_until = '2000-01-01'", state)
    touch = "UPDATE dbo.etl_progress SET worker = worker WHERE day = %s"
    waits = "SELECT 1 FROM pg_locks WHERE NOT granted"
    with ThreadPoolExecutor(1) as pool, connect(site.target_url) as other:
        with other.transaction():
            other.execute(touch, [day_at(3)])
            result = pool.submit(do, replica, run_id)
            wait_until(lambda: bool(replica.at_target(waits)), "a statement that waits")
            other.execute(touch, [DAY])  # who began to wait first is the one that is undone
        assert result.result(30) == done
    (told,) = [message for message in caplog.messages if "tried again (try 1)" in message]
    assert "\n" not in told, "a statement is of no use to who reads the log"


def test_a_group_that_waits_for_moves_waits_whole(replica: Replica) -> None:
    run_id = begin(replica, "SALES")

    def find_moves_busy() -> None:
        raise moves_busy(replica.spec.table("SALES"))

    with at(Checkpoint.MERGING, find_moves_busy) as seen:
        assert work_on_first_group(replica, run_id) is ChunkState.PENDING
    assert seen.count(Checkpoint.MERGING) == 1, "it was waited for already"
    assert extracts_of(replica, run_id) == {}
    waiting = (
        "SELECT count(*) FROM dbo.etl_progress WHERE group_day = %s AND not_before IS NOT NULL"
    )
    assert replica.at_target(waiting, DAY) == [(5,)]


def test_a_source_known_to_be_away_counts_against_no_day(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    (group,) = [one for one in hand_out(replica, run_id) if one.chunk.day == DAY]
    rules, endpoints = BreakerRules(opens_after=3), replica.deployment.ledger.endpoints
    for _ in range(rules.opens_after):
        endpoints.note_failure(replica.deployment.source_name, rules, cause="refused")
    resting = replica.with_policy(breaker=rules)

    assert work_on(resting.deployment, group, worker="w").state is ChunkState.PENDING

    assert counted(replica, "group_day = '2026-03-14'") == [(0, 0)] * 5
    told = replica.at_target("SELECT DISTINCT error FROM dbo.etl_progress WHERE error IS NOT NULL")
    assert len(told) == 1
    assert "has been away" in told[0][0]


def test_a_member_that_is_worked_on_alone_has_left_its_group(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    hand_out(replica, run_id)
    chunk = ChunkId(run_id=run_id, table="SALES", day=day_at(3))
    given = HandOut(chunk=chunk)
    assert work_on(replica.deployment, given, worker="w").state is ChunkState.MERGED
    assert replica.at_target(
        "SELECT count(*) FROM dbo.etl_progress WHERE state = 'merged' AND group_day IS NOT NULL"
    ) == [(0,)]
    (table,) = forecast_plan(replica.deployment, plan(replica, "SALES"), workers=1).tables
    assert table.work_seconds is not None


def test_locks_that_were_not_all_to_be_had_are_given_back(replica: Replica, site: Site) -> None:
    """The server keeps what a statement took before it failed for want of room."""
    warehouse = replica.deployment.warehouse
    names = [f"chunk {number}" for number in range(300)]
    take = "SELECT count(pg_try_advisory_lock(n)) FROM generate_series(%s, %s + 99::bigint) n"
    with connect(site.target_url) as hog:
        first = 10**9
        with suppress(psycopg.errors.OutOfMemory):
            while True:
                hog.execute(take, [first, first])
                first += 100
        hog.execute(take.replace("try_advisory_lock", "advisory_unlock"), [10**9, 10**9])
        with (
            warehouse.at_once.connect() as connection,
            pytest.raises(ReplicaError, match="take or give back a lock"),
            warehouse.lock_chunks(connection, names),
        ):
            pass
        hog.execute("SELECT pg_advisory_unlock_all()")
    with warehouse.sql.connect() as connection, warehouse.lock_chunks(connection, names) as ours:
        assert ours
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    wait_until(lambda: replica.at_target(held) == [(0,)], "no lock")
