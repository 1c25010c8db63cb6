"""Undoing a run: rows that it deleted, moved or overwrote are put back as they were.

The last images that the run's merges left in the archive are staged and merged by key. Rows that
the run brought new stay. The source is not touched, so the next check of the day will find what
the run found: an undo buys time to mend the source.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import sqlalchemy as sa

from replica_worker.archive.archive import ExtractName
from replica_worker.errors import ReplicaError, RunChangedSinceError
from replica_worker.model.chunks import ChunkState, Plan
from replica_worker.model.counts import MergeCounts
from replica_worker.model.days import DayRange
from replica_worker.model.manifest import ExtractKind, Manifest
from replica_worker.model.plan import plan_undo
from replica_worker.usecases.chunk_work import ChunkWork, Record, Replicated
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.extract import stage_rows
from replica_worker.usecases.merge import merge_staged
from replica_worker.usecases.replicate import drop_staging_quietly

_KINDS = (ExtractKind.GONE, ExtractKind.REPLACED)


def plan_undo_of(deployment: Deployment, run_id: str) -> Plan:
    """The chunks of a run that left images; RunChangedSinceError if a later run changed one."""
    run = deployment.ledger.runs.find(run_id)
    known = {spec.name for spec in deployment.spec.tables}
    chunks = [
        (row.chunk.table, row.chunk.day)
        for row in deployment.ledger.chunks.of_run(run_id)
        if row.chunk.table in known
        and _images(
            deployment, ExtractName(table=row.chunk.table, day=row.chunk.day, run_id=run_id)
        )
    ]
    later = deployment.ledger.audit.changed_since(run_id, chunks)
    if later:
        other, table, day = later[0]
        raise RunChangedSinceError(
            operation=f"undo run {run_id}",
            cause=f"run {other} changed {table} {day} after it",
            next_step=f"Undo {other} first",
        )
    specs = deployment.spec.select([table for table, _ in chunks]) if chunks else ()
    return plan_undo(
        tables=specs, days=DayRange.inclusive(run.first_day, run.last_day), chunks=chunks
    )


def undo_chunk(deployment: Deployment, work: ChunkWork, run_id: str) -> ChunkState:
    """Put the rows of the chunk back that the run took away; SKIPPED if it took none.

    Raises:
        ArchiveError: a file is gone or altered.
    """
    name = ExtractName(table=work.spec.name, day=work.claim.chunk.day, run_id=run_id)
    images = _images(deployment, name)
    if not images:
        deployment.ledger.chunks.fail(
            work.claim, state=ChunkState.SKIPPED, error="the run took no row of it away"
        )
        return ChunkState.SKIPPED
    chunk = work.staged("undo", is_complete=False)
    try:
        with deployment.warehouse.lock_moves(work.connection, work.spec):
            stage_rows(deployment, work, chunk, _oldest_images(deployment, work, images))
            oldest, manifest = images[0]
            put_back = Replicated(name=oldest, manifest=manifest, digest=None, counts=MergeCounts())
            merge_staged(
                deployment,
                work,
                chunk,
                put_back,
                _recorder(deployment, work),
                expected_deletes=0,
                may_move=True,
            )
    except (ReplicaError, sa.exc.SQLAlchemyError):
        drop_staging_quietly(deployment, work, chunk.staging)
        raise
    return ChunkState.MERGED


def _images(deployment: Deployment, name: ExtractName) -> list[tuple[ExtractName, Manifest]]:
    """The files of last images that a run left under a day, oldest first."""
    found = [
        (one, manifest)
        for one, manifest in deployment.archive.extracts(name.table, name.day)
        if manifest.run_id == name.run_id and manifest.kind in _KINDS
    ]
    return sorted(found, key=lambda image: image[1].started_at)


def _oldest_images(
    deployment: Deployment, work: ChunkWork, images: list[tuple[ExtractName, Manifest]]
) -> Iterator[pa.RecordBatch]:
    """Each row once, as the first of the run's merges found it."""
    keys = list(work.spec.key)
    seen: list[pa.Table] = []
    for name, manifest in images:
        own: list[pa.RecordBatch] = []
        for batch in deployment.archive.read(name, manifest):
            rows = pa.Table.from_batches([batch])
            for earlier in seen:
                rows = rows.join(earlier, keys=keys, join_type="left anti")
            own += rows.select(keys).to_batches()
            yield from rows.select(batch.schema.names).cast(batch.schema).to_batches()
        if own:
            seen.append(pa.Table.from_batches(own))


def _recorder(deployment: Deployment, work: ChunkWork) -> Record:
    def record(connection: sa.Connection, done: Replicated) -> None:
        deployment.ledger.chunks.finish(
            connection,
            work.claim,
            state=ChunkState.MERGED,
            verdict=None,
            **{**done.figures(), "rows_extracted": 0, "digest": None},
        )

    return record
