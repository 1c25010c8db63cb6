"""Named points on a chunk's way, for those who watch it: tests make workers die at each of them.

Nobody watches in production; passing a point then costs one comparison. What is done at a point
is the watcher's matter: nothing here knows of faults, settings or the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Checkpoint(StrEnum):
    """A point that every loaded chunk passes, in this order."""

    CLAIMED = "claimed"  # the lease is held, nothing is done yet
    FILE_NAMED = "file named"  # the Parquet file has its final name, the manifest is missing
    EXTRACTED = "extracted"  # the manifest is there
    STAGED = "staged"  # the file's rows are in the staging table, or uncommitted in the target
    MERGING = "merging"  # all is done in the merge's transaction but its commit
    MERGED = "merged"  # the transaction is committed


Watcher = Callable[[Checkpoint], None]

_watcher: Watcher | None = None


def watch(watcher: Watcher | None) -> None:
    """Have this process call the watcher at every point; None: nobody any more."""
    global _watcher
    _watcher = watcher


def passed(point: Checkpoint) -> None:
    """Tell whoever watches."""
    if _watcher is not None:
        _watcher(point)
