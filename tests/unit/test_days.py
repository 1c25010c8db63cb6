"""Days and ranges of days, and what "yesterday" is where."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from replica_worker.model.days import DayRange, missed_nights, spans, yesterday

KUALA_LUMPUR = ZoneInfo("Asia/Kuala_Lumpur")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        (datetime(2026, 3, 14, 15, 59, 59, tzinfo=UTC), KUALA_LUMPUR, date(2026, 3, 13)),
        (datetime(2026, 3, 14, 16, 0, 0, tzinfo=UTC), KUALA_LUMPUR, date(2026, 3, 14)),
        (datetime(2026, 3, 14, 23, 59, 59, tzinfo=UTC), KUALA_LUMPUR, date(2026, 3, 14)),
        (datetime(2026, 3, 15, 0, 0, 0, tzinfo=UTC), KUALA_LUMPUR, date(2026, 3, 14)),
        (datetime(2026, 3, 15, 2, 0, tzinfo=KUALA_LUMPUR), KUALA_LUMPUR, date(2026, 3, 14)),
        (datetime(2026, 3, 15, 2, 0, tzinfo=KUALA_LUMPUR), ZoneInfo("UTC"), date(2026, 3, 13)),
        (datetime(2026, 1, 1, 0, 0, tzinfo=KUALA_LUMPUR), KUALA_LUMPUR, date(2025, 12, 31)),
        (datetime(2024, 3, 1, 12, 0, tzinfo=UTC), KUALA_LUMPUR, date(2024, 2, 29)),
        # New York's clocks go forward on the 8th: midnight is 05:00 UTC before, 04:00 after.
        (datetime(2026, 3, 8, 4, 59, tzinfo=UTC), NEW_YORK, date(2026, 3, 6)),
        (datetime(2026, 3, 8, 5, 0, tzinfo=UTC), NEW_YORK, date(2026, 3, 7)),
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), NEW_YORK, date(2026, 3, 7)),
        (datetime(2026, 3, 9, 4, 0, tzinfo=UTC), NEW_YORK, date(2026, 3, 8)),
    ],
)
def test_yesterday_is_the_zone_s_calendar_day(
    now: datetime, zone: ZoneInfo, expected: date
) -> None:
    assert yesterday(now=now, zone=zone) == expected


def test_yesterday_of_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        yesterday(now=datetime(2026, 3, 14), zone=KUALA_LUMPUR)


def test_inclusive_range_holds_its_last_day() -> None:
    days = DayRange.inclusive(date(2026, 2, 27), date(2026, 3, 1))
    assert list(days) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert (len(days), days.last, days.end) == (3, date(2026, 3, 1), date(2026, 3, 2))
    assert str(days) == "2026-02-27..2026-03-01"


def test_one_day_is_half_open() -> None:
    day = DayRange.one(date(2026, 12, 31))
    assert (day.first, day.end) == (date(2026, 12, 31), date(2027, 1, 1))
    assert str(day) == "2026-12-31"


def test_empty_range_has_no_days() -> None:
    assert list(DayRange(first=date(2026, 3, 1), end=date(2026, 3, 1))) == []


def test_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        DayRange.inclusive(date(2026, 3, 2), date(2026, 2, 28))


def test_spans_hold_all_days_and_are_no_longer_than_asked() -> None:
    days = [date(2026, 3, day) for day in (1, 3, 10, 11, 30)]
    assert spans(days, longest=10) == [
        DayRange.inclusive(date(2026, 3, 1), date(2026, 3, 10)),
        DayRange.one(date(2026, 3, 11)),
        DayRange.one(date(2026, 3, 30)),
    ]
    assert spans(reversed(days), longest=366) == [DayRange.inclusive(days[0], days[-1])]
    assert spans([], longest=366) == []


def night_of(hour: int, newest: str) -> list[str]:
    """The missed nights at that hour of 17 March in Kuala Lumpur."""
    now = datetime(2024, 3, 17, hour, tzinfo=KUALA_LUMPUR)
    days = missed_nights(date.fromisoformat(newest), now=now, zone=KUALA_LUMPUR)
    return [str(day) for day in days]


def test_missed_nights_are_those_since_the_newest_and_last_night_s_when_it_is_late() -> None:
    assert night_of(2, "2024-03-13") == ["2024-03-14", "2024-03-15"]
    assert night_of(3, "2024-03-13") == ["2024-03-14", "2024-03-15", "2024-03-16"]
    assert night_of(2, "2024-03-15") == []
    assert night_of(3, "2024-03-15") == ["2024-03-16"]
    assert night_of(23, "2024-03-16") == []
    assert night_of(23, "2024-03-20") == [], "another's clock was wrong"


def test_no_more_than_a_month_of_nights_is_made_up() -> None:
    assert len(night_of(3, "2020-01-01")) == 31
