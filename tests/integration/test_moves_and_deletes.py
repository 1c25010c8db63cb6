"""Rows that change their day are moved, rows that are gone are deleted, and a guard watches."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, SALES, spec_text

from replica_worker.model.chunks import STRAYS, ChunkState
from replica_worker.model.counts import DeleteGuard
from replica_worker.model.digests import Verdict

MOVE = 'UPDATE "COM_5013"."SALES" SET "DAY" = %s WHERE "ID" = 1'


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, ITEMS))
    replica.make_source()
    replica.insert("SALES", *[(n, DAY, n, f"note {n}") for n in range(1, 5)])
    replica.insert("SALES", *[(n, NEXT_DAY, n, f"note {n}") for n in range(5, 9)])
    replica.load("SALES", DAY)
    replica.load("SALES", NEXT_DAY)
    return replica


def test_row_that_left_the_day_is_moved_not_deleted(replica: Replica) -> None:
    replica.at_source(MOVE, NEXT_DAY)
    outcome = replica.load("SALES", DAY)
    assert (outcome.counts, outcome.row.rows_moved) == ((0, 1, 0), 1)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


@pytest.mark.parametrize("no_day", [None, "1899-12-31", "2999-01-01"])
def test_row_that_lost_its_day_moves_to_the_strays(replica: Replica, no_day: str | None) -> None:
    replica.at_source(MOVE, no_day)
    outcome = replica.load("SALES", DAY)
    assert (outcome.counts, outcome.row.rows_moved) == ((0, 1, 0), 1)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")
    assert replica.check("SALES", STRAYS).row.verdict == Verdict.MATCH


def test_row_that_came_from_another_day_is_moved_once(replica: Replica) -> None:
    replica.at_source(MOVE, NEXT_DAY)
    assert replica.load("SALES", NEXT_DAY).counts == (0, 1, 0)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")
    assert replica.load("SALES", DAY).counts == (0, 0, 0)


def test_moved_row_is_archived_under_its_new_day(replica: Replica) -> None:
    replica.at_source(MOVE, NEXT_DAY)
    row = replica.load("SALES", DAY).row
    stem = f"{row.chunk.run_id}.from-{DAY}-1.fix"
    folder = replica.exports / "SALES" / str(NEXT_DAY)
    fix = pq.read_table(folder / f"{stem}.parquet")
    assert fix.column("ID").to_pylist() == [1]
    assert fix.schema.equals(replica.spec.table("SALES").arrow_schema, check_metadata=True)
    manifest = json.loads((folder / f"{stem}.json").read_text())
    assert (manifest["kind"], manifest["rows"], manifest["digest"]) == ("fix", 1, None)


def test_moves_to_several_days_and_deletes_are_told_apart(replica: Replica) -> None:
    replica.at_source(MOVE, NEXT_DAY)
    replica.at_source('UPDATE "COM_5013"."SALES" SET "DAY" = NULL WHERE "ID" = 2')
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 3')
    outcome = replica.load("SALES", DAY)
    assert (outcome.counts, outcome.row.rows_moved) == ((0, 2, 1), 2)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_rows_of_other_days_are_never_deleted(replica: Replica) -> None:
    """The other day lost rows at the source as well, but it is not its turn."""
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" IN (1, 5, 6, 7, 8)')
    assert replica.load("SALES", DAY).counts == (0, 0, 1)
    assert len(replica.target_rows("SALES", f"\"DAY\" = '{NEXT_DAY}'")) == 4


def test_moved_rows_do_not_count_as_deletes_for_the_guard(replica: Replica) -> None:
    replica.at_source('UPDATE "COM_5013"."SALES" SET "DAY" = %s', NEXT_DAY)
    outcome = replica.load("SALES", DAY)
    assert (outcome.returned, outcome.counts) == (ChunkState.MERGED, (0, 4, 0))


@pytest.mark.parametrize("doomed", ["TRUE", '"ID" < 4'])
@pytest.mark.parametrize("work", ["load", "check"])
def test_too_many_deletes_are_refused(replica: Replica, work: str, doomed: str) -> None:
    replica.at_source(f'DELETE FROM "COM_5013"."SALES" WHERE {doomed}')
    before = replica.row_places("SALES")
    outcome = getattr(replica, work)("SALES", DAY)
    assert outcome.returned is ChunkState.REFUSED
    assert (outcome.row.state, outcome.row.verdict) == (ChunkState.REFUSED, Verdict.REFUSED)
    assert "rows" in outcome.error
    assert "--allow-deletes" in outcome.error
    (audit,) = outcome.audit
    assert (audit.verdict, audit.target_rows) == (Verdict.REFUSED, 4)
    assert "would be deleted" in str(audit.note)
    assert replica.row_places("SALES") == before
    assert replica.staging_tables() == []


@pytest.mark.parametrize("work", ["load", "check"])
def test_allowed_deletes_are_done(replica: Replica, work: str) -> None:
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "DAY" = %s', DAY)
    outcome = getattr(replica, work)("SALES", DAY, allow_deletes=True)
    assert outcome.counts == (0, 0, 4)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_guard_s_share_is_a_setting(replica: Replica) -> None:
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 1')
    careful = replica.with_policy(delete_guard=DeleteGuard(largest_share=0.2))
    assert careful.load("SALES").returned is ChunkState.REFUSED
    assert replica.load("SALES").returned is ChunkState.MERGED


def test_emptied_snapshot_table_is_refused(replica: Replica) -> None:
    replica.insert("ITEMS", (1, "a"), (2, "b"))
    replica.load("ITEMS")
    replica.at_source('DELETE FROM "COM_5013"."ITEMS"')
    assert replica.load("ITEMS").returned is ChunkState.REFUSED
    assert len(replica.target_rows("ITEMS")) == 2


def test_more_surplus_rows_than_one_key_list_holds(make_replica) -> None:
    replica = make_replica(spec_text({**SALES, "name": "MANY"}))
    replica.make_source()
    replica.at_source(
        'INSERT INTO "COM_5013"."MANY" SELECT n, %s, n, NULL FROM generate_series(1, 12000) n', DAY
    )
    replica.load("MANY")
    replica.at_source('UPDATE "COM_5013"."MANY" SET "DAY" = %s WHERE "ID" <= 11000', NEXT_DAY)
    replica.at_source('DELETE FROM "COM_5013"."MANY" WHERE "ID" <= 100')
    outcome = replica.load("MANY")
    assert (outcome.counts, outcome.row.rows_moved) == ((0, 10_900, 100), 10_900)
    assert replica.target_rows("MANY") == replica.source_rows("MANY")
