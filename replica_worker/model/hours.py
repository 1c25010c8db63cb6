"""Hours of the day in which something may be done, every day alike; they may span midnight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Hours:
    """From `start` up to, not including, `end`, as clocks in the business's zone show them."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Hours:
        """The hours written like `23:00-06:00`; ValueError if that is not what they are."""
        start, dash, end = text.partition("-")
        try:
            hours = cls(start=_clock(start), end=_clock(end))
        except ValueError:
            hours = None
        if hours is None or not dash or hours.start == hours.end:
            raise ValueError("write hours like 23:00-06:00")
        return hours

    def contain(self, instant: datetime, zone: ZoneInfo) -> bool:
        """Whether the instant (aware) falls into the hours."""
        now = instant.astimezone(zone).time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


def _clock(text: str) -> time:
    return datetime.strptime(text.strip(), "%H:%M").time()
