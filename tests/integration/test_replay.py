"""Replays: the warehouse is made again from the archive alone."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, LINES, SALES, STAFF, spec_text
from support.waiting import wait_until

from replica_worker.checkpoints import Checkpoint, watch
from replica_worker.errors import DatabaseUnreachableError
from replica_worker.ledger.options import RunOptions
from replica_worker.ledger.runs import Run
from replica_worker.model.chunks import Action, ChunkId, ChunkState, RunKind, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import begin_run, plan_run
from replica_worker.usecases.verify import verify_range

TABLES = ("SALES", "LINES", "ITEMS", "STAFF")
BOTH_DAYS = DayRange.inclusive(DAY, NEXT_DAY)


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, LINES, ITEMS, STAFF))
    replica.make_source()
    for number in range(1, 9):
        replica.insert("SALES", (number, DAY if number < 5 else NEXT_DAY, number, "sale"))
        replica.insert("LINES", *[(number, line, f"item {line}") for line in (1, 2)])
        replica.insert("ITEMS", (number, f"item {number}"))
        replica.insert("STAFF", (number, f"name {number}", number.to_bytes(8, "big")))
    assert run(replica, RunKind.BACKFILL).status is RunStatus.SUCCEEDED
    return replica


def run(
    replica: Replica, kind: RunKind, days: DayRange = BOTH_DAYS, *tables: str, **options: bool
) -> Run:
    plan = plan_run(replica.deployment, kind, days=days, tables=tables)
    run_id = begin_run(replica.deployment, plan, asked_by="tests", options=RunOptions(**options))
    assert run_id
    return work_inline(replica.deployment, run_id, worker="w", on_progress=lambda: None)


def empty_warehouse(replica: Replica) -> None:
    for table in TABLES:
        replica.at_target(f'TRUNCATE "dbo"."{table}"')


def replay(replica: Replica, *tables: str, **options: bool) -> Run:
    """Replay without a source: one that cannot be reached stands in its place."""
    lone = replace(replica.deployment, source=Unreachable())
    return run(
        Replica(lone, replica.source, replica.target, replica.exports),
        RunKind.REPLAY,
        BOTH_DAYS,
        *tables,
        **options,
    )


class Unreachable:
    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the source was asked for {name}")


def assert_equal(replica: Replica) -> None:
    for table in TABLES:
        assert replica.target_rows(table) == replica.source_rows(table), table
    proofs = list(verify_range(replica.deployment, tables=[], days=BOTH_DAYS))
    assert all(proof.is_equal for proof in proofs)


def test_an_empty_warehouse_is_made_again(replica: Replica) -> None:
    empty_warehouse(replica)
    done = replay(replica)
    assert (done.status, done.chunks, done.chunks_done) == (RunStatus.SUCCEEDED, 6, 6)
    assert done.rows_inserted == 8 + 16 + 8 + 8
    assert_equal(replica)
    assert replica.staging_tables() == []


def test_a_second_replay_changes_nothing(replica: Replica) -> None:
    places = replica.row_places("SALES")
    done = replay(replica)
    assert (done.rows_inserted, done.rows_updated, done.rows_deleted) == (0, 0, 0)
    assert replica.row_places("SALES") == places


def test_the_newest_extract_of_a_day_counts(replica: Replica) -> None:
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = \'new\' WHERE "ID" = 2')
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 3')
    replica.at_source('DELETE FROM "COM_5013"."LINES" WHERE "SALE_ID" = 3')
    run(replica, RunKind.CHECK_FIXES, DayRange.one(DAY))
    empty_warehouse(replica)
    assert replay(replica).status is RunStatus.SUCCEEDED
    assert_equal(replica)


def test_increments_come_on_top_of_the_whole_table(replica: Replica) -> None:
    change = 'UPDATE "COM_5013"."STAFF" SET "NAME" = %s, "RV" = %s WHERE "ID" = 1'
    for name, version in (("A", 32), ("B", 34)):
        replica.at_source(change, name, version.to_bytes(8, "big"))
        replica.insert("STAFF", (version, "new", (version + 1).to_bytes(8, "big")))
        run(replica, RunKind.BACKFILL, BOTH_DAYS, "STAFF")
    empty_warehouse(replica)
    replay(replica)
    assert_equal(replica)


@pytest.mark.parametrize("loaded", [DAY, NEXT_DAY], ids=["the day it left", "its new day"])
@pytest.mark.parametrize("order", [1, -1], ids=["oldest day first", "newest day first"])
def test_moved_rows_are_replayed_on_their_new_day(
    replica: Replica, loaded: date, order: int
) -> None:
    replica.at_source(
        'UPDATE "COM_5013"."SALES" SET "DAY" = %s, "NOTE" = \'m\' WHERE "ID" = 1', NEXT_DAY
    )
    run(replica, RunKind.BACKFILL, DayRange.one(loaded), "SALES")
    run(replica, RunKind.BACKFILL, DayRange.one(NEXT_DAY), "LINES")
    assert_equal(replica)
    empty_warehouse(replica)
    for table in TABLES:
        for day in list(BOTH_DAYS)[::order]:
            assert run(replica, RunKind.REPLAY, DayRange.one(day), table).status != "failed"
    replay(replica, "ITEMS", "STAFF")
    assert_equal(replica)


@pytest.mark.parametrize("seed", range(6))
def test_a_replay_gives_what_the_warehouse_held(make_replica, seed: int) -> None:
    """Rows change, move, come and go between loads of random days; then all is replayed."""
    chance = random.Random(seed)  # noqa: S311
    replica = make_replica(spec_text(SALES))
    replica.make_source()
    days = [DAY + timedelta(days=number) for number in range(3)]
    everything = DayRange.inclusive(days[0], days[-1])
    replica.insert("SALES", *[(n, chance.choice(days), n, "first") for n in range(12)])
    run(replica, RunKind.BACKFILL, everything, allow_deletes=True)
    for step in range(8):
        for row in chance.sample(range(12), 3):
            change = 'UPDATE "COM_5013"."SALES" SET "DAY" = %s, "NOTE" = %s WHERE "ID" = %s'
            replica.at_source(change, chance.choice(days), f"step {step}", row)
        run(replica, RunKind.BACKFILL, DayRange.one(chance.choice(days)), allow_deletes=True)
    held = replica.target_rows("SALES")
    replica.at_target('TRUNCATE "dbo"."SALES"')
    for _ in range(2):
        assert run(replica, RunKind.REPLAY, everything).status is RunStatus.SUCCEEDED
        assert replica.target_rows("SALES") == held


def parquet_of(replica: Replica, table: str) -> Path:
    (file,) = (replica.exports / table / str(DAY)).glob("*.parquet")
    return file


@pytest.mark.parametrize("damage", ["cut", "altered", "gone"])
def test_a_damaged_file_fails_its_chunk_alone(replica: Replica, damage: str) -> None:
    file = parquet_of(replica, "SALES")
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-9] if damage == "cut" else content[:-9] + b"x" + content[-8:])
    empty_warehouse(replica)
    done = replay(replica)
    assert (done.status, done.chunks_failed) == (RunStatus.FAILED, 1)
    assert done.error is not None
    assert file.name in done.error
    assert "backup" in done.error
    assert replica.target_rows("SALES", f"\"DAY\" = '{DAY}'") == []
    assert replica.target_rows("ITEMS") == replica.source_rows("ITEMS")


def test_a_manifest_of_another_file_is_told(replica: Replica) -> None:
    manifest = parquet_of(replica, "SALES").with_suffix(".json")
    document = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**document, "day": str(NEXT_DAY)}))
    done = replay(replica, "SALES")
    assert done.chunks_failed == 1
    assert "another file's" in (done.error or "")


def test_an_extract_that_was_refused_is_not_replayed(replica: Replica) -> None:
    replica.at_source('DELETE FROM "COM_5013"."ITEMS"')
    refused = run(replica, RunKind.BACKFILL, BOTH_DAYS, "ITEMS")
    assert refused.status is RunStatus.FAILED
    held = replica.target_rows("ITEMS")
    empty_warehouse(replica)
    replay(replica, "ITEMS")
    assert replica.target_rows("ITEMS") == held
    assert len(held) == 8


def test_deletes_are_guarded(replica: Replica) -> None:
    replica.at_target(
        'INSERT INTO "dbo"."SALES" ("ID", "DAY") SELECT n, %s FROM generate_series(100, 199) n', DAY
    )
    replica.at_target('DELETE FROM "dbo"."LINES"')
    refused = replay(replica, "SALES")
    assert (refused.status, refused.chunks_failed) == (RunStatus.FAILED, 1)
    assert "--allow-deletes" in (refused.error or "")
    assert replay(replica, allow_deletes=True).rows_deleted == 100
    assert_equal(replica)


def test_a_file_of_other_columns_is_refused(replica: Replica, make_replica) -> None:
    document = json.loads(spec_text(SALES))
    document["tables"][0]["columns"] += [{"name": "MORE", "type": "int"}]
    replica.at_target('ALTER TABLE "dbo"."SALES" ADD COLUMN "MORE" integer')
    wider = make_replica(json.dumps(document), migrate=False)
    done = run(wider, RunKind.REPLAY, BOTH_DAYS)
    assert done.chunks_failed == 2
    assert "spec file" in (done.error or "")


def test_only_what_the_archive_holds_is_planned(replica: Replica) -> None:
    wide = DayRange.inclusive(DAY - timedelta(days=3), NEXT_DAY + timedelta(days=3))
    plan = plan_run(replica.deployment, RunKind.REPLAY, days=wide, tables=["SALES", "ITEMS"])
    assert [(chunk.table, chunk.day) for chunk in plan.chunks] == [
        ("SALES", DAY),
        ("SALES", NEXT_DAY),
        ("ITEMS", wide.last),
    ]


def test_a_day_whose_extracts_are_gone_is_skipped(replica: Replica) -> None:
    for file in (replica.exports / "SALES" / str(DAY)).iterdir():
        file.unlink()
    run_id = replay(replica, "SALES").run_id
    states = [row.state for row in replica.deployment.ledger.chunks.of_run(run_id)]
    assert states == [ChunkState.SKIPPED, ChunkState.MERGED]


def test_a_fix_that_was_extracted_but_never_merged_is_not_replayed(replica: Replica) -> None:
    change = 'UPDATE "COM_5013"."SALES" SET "NOTE" = %s WHERE "ID" = 2'
    replica.at_source(change, "a fix")
    broken: list[Checkpoint] = []

    def break_once(point: Checkpoint) -> None:
        if point is Checkpoint.EXTRACTED and not broken:
            broken.append(point)
            replica.at_source(change, "sale")
            raise DatabaseUnreachableError(
                operation="merge", cause="cut", next_step="", retryable=True
            )

    watch(break_once)
    try:
        hasty = replica.with_policy(first_delay_seconds=0.01)
        checked = run(hasty, RunKind.CHECK_FIXES, DayRange.one(DAY), "SALES")
    finally:
        watch(None)
    assert broken, "an extract was made"
    (chunk,) = [row for row in replica.deployment.ledger.chunks.of_run(checked.run_id)
                if row.chunk.day == DAY]  # fmt: skip
    assert (chunk.state, chunk.verdict, chunk.attempt) == (ChunkState.CHECKED, "match", 2)

    empty_warehouse(replica)
    replay(replica)
    assert_equal(replica)


def test_a_replay_under_way_leaves_the_source_s_slots_to_loads(replica: Replica) -> None:
    one_slot = replica.with_policy(source_connections=1, slot_wait_seconds=0)
    run_id = one_slot.begin(("SALES", DAY, Action.REPLAY), kind=RunKind.REPLAY)
    chunk = ChunkId(run_id=run_id, table="SALES", day=DAY)
    with ThreadPoolExecutor(1) as pool:
        with replica.target.transaction():
            replica.at_target('LOCK TABLE dbo."SALES" IN ACCESS EXCLUSIVE MODE')
            replayed = pool.submit(one_slot.work, chunk)
            wait_until(lambda: bool(replica.at_target(_WAITS)), "the replay waits")
            assert one_slot.load("ITEMS", NEXT_DAY).returned is ChunkState.MERGED
        assert replayed.result() is ChunkState.MERGED


_WAITS = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock' AND application_name = 'replica_worker'"
)
