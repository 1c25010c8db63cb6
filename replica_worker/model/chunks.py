"""Runs and chunks: what is asked for at once, and the unit of work and of account.

Owns their states and which of them are final. Does not store them (`ledger`) or order them
(`plan`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class RunKind(StrEnum):
    """Why the chunks of a run were asked for."""

    NIGHTLY = "nightly"
    BACKFILL = "backfill"
    CHECK_FIXES = "check_fixes"
    REPLAY = "replay"  # from the archive; the source is not touched
    UNDO = "undo"  # of another run: what it took away is put back


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    CANCELLING = "cancelling"  # nothing is handed out any more; chunks under way end
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # at least one chunk failed or was refused
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the run is closed."""
        return self not in (RunStatus.RUNNING, RunStatus.CANCELLING)


class Action(StrEnum):
    """What is done with a chunk."""

    LOAD = "load"  # extract, stage, merge
    CHECK = "check"  # compare digests; extract and merge what differs
    REPLAY = "replay"  # stage and merge what the archive holds
    UNDO = "undo"  # put back what another run's merges took away


class ChunkState(StrEnum):
    """Where a chunk stands in the ledger."""

    PENDING = "pending"  # waits in the ledger to be handed to the broker
    QUEUED = "queued"  # handed to the broker
    RUNNING = "running"  # claimed: a worker holds the lease
    MERGED = "merged"  # loaded; the target equals the extract
    CHECKED = "checked"  # compared, and repaired where that was asked for
    SKIPPED = "skipped"  # the source does not expose the table
    REFUSED = "refused"  # the delete guard wants a person's word
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether no worker will touch the chunk again by itself."""
        return self not in (ChunkState.PENDING, ChunkState.QUEUED, ChunkState.RUNNING)

    @property
    def is_trouble(self) -> bool:
        """Whether the chunk ended without doing what was asked."""
        return self in (ChunkState.REFUSED, ChunkState.FAILED)


STRAYS = date(1900, 1, 1)
"""The day under which a daily table's strays are kept: one chunk for all its rows that have no
day, or one that lies before the first or after today. A real day, because it is part of keys
and file names; the oldest that every column type and driver takes."""

OPEN_STATUSES = tuple(status for status in RunStatus if not status.is_final)
OPEN_STATES = tuple(state for state in ChunkState if not state.is_final)
TROUBLE_STATES = tuple(state for state in ChunkState if state.is_trouble)


@dataclass(frozen=True, kw_only=True, order=True)
class ChunkId:
    """Names a chunk of a run: one table and one day.

    For a table that is not cut by days the chunk is the whole table and `day` is the day it was
    asked for ("as of"). For the strays of a daily table it is STRAYS.
    """

    run_id: str
    table: str
    day: date

    @property
    def is_strays(self) -> bool:
        """Whether the chunk stands for a daily table's rows of no day or an impossible one."""
        return self.day == STRAYS

    def __str__(self) -> str:
        return f"{self.table} strays" if self.is_strays else f"{self.table} {self.day}"


@dataclass(frozen=True, kw_only=True)
class HandOut:
    """What is handed to a worker in one message: a chunk, or a group of them."""

    chunk: ChunkId  # of a group, the first
    is_group: bool = False


@dataclass(frozen=True, kw_only=True)
class PlannedChunk:
    """A chunk that a plan asks for."""

    table: str
    day: date
    action: Action
    wave: int  # chunks of a wave are handed out when all lower waves are finished
    rows_expected: int | None = None  # at the source when it was planned; None: not known
    group_day: date | None = None  # first day of its group, see `grouping`; None: it is alone

    @property
    def is_strays(self) -> bool:
        """Whether the chunk stands for a daily table's rows of no day or an impossible one."""
        return self.day == STRAYS


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All chunks of a run-to-be, in the order in which they should be handed out."""

    kind: RunKind
    first_day: date
    last_day: date
    chunks: tuple[PlannedChunk, ...]
    tables: tuple[str, ...]
