"""Runs in the ledger: begun once, closed once.

A run's row in `replica_run_history` is its only row, so there is exactly one history row
whatever dies. Does not hand out chunks (`chunks`).
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from replica_worker import __version__
from replica_worker.errors import RunNotFoundError
from replica_worker.ledger.clock import utc_now
from replica_worker.ledger.options import RunOptions
from replica_worker.ledger.planned import insert_chunks
from replica_worker.ledger.source_uses import add_use, read_use, sum_uses
from replica_worker.model.chunks import (
    OPEN_STATES,
    OPEN_STATUSES,
    TROUBLE_STATES,
    Action,
    ChunkState,
    Plan,
    RunKind,
    RunStatus,
)
from replica_worker.model.source_use import SourceUse


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as the ledger knows it."""

    run_id: str
    kind: RunKind
    first_day: date
    last_day: date
    tables: tuple[str, ...]
    options: RunOptions
    status: RunStatus
    chunks: int
    chunks_done: int
    chunks_failed: int
    rows_extracted: int
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    asked_by: str
    product_version: str
    source_use: SourceUse  # of an open run only what was asked beside its chunks


def new_run_id(kind: RunKind) -> str:
    """An id that sorts by time and says what it is: `20261122T180000Z-backfill-1f2e3d`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{kind}-{secrets.token_hex(3)}"


def finalizer_name(worker: str) -> str:
    """Names one try of a worker to close a run."""
    return f"{_begin_of(worker)}{time.monotonic_ns()}"[:64]


def _begin_of(worker: str) -> str:
    return f"{worker[-40:]}:"  # its process number is at its end


class Runs:
    """Begins, reads and closes runs."""

    def __init__(self, engine: sa.Engine, at_once: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._at_once = at_once
        schema = metadata.schema
        self._runs = metadata.tables[f"{schema}.replica_run_history"]
        self._chunks = metadata.tables[f"{schema}.etl_progress"]

    def begin(self, plan: Plan, *, run_id: str, options: RunOptions, asked_by: str) -> bool:
        """Record a run and all its chunks in one transaction; False if the id is taken."""
        row = {
            "run_id": run_id,
            "kind": plan.kind,
            "first_day": plan.first_day,
            "last_day": plan.last_day,
            "tables": json.dumps(plan.tables),
            "options": options.as_json(),
            "status": RunStatus.RUNNING,
            "chunks": len(plan.chunks),
            "asked_by": asked_by,
            "product_version": __version__,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(self._runs).values(started_at=utc_now(), **row))
                insert_chunks(connection, self._chunks, run_id, plan.chunks)
        except sa.exc.IntegrityError:
            return False
        return True

    def find(self, run_id: str) -> Run:
        """The run of that id; RunNotFoundError if there is none."""
        with self._at_once.connect() as connection:
            row = connection.execute(
                sa.select(self._runs).where(self._runs.c.run_id == run_id)
            ).one_or_none()
        if row is None:
            raise RunNotFoundError(
                operation="find the run",
                cause=f"no run {run_id!r} is in the ledger",
                next_step="`replica history` lists the runs",
            )
        return _run(row)

    def age_seconds(self, run_id: str) -> float:
        """How long ago the run began, by the database's clock."""
        query = sa.select(self._runs.c.started_at, utc_now().label("now")).where(
            self._runs.c.run_id == run_id
        )
        with self._at_once.connect() as connection:
            row = connection.execute(query).one()
        return float((row.now - row.started_at).total_seconds())

    def latest(self, limit: int) -> list[Run]:
        """The newest runs, newest first."""
        query = sa.select(self._runs).order_by(self._runs.c.started_at.desc()).limit(limit)
        with self._at_once.connect() as connection:
            return [_run(row) for row in connection.execute(query)]

    def open_ids(self) -> list[str]:
        """Ids of the runs that are not closed, oldest first."""
        query = (
            sa.select(self._runs.c.run_id)
            .where(self._runs.c.status.in_(OPEN_STATUSES))
            .order_by(self._runs.c.started_at)
        )
        with self._at_once.connect() as connection:
            return list(connection.scalars(query))

    def last_nightly_day(self, prefix: str) -> date | None:
        """The newest T-0 of the runs whose ids begin so; None if there is none."""
        query = sa.select(sa.func.max(self._runs.c.last_day)).where(
            self._runs.c.kind == RunKind.NIGHTLY, self._runs.c.run_id.startswith(prefix)
        )
        with self._at_once.connect() as connection:
            newest: date | None = connection.scalar(query)
        return newest

    def claim_finalize(self, run_id: str, *, finalizer: str, seconds: float) -> bool:
        """Claim the right to close the run, if its loads are finished and nobody has it."""
        runs, chunks = self._runs, self._chunks
        open_loads = sa.exists().where(
            chunks.c.run_id == run_id,
            chunks.c.state.in_(OPEN_STATES),
            sa.or_(chunks.c.action != Action.CHECK, runs.c.kind != RunKind.NIGHTLY),
        )
        statement = (
            sa.update(runs)
            .where(
                runs.c.run_id == run_id,
                runs.c.status.in_(OPEN_STATUSES),
                sa.or_(runs.c.finalizer.is_(None), runs.c.finalizer_until < utc_now()),
                ~open_loads,
            )
            .values(finalizer=finalizer, finalizer_until=utc_now(seconds))
        )
        with self._at_once.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def keep_finalizing(self, run_id: str, *, finalizer: str, seconds: float) -> bool:
        """Extend the claim; False if it is another's by now."""
        statement = (
            sa.update(self._runs)
            .where(self._runs.c.run_id == run_id, self._runs.c.finalizer == finalizer)
            .values(finalizer_until=utc_now(seconds))
        )
        with self._at_once.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def release_finalize(self, run_id: str, *, finalizer: str) -> None:
        """Give the claim back: something is still open."""
        statement = (
            sa.update(self._runs)
            .where(self._runs.c.run_id == run_id, self._runs.c.finalizer == finalizer)
            .values(finalizer=sa.null(), finalizer_until=sa.null())
        )
        with self._at_once.begin() as connection:
            connection.execute(statement)

    def release_finalize_of(self, workers: Sequence[str]) -> list[str]:
        """Give back the claims of these workers, which have ended; the runs that they were closing.

        A finalizer's name begins with its worker's, see `finalizer_name`.
        """
        runs = self._runs
        theirs = sa.or_(
            *(runs.c.finalizer.startswith(_begin_of(worker), autoescape=True) for worker in workers)
        )
        with self._engine.begin() as connection:
            run_ids = list(connection.scalars(sa.select(runs.c.run_id).where(theirs)))
            connection.execute(
                sa.update(runs).where(theirs).values(finalizer=sa.null(), finalizer_until=sa.null())
            )
        return run_ids

    def close(self, run_id: str, *, finalizer: str) -> Run | None:
        """Write the run's totals and final status; None if it is not ours or not finished."""
        runs = self._runs
        with self._engine.begin() as connection:
            before = connection.scalar(sa.select(runs.c.status).where(runs.c.run_id == run_id))
            totals = connection.execute(self._totals(run_id)).one()
            if totals.still_open:
                return None
            status = RunStatus.FAILED if totals.chunks_failed else RunStatus.SUCCEEDED
            if totals.cancelled or before == RunStatus.CANCELLING:
                status = RunStatus.CANCELLED
            closed = connection.execute(
                sa.update(runs)
                .where(
                    runs.c.run_id == run_id,
                    runs.c.finalizer == finalizer,
                    # Neither closed, cancelled nor opened again since it was read.
                    runs.c.status == before,
                    runs.c.status.in_(OPEN_STATUSES),
                )
                .values(
                    status=status,
                    ended_at=utc_now(),
                    chunks_done=totals.chunks_done,
                    chunks_failed=totals.chunks_failed,
                    rows_extracted=totals.rows_extracted,
                    rows_inserted=totals.rows_inserted,
                    rows_updated=totals.rows_updated,
                    rows_deleted=totals.rows_deleted,
                    error=totals.first_error or sa.null(),
                    **add_use(runs, read_use(totals)),
                )
            ).rowcount
        return self.find(run_id) if closed else None

    def add_source_use(self, run_id: str, use: SourceUse) -> None:
        """Count what was asked of the source for the run beside its chunks."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(self._runs)
                .where(self._runs.c.run_id == run_id)
                .values(add_use(self._runs, use))
            )

    def cancel(self, run_id: str) -> int | None:
        """Hand out no more of the run; how many chunks were waiting, None if it is closed."""
        runs = self._runs
        with self._engine.begin() as connection:
            # Feeders take turns with us on the run's row: what they took is queued by now.
            locked = connection.execute(
                sa.update(runs)
                .where(runs.c.run_id == run_id, runs.c.status.in_(OPEN_STATUSES))
                .values(status=RunStatus.CANCELLING)
            )
            if locked.rowcount != 1:
                return None
            return self._cancel_waiting(connection, run_id)

    def cancel_waiting(self, run_id: str) -> int:
        """Cancel what was given back or brought back since the run was cancelled; how many."""
        with self._at_once.begin() as connection:
            return self._cancel_waiting(connection, run_id)

    def _cancel_waiting(self, connection: sa.Connection, run_id: str) -> int:
        runs, chunks = self._runs, self._chunks
        is_cancelled = sa.exists().where(
            runs.c.run_id == run_id, runs.c.status == RunStatus.CANCELLING
        )
        return connection.execute(
            sa.update(chunks)
            .where(
                chunks.c.run_id == run_id,
                chunks.c.state.in_([ChunkState.PENDING, ChunkState.QUEUED]),
                is_cancelled,
            )
            .values(state=ChunkState.CANCELLED, finished_at=utc_now())
        ).rowcount

    def reopen(self, run_id: str, *, options: RunOptions) -> int:
        """Open the run again for its chunks in trouble; how many there are.

        They begin anew: no failure counts against them, and the options are the given ones. The
        attempt numbers go on rising, as they fence. A run that has no such chunk stays as it is.
        """
        runs, chunks = self._runs, self._chunks
        with self._engine.begin() as connection:
            locked = connection.execute(  # first the run's row, as feeders and closers do
                sa.update(runs)
                .where(runs.c.run_id == run_id, runs.c.status != RunStatus.CANCELLING)
                .values(fed_at=runs.c.fed_at)
            )
            if locked.rowcount != 1:
                return 0
            again = connection.execute(
                sa.update(chunks)
                .where(chunks.c.run_id == run_id, chunks.c.state.in_(TROUBLE_STATES))
                .values(
                    state=ChunkState.PENDING,
                    failures=0,
                    outages=0,
                    not_before=sa.null(),
                    group_day=sa.null(),
                    verdict=sa.null(),
                    finished_at=sa.null(),
                )
            ).rowcount
            if again:
                counted = self._counted_use(connection, run_id)
                connection.execute(
                    sa.update(runs)
                    .where(runs.c.run_id == run_id)
                    .values(
                        status=RunStatus.RUNNING,
                        options=options.as_json(),
                        ended_at=sa.null(),
                        error=sa.null(),
                        finalizer=sa.null(),
                        finalizer_until=sa.null(),
                        **add_use(runs, -counted),
                    )
                )
        return again

    def _counted_use(self, connection: sa.Connection, run_id: str) -> SourceUse:
        """What the run's row has of its chunks' use: all, from when it was closed."""
        runs, chunks = self._runs, self._chunks
        status = connection.scalar(sa.select(runs.c.status).where(runs.c.run_id == run_id))
        if status in OPEN_STATUSES:
            return SourceUse()
        query = sa.select(*sum_uses(chunks)).where(chunks.c.run_id == run_id)
        return read_use(connection.execute(query).one())

    def _totals(self, run_id: str) -> Any:
        chunks = self._chunks

        def count(condition: sa.ColumnElement[bool], name: str) -> sa.ColumnElement[int]:
            return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0).label(name)

        def total(column: str) -> sa.ColumnElement[int]:
            return sa.func.coalesce(sa.func.sum(chunks.c[column]), 0).label(column)

        failed = chunks.c.state.in_(TROUBLE_STATES)
        is_open = chunks.c.state.in_(OPEN_STATES)
        is_cancelled = chunks.c.state == ChunkState.CANCELLED
        return sa.select(
            count(is_open, "still_open"),
            count(failed, "chunks_failed"),
            count(is_cancelled, "cancelled"),
            count(~failed & ~is_open & ~is_cancelled, "chunks_done"),
            total("rows_extracted"),
            total("rows_inserted"),
            total("rows_updated"),
            total("rows_deleted"),
            sa.func.min(sa.case((failed, chunks.c.error))).label("first_error"),
            *sum_uses(chunks),
        ).where(chunks.c.run_id == run_id)


def _run(row: Any) -> Run:
    return Run(
        run_id=row.run_id,
        kind=RunKind(row.kind),
        first_day=row.first_day,
        last_day=row.last_day,
        tables=tuple(json.loads(row.tables)),
        options=RunOptions.parse(row.options),
        status=RunStatus(row.status),
        chunks=row.chunks,
        chunks_done=row.chunks_done,
        chunks_failed=row.chunks_failed,
        rows_extracted=row.rows_extracted,
        rows_inserted=row.rows_inserted,
        rows_updated=row.rows_updated,
        rows_deleted=row.rows_deleted,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error=row.error,
        asked_by=row.asked_by,
        product_version=row.product_version,
        source_use=read_use(row),
    )
