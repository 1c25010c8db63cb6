"""Undoing a run: what its merges took away comes back, what they brought stays."""

from __future__ import annotations

from datetime import date

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, SALES, spec_text

from replica_worker.errors import RunChangedSinceError
from replica_worker.ledger.options import RunOptions
from replica_worker.model.chunks import ChunkId, ChunkState
from replica_worker.usecases.runs import begin_run
from replica_worker.usecases.undo import plan_undo_of

TABLE = '"COM_5013"."SALES"'


@pytest.fixture(params=["whole", "rows"])
def replica(make_replica, request: pytest.FixtureRequest) -> Replica:
    replica = make_replica(spec_text(SALES, ITEMS))
    if request.param == "rows":
        replica = replica.with_policy(fewest_rows_to_drill=0, largest_share_to_drill=9)
    replica.make_source()
    replica.insert("SALES", *[(n, DAY, n, f"note {n}") for n in range(1, 9)])
    replica.insert("SALES", *[(n, NEXT_DAY, n, f"next {n}") for n in range(11, 14)])
    replica.insert("ITEMS", (1, "a"), (2, "b"))
    replica.load("SALES", DAY)
    replica.load("SALES", NEXT_DAY)
    replica.load("ITEMS")
    return replica


def undo(replica: Replica, run_id: str) -> list[ChunkState | None]:
    plan = plan_undo_of(replica.deployment, run_id)
    options = RunOptions(undo_of=run_id)
    undo_id = begin_run(replica.deployment, plan, asked_by="tests", options=options)
    assert undo_id
    return [
        replica.work(ChunkId(run_id=undo_id, table=chunk.table, day=chunk.day))
        for chunk in plan.chunks
    ]


def wreck(replica: Replica) -> None:
    """The source goes wrong: changed, deleted, moved away, moved here, lost its day, new."""
    replica.at_source(f'UPDATE {TABLE} SET "NOTE" = NULL WHERE "ID" = 1')
    replica.at_source(f'DELETE FROM {TABLE} WHERE "ID" = 2')
    replica.at_source(f'UPDATE {TABLE} SET "DAY" = %s WHERE "ID" = 3', NEXT_DAY)
    replica.at_source(f'UPDATE {TABLE} SET "DAY" = %s, "NOTE" = \'here\' WHERE "ID" = 11', DAY)
    replica.at_source(f'UPDATE {TABLE} SET "DAY" = NULL WHERE "ID" = 4')
    replica.insert("SALES", (99, DAY, 1, "new"))


@pytest.mark.parametrize("work", ["load", "check"])
def test_rows_that_a_run_took_away_come_back(replica: Replica, work: str) -> None:
    before = replica.target_rows("SALES")
    wreck(replica)
    outcome = getattr(replica, work)("SALES", DAY)
    assert replica.target_rows("SALES") == replica.source_rows("SALES"), outcome.error
    assert undo(replica, outcome.row.chunk.run_id) == [ChunkState.MERGED]
    brought = replica.source_rows("SALES", '"ID" = 99')
    assert replica.target_rows("SALES") == sorted(before + brought)
    assert replica.staging_tables() == []
    assert replica.check("SALES", DAY).counts[1:] == outcome.counts[1:]


def test_whole_tables_can_be_undone(replica: Replica) -> None:
    before = replica.target_rows("ITEMS")
    replica.at_source('UPDATE "COM_5013"."ITEMS" SET "NAME" = NULL WHERE "ID" = 1')
    run_id = replica.check("ITEMS").row.chunk.run_id
    assert undo(replica, run_id) == [ChunkState.MERGED]
    assert replica.target_rows("ITEMS") == before


def test_run_that_took_nothing_away_leaves_nothing_to_undo(replica: Replica) -> None:
    replica.insert("SALES", (99, DAY, 1, "new"))
    run_id = replica.check("SALES").row.chunk.run_id
    assert plan_undo_of(replica.deployment, run_id).chunks == ()


def test_run_that_was_overtaken_is_not_undone(replica: Replica) -> None:
    wreck(replica)
    first = replica.check("SALES", DAY).row.chunk.run_id
    replica.at_source(f'UPDATE {TABLE} SET "NOTE" = \'later\' WHERE "ID" = 1')
    second = replica.check("SALES", DAY).row.chunk.run_id
    with pytest.raises(RunChangedSinceError, match=second):
        plan_undo_of(replica.deployment, first)
    assert [chunk.day for chunk in plan_undo_of(replica.deployment, second).chunks] == [DAY]


def test_undoing_twice_changes_nothing(replica: Replica) -> None:
    wreck(replica)
    run_id = replica.check("SALES", DAY).row.chunk.run_id
    undo(replica, run_id)
    before = replica.row_places("SALES")
    assert undo(replica, run_id) == [ChunkState.MERGED]
    assert replica.row_places("SALES") == before


def test_archive_of_another_day_is_not_touched(replica: Replica) -> None:
    wreck(replica)
    run_id = replica.check("SALES", DAY).row.chunk.run_id
    assert {chunk.day for chunk in plan_undo_of(replica.deployment, run_id).chunks} == {DAY}
    assert plan_undo_of(replica.deployment, run_id).first_day == date(2026, 3, 14)
