"""Keeping a lease alive while its holder works."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType

from replica_worker.errors import ReplicaError

_log = logging.getLogger(__name__)
_BEATS_PER_LEASE = 4


class LeaseKeeper:
    """Extends a lease from a thread of its own until the block ends.

    It does not stop the work when the lease is lost: the fencing number does, at commit.
    """

    def __init__(self, extend: Callable[[], bool], *, lease_seconds: float, what: str) -> None:
        self._extend = extend
        self._interval = lease_seconds / _BEATS_PER_LEASE
        self._what = what
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease {what}", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(self._interval):
            try:
                if not self._extend():
                    _log.warning("the lease on %s is lost", self._what)
                    return
            except (ReplicaError, OSError) as error:
                _log.warning("the lease on %s could not be extended: %s", self._what, error)
            except Exception as error:
                # A broken connection surfaces in the driver's own classes; the next beat
                # connects anew, and the lease decides whether that is in time.
                name = type(error).__name__
                _log.warning("the lease on %s could not be extended: %s", self._what, name)
