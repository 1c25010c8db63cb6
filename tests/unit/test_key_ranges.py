"""By how many statements a chunk is read, and which rows each of them gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.specs import columns, daily, spec_text

from replica_worker.model.key_ranges import (
    KeyRange,
    SplitRules,
    can_be_split,
    ranges_between,
)
from replica_worker.model.specs import parse_specs

RULES = SplitRules(most_rows=1_000_000, seconds=60)


@pytest.mark.parametrize(
    ("rows", "pace", "statements"),
    [
        (0, None, 1),
        (1_000_000, None, 1),
        (1_000_001, None, 2),
        (246_000, 20_000, 1),  # done in a few seconds
        (246_000, 1_000, 5),  # 60,000 rows in the 60 s that one is meant to last
        (246_000, 1, 25),  # but never fewer than 10,000 rows
        (3_000_000, 1_000_000, 3),  # and never more than the limit
        (10**9, None, 100),
    ],
)
def test_statements_are_as_many_as_their_rows_and_their_pace_ask_for(
    rows: int, pace: float | None, statements: int
) -> None:
    assert RULES.count_statements(rows, pace) == statements


def test_limit_of_zero_splits_nothing() -> None:
    assert SplitRules(most_rows=0).count_statements(10**9, 1.0) == 1


def test_ranges_are_half_open_and_have_no_outer_ends() -> None:
    assert ranges_between(["b", "b", "d"]) == [
        KeyRange(first=None, end="b"),
        KeyRange(first="b", end="d"),
        KeyRange(first="d", end=None),
    ]
    assert ranges_between([]) == [KeyRange(first=None, end=None)]


@given(st.lists(st.text(max_size=3)), st.text(max_size=3))
def test_every_key_lies_in_one_range(bounds: list[str], key: str) -> None:
    holding = [
        keys
        for keys in ranges_between(sorted(bounds))
        if (keys.first is None or key >= keys.first) and (keys.end is None or key < keys.end)
    ]
    assert len(holding) == 1


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("bigint", True),
        ("varchar(256)", True),
        ("uniqueidentifier", True),
        ("float", False),
        ("varbinary(20)", False),
        ("datetimeoffset(7)", False),
    ],
)
def test_type_of_the_first_key_column_decides_whether_there_are_ranges(
    first: str, expected: bool
) -> None:
    table = daily("T", ["A", "B"], "DAY", columns=columns(A=f"{first}!", B="float!", DAY="date"))
    (spec,) = parse_specs(spec_text(table), origin="test").tables
    assert can_be_split(spec) is expected
