"""How the rows of a chunk get from the source into the warehouse.

extract → Parquet + manifest → stage → find moved rows → guard the deletes → merge, proof and
ledger in one transaction. A chunk that the target has no row of goes straight from the file into
the target, where the engine can do that. All reads of the source see one snapshot. Used alike by
loads and by the repair of a check.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import sqlalchemy as sa

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import StagedChunk
from replica_worker.errors import MergeError, ReplicaError, RowsElsewhereError
from replica_worker.usecases.chunk_work import (
    ChunkWork,
    ExtractRequest,
    Record,
    Replicated,
)
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.extract import extract_rows, stage_extract
from replica_worker.usecases.images import keep_last_images
from replica_worker.usecases.merge import (
    append_extract,
    confirm_staged,
    guard_deletes,
    merge_staged,
)
from replica_worker.usecases.moved_rows import Surplus, stage_moved_rows
from replica_worker.usecases.set_aside import set_aside_unmerged
from replica_worker.usecases.source_door import open_source

_log = logging.getLogger(__name__)


def replicate_rows(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    request: ExtractRequest,
    record: Record,
    *,
    may_move: bool = False,
) -> Replicated:
    """Bring the requested rows over; returns when data and ledger are committed.

    Rows that come from another day are brought over from a new snapshot, taken while no other
    chunk of the table can move rows: else the older of two copies could win. `may_move`: the
    caller has the lock for that, and took the snapshot under it.

    Raises:
        DeletesRefusedError: more of the target's rows would go than the guard allows.
        LeaseLostError: another attempt has the chunk by now.
        ReplicaError: anything else. Whatever is raised, nothing of the target was changed.
    """
    try:
        return _replicate_once(deployment, snapshot, work, request, record, may_move=may_move)
    except RowsElsewhereError as found:
        _log.info("%s: %s; extracting again", work.claim.chunk, found.cause)
    with (
        deployment.warehouse.lock_moves(work.connection, work.spec),
        open_source(deployment, work.connection, work.claim.use) as newer,
    ):
        return _replicate_once(deployment, newer, work, request, record, may_move=True)


def _replicate_once(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    request: ExtractRequest,
    record: Record,
    *,
    may_move: bool,
) -> Replicated:
    started = time.monotonic()
    extracted = extract_rows(deployment, snapshot, work, request)
    extracted = replace(extracted, seconds={"extract": time.monotonic() - started})
    chunk = work.staged(request.part, is_complete=request.is_complete)
    return merge_extract(
        deployment,
        snapshot,
        work,
        chunk,
        extracted,
        record,
        part=request.part,
        may_move=may_move,
    )


def merge_extract(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    chunk: StagedChunk,
    extracted: Replicated,
    record: Record,
    *,
    part: str,
    may_move: bool,
) -> Replicated:
    """Merge what was extracted; first keep the images of what that takes away.

    Raises what `replicate_rows` does; RowsElsewhereError too, unless `may_move`.
    """
    extracts = [extracted.name]
    try:
        holds_rows = may_move or _holds_rows(deployment, work, chunk)
        if not holds_rows and _can_append(deployment, work, chunk):
            return append_extract(deployment, work, chunk, extracted, record)
        staged_from, at = time.monotonic(), extracted.manifest.started_at
        stage_extract(deployment, work, chunk, extracted)
        seconds = {**extracted.seconds, "stage": time.monotonic() - staged_from}
        staged = replace(extracted, seconds=seconds)
        surplus = Surplus()
        if holds_rows:
            if not may_move and _holds_exactly(deployment, work, chunk):
                return confirm_staged(deployment, work, chunk, staged, record)
            surplus = stage_moved_rows(deployment, snapshot, work, chunk, extracted_at=at)
            extracts += surplus.extracts
            guard_deletes(deployment, work, chunk, surplus.deleted)
            extracts += keep_last_images(deployment, work, chunk, surplus.keys, part=part, at=at)
        return merge_staged(
            deployment,
            work,
            chunk,
            replace(staged, moved=surplus.moved),
            record,
            expected_deletes=surplus.deleted,
            may_move=may_move,
        )
    except BaseException as error:
        if isinstance(error, MergeError):
            set_aside_unmerged(deployment, extracts, attempt=work.claim.attempt)
        drop_staging_quietly(deployment, work, chunk.staging)
        raise


def _holds_rows(deployment: Deployment, work: ChunkWork, chunk: StagedChunk) -> bool:
    """Whether the target has rows of the chunk, which a merge could take away."""
    holds = deployment.warehouse.holds_rows(work.connection, chunk)
    work.connection.commit()
    return holds


def _can_append(deployment: Deployment, work: ChunkWork, chunk: StagedChunk) -> bool:
    """Whether the extract can go into the target as it is, past staging."""
    can = chunk.is_complete and deployment.warehouse.can_append(
        work.connection, work.spec, work.claim.along
    )
    work.connection.commit()
    return can


def _holds_exactly(deployment: Deployment, work: ChunkWork, chunk: StagedChunk) -> bool:
    """Whether there is nothing to merge."""
    is_same = chunk.is_complete and deployment.warehouse.holds_exactly(work.connection, chunk)
    work.connection.commit()
    return is_same


def drop_staging_quietly(deployment: Deployment, work: ChunkWork, staging: str) -> None:
    """Drop the staging table of a failed attempt; the sweep does it if this cannot."""
    try:
        work.connection.rollback()
        deployment.warehouse.drop_staging(work.connection, staging)
        work.connection.commit()
    except (ReplicaError, sa.exc.SQLAlchemyError) as error:
        _log.info("staging table %s is left to the sweep: %s", staging, error)
