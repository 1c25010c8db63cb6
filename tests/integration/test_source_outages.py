"""A source that is away, slow, cut or crowded is asked gently, and every chunk ends right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.databases import Site
from support.proxy import Proxy, open_proxy_of
from support.replica import DAY, Replica, open_replica
from support.specs import SALES, spec_text

from replica_worker.engines.values import SlotsOf
from replica_worker.ledger.endpoints import BreakerRules
from replica_worker.model.chunks import Action, ChunkId, ChunkState, HandOut, RunKind
from replica_worker.usecases.runs import feed_run

CHUNKS = 20
WORKERS = 4
RULES = BreakerRules(opens_after=3)


class Nobody:
    """A dispatcher to whom nothing may be sent."""

    def send(self, kind: object, chunks: object) -> None:
        raise AssertionError(f"{chunks} were handed out")


class Collector:
    """A dispatcher that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[ChunkId] = []

    def send(self, kind: object, given: Sequence[HandOut]) -> None:
        self.sent += [one.chunk for one in given]


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    with open_proxy_of(site.source_url) as made:
        yield made


@pytest.fixture
def open_far(site: Site, proxy: Proxy, tmp_path: Path) -> Iterator[Callable[..., Replica]]:
    """Open a replica whose source lies behind the proxy and has a row on each of some days."""
    far = replace(site, source_url=proxy.in_front_of(site.source_url))
    with ExitStack() as opened:

        def open_it(**settings: object) -> Replica:
            replica = opened.enter_context(
                open_replica(far, tmp_path, spec_text(SALES), **settings)
            )
            replica.make_source()
            for number in range(CHUNKS):
                replica.insert("SALES", (number, DAY + timedelta(days=number), number, "sale"))
            return replica.with_policy(breaker=RULES)

        yield open_it


def begin(replica: Replica) -> list[ChunkId]:
    days = [DAY + timedelta(days=number) for number in range(CHUNKS)]
    run_id = replica.begin(*(("SALES", day, Action.LOAD) for day in days))
    return [ChunkId(run_id=run_id, table="SALES", day=day) for day in days]


def work_at_once(replica: Replica, chunks: list[ChunkId]) -> list[ChunkState | None]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(replica.work, chunks))


def end_rest(replica: Replica) -> None:
    replica.at_target("UPDATE dbo.replica_endpoint SET open_until = '2000-01-01'")
    replica.end_delays()


def test_source_that_is_away_is_not_hammered_and_costs_no_chunk_a_try(
    open_far: Callable[..., Replica], proxy: Proxy
) -> None:
    replica = open_far()
    chunks = begin(replica)
    proxy.go_away()
    assert set(work_at_once(replica, chunks)) == {ChunkState.PENDING}
    assert proxy.accepted <= RULES.opens_after + WORKERS  # those under way when it opened
    assert replica.at_target("SELECT sum(failures) FROM dbo.etl_progress") == [(0,)]
    assert "away for" in (replica.row_of(chunks[-1]).error or "")
    replica.end_delays()
    assert feed_run(replica.deployment, chunks[0].run_id, Nobody()) == 0
    proxy.come_back()
    end_rest(replica)
    assert replica.work(chunks[0]) is ChunkState.MERGED  # the probe closes the circuit
    assert set(work_at_once(replica, chunks[1:])) == {ChunkState.MERGED}
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_after_a_rest_one_of_all_workers_asks_the_source(open_far: Callable[..., Replica]) -> None:
    replica = open_far()
    endpoints, name = replica.deployment.ledger.endpoints, replica.deployment.source_name
    for _ in range(RULES.opens_after):
        assert endpoints.admit(name, RULES) is None
        endpoints.note_failure(name, RULES, cause="connection refused")
    assert endpoints.admit(name, RULES) is not None
    end_rest(replica)
    with ThreadPoolExecutor(WORKERS) as pool:
        outages = list(pool.map(lambda _: endpoints.admit(name, RULES), range(WORKERS)))
    assert outages.count(None) == 1
    endpoints.note_failure(name, RULES, cause="connection refused")
    after = endpoints.outage_of(name, RULES)
    assert after is not None
    assert after.rest_seconds > RULES.first_rest_seconds  # a failed probe makes it longer
    assert after.cause == "connection refused"
    endpoints.note_success(name)
    assert endpoints.admit(name, RULES) is None


