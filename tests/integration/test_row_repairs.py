"""Large chunks are mended row by row: only what differs is read, archived and merged."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import LINES, SALES, VERSIONED, spec_text

from replica_worker.archive.archive import ExtractName
from replica_worker.model.chunks import STRAYS, ChunkState
from replica_worker.model.digests import Cause, Verdict

ROWS = 3000


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, LINES, VERSIONED)).with_policy(fewest_rows_to_drill=100)
    replica.make_source()
    replica.at_source(
        'INSERT INTO "COM_5013"."SALES" '
        "SELECT n, %s, n, 'note ' || n FROM generate_series(1, %s) n",
        DAY,
        ROWS,
    )
    replica.insert("SALES", *[(n, NEXT_DAY, n, f"next {n}") for n in range(9001, 9004)])
    replica.load("SALES", DAY)
    replica.load("SALES", NEXT_DAY)
    return replica


def change_a_few(replica: Replica) -> None:
    """Two updates, an insert, two deletes, a move away, a move here, a row that loses its day."""
    table = '"COM_5013"."SALES"'
    replica.at_source(f'UPDATE {table} SET "NOTE" = upper("NOTE") WHERE "ID" = 1')
    replica.at_source(f'UPDATE {table} SET "NOTE" = "NOTE" || \' \' WHERE "ID" = 2')
    replica.insert("SALES", (9999, DAY, 1, None))
    replica.at_source(f'DELETE FROM {table} WHERE "ID" IN (3, 4)')
    replica.at_source(f'UPDATE {table} SET "DAY" = %s WHERE "ID" = 5', NEXT_DAY)
    replica.at_source(f'UPDATE {table} SET "DAY" = %s WHERE "ID" = 9001', DAY)
    replica.at_source(f'UPDATE {table} SET "DAY" = NULL WHERE "ID" = 6')


def test_few_changes_of_a_large_day_are_mended_one_by_one(replica: Replica) -> None:
    change_a_few(replica)
    outcome = replica.check("SALES")
    assert outcome.row.verdict == Verdict.REPAIRED, outcome.error
    assert (outcome.counts, outcome.row.rows_moved) == ((1, 5, 2), 2)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")
    (audit,) = outcome.audit
    assert (audit.method, audit.cause) == ("rows", Cause.SOURCE_EDITED)
    assert audit.source_rows_read
    assert audit.source_rows_read < ROWS
    assert replica.staging_tables() == []


def test_rows_that_did_not_change_are_not_rewritten(replica: Replica) -> None:
    change_a_few(replica)
    before = replica.row_places("SALES")
    replica.check("SALES")
    after = replica.row_places("SALES")
    assert {text: place for text, place in after.items() if text in before} == {
        text: place for text, place in before.items() if text in after
    }
    assert len(before.keys() & after.keys()) == ROWS + 3 - 7


def test_fix_and_last_images_are_archived(replica: Replica) -> None:
    change_a_few(replica)
    run = replica.check("SALES").row.chunk.run_id

    def ids(part: str) -> list[int]:
        name = ExtractName(table="SALES", day=DAY, run_id=run, part=part)
        return sorted(pq.read_table(replica.exports / name.parquet).column("ID").to_pylist())

    assert ids("fix") == [1, 2, 9001, 9999]
    assert ids("fix.gone.undo") == [3, 4, 5, 6]
    assert ids("fix.replaced.undo") == [1, 2, 9001]
    gone = ExtractName(table="SALES", day=DAY, run_id=run, part="fix.gone.undo")
    images = pq.read_table(replica.exports / gone.parquet).sort_by("ID").to_pylist()
    assert [(image["DAY"], image["NOTE"]) for image in images] == [
        (DAY, f"note {n}") for n in (3, 4, 5, 6)
    ]


def test_day_that_changed_a_lot_is_brought_over_whole(replica: Replica) -> None:
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = NULL WHERE "ID" <= 1000')
    outcome = replica.check("SALES")
    assert outcome.counts == (0, 1000, 0)
    assert [audit.method for audit in outcome.audit] == ["whole"]
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_too_many_deletes_are_refused_and_then_allowed(replica: Replica) -> None:
    careless = replica.with_policy(fewest_rows_to_drill=100, largest_share_to_drill=9)
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" <= 2000')
    refused = careless.check("SALES")
    assert (refused.returned, refused.row.verdict) == (ChunkState.REFUSED, Verdict.REFUSED)
    assert len(replica.target_rows("SALES")) == ROWS + 3
    assert careless.check("SALES", allow_deletes=True).counts == (0, 0, 2000)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_cause_tells_who_changed_what(replica: Replica) -> None:
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = \'mine\' WHERE "ID" = 7')
    assert [a.cause for a in replica.check("SALES").audit] == [Cause.WAREHOUSE_CHANGED]
    assert [a.cause for a in replica.check("SALES").audit] == [None]
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = \'theirs\' WHERE "ID" = 7')
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = \'mine\' WHERE "ID" = 8')
    assert [a.cause for a in replica.check("SALES", repair=False).audit] == [Cause.BOTH_CHANGED]
    assert [a.cause for a in replica.check("SALES").audit] == [Cause.BOTH_CHANGED]
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_day_that_was_never_loaded_says_so(replica: Replica) -> None:
    replica.insert("VERSIONED", (1, DAY, "x", b"\0" * 7 + b"\1"))
    assert [a.cause for a in replica.check("VERSIONED").audit] == [Cause.NEVER_LOADED]


def test_children_are_mended_one_by_one(replica: Replica) -> None:
    replica.at_source(
        'INSERT INTO "COM_5013"."LINES" SELECT n, 1, \'item\' FROM generate_series(1, %s) n', ROWS
    )
    replica.load("LINES")
    replica.at_source('UPDATE "COM_5013"."LINES" SET "ITEM" = \'Item\' WHERE "SALE_ID" = 5')
    replica.at_source('DELETE FROM "COM_5013"."LINES" WHERE "SALE_ID" = 6')
    outcome = replica.check("LINES")
    assert outcome.counts == (0, 1, 1), outcome.error
    assert [audit.method for audit in outcome.audit] == ["rows"]
    assert replica.target_rows("LINES") == replica.source_rows("LINES")


def test_strays_after_the_repair_are_equal(replica: Replica) -> None:
    change_a_few(replica)
    replica.check("SALES")
    assert replica.check("SALES", STRAYS).row.verdict == Verdict.MATCH
