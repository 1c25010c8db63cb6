"""Groups that meet with trouble: the archive, the ledger and the source's book stay true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from support.databases import Site, connect
from support.grouped import (
    STAMPS,
    TIMES,
    begin,
    day_at,
    expect_copy,
    fill,
    finish,
    hand_out,
    work_on_first_group,
)
from support.replica import DAY, Replica
from support.specs import SALES, VERSIONED, spec_text
from support.waiting import wait_until

from replica_worker.checkpoints import Checkpoint, watch
from replica_worker.model.chunks import ChunkId, ChunkState, HandOut
from replica_worker.usecases.group_work import work_on
from replica_worker.usecases.runs import cancel_run, recover_chunks


@pytest.fixture
def replica(make_replica) -> Replica:
    return fill(make_replica(spec_text(SALES, VERSIONED, TIMES, STAMPS)))


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


@pytest.mark.parametrize("point", STEPS)
def test_a_chunk_whose_connection_is_lost_is_given_back(
    replica: Replica, point: Checkpoint
) -> None:
    with at(point, lambda: lose_connections(replica)):
        outcome = replica.load("SALES", day_at(3))
    assert outcome.returned is ChunkState.PENDING
    assert counted(replica, "TRUE") == [(0, 1)]


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
) -> None:
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
