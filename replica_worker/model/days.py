"""Days and half-open ranges of days, the product's only notion of time of day's business.

Owns the rule what "yesterday" is in a zone. Does not read the clock: callers pass the instant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
FIRST_DAY = date(1970, 1, 1)
"""The first day that has a chunk of its own; no till kept books before."""
_NIGHT_IS_LATE = time(3)  # an hour after it is due
_MOST_NIGHTS = 31  # that are made up by themselves; more is a backfill


@dataclass(frozen=True, kw_only=True, order=True)
class DayRange:
    """The days from `first` up to, not including, `end`."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.first:
            raise ValueError(f"a range cannot end ({self.end}) before it begins ({self.first})")

    @classmethod
    def one(cls, day: date) -> DayRange:
        """The range `[day, day + 1)`."""
        return cls(first=day, end=day + ONE_DAY)

    @classmethod
    def inclusive(cls, start: date, last: date) -> DayRange:
        """The range that people mean by "from start to last": the last day belongs to it."""
        return cls(first=start, end=last + ONE_DAY)

    @property
    def last(self) -> date:
        """The last day inside the range."""
        return self.end - ONE_DAY

    def __iter__(self) -> Iterator[date]:
        day = self.first
        while day < self.end:
            yield day
            day += ONE_DAY

    def __len__(self) -> int:
        return (self.end - self.first).days

    def __str__(self) -> str:
        return f"{self.first}" if len(self) == 1 else f"{self.first}..{self.last}"


def contiguous(days: Collection[date], *, longest: int = 31) -> list[DayRange]:
    """The days as ranges without gaps, each of at most `longest` days, oldest first."""
    ranges: list[DayRange] = []
    for day in sorted(set(days)):
        if ranges and ranges[-1].end == day and len(ranges[-1]) < longest:
            ranges[-1] = DayRange(first=ranges[-1].first, end=day + ONE_DAY)
        else:
            ranges.append(DayRange.one(day))
    return ranges


def spans(days: Iterable[date], *, longest: int) -> list[DayRange]:
    """Ranges of at most `longest` days that hold all the days, with the gaps between them."""
    ranges: list[DayRange] = []
    for day in sorted(set(days)):
        if ranges and (day - ranges[-1].first).days < longest:
            ranges[-1] = DayRange(first=ranges[-1].first, end=day + ONE_DAY)
        else:
            ranges.append(DayRange.one(day))
    return ranges


def business_day(*, now: datetime, zone: ZoneInfo) -> date:
    """The business's day at the instant `now` (aware), as calendars in `zone` show it."""
    if now.tzinfo is None:
        raise ValueError("the instant must carry its zone")
    return now.astimezone(zone).date()


def yesterday(*, now: datetime, zone: ZoneInfo) -> date:
    """The day before the business's day at the instant `now`."""
    return business_day(now=now, zone=zone) - ONE_DAY


def missed_nights(newest: date, *, now: datetime, zone: ZoneInfo) -> list[date]:
    """The days whose nights should have been begun since that of `newest`, oldest first.

    Yesterday's is begun by its own tick; an hour after that it has been missed, too.
    """
    today = business_day(now=now, zone=zone)
    is_late = now.astimezone(zone).time() >= _NIGHT_IS_LATE
    last = today - ONE_DAY if is_late else today - 2 * ONE_DAY
    first = max(newest, last - _MOST_NIGHTS * ONE_DAY) + ONE_DAY
    return list(DayRange.inclusive(first, last)) if first <= last else []


def dated_days(today: date) -> DayRange:
    """The days that have chunks of their own; rows of no day or of others are strays."""
    return DayRange(first=FIRST_DAY, end=today + ONE_DAY)
