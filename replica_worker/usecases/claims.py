"""Claiming a chunk, and all that its worker must know and hold before it begins, in one round trip.

The claim tells the run's options and the clock. Where the engine can, the same statement takes the
chunk's lock and, for what asks the source, a slot there, looks whether that is known to be away,
and reads how the target is made.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from replica_worker.ledger.chunk_rows import Claim
from replica_worker.model.chunks import ChunkId
from replica_worker.usecases.chunk_work import SOURCE_FAILURES, lock_name
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.source_door import source_slots


def claim_chunk(
    deployment: Deployment, chunk: ChunkId, connection: sa.Connection, *, worker: str
) -> Claim | None:
    """The claim, or None if the chunk is not to be had. What it took, `lock_chunk` gives back."""
    spec = next((spec for spec in deployment.spec.tables if spec.name == chunk.table), None)
    along: dict[str, sa.ColumnElement[Any]] = {}
    if spec:  # else the worker will say what is wrong
        slots = source_slots(deployment)
        along |= deployment.warehouse.along(
            spec, lock_name(spec, chunk.day), slots, deployment.ledger.chunks.asks_source()
        )
    if along:
        failures = deployment.ledger.endpoints.failures_of(deployment.source_name)
        along[SOURCE_FAILURES] = failures.label(SOURCE_FAILURES)
    return deployment.ledger.chunks.claim(
        chunk,
        worker=worker,
        lease_seconds=deployment.policy.lease_seconds,
        connection=connection,
        along=along,
    )
