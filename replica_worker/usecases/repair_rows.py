"""Mending a chunk row by row: only what differs is read, archived, staged and merged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from replica_worker.archive.archive import ExtractName, ExtractOrder
from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import KeyList, Side
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import Digest
from replica_worker.model.manifest import ExtractKind
from replica_worker.usecases.chunk_work import ChunkWork, Record, Replicated
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.drill_down import DifferingRows
from replica_worker.usecases.replicate import merge_extract

FIX_PART = "fix"


def repair_rows(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    source: Digest,
    rows: DifferingRows,
    record: Record,
) -> Replicated:
    """Bring over the rows that differ; returns when data and ledger are committed.

    `source` is the chunk's digest in the snapshot: the merged chunk is proven equal to it. Unless
    the chunk is the whole table, the caller holds the lock of the table's moves, and took the
    snapshot under it.

    Raises:
        DeletesRefusedError: more of the target's rows would go than the guard allows.
        ReplicaError: anything else. Whatever is raised, nothing of the target was changed.
    """
    started = time.monotonic()
    extracted = _extract(deployment, snapshot, work, rows.wanted)
    seconds = {"extract": time.monotonic() - started}
    return merge_extract(
        deployment,
        snapshot,
        work,
        work.staged(FIX_PART, is_complete=False, gone=rows.surplus),
        replace(extracted, digest=source, seconds=seconds),
        record,
        part=FIX_PART,
        may_move=True,
    )


def _extract(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, keys: Sequence[KeyList]
) -> Replicated:
    at = work.now()
    work.connection.commit()
    chunk = work.claim.chunk
    name = ExtractName(table=work.spec.name, day=chunk.day, run_id=chunk.run_id, part=FIX_PART)
    order = ExtractOrder(
        name=name,
        spec=work.spec,
        kind=ExtractKind.FIX,
        attempt=work.claim.attempt,
        started_at=at,
        digest=None,
    )
    manifest = deployment.archive.write(order, _rows(snapshot, work, keys))
    return Replicated(name=name, manifest=manifest, digest=None, counts=MergeCounts())


def _rows(snapshot: Snapshot, work: ChunkWork, keys: Sequence[KeyList]) -> Iterator[pa.RecordBatch]:
    width = len(work.spec.columns)
    for rows in snapshot.read_by_key(work.spec, Side.SOURCE, keys, dateless=True):
        yield pa.RecordBatch.from_arrays(rows.columns[:width], schema=work.spec.arrow_schema)
