"""Chunks in the ledger: claimed, kept alive, finished.

Whoever holds an older attempt number than the row has lost the chunk: `finish` then updates no row
and the caller's transaction must not commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from typing import Any

import sqlalchemy as sa

from replica_worker.errors import LeaseLostError
from replica_worker.ledger.chunk_rows import (
    ChunkRow,
    Claim,
    SweepCounts,
    chunk_row_of,
    claim_of,
)
from replica_worker.ledger.claiming import claim_where, read_claim, was_tried_alone
from replica_worker.ledger.clock import one_instant, utc_now
from replica_worker.ledger.nulls import spell_nulls
from replica_worker.ledger.source_uses import add_use
from replica_worker.model.chunks import (
    OPEN_STATES,
    TROUBLE_STATES,
    Action,
    ChunkId,
    ChunkState,
)
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Verdict
from replica_worker.trips import DEFERRED


class Chunks:
    """Claims and finishes chunks."""

    def __init__(self, engine: sa.Engine, at_once: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._at_once = at_once
        schema = metadata.schema
        self._runs = metadata.tables[f"{schema}.replica_run_history"]
        self._chunks = metadata.tables[f"{schema}.etl_progress"]

    # ------------------------------------------------------------ working

    def claim(
        self,
        chunk: ChunkId,
        *,
        worker: str,
        lease_seconds: float,
        connection: sa.Connection | None = None,
        along: Mapping[str, sa.ColumnElement[Any]] | None = None,
    ) -> Claim | None:
        """Claim a chunk that is open and not under a living lease; None if it is not.

        On `connection` if one is given, which commits. `along`: what the database is asked in the
        same statement, if the chunk is claimed; the answers stand in the claim.
        """
        asked = along or {}
        statement = claim_where(
            self._chunks,
            self._runs,
            self._is(chunk),
            worker=worker,
            lease_seconds=lease_seconds,
            along=asked.values(),
        )
        with ExitStack() as opened:
            if connection is None:
                connection = opened.enter_context(self._at_once.connect())
            row = connection.execute(statement).one_or_none()
            connection.commit()
        if row is None:
            return None
        return read_claim(row, run_id=chunk.run_id, table=chunk.table, along=asked)

    def asks_source(self) -> sa.ColumnElement[bool]:
        """Whether a row's chunk asks the source: what is done from the archive does not."""
        return self._chunks.c.action.in_([Action.LOAD, Action.CHECK])

    def keep(self, claim: Claim, *, lease_seconds: float) -> bool:
        """Extend the lease; False if the chunk is another attempt's by now."""
        statement = (
            sa.update(self._chunks)
            .where(self._is_ours(claim))
            .values(lease_until=utc_now(lease_seconds))
        )
        with self._at_once.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def finish(
        self, connection: sa.Connection, claim: Claim, *, state: ChunkState, **figures: Any
    ) -> None:
        """Record the end of the chunk in the caller's transaction; LeaseLostError if not ours."""
        self._update_ours(connection, claim, self._ended(claim, state, figures))

    def finish_leased(
        self, connection: sa.Connection, claim: Claim, *, state: ChunkState, **figures: Any
    ) -> None:
        """As `finish`, of a chunk that this transaction has seen to be ours and holds so."""
        connection.execute(
            sa.update(self._chunks)
            .where(self._is_ours(claim))
            .values(spell_nulls(self._ended(claim, state, figures))),
            execution_options={DEFERRED: True},
        )

    def _ended(self, claim: Claim, state: ChunkState, figures: dict[str, Any]) -> dict[str, Any]:
        return {
            "state": state,
            "lease_until": None,
            "finished_at": utc_now(),
            "error": None,
            **add_use(self._chunks, claim.use),
            **figures,
        }

    def require_lease(self, connection: sa.Connection, claim: Claim) -> None:
        """LeaseLostError unless the chunk is still ours; holds until the transaction ends."""
        self._update_ours(connection, claim, {"attempt": claim.attempt})

    def _update_ours(self, connection: sa.Connection, claim: Claim, values: dict[str, Any]) -> None:
        updated = connection.execute(
            sa.update(self._chunks).where(self._is_ours(claim)).values(spell_nulls(values))
        )
        if updated.rowcount != 1:
            raise LeaseLostError(
                operation="commit the chunk",
                cause=f"attempt {claim.attempt} no longer holds the lease",
                next_step="Nothing: another attempt has it",
                chunk=str(claim.chunk),
            )

    def fail(self, claim: Claim, *, state: ChunkState, error: str, **figures: Any) -> None:
        """Record that the chunk ended in trouble."""
        with self._engine.begin() as connection:
            self.finish(connection, claim, state=state, error=error, **figures)

    def give_back(
        self,
        claim: Claim,
        *,
        after_seconds: float,
        error: str | None,
        is_failure: bool,
        is_outage: bool = False,
    ) -> None:
        """Put the chunk back to be handed out again, not before some seconds have passed."""
        with self._at_once.begin() as connection:
            connection.execute(
                sa.update(self._chunks)
                .where(self._is_ours(claim))
                .values(
                    state=ChunkState.PENDING,
                    lease_until=sa.null(),
                    worker=sa.null(),
                    not_before=utc_now(after_seconds),
                    failures=self._chunks.c.failures + (1 if is_failure else 0),
                    outages=self._chunks.c.outages + (1 if is_outage else 0),
                    error=sa.null() if error is None else error,
                    **add_use(self._chunks, claim.use),
                )
            )

    def give_back_of(self, workers: Sequence[str]) -> list[str]:
        """Put back what these workers, which have ended, were at; the runs of it, each once.

        That they ended was asked for: it is no failure.
        """
        chunks = self._chunks
        theirs = sa.and_(chunks.c.state == ChunkState.RUNNING, chunks.c.worker.in_(workers))
        with self._engine.begin() as connection:
            run_ids = list(connection.scalars(sa.select(chunks.c.run_id).where(theirs).distinct()))
            connection.execute(
                sa.update(chunks)
                .where(theirs)
                .values(state=ChunkState.PENDING, lease_until=sa.null(), worker=sa.null())
            )
        return run_ids

    # ------------------------------------------------------------ sweeping

    def sweep(self, run_id: str, *, lost_after_seconds: float, most_attempts: int) -> SweepCounts:
        """Bring back chunks whose lease ran out or whose message was lost.

        A chunk that took down its worker `most_attempts` times is failed, not tried for ever.
        """
        chunks = self._chunks
        expired = sa.and_(
            chunks.c.run_id == run_id,
            chunks.c.state == ChunkState.RUNNING,
            chunks.c.lease_until < one_instant(),
        )
        lost = sa.and_(
            chunks.c.run_id == run_id,
            chunks.c.state == ChunkState.QUEUED,
            chunks.c.queued_at < one_instant(-lost_after_seconds),
        )
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(chunks)
                .where(expired, was_tried_alone(chunks), chunks.c.failures + 1 >= most_attempts)
                .values(
                    state=ChunkState.FAILED,
                    failures=chunks.c.failures + 1,
                    lease_until=sa.null(),
                    finished_at=utc_now(),
                    error=f"it failed {most_attempts} times, and at last its worker died or "
                    "stalled; look into the worker's log and memory",
                )
            )
            returned = {"state": ChunkState.PENDING, "lease_until": sa.null(), "worker": sa.null()}
            # Of a group one chunk may have taken the worker down: each is tried alone.
            died = {
                **returned,
                "failures": chunks.c.failures + sa.case((was_tried_alone(chunks), 1), else_=0),
                "group_day": sa.null(),
            }
            counts = [
                connection.execute(sa.update(chunks).where(condition).values(values)).rowcount
                for condition, values in ((expired, died), (lost, returned))
            ]
        return SweepCounts(expired=counts[0], lost=counts[1])

    # ------------------------------------------------------------ reading

    def of_run(self, run_id: str, *, states: Sequence[ChunkState] = ()) -> list[ChunkRow]:
        """The chunks of a run, in some states or in all, by wave, day and table."""
        chunks = self._chunks
        query = sa.select(chunks).where(chunks.c.run_id == run_id)
        if states:
            query = query.where(chunks.c.state.in_(states))
        query = query.order_by(chunks.c.wave, chunks.c.day, chunks.c.table_name)
        with self._at_once.connect() as connection:
            return [chunk_row_of(row) for row in connection.execute(query)]

    def tried_in_vain(self, run_id: str) -> list[tuple[ChunkId, int]]:
        """Chunks that were to bring rows of the source and did not, with their last attempt."""
        chunks = self._chunks
        query = sa.select(chunks.c.table_name, chunks.c.day, chunks.c.attempt).where(
            chunks.c.run_id == run_id,
            chunks.c.state.in_([*TROUBLE_STATES, ChunkState.CANCELLED]),
            chunks.c.attempt > 0,
            self.asks_source(),
        )
        with self._at_once.connect() as connection:
            return [
                (ChunkId(run_id=run_id, table=row.table_name, day=row.day), row.attempt)
                for row in connection.execute(query)
            ]

    def has_open(self, run_id: str, *, actions: Sequence[Action]) -> bool:
        """Whether chunks of these actions are not finished yet."""
        chunks = self._chunks
        query = (
            sa.select(sa.literal(1))
            .where(
                chunks.c.run_id == run_id,
                chunks.c.action.in_(actions),
                chunks.c.state.in_(OPEN_STATES),
            )
            .limit(1)
        )
        with self._at_once.connect() as connection:
            return connection.scalar(query) is not None

    def cancel_open(self, run_id: str) -> int:
        """Cancel the run's chunks that are not finished; how many."""
        chunks = self._chunks
        statement = (
            sa.update(chunks)
            .where(chunks.c.run_id == run_id, chunks.c.state.in_(OPEN_STATES))
            .values(state=ChunkState.CANCELLED, lease_until=sa.null(), finished_at=utc_now())
        )
        with self._at_once.begin() as connection:
            return connection.execute(statement).rowcount

    def count_states(self, run_id: str) -> dict[ChunkState, int]:
        """How many chunks of the run are in each state."""
        chunks = self._chunks
        query = (
            sa.select(chunks.c.state, sa.func.count())
            .where(chunks.c.run_id == run_id)
            .group_by(chunks.c.state)
        )
        with self._at_once.connect() as connection:
            return {ChunkState(state): count for state, count in connection.execute(query)}

    def loaded_days(self, tables: Sequence[str], days: DayRange) -> set[tuple[str, date]]:
        """Which (table, day) were loaded, or checked and found or made equal, by any run."""
        chunks = self._chunks
        query = sa.select(chunks.c.table_name, chunks.c.day).where(
            sa.or_(
                chunks.c.state == ChunkState.MERGED,
                chunks.c.verdict.in_([Verdict.MATCH, Verdict.REPAIRED]),
            ),
            chunks.c.table_name.in_(tables),
            chunks.c.day >= days.first,
            chunks.c.day < days.end,
        )
        with self._at_once.connect() as connection:
            return {(row.table_name, row.day) for row in connection.execute(query)}

    def live_attempts(self) -> list[Claim]:
        """The claims under a living lease."""
        chunks = self._chunks
        query = sa.select(chunks).where(
            chunks.c.state == ChunkState.RUNNING, chunks.c.lease_until >= utc_now()
        )
        with self._at_once.connect() as connection:
            return [claim_of(row) for row in connection.execute(query)]

    def _is(self, chunk: ChunkId) -> sa.ColumnElement[bool]:
        return sa.and_(
            self._chunks.c.run_id == chunk.run_id,
            self._chunks.c.table_name == chunk.table,
            self._chunks.c.day == chunk.day,
        )

    def _is_ours(self, claim: Claim) -> sa.ColumnElement[bool]:
        return sa.and_(
            self._is(claim.chunk),
            self._chunks.c.state == ChunkState.RUNNING,
            self._chunks.c.attempt == claim.attempt,
        )
