"""A connection that breaks in mid-read or in mid-merge: nothing half done, and then all done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from support.proxy import Proxy, open_proxy
from support.replica import DAY
from support.specs import columns, daily, spec_text
from support.sqlserver import SqlServerSite, numbers
from support.sqlserver_replica import SqlServerReplica

from replica_worker.engines.sqlserver.warehouse import SqlServerWarehouse
from replica_worker.engines.values import StagedChunk
from replica_worker.model.chunks import Action, ChunkId, ChunkState
from replica_worker.model.counts import MergeCounts
from replica_worker.usecases.runs import sweep_leftovers

_WIDE = daily(
    "WIDE",
    ["ID"],
    "DAY",
    columns=columns(ID="int!", DAY="date", TEXT="varchar(8000)"),
)
_ROWS = 400


@pytest.fixture
def proxy(site: SqlServerSite) -> Iterator[Proxy]:
    server = sa.make_url(site.source_url)
    with open_proxy(str(server.host), server.port or 1433) as opened:
        yield opened


@pytest.fixture
def replica(make_replica: Callable[..., SqlServerReplica]) -> SqlServerReplica:
    """Migrated, with rows at the source that fill many packets."""
    replica = make_replica(spec_text(_WIDE))
    replica.make_source()
    replica.at_source(
        f"""
        INSERT INTO "COM_5013"."WIDE" ("ID", "DAY", "TEXT")
        SELECT n, ?, REPLICATE('x', 4000) FROM {numbers(_ROWS)}
        """,
        DAY,
    )
    assert len(replica.source_rows("WIDE")) == _ROWS
    return replica


def behind(
    proxy: Proxy, make_replica: Callable[..., SqlServerReplica], site: SqlServerSite, side: str
) -> SqlServerReplica:
    """The same replica, one of whose databases is reached by way of the proxy."""
    through = {f"{side}_url": proxy.in_front_of(getattr(site, f"{side}_url"))}
    return make_replica(spec_text(_WIDE), batch_bytes=64 * 1024, **through).with_policy(
        first_delay_seconds=0
    )


def begin(replica: SqlServerReplica) -> ChunkId:
    return ChunkId(run_id=replica.begin(("WIDE", DAY, Action.LOAD)), table="WIDE", day=DAY)


def expect_done_on_second_try(replica: SqlServerReplica, chunk: ChunkId) -> None:
    replica.end_delays()
    assert replica.work(chunk) is ChunkState.MERGED, replica.row_of(chunk).error
    assert replica.outcome_of(chunk).counts == (_ROWS, 0, 0)
    assert replica.target_rows("WIDE") == replica.source_rows("WIDE")
    sweep_leftovers(replica.deployment)
    assert replica.staging_tables() == []


def test_chunk_whose_read_is_cut_starts_again_from_nothing(
    replica: SqlServerReplica,
    make_replica: Callable[..., SqlServerReplica],
    site: SqlServerSite,
    proxy: Proxy,
) -> None:
    struck = behind(proxy, make_replica, site, "source")
    chunk = begin(struck)
    proxy.cut_after(_ROWS * 4000 // 2)
    assert struck.work(chunk) is ChunkState.PENDING, struck.row_of(chunk).error
    assert [*struck.exports.rglob("*.parquet"), *struck.exports.rglob("*.json")] == []
    assert struck.target_rows("WIDE") == []
    expect_done_on_second_try(struck, chunk)


def test_merge_that_is_cut_leaves_nothing_behind(
    replica: SqlServerReplica,
    make_replica: Callable[..., SqlServerReplica],
    site: SqlServerSite,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows are merged but not committed when the connection goes."""
    struck = behind(proxy, make_replica, site, "target")
    chunk = begin(struck)
    merge, cuts = SqlServerWarehouse.merge, [proxy.cut]

    def merge_then_cut(
        warehouse: SqlServerWarehouse,
        connection: sa.Connection,
        staged: StagedChunk,
        *,
        may_move: bool,
    ) -> MergeCounts:
        counts = merge(warehouse, connection, staged, may_move=may_move)
        while cuts:
            cuts.pop()()
        return counts

    monkeypatch.setattr(SqlServerWarehouse, "merge", merge_then_cut)
    assert struck.work(chunk) is ChunkState.PENDING, struck.row_of(chunk).error
    assert cuts == []
    assert struck.target_rows("WIDE") == []
    expect_done_on_second_try(struck, chunk)
