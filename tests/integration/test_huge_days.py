"""A huge day is read by several statements, in one snapshot, into one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.databases import Site
from support.proxy import Proxy, open_proxy_of
from support.replica import DAY, NEXT_DAY, Replica, open_replica
from support.specs import SALES, columns, daily, spec_text

from replica_worker.model.chunks import Action, ChunkId, ChunkState, RunKind
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Verdict
from replica_worker.model.key_ranges import SplitRules
from replica_worker.usecases.runs import begin_run, plan_run

ROWS = 20_000
FLOATING = daily("FLOATING", ["ID"], "DAY", columns=columns(ID="float!", DAY="date"))
SPLIT = SplitRules(most_rows=4_000)


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    with open_proxy_of(site.source_url) as made:
        yield made


@pytest.fixture
def replica(site: Site, proxy: Proxy, tmp_path: Path) -> Iterator[Replica]:
    far = replace(site, source_url=proxy.in_front_of(site.source_url))
    with open_replica(far, tmp_path, spec_text(SALES, FLOATING)) as made:
        made.make_source()
        made.at_source(
            """INSERT INTO "COM_5013"."SALES"
               SELECT n, %s, n, repeat(md5(n::text), 6) FROM generate_series(1, %s) n""",
            DAY,
            ROWS,
        )
        yield made


def statements_of(replica: Replica, table: str = "SALES") -> int:
    outcome = replica.load(table)
    assert outcome.returned is ChunkState.MERGED
    assert replica.target_rows(table) == replica.source_rows(table)
    return outcome.row.source_use.statements


def parquet_files(replica: Replica) -> list[Path]:
    return sorted(replica.exports.rglob("*.parquet"))


def test_huge_day_is_read_by_several_statements_into_one_file(replica: Replica) -> None:
    whole = statements_of(replica)
    assert len(parquet_files(replica)) == 1
    split = replica.with_policy(split=SPLIT)
    assert statements_of(split) == whole + 1 + (ROWS // 4_000 - 1)  # the bounds, and the ranges
    assert len(parquet_files(replica)) == 2  # one a run
    assert split.check("SALES").row.verdict == Verdict.MATCH
    assert split.load("SALES").counts == (0, 0, 0)


def test_expected_rows_split_the_digest_as_well(replica: Replica) -> None:
    split = replica.with_policy(split=SPLIT)
    unexpected = statements_of(split)
    days = DayRange.inclusive(DAY, NEXT_DAY)
    plan = plan_run(split.deployment, RunKind.BACKFILL, days=days, tables=["SALES"])
    run_id = begin_run(split.deployment, plan, asked_by="tests")
    assert run_id
    chunk = ChunkId(run_id=run_id, table="SALES", day=DAY)
    assert split.work(chunk) is ChunkState.MERGED
    row = split.row_of(chunk)
    assert (row.rows_expected, row.rows_extracted) == (ROWS, ROWS)
    assert row.source_use.statements == unexpected + (ROWS // 4_000 - 1)


def test_table_that_was_slow_before_is_asked_for_less_at_once(replica: Replica) -> None:
    rules = SplitRules(most_rows=ROWS, seconds=60)
    unhurried = replica.with_policy(split=rules)
    whole = statements_of(unhurried)
    assert statements_of(unhurried) == whole
    replica.at_target("UPDATE dbo.etl_progress SET extract_seconds = 120")  # 10,000 rows a minute
    assert statements_of(unhurried) == whole + 1 + 1


def test_key_without_a_definite_order_is_read_by_one_statement(replica: Replica) -> None:
    replica.at_source(
        'INSERT INTO "COM_5013"."FLOATING" SELECT n, %s FROM generate_series(1, %s) n', DAY, ROWS
    )
    whole = statements_of(replica, "FLOATING")
    assert statements_of(replica.with_policy(split=SPLIT), "FLOATING") == whole


def test_row_without_a_key_is_refused_by_its_column_and_not_passed_by(replica: Replica) -> None:
    replica.at_source('ALTER TABLE "COM_5013"."SALES" DROP CONSTRAINT "SALES_pkey"')
    replica.at_source('ALTER TABLE "COM_5013"."SALES" ALTER COLUMN "ID" DROP NOT NULL')
    replica.at_source('INSERT INTO "COM_5013"."SALES" VALUES (NULL, %s, 1, NULL)', DAY)
    split = replica.with_policy(split=SPLIT)
    plan = plan_run(split.deployment, RunKind.BACKFILL, days=DayRange.one(DAY), tables=["SALES"])
    run_id = begin_run(split.deployment, plan, asked_by="tests")
    assert run_id
    chunk = ChunkId(run_id=run_id, table="SALES", day=DAY)
    assert split.work(chunk) is ChunkState.FAILED
    assert "column ID: it holds NULL" in (split.row_of(chunk).error or "")
    assert split.target_rows("SALES") == []


def test_chunk_begins_again_when_one_of_its_statements_breaks_off(
    replica: Replica, proxy: Proxy
) -> None:
    split = replica.with_policy(split=SPLIT)
    chunk = ChunkId(run_id=split.begin(("SALES", DAY, Action.LOAD)), table="SALES", day=DAY)
    proxy.cut_after(3_000_000)  # of some four
    assert split.work(chunk) is ChunkState.PENDING
    assert split.target_rows("SALES") == []
    assert parquet_files(split) == []
    split.end_delays()
    assert split.work(chunk) is ChunkState.MERGED
    assert split.row_of(chunk).attempt == 2
    assert split.target_rows("SALES") == split.source_rows("SALES")
