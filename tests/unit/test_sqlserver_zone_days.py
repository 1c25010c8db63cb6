"""The offsets by which T-SQL tells a day are those of Python's zone database."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from replica_worker.engines.sqlserver.fragments import Fragment
from replica_worker.engines.sqlserver.zone_days import day_in_zone, local_days, periods_of
from replica_worker.model.days import DayRange

ZONES = [
    "Asia/Kuala_Lumpur",
    "Europe/London",
    "America/New_York",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "UTC",
]


@pytest.mark.parametrize("name", ZONES)
def test_periods_have_the_offset_of_every_day(name: str) -> None:
    zone = ZoneInfo(name)
    periods = periods_of(zone)
    begins = [period.since for period in periods]
    at = datetime(1970, 1, 1, tzinfo=UTC)
    while at < datetime(2030, 1, 1, tzinfo=UTC):
        offset = timedelta(minutes=periods[bisect_right(begins, at) - 1].minutes)
        assert at.astimezone(zone).utcoffset() == offset, at
        at += timedelta(hours=31)


@pytest.mark.parametrize("name", ZONES)
def test_periods_nest_no_deeper_than_t_sql_takes(name: str) -> None:
    assert len(periods_of(ZoneInfo(name))) <= 2**9


@pytest.mark.parametrize(
    ("first", "end", "changes"),
    [
        (date(2026, 1, 1), date(2027, 1, 1), 2),
        (date(2026, 3, 29), date(2026, 3, 30), 1),
        (date(2026, 7, 14), date(2026, 7, 15), 0),
        (date(1900, 1, 1), date(1900, 1, 2), 0),
        (date(2200, 1, 1), date(2200, 1, 2), 0),
    ],
)
def test_statement_knows_only_the_changes_near_its_days(
    first: date, end: date, changes: int
) -> None:
    days = DayRange(first=first, end=end)
    statement = day_in_zone(Fragment("t.[DAY]"), ZoneInfo("Europe/London"), days)
    assert statement.text.count("CASE") == changes


def test_days_of_instants_are_the_zone_s() -> None:
    texts = pa.array(["2026-03-29T22:59:59", "2026-03-29T23:00:00", None, "9999-12-31T23:59:59"])
    london = local_days(texts, ZoneInfo("Europe/London")).to_pylist()
    assert london == [date(2026, 3, 29), date(2026, 3, 30), None, date(9999, 12, 31)]
    assert local_days(texts, ZoneInfo("Asia/Kuala_Lumpur")).to_pylist()[3] == date(9999, 12, 31)
