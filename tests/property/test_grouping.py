"""Groups, whatever the days: nothing of the plan is lost, and every row finds its day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.specs import SALES, VERSIONED, columns, daily, spec_text

from replica_worker.model.days import ONE_DAY, DayRange
from replica_worker.model.grouping import GroupRules, group_chunks, split_by_day
from replica_worker.model.plan import expect_rows, plan_backfill
from replica_worker.model.specs import TableSpec, parse_specs

TABLES = parse_specs(spec_text(SALES, VERSIONED), origin="test").tables
FIRST = date(2026, 2, 20)
LIMITS = {"SALES": 50, "VERSIONED": 20}

counts = st.dictionaries(
    st.tuples(st.sampled_from(["SALES", "VERSIONED"]), st.integers(0, 40)), st.integers(0, 70)
)
rules = st.builds(GroupRules, most_days=st.integers(1, 12), fewest_hand_outs=st.integers(1, 20))


@given(counts=counts, rules=rules, length=st.integers(1, 40))
def test_groups_are_neighbours_within_their_bounds_and_lose_nothing(
    counts: dict[tuple[str, int], int], rules: GroupRules, length: int
) -> None:
    days = DayRange(first=FIRST, end=FIRST + timedelta(days=length))
    counted = {(table, FIRST + timedelta(days=at)): rows for (table, at), rows in counts.items()}
    plan = expect_rows(plan_backfill(tables=TABLES, days=days), counted)

    grouped = group_chunks(plan, rules, LIMITS)

    assert tuple(replace(chunk, group_day=None) for chunk in grouped.chunks) == plan.chunks
    members: dict[tuple[str, date], list[Any]] = {}
    for chunk in grouped.chunks:
        if chunk.group_day:
            members.setdefault((chunk.table, chunk.group_day), []).append(chunk)
    for (table, first), group in members.items():
        assert 2 <= len(group) <= rules.most_days
        assert [chunk.day for chunk in group] == [first + at * ONE_DAY for at in range(len(group))]
        assert len({chunk.wave for chunk in group}) == 1
        assert sum(chunk.rows_expected for chunk in group) <= LIMITS[table]


def spec_of(sql_type: str) -> TableSpec:
    """A table whose rows this type dates."""
    text = spec_text(daily("T", ["ID"], "AT", columns=columns(ID="bigint!", AT=sql_type)))
    return parse_specs(text, origin="test").tables[0]


midnights = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
    lambda instant: datetime(instant.year, instant.month, instant.day)
)
edges = st.sampled_from([timedelta(0), timedelta(microseconds=-1), timedelta(milliseconds=-1)])
instants = st.one_of(
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),
    st.tuples(midnights.filter(lambda at: at.year > 1970), edges).map(
        lambda parts: parts[0] + parts[1]
    ),
)


@pytest.mark.parametrize(
    "sql_type",
    ["date", "smalldatetime", "datetime", "datetime2(3)", "datetime2(6)", "datetime2(7)"],
)
@given(instants=st.lists(instants, min_size=1, max_size=30))
def test_every_row_is_in_the_part_of_its_day(sql_type: str, instants: list[datetime]) -> None:
    table = spec_of(sql_type)
    arrow = table.column("AT").type.arrow
    batch = pa.RecordBatch.from_arrays(
        [pa.array(range(len(instants)), pa.int64()), column_of(instants, arrow)],
        schema=table.arrow_schema,
    )

    parts = list(split_by_day(table, batch))

    assert len({day for day, _ in parts}) == len(parts)
    found = {row: day for day, part in parts for row in part.column("ID").to_pylist()}
    assert found == {row: instant.date() for row, instant in enumerate(instants)}
    assert sum(part.num_rows for _, part in parts) == batch.num_rows
    whole = pa.Table.from_batches([part for _, part in parts]).sort_by("ID")
    assert whole.equals(pa.Table.from_batches([batch]))


def column_of(instants: list[datetime], arrow: pa.DataType) -> pa.Array:
    """The instants as the type holds them, cut to its unit."""
    if pa.types.is_string(arrow):
        return pa.array([f"{instant:%Y-%m-%d %H:%M:%S.%f}7" for instant in instants])
    exact = pa.array(
        [instant.replace(tzinfo=UTC) for instant in instants], pa.timestamp("us", "UTC")
    )
    if pa.types.is_date(arrow):
        return pa.array([instant.date() for instant in instants])
    return exact.cast(pa.timestamp("us")).cast(arrow, safe=False)
