"""Checking a chunk: digests are compared, what differs is repaired, and it is written down."""

from __future__ import annotations

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, SALES, VERSIONED, spec_text

from replica_worker.model.chunks import ChunkState
from replica_worker.model.digests import Verdict

TAMPER = 'UPDATE dbo."{}" SET "NOTE" = \'tampered\' WHERE "ID" = 1'


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, VERSIONED, ITEMS))
    replica.make_source()
    replica.insert("SALES", *[(n, DAY, n, f"note {n}") for n in range(1, 11)])
    replica.insert("VERSIONED", *[(n, DAY, "note", bytes([0] * 7 + [n])) for n in range(1, 11)])
    replica.load("SALES")
    replica.load("VERSIONED")
    return replica


@pytest.mark.parametrize("table", ["SALES", "VERSIONED"])
def test_check_of_equal_copies_is_a_match_and_extracts_nothing(
    replica: Replica, table: str
) -> None:
    before = replica.row_places(table)
    outcome = replica.check(table)
    assert (outcome.returned, outcome.row.verdict) == (ChunkState.CHECKED, Verdict.MATCH)
    assert outcome.row.file is None
    (audit,) = outcome.audit
    assert (audit.verdict, audit.source_rows, audit.target_rows) == (Verdict.MATCH, 10, 10)
    assert replica.row_places(table) == before


def test_check_repairs_late_changes_and_tells_what_it_found(replica: Replica) -> None:
    replica.at_source('UPDATE "COM_5013"."SALES" SET "AMOUNT" = 99 WHERE "ID" = 1')
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 2')
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 3')
    replica.insert("SALES", (11, DAY, 1, "late"))
    outcome = replica.check("SALES")
    assert (outcome.row.state, outcome.row.verdict) == (ChunkState.CHECKED, Verdict.REPAIRED)
    assert outcome.counts == (1, 1, 2)
    (audit,) = outcome.audit
    assert (audit.check_name, audit.verdict) == ("fixes", Verdict.REPAIRED)
    assert (audit.source_rows, audit.target_rows) == (9, 10)
    assert (audit.inserted, audit.updated, audit.deleted) == (1, 1, 2)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")
    assert replica.check("SALES").row.verdict == Verdict.MATCH


def test_check_without_repair_tells_and_changes_nothing(replica: Replica) -> None:
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 2')
    before = replica.row_places("SALES")
    outcome = replica.check("SALES", repair=False)
    assert (outcome.row.state, outcome.row.verdict) == (ChunkState.CHECKED, Verdict.DIFFERS)
    assert [row.verdict for row in outcome.audit] == [Verdict.DIFFERS]
    assert outcome.row.file is None
    assert replica.row_places("SALES") == before


def test_check_mends_a_copy_that_was_tampered_with(replica: Replica) -> None:
    replica.at_target(TAMPER.format("SALES"))
    assert replica.check("SALES").counts == (0, 1, 0)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_deep_check_distrusts_the_rowversion(replica: Replica) -> None:
    replica.at_target(TAMPER.format("VERSIONED"))
    assert replica.check("VERSIONED").row.verdict == Verdict.MATCH
    deep = replica.check("VERSIONED", deep=True)
    assert (deep.row.verdict, deep.counts) == (Verdict.REPAIRED, (0, 1, 0))
    assert replica.target_rows("VERSIONED") == replica.source_rows("VERSIONED")


def test_check_of_a_day_leaves_other_days_alone(replica: Replica) -> None:
    replica.insert("SALES", (20, NEXT_DAY, 1, "next"))
    replica.load("SALES", NEXT_DAY)
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = \'changed\' WHERE "ID" IN (1, 20)')
    assert replica.check("SALES", DAY).counts == (0, 1, 0)
    assert replica.at_target('SELECT "NOTE" FROM dbo."SALES" WHERE "ID" = 20') == [("next",)]


def test_check_of_a_snapshot_table_covers_all_of_it(replica: Replica) -> None:
    replica.insert("ITEMS", (1, "a"), (2, "b"))
    replica.load("ITEMS")
    replica.at_source('UPDATE "COM_5013"."ITEMS" SET "NAME" = NULL WHERE "ID" = 1')
    assert replica.check("ITEMS").counts == (0, 1, 0)
    assert replica.target_rows("ITEMS") == replica.source_rows("ITEMS")


def test_swapped_values_differ(replica: Replica) -> None:
    """Two rows that exchange a value leave every column's sum of values as it was."""
    replica.at_source(
        'UPDATE "COM_5013"."SALES" SET "NOTE" = CASE "ID" WHEN 1 THEN \'note 2\' '
        "ELSE 'note 1' END WHERE \"ID\" IN (1, 2)"
    )
    assert replica.check("SALES").counts == (0, 2, 0)
