"""How a chunk's rows get from the source into Parquet, and from there into staging."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from replica_worker.archive.archive import ExtractName, ExtractOrder
from replica_worker.checkpoints import Checkpoint, passed
from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import StagedChunk
from replica_worker.errors import MergeError
from replica_worker.memory import give_memory_back
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import cheapest_kind
from replica_worker.usecases.chunk_work import ChunkWork, ExtractRequest, Replicated
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.merge import require_all
from replica_worker.usecases.split_reads import digest_parts, read_parts, split_rows


def extract_rows(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, request: ExtractRequest
) -> Replicated:
    """Write the requested rows to the archive, with the digest that the same snapshot gives."""
    started_at = work.now()
    parts, digest = [request.rows], None
    if request.is_complete:
        kind = request.digest_kind or cheapest_kind(work.spec)
        parts = split_rows(deployment, snapshot, request.rows, work.claim.rows_expected)
        digest = digest_parts(snapshot, parts, kind)
        if len(parts) == 1:  # what nobody expected may still be too much for one statement
            parts = split_rows(deployment, snapshot, request.rows, digest.rows)
    name = ExtractName(
        table=work.spec.name,
        day=work.claim.chunk.day,
        run_id=work.claim.chunk.run_id,
        part=request.part,
    )
    order = ExtractOrder(
        name=name,
        spec=work.spec,
        kind=request.kind,
        attempt=work.claim.attempt,
        started_at=started_at,
        digest=digest,
    )
    manifest = deployment.archive.write(order, read_parts(snapshot, parts))
    if digest and digest.rows != manifest.rows:
        deployment.archive.set_aside(name)
        raise MergeError(
            operation="extract the chunk",
            cause=f"{manifest.rows} rows arrived of the {digest.rows} that the source counted",
            next_step="It is tried again",
            retryable=True,
        )
    give_memory_back()
    passed(Checkpoint.EXTRACTED)
    return Replicated(name=name, manifest=manifest, digest=digest, counts=MergeCounts())


def stage_extract(
    deployment: Deployment, work: ChunkWork, chunk: StagedChunk, extracted: Replicated
) -> None:
    """Load the Parquet file, not the source's stream: what is archived is what is merged."""
    rows = deployment.archive.read(extracted.name, extracted.manifest)
    staged = stage_rows(deployment, work, chunk, rows)
    require_all(staged, extracted)


def stage_rows(
    deployment: Deployment, work: ChunkWork, chunk: StagedChunk, rows: Iterable[pa.RecordBatch]
) -> int:
    """Load the rows into a new staging table; how many arrived."""
    warehouse, connection = deployment.warehouse, work.connection
    warehouse.drop_staging(connection, chunk.staging)
    warehouse.create_staging(connection, work.spec, chunk.staging)
    connection.commit()
    staged = warehouse.load_staging(connection, work.spec, chunk.staging, rows)
    connection.commit()
    passed(Checkpoint.STAGED)
    return staged
