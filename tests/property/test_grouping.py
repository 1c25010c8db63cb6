"""Groups of any plan, rows of any day: nothing is lost, mixed up or larger than it may be."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, time
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.specs import columns, daily, spec_text

from replica_worker.model.chunks import STRAYS, Action, Plan, PlannedChunk, RunKind
from replica_worker.model.days import ONE_DAY
from replica_worker.model.grouping import (
    MOST_DAYS,
    GroupRules,
    group_chunks,
    small_chunks,
    split_by_day,
)
from replica_worker.model.specs import TableSpec, parse_specs

FIRST = date(2024, 2, 20)
TABLES = ("A", "B")
LONG = 2 * MOST_DAYS
NEAR_MIDNIGHT = (time(), time(0, 0, 1), time(12), time(23, 59), time(23, 59, 59, 999999))

chunks = st.builds(
    PlannedChunk,
    table=st.sampled_from(TABLES),
    day=st.integers(0, 40).map(lambda number: FIRST + number * ONE_DAY) | st.just(STRAYS),
    action=st.sampled_from([Action.LOAD] * 9 + [Action.CHECK]),
    wave=st.sampled_from([0] * 9 + [1]),
    rows_expected=st.none() | st.integers(0, 12),
)
plans = st.lists(chunks, max_size=80, unique_by=lambda chunk: (chunk.table, chunk.day)).map(
    lambda planned: plan_of(*planned)
)
rules = st.builds(GroupRules, most_days=st.integers(1, LONG), fewest_hand_outs=st.integers(1, 8))
limits = st.dictionaries(st.sampled_from(TABLES), st.integers(0, 40))
stamps = st.builds(
    datetime.combine,
    st.dates(date(1970, 1, 1), date(2100, 1, 1))
    | st.integers(-2, 2).map(lambda number: FIRST + number * ONE_DAY),
    st.sampled_from(NEAR_MIDNIGHT) | st.times(),
)


def plan_of(*planned: PlannedChunk) -> Plan:
    return Plan(
        kind=RunKind.BACKFILL, first_day=FIRST, last_day=FIRST, chunks=planned, tables=TABLES
    )


def groups_of(plan: Plan) -> list[list[PlannedChunk]]:
    """The groups of a plan, each by day."""
    groups: dict[tuple[str, date], list[PlannedChunk]] = defaultdict(list)
    for chunk in sorted(plan.chunks, key=lambda chunk: chunk.day):
        if chunk.group_day is not None:
            groups[chunk.table, chunk.group_day].append(chunk)
    return list(groups.values())


@given(plans, rules, limits)
def test_a_grouped_plan_differs_in_nothing_but_its_groups(
    plan: Plan, rules: GroupRules, limits: dict[str, int]
) -> None:
    grouped = group_chunks(plan, rules, limits)
    bare = tuple(replace(chunk, group_day=None) for chunk in grouped.chunks)
    assert replace(grouped, chunks=bare) == plan


@given(plans, rules, limits)
def test_groups_are_small_neighbouring_days_of_one_table_and_wave(
    plan: Plan, rules: GroupRules, limits: dict[str, int]
) -> None:
    for group in groups_of(group_chunks(plan, rules, limits)):
        first = group[0]
        assert first.group_day == first.day, "it is named by its first"
        assert all(one.day + ONE_DAY == following.day for one, following in pairwise(group))
        assert {(one.table, one.wave, one.action) for one in group} == {
            (first.table, first.wave, Action.LOAD)
        }
        assert 2 <= len(group) <= min(rules.most_days, MOST_DAYS)
        assert sum(one.rows_expected or 0 for one in group) <= limits[first.table]
        assert all(one.rows_expected is not None and not one.is_strays for one in group)


@given(plans, rules, limits)
def test_grouping_leaves_enough_to_hand_out(
    plan: Plan, rules: GroupRules, limits: dict[str, int]
) -> None:
    small = len(small_chunks(plan, limits))
    groups = groups_of(group_chunks(plan, rules, limits))
    handed_out = small - sum(map(len, groups)) + len(groups)
    assert handed_out >= min(small, rules.fewest_hand_outs)


@given(rules)
def test_no_group_is_longer_than_what_a_claim_looks_for(rules: GroupRules) -> None:
    every = (
        PlannedChunk(
            table="A", day=FIRST + number * ONE_DAY, action=Action.LOAD, wave=0, rows_expected=0
        )
        for number in range(LONG)
    )
    grouped = group_chunks(plan_of(*every), rules, {"A": 1})
    assert all(len(group) <= MOST_DAYS for group in groups_of(grouped))


def table_of(sql_type: str) -> TableSpec:
    table = daily("T", ["ID"], "AT", columns=columns(ID="bigint!", AT=sql_type))
    return parse_specs(spec_text(table), origin="test").tables[0]


def as_column_has_it(stamp: datetime, sql_type: str) -> datetime | date | str:
    match sql_type:
        case "date":
            return stamp.date()
        case "smalldatetime":
            return stamp.replace(second=0, microsecond=0)
        case "datetime2(7)":
            return f"{stamp:%Y-%m-%d %H:%M:%S.%f}9"
        case "datetime2(6)":
            return stamp
        case _:
            return stamp.replace(microsecond=stamp.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    "sql_type",
    ["date", "smalldatetime", "datetime", "datetime2(3)", "datetime2(6)", "datetime2(7)"],
)
@given(at=st.lists(stamps, max_size=30))
def test_rows_of_a_batch_are_parted_by_their_day(sql_type: str, at: list[datetime]) -> None:
    table = table_of(sql_type)
    values = [as_column_has_it(stamp, sql_type) for stamp in at]
    batch = pa.RecordBatch.from_pydict(
        {"ID": list(range(len(at))), "AT": values}, schema=table.arrow_schema
    )
    parted = list(split_by_day(table, batch))
    assert len({day for day, _ in parted}) == len(parted), "each day comes once"
    found = [(day, *row.values()) for day, part in parted for row in part.to_pylist()]
    assert sorted(found, key=lambda row: row[1]) == [
        (stamp.date(), *row.values()) for stamp, row in zip(at, batch.to_pylist(), strict=True)
    ]
    assert all(part.schema == batch.schema for _, part in parted)
