"""What could make a copy wrong without a word: stale copies, narrow targets, rows of no day."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import LINES, SALES, VERSIONED, spec_text

from replica_worker.model.chunks import STRAYS, ChunkState
from replica_worker.model.days import DayRange
from replica_worker.usecases import replicate
from replica_worker.usecases.verify import verify_range

BOTH_DAYS = DayRange.inclusive(DAY, NEXT_DAY)


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES))
    replica.make_source()
    replica.insert("SALES", *[(n, DAY, n, "note") for n in range(10)])
    replica.load("SALES")
    return replica


def once_after_staging(monkeypatch: pytest.MonkeyPatch, event: Callable[[], object]) -> None:
    """Let `event` happen after the next chunk was extracted and staged, before it is merged."""
    stage, events = replicate.stage_extract, [event]

    def stage_then_happen(*arguments: object) -> None:
        stage(*arguments)  # type: ignore[arg-type]
        while events:
            events.pop()()

    monkeypatch.setattr(replicate, "stage_extract", stage_then_happen)


def test_older_extract_does_not_pull_a_row_back_from_its_new_day(replica, monkeypatch) -> None:
    def move_and_load_the_new_day() -> None:
        replica.at_source(
            'UPDATE "COM_5013"."SALES" SET "DAY" = %s, "AMOUNT" = 500 WHERE "ID" = 3', NEXT_DAY
        )
        assert replica.load("SALES", NEXT_DAY).returned is ChunkState.MERGED

    once_after_staging(monkeypatch, move_and_load_the_new_day)
    assert replica.load("SALES", DAY).returned is ChunkState.MERGED
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_older_copy_of_a_moved_row_does_not_replace_a_newer_one(replica, monkeypatch) -> None:
    replica.at_source('UPDATE "COM_5013"."SALES" SET "DAY" = %s WHERE "ID" = 3', NEXT_DAY)

    def change_again_and_load_the_new_day() -> None:
        replica.at_source('UPDATE "COM_5013"."SALES" SET "AMOUNT" = 700 WHERE "ID" = 3')
        assert replica.load("SALES", NEXT_DAY).returned is ChunkState.MERGED

    once_after_staging(monkeypatch, change_again_and_load_the_new_day)
    assert replica.load("SALES", DAY).returned is ChunkState.MERGED
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_row_from_another_day_is_taken_over(replica) -> None:
    replica.at_source('UPDATE "COM_5013"."SALES" SET "DAY" = %s WHERE "ID" < 3', NEXT_DAY)
    outcome = replica.load("SALES", NEXT_DAY)
    assert (outcome.returned, outcome.counts) == (ChunkState.MERGED, (0, 3, 0))
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


@pytest.mark.parametrize(
    ("column", "narrow"),
    [("AMOUNT", "numeric(16,1)"), ("AMOUNT", "numeric(10,4)"), ("NOTE", "varchar(20)")],
)
def test_target_that_is_narrower_than_the_spec_is_refused_by_name(replica, column, narrow) -> None:
    replica.at_target(f'ALTER TABLE dbo."SALES" ALTER COLUMN "{column}" TYPE {narrow}')
    replica.at_source('UPDATE "COM_5013"."SALES" SET "AMOUNT" = 1.2345')
    before = replica.target_rows("SALES")
    for outcome in (replica.load("SALES"), replica.check("SALES")):
        assert outcome.returned is ChunkState.FAILED
        assert f"column {column} is " in outcome.error
        assert "narrower" in outcome.error
    assert replica.target_rows("SALES") == before


def test_target_that_is_wider_than_the_spec_is_taken(replica) -> None:
    replica.at_target('ALTER TABLE dbo."SALES" ALTER COLUMN "AMOUNT" TYPE numeric(30,10)')
    replica.at_target('ALTER TABLE dbo."SALES" ALTER COLUMN "NOTE" TYPE text')
    replica.at_source('UPDATE "COM_5013"."SALES" SET "AMOUNT" = 1.2345')
    assert replica.load("SALES").returned is ChunkState.MERGED


STRAY_DAYS = [None, "1899-12-31", "1969-12-31", "2999-12-31"]


@pytest.mark.parametrize("stray", STRAY_DAYS)
@pytest.mark.parametrize("work", ["load", "check"])
def test_strays_are_copied_changed_deleted_and_come_back_with_a_day(replica, work, stray) -> None:
    def bring(day, counts) -> None:
        assert getattr(replica, work)("SALES", day).counts == counts
        assert replica.target_rows("SALES") == replica.source_rows("SALES")

    replica.insert("SALES", (90, stray, 1, "stray"), (91, stray, 1, "stray"))
    bring(STRAYS, (2, 0, 0))
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = NULL WHERE "ID" = 90')
    bring(STRAYS, (0, 1, 0))
    replica.at_source('UPDATE "COM_5013"."SALES" SET "DAY" = %s WHERE "ID" = 90', NEXT_DAY)
    bring(STRAYS, (0, 1, 0))
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 91')
    bring(STRAYS, (0, 0, 1))
    bring(STRAYS, (0, 0, 0))


def test_verify_finds_rows_of_no_day_in_the_warehouse(replica) -> None:
    replica.at_target('UPDATE dbo."SALES" SET "DAY" = NULL WHERE "ID" = 4')
    proofs = list(verify_range(replica.deployment, tables=[], days=BOTH_DAYS))
    (strays,) = [proof for proof in proofs if proof.is_strays]
    assert not strays.is_equal
    assert [difference.key for difference in strays.differences] == ['{"ID": "4"}']


def test_verify_finds_children_without_a_parent_in_the_warehouse(make_replica) -> None:
    replica = make_replica(spec_text(SALES, LINES))
    replica.make_source()
    columns = replica.spec.table("LINES").column_names
    replica.at_target(f'INSERT INTO dbo."LINES" ("{columns[0]}", "{columns[1]}") VALUES (99, 1)')
    proofs = list(verify_range(replica.deployment, tables=["LINES"], days=BOTH_DAYS))
    assert [proof.is_equal for proof in proofs] == [True, True, False]


def test_deep_repair_is_proven_by_content(make_replica) -> None:
    replica = make_replica(spec_text(VERSIONED))
    replica.make_source()
    replica.insert("VERSIONED", *[(n, DAY, "note", n.to_bytes(8, "big")) for n in range(5)])
    replica.load("VERSIONED")
    replica.at_target('UPDATE dbo."VERSIONED" SET "NOTE" = $$changed$$ WHERE "ID" = 2')
    outcome = replica.check("VERSIONED", deep=True)
    assert outcome.counts == (0, 1, 0)
    assert str(outcome.row.digest).startswith("content:")
    assert replica.target_rows("VERSIONED") == replica.source_rows("VERSIONED")
