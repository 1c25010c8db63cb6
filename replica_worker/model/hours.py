"""Hours of the day in which something may be done, every day alike; they may span midnight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
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

    def end_of_work(self, begin: datetime, seconds: float, zone: ZoneInfo) -> datetime:
        """When work that begins at the instant (aware) is done, if it goes on in the hours only."""
        at, left = begin.astimezone(UTC), timedelta(seconds=seconds)
        while True:
            if self.contain(at, zone):
                stop = _next(self.end, at, zone)
                if at + left <= stop:
                    return at + left
                left -= stop - at
                at = stop
            at = _next(self.start, at, zone) if not self.contain(at, zone) else at

    def seconds_between(self, begin: datetime, end: datetime, zone: ZoneInfo) -> float:
        """How much of the time between two instants (aware) falls into the hours."""
        at, last, worked = begin.astimezone(UTC), end.astimezone(UTC), 0.0
        while at < last:
            is_inside = self.contain(at, zone)
            stop = min(last, _next(self.end if is_inside else self.start, at, zone))
            worked += (stop - at).total_seconds() if is_inside else 0.0
            at = stop
        return worked


def _next(clock: time, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after `after` (UTC) at which clocks in the zone show that time."""
    day = after.astimezone(zone).date()
    while True:
        instant = datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
        if instant > after:
            return instant
        day += timedelta(days=1)


def _clock(text: str) -> time:
    return datetime.strptime(text.strip(), "%H:%M").time()
