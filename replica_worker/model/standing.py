"""Where a run stands, and how long the rest of it takes at the pace so far."""

from __future__ import annotations

from dataclasses import dataclass

_ROWS_OF_A_CHUNK = 1000
"""What a chunk costs whatever its size, in rows that could be copied in that time."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Chunks of a run, finished and not, and their rows."""

    done: int
    open: int
    rows_done: int  # as they were extracted
    rows_open: int  # as far as they are expected
    open_unknown: int = 0  # of the open chunks; nobody counted their rows

    def seconds_left(self, worked_seconds: float) -> float | None:
        """At the pace so far; None if nothing is done yet."""
        if self.done == 0:
            return None
        unknown = self.open_unknown * self.rows_done / self.done
        work_done = self.rows_done + _ROWS_OF_A_CHUNK * self.done
        work_left = self.rows_open + unknown + _ROWS_OF_A_CHUNK * self.open
        return worked_seconds * work_left / work_done
