"""A chunk as the ledger's rows tell it. Values only; `chunks` reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from replica_worker.ledger.clock import Reading
from replica_worker.ledger.options import RunOptions
from replica_worker.ledger.source_uses import read_use
from replica_worker.model.chunks import Action, ChunkId, ChunkState
from replica_worker.model.source_use import SourceUse


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to work on a chunk, as long as the lease holds."""

    chunk: ChunkId
    action: Action
    attempt: int  # the fencing number
    failures: int  # attempts before this one that ended with an error or a worker's death
    outages: int = 0  # attempts before this one that ended because a database was away
    rows_expected: int | None = None  # at the source when it was planned; None: not known
    options: RunOptions = field(default_factory=RunOptions)  # of its run
    began: Reading | None = None  # when it was claimed; None: the claim is another's
    along: Mapping[str, Any] = field(default_factory=dict, compare=False)  # asked with the claim
    use: SourceUse = field(default_factory=SourceUse, compare=False)  # so far, by this attempt


@dataclass(frozen=True, kw_only=True)
class ChunkRow:
    """A chunk as the ledger knows it."""

    chunk: ChunkId
    action: Action
    wave: int
    state: ChunkState
    attempt: int
    worker: str | None
    verdict: str | None
    rows_expected: int | None  # at the source when it was planned; None: not known
    rows_extracted: int
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    rows_moved: int
    file: str | None
    digest: str | None
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    source_use: SourceUse  # by all attempts


@dataclass(frozen=True, kw_only=True)
class SweepCounts:
    """What a sweep of a run's chunks brought back."""

    expired: int  # leases that ran out
    lost: int  # handed to the broker and never claimed


def claim_of(row: Any) -> Claim:
    """The claim that a row of the ledger holds."""
    return Claim(
        chunk=ChunkId(run_id=row.run_id, table=row.table_name, day=row.day),
        action=Action(row.action),
        attempt=row.attempt,
        failures=row.failures,
        outages=row.outages,
        rows_expected=row.rows_expected,
    )


def chunk_row_of(row: Any) -> ChunkRow:
    """The chunk that a row of the ledger holds."""
    return ChunkRow(
        chunk=ChunkId(run_id=row.run_id, table=row.table_name, day=row.day),
        action=Action(row.action),
        wave=row.wave,
        state=ChunkState(row.state),
        attempt=row.attempt,
        worker=row.worker,
        verdict=row.verdict,
        rows_expected=row.rows_expected,
        rows_extracted=row.rows_extracted,
        rows_inserted=row.rows_inserted,
        rows_updated=row.rows_updated,
        rows_deleted=row.rows_deleted,
        rows_moved=row.rows_moved,
        file=row.file,
        digest=row.digest,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=row.error,
        source_use=read_use(row),
    )
