"""The day of an instant in a zone, in T-SQL, as Python's zone database has it.

AT TIME ZONE knows other names and other rules of summer time than the database by which the days
begin (`statements`), so a row could be selected by one day and told as another's. Here both
come of one database. In a statement the offset is looked up in the zone's own periods; of rows
that are read, Python tells the day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa

from replica_worker.engines.sqlserver.fragments import Fragment, compose
from replica_worker.model.days import ONE_DAY, DayRange

_FIRST = datetime(1969, 12, 1, tzinfo=UTC)
_END = datetime(2100, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=7)  # no two changes of a zone are so close that both are jumped over


@dataclass(frozen=True, kw_only=True)
class Period:
    """Instants of one offset, from `since` up to the next period."""

    since: datetime
    minutes: int  # ahead of UTC; T-SQL has no seconds in an offset


def day_in_zone(instant: Fragment, zone: ZoneInfo, days: DayRange | None) -> Fragment:
    """The zone's date at the datetimeoffset `instant`; NULL for NULL.

    Before 1970, and from 2100 on, the nearest period's offset is taken. `days`: where all instants
    are known to lie; a statement with all periods of a zone is long.
    """
    periods: Sequence[Period] = periods_of(zone)
    if days is not None:
        periods = _those_of(periods, days)
    return compose(
        "CAST(SWITCHOFFSET({instant}, {minutes}) AS date)",
        instant=instant,
        minutes=_offset_at(instant, periods),
    )


def as_utc(instant: Fragment) -> Fragment:
    """The datetimeoffset `instant` as a text for `local_days`, to the second that has begun."""
    return compose(
        "CONVERT(varchar(19), CAST(SWITCHOFFSET({instant}, 0) AS datetime2(7)), 126)",
        instant=instant,
    )


def local_days(texts: pa.Array, zone: ZoneInfo) -> pa.Array:
    """The zone's date at each instant that `as_utc` wrote down; NULL for NULL."""
    days = [None if text is None else _local_day(text, zone) for text in texts.to_pylist()]
    return pa.array(days, pa.date32())


def _local_day(text: str, zone: ZoneInfo) -> date:
    instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
    try:
        return instant.astimezone(zone).date()
    except OverflowError:  # the zone's day lies beyond the calendar
        return instant.date()


@lru_cache(maxsize=8)
def periods_of(zone: ZoneInfo) -> tuple[Period, ...]:
    """The zone's periods from 1970 to 2099, each with another offset than the one before."""
    found = [Period(since=_FIRST, minutes=_minutes(zone, _FIRST))]
    for since in _changes(zone):
        minutes = _minutes(zone, since)
        if minutes != found[-1].minutes:
            found.append(Period(since=since, minutes=minutes))
    return tuple(found)


def _those_of(periods: Sequence[Period], days: DayRange) -> Sequence[Period]:
    """The periods that the days may touch, whatever the zone."""
    first, end = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (days.first, days.end))
    begun = [period for period in periods if period.since <= end + 2 * ONE_DAY]
    ended = [one for one, later in pairwise(begun) if later.since <= first - 2 * ONE_DAY]
    return begun[len(ended) :] or periods[:1]


def _changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The instants at which the zone's offset changes, to the second."""
    at = _FIRST
    while at < _END:
        low, high = at, at + _STEP
        at = high
        if low.astimezone(zone).utcoffset() == high.astimezone(zone).utcoffset():
            continue
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
            if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
                low = middle
            else:
                high = middle
        yield high


def _minutes(zone: ZoneInfo, instant: datetime) -> int:
    return (instant.astimezone(zone).utcoffset() or timedelta()) // timedelta(minutes=1)


def _offset_at(instant: Fragment, periods: Sequence[Period]) -> Fragment:
    """Minutes by halves: 2 to the 9th periods nest nine deep, and ten is T-SQL's limit."""
    if len(periods) == 1:
        return Fragment(str(periods[0].minutes))
    half = len(periods) // 2
    return compose(
        "CASE WHEN {instant} < CAST('{since}' AS datetimeoffset(0)) THEN {before} ELSE {after} END",
        instant=instant,
        since=periods[half].since.isoformat(),
        before=_offset_at(instant, periods[:half]),
        after=_offset_at(instant, periods[half:]),
    )