@pytest.mark.parametrize(
    ("kind", "action"), [(RunKind.REPLAY, Action.REPLAY), (RunKind.UNDO, Action.UNDO)]
)
def test_runs_from_the_archive_go_on_while_the_source_rests(
    make_replica: Callable[[str], Replica], kind: RunKind, action: Action
) -> None:
    replica = make_replica(spec_text(SALES)).with_policy(breaker=RULES)
    endpoints, name = replica.deployment.ledger.endpoints, replica.deployment.source_name
    for _ in range(RULES.opens_after):
        endpoints.note_failure(name, RULES, cause="connection refused")
    loading = replica.begin(("SALES", DAY, Action.LOAD))
    run_id = replica.begin(("SALES", DAY, action), kind=kind)
    assert feed_run(replica.deployment, loading, Nobody()) == 0
    collector = Collector()
    assert feed_run(replica.deployment, run_id, collector) == 1
    assert [chunk.run_id for chunk in collector.sent] == [run_id]


def test_rests_grow_to_a_limit() -> None:
    rests = [RULES.rest_seconds(failures) for failures in (0, 2, 3, 4, 5, 6, 7, 500)]
    assert rests == [0, 0, 5, 10, 20, 40, 45, 45]


def test_source_that_stays_away_fails_its_chunks_in_the_end(
    open_far: Callable[..., Replica], proxy: Proxy
) -> None:
    replica = open_far().with_policy(breaker=RULES, longest_outage_seconds=0)
    chunks = begin(replica)
    replica.at_target("UPDATE dbo.replica_run_history SET started_at = '2000-01-01'")
    proxy.go_away()
    work_at_once(replica, chunks)
    replica.at_target("UPDATE dbo.replica_endpoint SET failing_since = '2000-01-01'")
    replica.end_delays()
    states = {state for state in work_at_once(replica, chunks) if state}
    assert states == {ChunkState.FAILED}
    assert "check server and VPN" in (replica.row_of(chunks[0]).error or "")


def test_all_workers_together_keep_to_the_connections_that_the_source_grants(
    open_far: Callable[..., Replica], proxy: Proxy
) -> None:
    replica = open_far(source_connections=2).with_policy(slot_wait_seconds=120)
    proxy.latency = 0.005
    assert set(work_at_once(replica, begin(replica)[:8])) == {ChunkState.MERGED}
    assert proxy.most_at_once <= 2


def test_chunk_that_gets_no_connection_waits_its_turn(open_far: Callable[..., Replica]) -> None:
    replica = open_far().with_policy(source_connections=1, slot_wait_seconds=0)
    chunk = begin(replica)[0]
    warehouse, name = replica.deployment.warehouse, replica.deployment.source_name
    with (
        warehouse.sql.connect() as other,
        warehouse.lock_slot(other, SlotsOf(name=name, count=1)) as is_ours,
    ):
        assert is_ours
        assert replica.work(chunk) is ChunkState.PENDING
    row = replica.row_of(chunk)
    assert (row.error, row.state) == (None, ChunkState.PENDING)
    replica.end_delays()
    assert replica.work(chunk) is ChunkState.MERGED


def test_link_cut_in_mid_stream_loses_nothing(
    open_far: Callable[..., Replica], proxy: Proxy
) -> None:
    replica = open_far()
    replica.at_source(
        'INSERT INTO "COM_5013"."SALES" SELECT n, %s, n, repeat(md5(n::text), 6) '
        "FROM generate_series(1000, 20000) n",
        DAY,
    )
    chunk = begin(replica)[0]
    proxy.cut_after(500_000)
    assert replica.work(chunk) is ChunkState.PENDING
    assert "connect" in (replica.row_of(chunk).error or "").lower()
    assert replica.target_rows("SALES") == []
    assert replica.staging_tables() == []
    assert [path for path in replica.exports.rglob("*") if path.is_file()] == []
    replica.end_delays()
    assert replica.work(chunk) is ChunkState.MERGED
    assert replica.target_rows("SALES") == replica.source_rows("SALES", f"\"DAY\" = '{DAY}'")


def test_lease_holds_while_a_slow_link_takes_its_time(
    open_far: Callable[..., Replica], proxy: Proxy
) -> None:
    replica = open_far(lease=1)
    replica.at_source(
        'INSERT INTO "COM_5013"."SALES" SELECT n, %s, n, repeat(md5(n::text), 6) '
        "FROM generate_series(1000, 3000) n",
        DAY,
    )
    chunk = begin(replica)[0]
    proxy.bytes_per_second = 300_000
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(replica.work, chunk)
        while not working.done():
            counts = replica.deployment.ledger.chunks.sweep(
                chunk.run_id, lost_after_seconds=300, most_attempts=5
            )
            assert counts.expired == 0
        assert working.result() is ChunkState.MERGED
    assert replica.row_of(chunk).attempt == 1
