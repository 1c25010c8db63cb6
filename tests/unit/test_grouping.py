"""Which days go together, and what holds them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.specs import LINES, SALES, VERSIONED, columns, daily, spec_text

from replica_worker.model.chunks import Plan
from replica_worker.model.days import DayRange
from replica_worker.model.grouping import GroupRules, can_be_grouped, group_chunks
from replica_worker.model.plan import expect_rows, plan_backfill
from replica_worker.model.specs import parse_specs

INSTANTS = daily("INSTANTS", ["ID"], "AT", columns=columns(ID="bigint!", AT="datetimeoffset(3)"))
SALES_SPEC, VERSIONED_SPEC, LINES_SPEC, INSTANTS_SPEC = parse_specs(
    spec_text(SALES, VERSIONED, LINES, INSTANTS), origin="test"
).tables
FIRST = date(2026, 3, 1)
RULES = GroupRules(fewest_hand_outs=1)
LIMIT = {"SALES": 100}


def plan_of(rows: Sequence[int | None], *, table=SALES_SPEC) -> Plan:  # type: ignore[no-untyped-def]
    """A backfill of so many days, with the rows that were counted of each."""
    days = DayRange(first=FIRST, end=FIRST + timedelta(days=len(rows)))
    counts = {
        (table.name, day): count for day, count in zip(days, rows, strict=True) if count is not None
    }
    return expect_rows(plan_backfill(tables=[table], days=days), counts)


def groups(
    rows: Sequence[int | None],
    rules: GroupRules = RULES,
    limits: Mapping[str, int] = LIMIT,
) -> list[int | None]:
    """By day, at which day its group begins; None: it is alone."""
    grouped = group_chunks(plan_of(rows), rules, limits)
    return [
        chunk.group_day and (chunk.group_day - FIRST).days
        for chunk in grouped.chunks
        if not chunk.is_strays
    ]


def test_small_neighbours_go_together_up_to_the_rows_of_a_group() -> None:
    assert groups([40, 40, 40, 10, 90]) == [0, 0, 2, 2, None]


def test_empty_days_go_together() -> None:
    assert groups([0] * 5) == [0] * 5


def test_no_group_is_longer_than_it_may_be() -> None:
    assert groups([0] * 5, replace(RULES, most_days=2)) == [0, 0, 2, 2, None]


def test_large_and_uncounted_days_are_alone_and_part_their_neighbours() -> None:
    assert groups([1, 1, 101, 1, 1, None, 1, 1]) == [0, 0, None, 3, 3, None, 6, 6]


def test_days_that_are_no_neighbours_do_not_go_together() -> None:
    plan = plan_of([1] * 5)
    gap = replace(plan, chunks=tuple(c for c in plan.chunks if c.day != FIRST + timedelta(days=2)))
    found = group_chunks(gap, RULES, LIMIT)
    assert [chunk.group_day for chunk in found.chunks if not chunk.is_strays] == [
        FIRST,
        FIRST,
        FIRST + timedelta(days=3),
        FIRST + timedelta(days=3),
    ]


def test_a_run_of_few_days_leaves_every_worker_something_to_do() -> None:
    rules = GroupRules(fewest_hand_outs=32)
    assert set(groups([0] * 63, rules)) == {None}
    assert len(set(groups([0] * 64, rules))) == 32
    assert len(set(groups([0] * 6400, rules))) == 64, "and no group is longer than it may be"


def test_strays_are_never_in_a_group() -> None:
    grouped = group_chunks(plan_of([0] * 3), RULES, LIMIT)
    assert [chunk.group_day for chunk in grouped.chunks if chunk.is_strays] == [None]


def test_grouping_can_be_switched_off() -> None:
    plan = plan_of([0] * 500)
    assert group_chunks(plan, GroupRules(most_days=1), LIMIT) is plan


@pytest.mark.parametrize(
    ("table", "can"),
    [(SALES_SPEC, True), (VERSIONED_SPEC, True), (LINES_SPEC, False), (INSTANTS_SPEC, False)],
    ids=["date", "date and rowversion", "dated by its parent", "dated by an instant"],
)
def test_only_rows_that_tell_their_day_are_grouped(table, can: bool) -> None:  # type: ignore[no-untyped-def]
    assert can_be_grouped(table) is can


def test_rows_of_a_group_are_bounded_by_width_and_by_pace() -> None:
    rules = GroupRules(most_values=1000, seconds=5)
    assert rules.rows_per_group(SALES_SPEC, None) == 250
    assert rules.rows_per_group(SALES_SPEC, 10.0) == 50
    assert rules.rows_per_group(SALES_SPEC, 1e6) == 250
