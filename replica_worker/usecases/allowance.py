"""What this process may still read of the source under the caps that hold for all workers.

A share is taken from the ledger for a second's worth at a time, before it is read, so that it
costs a statement seldom; none where nothing is capped. Batches come in the driver's own size:
one may exceed what is left, and the next share then pays for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from replica_worker.model.caps import Share, SourceCaps
from replica_worker.pulse import give_sign

_log = logging.getLogger(__name__)

SHARE_SECONDS = 1.0
"""For how long, at the capped rate, a share lasts. A worker may read it at once."""

_GOOD_FOR_SECONDS = 10.0  # what is left of a share may be used so long after it was taken
_SLICE_SECONDS = 0.5  # of waiting, between two signs that the work goes on
_LONG_SECONDS = 60.0  # a wait of which somebody wants to know

TakeShare = Callable[[Share, SourceCaps], float]
"""Takes a share from the ledger; seconds until it may be used."""


class Allowance:
    """The share that is left to this process; all its threads read of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = 0
        self._bytes = 0
        self._good_until = 0.0

    def spend(self, rows: int, size: int) -> None:
        """Count what was read."""
        with self._lock:
            self._rows -= rows
            self._bytes -= size

    def wait(self, caps: SourceCaps, take: TakeShare) -> None:
        """Return when there is something left to read, after a wait for a new share if need be."""
        seconds = self._seconds_to_turn(caps, take)
        if seconds > _LONG_SECONDS:
            _log.warning("the next share of the capped source comes in %.0f s", seconds)
        turn = time.monotonic() + seconds
        while (left := turn - time.monotonic()) > 0:
            give_sign()
            time.sleep(min(left, _SLICE_SECONDS))

    def _seconds_to_turn(self, caps: SourceCaps, take: TakeShare) -> float:
        with self._lock:
            if time.monotonic() > self._good_until:
                self._rows, self._bytes = min(self._rows, 0), min(self._bytes, 0)
            if not caps.is_used_up(Share(rows=self._rows, bytes=self._bytes)):
                return 0.0
            whole = caps.share(SHARE_SECONDS)
            missing = Share(
                rows=max(0, whole.rows - self._rows), bytes=max(0, whole.bytes - self._bytes)
            )
            seconds = take(missing, caps)
            self._rows += missing.rows
            self._bytes += missing.bytes
            self._good_until = time.monotonic() + seconds + _GOOD_FOR_SECONDS
            return seconds
