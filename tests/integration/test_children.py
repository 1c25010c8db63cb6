"""Child tables that have no day of their own: their parent's row dates them."""

from __future__ import annotations

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import LINES, SALES, spec_text

from replica_worker.model.chunks import STRAYS, ChunkState


@pytest.fixture
def replica(make_replica) -> Replica:
    """Three sales on one day and two on the next, with three lines each, copied."""
    replica = make_replica(spec_text(SALES, LINES))
    replica.make_source()
    for sale in range(1, 6):
        replica.insert("SALES", (sale, DAY if sale < 4 else NEXT_DAY, 1, "sale"))
        replica.insert("LINES", *[(sale, line, f"item {line}") for line in range(1, 4)])
    for table in ("SALES", "LINES"):
        for day in (DAY, NEXT_DAY):
            assert replica.load(table, day).returned is ChunkState.MERGED
    return replica


def both(replica: Replica, *days: object, work: str = "load") -> None:
    """The parent of every day first, as a plan's waves have it."""
    for table in ("SALES", "LINES"):
        for day in days:
            outcome = getattr(replica, work)(table, day)
            assert outcome.returned in (ChunkState.MERGED, ChunkState.CHECKED), outcome.error


def assert_equal(replica: Replica) -> None:
    for table in ("SALES", "LINES"):
        assert replica.target_rows(table) == replica.source_rows(table)


def test_children_are_loaded_by_their_parent_s_day(replica: Replica) -> None:
    assert_equal(replica)


def test_child_whose_parent_came_late_brings_the_parent_and_is_tried_again(make_replica) -> None:
    replica = make_replica(spec_text(SALES, LINES))
    replica.make_source()
    replica.insert("SALES", (1, DAY, 1, "sale"))
    replica.insert("LINES", (1, 1, "item"))
    outcome = replica.load("LINES")
    assert outcome.returned is ChunkState.PENDING
    assert "SALES" in outcome.error
    assert replica.target_rows("LINES") == []
    replica.end_delays()
    assert replica.work(outcome.row.chunk) is ChunkState.MERGED
    assert_equal(replica)


@pytest.mark.parametrize("work", ["load", "check"])
def test_changed_added_and_deleted_children_follow(replica: Replica, work: str) -> None:
    replica.at_source(
        'UPDATE "COM_5013"."LINES" SET "ITEM" = NULL WHERE "SALE_ID" = 1 AND "LINE_NO" = 1'
    )
    replica.at_source('DELETE FROM "COM_5013"."LINES" WHERE "SALE_ID" = 1 AND "LINE_NO" = 2')
    replica.insert("LINES", (2, 9, "late"))
    both(replica, DAY, work=work)
    assert_equal(replica)


@pytest.mark.parametrize("work", ["load", "check"])
def test_deleted_parent_takes_its_children_along(replica: Replica, work: str) -> None:
    replica.at_source('DELETE FROM "COM_5013"."LINES" WHERE "SALE_ID" = 1')
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 1')
    both(replica, DAY, STRAYS, work=work)
    assert_equal(replica)


@pytest.mark.parametrize("work", ["load", "check"])
def test_children_whose_parent_vanished_are_strays(replica: Replica, work: str) -> None:
    """Nothing dates them any more, but the source still has them."""
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 1')
    replica.at_source(
        'UPDATE "COM_5013"."LINES" SET "ITEM" = NULL WHERE "SALE_ID" = 1 AND "LINE_NO" = 1'
    )
    both(replica, DAY, STRAYS, work=work)
    assert_equal(replica)
    before = replica.row_places("LINES")
    both(replica, DAY, STRAYS, work=work)
    assert replica.row_places("LINES") == before


@pytest.mark.parametrize("days", [(DAY, NEXT_DAY), (NEXT_DAY, DAY)])
@pytest.mark.parametrize("work", ["load", "check"])
def test_children_follow_a_parent_to_another_day(
    replica: Replica, work: str, days: tuple[object, ...]
) -> None:
    replica.at_source('UPDATE "COM_5013"."SALES" SET "DAY" = %s WHERE "ID" = 1', NEXT_DAY)
    replica.at_source(
        'UPDATE "COM_5013"."LINES" SET "ITEM" = \'new\' WHERE "SALE_ID" = 1 AND "LINE_NO" = 1'
    )
    both(replica, *days, work=work)
    assert_equal(replica)


def test_child_that_changes_its_parent_is_moved(replica: Replica) -> None:
    """Its key holds its parent's: it is another row then, gone here and new there."""
    replica.at_source(
        'UPDATE "COM_5013"."LINES" SET "SALE_ID" = 4, "LINE_NO" = 9 '
        'WHERE "SALE_ID" = 1 AND "LINE_NO" = 1'
    )
    both(replica, DAY, NEXT_DAY)
    assert_equal(replica)


def test_second_load_of_children_rewrites_none(replica: Replica) -> None:
    before = replica.row_places("LINES")
    assert replica.load("LINES").counts == (0, 0, 0)
    assert replica.row_places("LINES") == before


def test_child_of_a_parent_under_another_name_in_the_warehouse(make_replica) -> None:
    replica = make_replica(
        spec_text({**SALES, "target_name": "COPIED_SALES"}, {**LINES, "target_name": "COPIED"})
    )
    replica.make_source()
    replica.insert("SALES", (1, DAY, 1, "sale"))
    replica.insert("LINES", (1, 1, "item"))
    both(replica, DAY)
    assert_equal(replica)
