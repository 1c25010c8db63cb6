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
