"""How the rows of a chunk get from the source into the warehouse.

extract → Parquet + manifest → stage → find moved rows → guard the deletes → merge, proof and
ledger in one transaction. All reads of the source see one snapshot. Used alike by loads and by
the repair of a check.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import sqlalchemy as sa

from replica_worker.engines.interface import Snapshot, StagedChunk
from replica_worker.errors import ReplicaError
from replica_worker.usecases.chunk_work import (
    ChunkWork,
    ExtractRequest,
    Record,
    Replicated,
    staging_name,
)
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.extract import extract_rows, stage_extract
from replica_worker.usecases.merge import guard_deletes, merge_staged
from replica_worker.usecases.moved_rows import stage_moved_rows

_log = logging.getLogger(__name__)


def replicate_rows(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    request: ExtractRequest,
    record: Record,
) -> Replicated:
    """Bring the requested rows over; returns when data and ledger are committed.

    Raises:
        DeletesRefusedError: more of the target's rows would go than the guard allows.
        LeaseLostError: another attempt has the chunk by now; nothing was changed.
        ReplicaError: anything else; nothing of the target was changed.
    """
    started = time.monotonic()
    extracted = extract_rows(deployment, snapshot, work, request)
    staged_from = time.monotonic()
    staging = staging_name(work.claim, request.part)
    chunk = StagedChunk(
        table=work.spec,
        staging=staging,
        days=work.days,
        is_complete=request.is_complete,
    )
    try:
        stage_extract(deployment, work, chunk, extracted)
        surplus, moved = stage_moved_rows(deployment, snapshot, work, chunk)
        guard_deletes(deployment, work, chunk, surplus - moved)
        seconds = {"extract": staged_from - started, "stage": time.monotonic() - staged_from}
        return merge_staged(
            deployment,
            work,
            chunk,
            replace(extracted, moved=moved, seconds=seconds),
            record,
            expected_deletes=surplus - moved,
        )
    except BaseException:
        _drop_staging_quietly(deployment, work, staging)
        raise


def _drop_staging_quietly(deployment: Deployment, work: ChunkWork, staging: str) -> None:
    """Drop the staging table of a failed attempt; the sweep does it if this cannot."""
    try:
        work.connection.rollback()
        deployment.warehouse.drop_staging(work.connection, staging)
        work.connection.commit()
    except (ReplicaError, sa.exc.SQLAlchemyError) as error:
        _log.info("staging table %s is left to the sweep: %s", staging, error)
