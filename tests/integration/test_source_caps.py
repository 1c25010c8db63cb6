"""All workers together read no faster than the caps allow, and every chunk ends right.

A cap is an upper bound: a slow machine may stay below it, so nothing is said of how fast it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from support.databases import Site
from support.replica import DAY, Replica, open_replica
from support.specs import SALES, columns, daily, spec_text

from replica_worker.engines.postgresql import connect
from replica_worker.model.caps import Share, SourceCaps
from replica_worker.model.chunks import Action, ChunkId, ChunkState
from replica_worker.model.key_ranges import SplitRules
from replica_worker.usecases.allowance import SHARE_SECONDS

CHUNKS, ROWS = 4, 3_000
CAP = 3_000
BATCH_ROWS = 2_000  # more than 64 KiB of such rows
DAYS = [DAY + timedelta(days=number) for number in range(CHUNKS)]


@pytest.fixture
def workers(site: Site, tmp_path: Path) -> Iterator[list[Replica]]:
    """Two deployments over the same ledger, as two processes have them."""
    with ExitStack() as opened:
        made = [
            opened.enter_context(
                open_replica(site, tmp_path / name, spec_text(SALES), batch_bytes=64 * 1024)
            )
            for name in ("one", "two")
        ]
        made[0].make_source()
        made[0].at_source(
            """INSERT INTO "COM_5013"."SALES"
               SELECT n, %s::date + n / %s, n, 'sale' FROM generate_series(0, %s) n""",
            DAY,
            ROWS,
            CHUNKS * ROWS - 1,
        )
        yield made


def work_at_once(workers: list[Replica]) -> list[ChunkState | None]:
    run_id = workers[0].begin(*(("SALES", day, Action.LOAD) for day in DAYS))
    chunks = [ChunkId(run_id=run_id, table="SALES", day=day) for day in DAYS]
    with ThreadPoolExecutor(len(workers)) as pool:
        return list(pool.map(lambda n: workers[n % 2].work(chunks[n]), range(CHUNKS)))


def shares_lasted(replica: Replica, column: str, began: object) -> float:
    ((seconds,),) = replica.at_target(
        f"SELECT extract(epoch FROM {column} - %s) FROM dbo.replica_endpoint", began
    )
    return float(seconds)


def now_at(replica: Replica) -> object:
    ((now,),) = replica.at_target("SELECT clock_timestamp() AT TIME ZONE 'UTC'")
    return now


def test_two_workers_together_stay_below_the_cap_of_rows(workers: list[Replica]) -> None:
    capped = [one.with_policy(source_caps=SourceCaps(rows_per_second=CAP)) for one in workers]
    began, started = now_at(workers[0]), time.monotonic()
    assert work_at_once(capped) == [ChunkState.MERGED] * CHUNKS
    seconds = time.monotonic() - started
    at_hand = len(workers) * (CAP * SHARE_SECONDS + BATCH_ROWS)  # what may be read at once
    assert seconds * CAP + at_hand >= CHUNKS * ROWS
    owed = len(workers) * BATCH_ROWS  # the last batches may still be unpaid
    assert shares_lasted(workers[0], "rows_taken_until", began) >= (CHUNKS * ROWS - owed) / CAP
    assert workers[0].target_rows("SALES") == workers[0].source_rows("SALES")


def test_cap_of_bytes_holds_too(workers: list[Replica]) -> None:
    cap = 200_000
    capped = [one.with_policy(source_caps=SourceCaps(bytes_per_second=cap)) for one in workers]
    began, started = now_at(workers[0]), time.monotonic()
    assert work_at_once(capped) == [ChunkState.MERGED] * CHUNKS
    seconds = time.monotonic() - started
    ((size,),) = workers[0].at_target("SELECT sum(source_bytes) FROM dbo.etl_progress")
    at_hand = len(workers) * (cap * SHARE_SECONDS + 2 * 64 * 1024)
    assert size <= seconds * cap + at_hand
    assert shares_lasted(workers[0], "bytes_taken_until", began) >= (float(size) - at_hand) / cap
    assert workers[0].target_rows("SALES") == workers[0].source_rows("SALES")


def test_without_a_cap_the_ledger_is_not_asked(workers: list[Replica]) -> None:
    assert work_at_once(workers) == [ChunkState.MERGED] * CHUNKS
    assert workers[0].at_target("SELECT count(*) FROM dbo.replica_endpoint") == [(0,)]


def test_waiting_for_a_share_keeps_the_lease_and_is_no_silence(workers: list[Replica]) -> None:
    slow = [
        one.with_policy(
            source_caps=SourceCaps(rows_per_second=ROWS // 2),
            lease_seconds=2,
            silent_after_seconds=1.5,
        )
        for one in workers
    ]
    others = slow[0].deployment.ledger.shares
    ahead = SourceCaps(rows_per_second=ROWS // 2)
    others.take(slow[0].deployment.source_name, ahead.share(4), ahead)  # somebody else's turn
    run_id = slow[0].begin(("SALES", DAY, Action.LOAD))
    chunk = ChunkId(run_id=run_id, table="SALES", day=DAY)
    assert slow[0].work(chunk) is ChunkState.MERGED
    row = slow[0].row_of(chunk)
    assert (row.attempt, row.rows_extracted) == (1, ROWS)
    assert slow[0].at_target("SELECT failures, outages FROM dbo.etl_progress") == [(0, 0)]


def test_source_waits_for_a_reader_whose_turn_comes_late(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others read first may take longer than a peer that vanished is waited for."""
    monkeypatch.setitem(connect._SERVER_KEEPALIVES, "tcp_user_timeout", "1000")
    cap, rows = 20_000, 80_000  # more than sockets hold
    with open_replica(site, tmp_path, spec_text(SALES), batch_bytes=64 * 1024) as replica:
        replica.make_source()
        replica.at_source(
            """INSERT INTO "COM_5013"."SALES"
               SELECT n, %s, n, repeat('x', 200) FROM generate_series(1, %s) n""",
            DAY,
            rows,
        )
        replica = replica.with_policy(source_caps=SourceCaps(rows_per_second=cap))
        take, taken = replica.deployment.ledger.shares.take, []

        def take_behind_others(endpoint: str, share: Share, caps: SourceCaps) -> float:
            taken.append(share)
            if len(taken) == 2:
                take(endpoint, caps.share(4), caps)
            return take(endpoint, share, caps)

        monkeypatch.setattr(replica.deployment.ledger.shares, "take", take_behind_others)
        outcome = replica.load("SALES")
        assert outcome.returned is ChunkState.MERGED, outcome.error
        assert outcome.row.attempt == 1
        assert len(taken) > 2
        assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_day_that_lasts_long_under_the_cap_is_read_by_statements_that_do_not(
    site: Site, tmp_path: Path
) -> None:
    """Nothing is known yet of how fast the table is read; the cap says how slow it will be."""
    cap, rows, limit = 8_000, 32_000, 2
    long_text = daily(
        "NOTES", ["ID"], "DAY", columns=columns(ID="bigint!", DAY="date", TEXT="text")
    )
    with open_replica(
        site, tmp_path, spec_text(long_text), batch_bytes=64 * 1024, statement_timeout=limit
    ) as replica:
        replica.make_source()
        replica.at_source(
            """INSERT INTO "COM_5013"."NOTES"
               SELECT n, %s, repeat('x', 1000) FROM generate_series(1, %s) n""",
            DAY,
            rows,
        )
        capped = replica.with_policy(
            source_caps=SourceCaps(rows_per_second=cap), split=SplitRules(seconds=1)
        )
        outcome = capped.load("NOTES")
        assert outcome.returned is ChunkState.MERGED, outcome.error
        assert capped.target_rows("NOTES") == capped.source_rows("NOTES")
