"""When the work of this process last moved, so that waiting for ever can be told from working long.

Statements that begin, batches and blocks that pass give a sign. A server that keeps its connection
and says nothing gives none. A process works on one thing at a time, so one pulse is enough; the
threads that keep leases give no sign. Knows nothing of servers, leases or how a process ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOKS_PER_LIMIT = 10

_last_sign = time.monotonic()
_thread = threading.local()


def give_sign() -> None:
    """The work moved."""
    global _last_sign
    if not getattr(_thread, "is_aside", False):
        _last_sign = time.monotonic()


def silent_seconds() -> float:
    """How long ago the last sign was given."""
    return time.monotonic() - _last_sign


@contextmanager
def aside() -> Iterator[None]:
    """What this thread does in the block is not the work, and gives no sign."""
    _thread.is_aside = True
    try:
        yield
    finally:
        _thread.is_aside = False


@contextmanager
def watched(after_seconds: float, end: Callable[[float], None]) -> Iterator[None]:
    """Call `end` with the limit, from a thread, if the block gives no sign for so long.

    `end` has to end the process: nothing less reaches a thread that waits inside a driver.
    """
    give_sign()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(after_seconds / _LOOKS_PER_LIMIT):
            if silent_seconds() > after_seconds:
                end(after_seconds)
                return

    threading.Thread(target=watch, name="pulse", daemon=True).start()
    try:
        yield
    finally:
        done.set()
