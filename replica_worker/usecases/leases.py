"""Keeping a lease alive while its holder works, and only while its work moves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType

from replica_worker import pulse
from replica_worker.errors import ReplicaError

_log = logging.getLogger(__name__)
_BEATS_PER_LEASE = 4


class LeaseKeeper:
    """Extends a lease from a thread of its own until the block ends or the work falls silent.

    It does not stop the work when the lease is lost: the fencing number does, at commit.
    """

    def __init__(
        self,
        extend: Callable[[], bool],
        *,
        lease_seconds: float,
        silent_after_seconds: float,
        what: str,
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Make a keeper; `give_up` is called, once, when the work gave no sign for too long."""
        self._extend = extend
        self._give_up = give_up
        self._silent_after = silent_after_seconds
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
        with pulse.aside():
            while not self._done.wait(self._interval):
                if pulse.silent_seconds() > self._silent_after:
                    _log.warning(
                        "%s: no sign for %.0f s; its lease is given up",
                        self._what,
                        self._silent_after,
                    )
                    self._give_up()
                    return
                if not self._is_extended():
                    return

    def _is_extended(self) -> bool:
        """False if the lease is lost; True if that is not known."""
        try:
            if self._extend():
                return True
        except (ReplicaError, OSError) as error:
            _log.warning("the lease on %s could not be extended: %s", self._what, error)
            return True
        except Exception as error:
            # A broken connection surfaces in the driver's own classes; the next beat
            # connects anew, and the lease decides whether that is in time.
            name = type(error).__name__
            _log.warning("the lease on %s could not be extended: %s", self._what, name)
            return True
        _log.warning("the lease on %s is lost", self._what)
        return False
