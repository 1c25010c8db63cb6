"""A worker that stands still at a checkpoint until the test has done its harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drive.programs import Program, wait_until

StartWorker = Callable[..., Program]


class Holder:
    """Starts a worker that is held, once, at a checkpoint, and lets it go."""

    def __init__(self, start: StartWorker, mark: Path) -> None:
        self._start, self._mark = start, mark

    def start(self, point: str, **settings: str) -> Program:
        return self._start("held", HELD_AT=point, HELD_MARK=str(self._mark), **settings)

    def wait(self) -> None:
        """Return when the worker stands at the point."""
        wait_until(self._mark.exists, "the worker at its point")

    def let_go(self) -> None:
        self._mark.unlink()
