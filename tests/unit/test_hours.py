"""Hours of the day: within one day and over midnight, in the business's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from replica_worker.model.hours import Hours

ZONE = ZoneInfo("Asia/Kuala_Lumpur")  # UTC+8


@pytest.mark.parametrize(
    ("hours", "utc", "inside"),
    [
        ("23:00-06:00", "15:00", True),
        ("23:00-06:00", "14:59", False),
        ("23:00-06:00", "21:59", True),
        ("23:00-06:00", "22:00", False),
        ("01:00-02:30", "17:00", True),
        ("01:00-02:30", "18:29", True),
        ("01:00-02:30", "18:30", False),
        (" 01:00 - 02:30 ", "16:59", False),
    ],
)
def test_hours_are_half_open_and_may_span_midnight(hours: str, utc: str, inside: bool) -> None:
    instant = datetime.fromisoformat(f"2026-03-14T{utc}:00").replace(tzinfo=UTC)
    assert Hours.parse(hours).contain(instant, ZONE) is inside


@pytest.mark.parametrize("text", ["", "23:00", "23-06", "24:00-06:00", "06:00-06:00", "a-b"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="23:00-06:00"):
        Hours.parse(text)


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("14T15:30", 1, "14T16:30"),  # 23:30 there: within the hours
        ("14T15:30", 7, "15T15:30"),  # half an hour is left over for the next night
        ("14T03:00", 1, "14T16:00"),  # by day nothing is done
        ("14T15:00", 7 * 10, "23T22:00"),  # ten whole nights
    ],
)
def test_work_stops_when_its_hours_end_and_goes_on_when_they_begin(
    begin: str, hours: float, end: str
) -> None:
    def instant(text: str) -> datetime:
        return datetime.fromisoformat(f"2026-03-{text}:00").replace(tzinfo=UTC)

    night = Hours.parse("23:00-06:00")
    done = night.end_of_work(instant(begin), hours * 3600, ZONE)
    assert done == instant(end)
    assert night.seconds_between(instant(begin), done, ZONE) == hours * 3600


def test_hours_are_those_of_the_zone_s_clocks_when_they_are_put_forward() -> None:
    london = ZoneInfo("Europe/London")
    begin = datetime(2026, 3, 28, 23, tzinfo=UTC)
    end = datetime(2026, 3, 29, 5, tzinfo=UTC)  # 06:00 in summer time
    assert Hours.parse("23:00-06:00").seconds_between(begin, end, london) == 6 * 3600
    assert Hours.parse("23:00-06:00").end_of_work(begin, 6 * 3600, london) == end
