"""Caps on what all workers together read of the source, and how a share under them begins.

What is read is paid for by time: a share of so many rows takes up so many seconds of the capped
rate, one share behind the other. A share that nobody uses has run out when its seconds are over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Share:
    """Rows and bytes that a worker may read."""

    rows: int
    bytes: int  # as they lie in Arrow


@dataclass(frozen=True, kw_only=True)
class SourceCaps:
    """How much a second all workers together may read; 0: as much as they can."""

    rows_per_second: int = 0
    bytes_per_second: int = 0

    @property
    def is_set(self) -> bool:
        """Whether there is a cap at all."""
        return self.rows_per_second > 0 or self.bytes_per_second > 0

    def share(self, seconds: float) -> Share:
        """What may be read in so many seconds; never nothing of what is capped."""
        return Share(
            rows=max(1, int(self.rows_per_second * seconds)) if self.rows_per_second else 0,
            bytes=max(1, int(self.bytes_per_second * seconds)) if self.bytes_per_second else 0,
        )

    def is_used_up(self, left: Share) -> bool:
        """Whether nothing may be read any more of something that is capped."""
        return (self.rows_per_second > 0 and left.rows <= 0) or (
            self.bytes_per_second > 0 and left.bytes <= 0
        )


@dataclass(frozen=True, kw_only=True)
class Turn:
    """When a share may be begun, and when the next one."""

    begins: datetime
    ends: datetime


def next_turn(*, now: datetime, taken_until: datetime | None, amount: int, per_second: int) -> Turn:
    """The turn of a share behind all that were taken before; at once where nothing is capped."""
    if not per_second:
        return Turn(begins=now, ends=taken_until or now)
    begins = max(now, taken_until or now)
    # Up to a whole millisecond, which is what every ledger can keep of an instant.
    lasts = timedelta(milliseconds=math.ceil(1000 * amount / per_second))
    beyond = begins.microsecond % 1000
    whole = begins - timedelta(microseconds=beyond) + timedelta(milliseconds=beyond > 0)
    return Turn(begins=begins, ends=whole + lasts)
