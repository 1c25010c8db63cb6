"""What a plan will take, from counts and from the ledger's past; and how long a run still takes."""

from __future__ import annotations

from datetime import date

import pytest
from support.specs import ITEMS, SALES, spec_text

from replica_worker.model.caps import SourceCaps
from replica_worker.model.days import DayRange
from replica_worker.model.forecast import Forecast, PastLoad, foretell
from replica_worker.model.plan import expect_rows, plan_backfill
from replica_worker.model.specs import parse_specs
from replica_worker.model.standing import Standing

(SALES_SPEC, ITEMS_SPEC) = TABLES = parse_specs(spec_text(SALES, ITEMS), origin="test").tables
DAYS = DayRange(first=date(2026, 3, 1), end=date(2026, 3, 11))
ROWS = 1_000
PAST = [
    PastLoad(rows=ROWS, seconds=2.0, source_bytes=50 * ROWS, parquet_bytes=10 * ROWS),
    PastLoad(rows=3 * ROWS, seconds=4.0, source_bytes=150 * ROWS, parquet_bytes=30 * ROWS),
]  # a second whatever the size, and a second each thousand rows


def forecast(
    counted: int = ROWS,
    past: list[PastLoad] = PAST,
    workers: int = 1,
    unknown_days: int = 0,
    **caps: int,
) -> Forecast:
    plan = plan_backfill(tables=[SALES_SPEC], days=DAYS)
    counts = {("SALES", day): counted for day in list(DAYS)[unknown_days:]}
    return foretell(
        expect_rows(plan, counts),
        [SALES_SPEC],
        {"SALES": past} if past else {},
        workers=workers,
        caps=SourceCaps(**caps),
    )


def test_sizes_and_time_come_from_the_table_s_last_loads() -> None:
    (table,) = forecast().tables
    assert (table.chunks, table.rows, table.is_counted) == (11, 10 * ROWS, True)
    assert (table.source_bytes, table.parquet_bytes) == (50 * 10 * ROWS, 10 * 10 * ROWS)
    assert not table.is_guess
    assert table.work_seconds == pytest.approx(11 * 1 + 10 * 1)
    assert table.longest_seconds == pytest.approx(2)


def test_empty_days_cost_what_a_chunk_costs() -> None:
    assert forecast(counted=0).seconds == pytest.approx(11)


def test_workers_share_the_work_but_not_a_chunk() -> None:
    assert forecast(workers=3).seconds == pytest.approx(21 / 3)
    assert forecast(workers=1000).seconds == pytest.approx(2)


def test_caps_bound_the_pace_of_all_workers() -> None:
    assert forecast(workers=1000, rows_per_second=100).seconds == pytest.approx(100)
    assert forecast(workers=1000, bytes_per_second=1000).seconds == pytest.approx(500)


def test_without_a_past_sizes_are_a_guess_and_the_time_is_unknown() -> None:
    found = forecast(past=[])
    (table,) = found.tables
    assert table.is_guess
    assert table.rows == 10 * ROWS
    assert table.source_bytes == 10 * ROWS * (8 + 4 + 16 + 200 // 8)
    assert found.seconds is None


def test_days_that_were_not_counted_are_taken_for_usual_ones() -> None:
    (table,) = forecast(unknown_days=5).tables
    assert (table.rows, table.is_counted) == (5 * ROWS + 5 * 2 * ROWS, False)


def test_rows_that_nobody_counted_or_loaded_are_unknown() -> None:
    found = forecast(past=[], unknown_days=1)
    assert (found.rows, found.source_bytes, found.parquet_bytes, found.seconds) == (None,) * 4


def test_one_unknown_table_makes_the_sums_unknown() -> None:
    plan = plan_backfill(tables=TABLES, days=DAYS)
    counted = expect_rows(plan, {("SALES", day): ROWS for day in DAYS})
    found = foretell(counted, TABLES, {"SALES": PAST}, workers=1, caps=SourceCaps())
    assert [table.rows for table in found.tables] == [10 * ROWS, None]
    assert (found.rows, found.seconds) == (None, None)


@pytest.mark.parametrize(
    ("standing", "left"),
    [
        (Standing(done=0, open=5, rows_done=0, rows_open=9), None),
        (Standing(done=5, open=0, rows_done=9, rows_open=0), 0),
        (Standing(done=1, open=1, rows_done=0, rows_open=0), 60),
        (Standing(done=1, open=1, rows_done=9_000, rows_open=19_000), 120),
        (Standing(done=2, open=2, rows_done=8_000, rows_open=0, open_unknown=2), 60),
    ],
)
def test_rest_takes_its_time_at_the_pace_so_far(standing: Standing, left: float | None) -> None:
    assert standing.seconds_left(60) == left
