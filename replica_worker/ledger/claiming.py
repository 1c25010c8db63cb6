"""The statement that claims chunks, one or a group of them.

A claim is one conditional UPDATE that raises the attempt number. Whoever holds an older number has
lost the chunk.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

import sqlalchemy as sa

from replica_worker.ledger.chunk_rows import Claim
from replica_worker.ledger.clock import Reading, one_instant, utc_now
from replica_worker.ledger.handing_out import is_due
from replica_worker.ledger.options import RunOptions
from replica_worker.model.chunks import Action, ChunkId, ChunkState, RunStatus


def claim_where(
    chunks: sa.Table,
    runs: sa.Table,
    which: sa.ColumnElement[bool],
    *,
    worker: str,
    lease_seconds: float,
    takes_over: bool = True,
    along: Iterable[sa.ColumnElement[Any]] = (),
) -> Any:
    """Claim those of the chunks that are open and not under a living lease; for `read_claim`.

    `takes_over`: those whose lease has run out, too; whoever takes a chunk over takes it alone.
    `along`: what the database is asked in the
    same statement for every chunk that is claimed.
    """
    run = runs.alias("run")
    is_free = chunks.c.state.in_([ChunkState.PENDING, ChunkState.QUEUED])
    has_run_out = sa.and_(
        chunks.c.state == ChunkState.RUNNING, chunks.c.lease_until < one_instant()
    )
    return (
        sa.update(chunks)
        .where(
            which,
            sa.or_(is_free, has_run_out) if takes_over else is_free,
            is_due(chunks),
            run.c.run_id == chunks.c.run_id,
            run.c.status == RunStatus.RUNNING,
        )
        .values(
            state=ChunkState.RUNNING,
            attempt=chunks.c.attempt + 1,
            # Taken over from a worker that died or stalled: that was a failure.
            failures=chunks.c.failures + sa.case((was_tried_alone(chunks), 1), else_=0),
            lease_until=one_instant(lease_seconds),
            worker=worker,
            started_at=utc_now(),
            finished_at=sa.null(),
            group_day=sa.null() if takes_over else chunks.c.group_day,
        )
        .returning(
            chunks.c.day,
            chunks.c.action,
            chunks.c.attempt,
            chunks.c.failures,
            chunks.c.outages,
            chunks.c.rows_expected,
            chunks.c.started_at,
            run.c.options,
            *along,
        )
    )


def was_tried_alone(chunks: sa.Table) -> sa.ColumnElement[bool]:
    """A worker was at the chunk, and at no other: what befell that worker counts against it."""
    return sa.and_(chunks.c.state == ChunkState.RUNNING, chunks.c.group_day.is_(None))


def read_claim(row: Any, *, run_id: str, table: str, along: Iterable[str] = ()) -> Claim:
    """The claim that a row of `claim_where` tells of."""
    return Claim(
        chunk=ChunkId(run_id=run_id, table=table, day=row.day),
        action=Action(row.action),
        attempt=row.attempt,
        failures=row.failures,
        outages=row.outages,
        rows_expected=row.rows_expected,
        options=RunOptions.parse(row.options),
        began=Reading(at=row.started_at.replace(tzinfo=UTC)),
        along={name: row._mapping[name] for name in along},
    )
