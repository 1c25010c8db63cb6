"""Which chunks of a run are handed out next, and what is left of it.

What is asked per chunk costs the same however many chunks the run has: a look at the ends of an
index (run, state, wave, day, table), and at the chunks that are under way.

A group of chunks is handed out by its first, and counts as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from replica_worker.ledger.clock import one_instant, utc_now
from replica_worker.model.chunks import (
    OPEN_STATUSES,
    Action,
    ChunkId,
    ChunkState,
    HandOut,
    RunKind,
    RunStatus,
)
from replica_worker.model.grouping import MOST_DAYS

_UNDER_WAY = (ChunkState.QUEUED, ChunkState.RUNNING)
_MOST_COUNTED = 10_000  # under way; more is enough to know
_MOST_NAMED = 1_000  # by one statement: SQL Server takes 2,100 parameters, a hand-out has up to two
_LONGEST_GROUP = timedelta(days=MOST_DAYS)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What is left of a run, as it was seen a moment ago."""

    status: RunStatus
    under_way: int  # chunks and groups that are queued or running
    has_pending: bool  # some wait to be handed out, not counting those of its finalizer

    @property
    def is_ripe(self) -> bool:
        """Somebody is to close the run."""
        if self.status is RunStatus.CANCELLING:
            return True
        return self.status is RunStatus.RUNNING and not (self.has_pending or self.under_way)

    def needs_feeding(self, window: int) -> bool:
        """Half of the window is drained, and there is something to fill it with."""
        is_open = self.status is RunStatus.RUNNING
        return is_open and self.has_pending and self.under_way <= window // 2


class HandingOut:
    """Marks chunks as handed out."""

    def __init__(self, engine: sa.Engine, at_once: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._at_once = at_once
        schema = metadata.schema
        self._runs = metadata.tables[f"{schema}.replica_run_history"]
        self._chunks = metadata.tables[f"{schema}.etl_progress"]

    def take_pending(self, run_id: str, *, window: int, actions: Sequence[Action]) -> list[HandOut]:
        """Mark pending chunks as queued until `window` of the run are queued or running.

        Chunks of one wave only, the lowest that has open chunks. The update of the run's row
        makes feeders of one run take turns, on every engine alike.
        """
        with self._engine.begin() as connection:
            if not self._lock_open_run(connection, run_id):
                return []
            wave, under_way = self._place(connection, run_id, actions)
            if wave is None or under_way >= window:
                return []
            picked = self._pick(connection, run_id, wave, window - under_way, actions)
            if not picked and not under_way and self._ungroup_orphans(connection, run_id, wave):
                picked = self._pick(connection, run_id, wave, window, actions)
            for at in range(0, len(picked), _MOST_NAMED):
                self._mark_queued(connection, wave, picked[at : at + _MOST_NAMED])
        return picked

    def look_ahead(self, run_id: str) -> sa.Select[Any]:
        """What `outlook_of` reads; no row if there is no such run."""
        chunks, run = self._chunks, self._runs.alias("run")
        under_way = (
            sa.select(sa.literal(1).label("one"))
            .where(chunks.c.run_id == run_id, chunks.c.state.in_(_UNDER_WAY), _leads(chunks))
            .limit(_MOST_COUNTED)
            .subquery("under_way")
        )
        pending = (
            sa.select(chunks.c.wave)
            .where(
                chunks.c.run_id == run_id,
                chunks.c.state == ChunkState.PENDING,
                sa.or_(run.c.kind != RunKind.NIGHTLY, chunks.c.action != Action.CHECK),
            )
            .order_by(chunks.c.wave, chunks.c.day, chunks.c.table_name)  # as the index has them
            .limit(1)
            .correlate(run)
        )
        return sa.select(
            run.c.status,
            sa.select(sa.func.count()).select_from(under_way).scalar_subquery().label("under_way"),
            pending.scalar_subquery().label("next_wave"),
        ).where(run.c.run_id == run_id)

    def outlook(self, run_id: str) -> Outlook | None:
        """What is left of the run; None if there is no such run."""
        with self._at_once.connect() as connection:
            return outlook_of(connection.execute(self.look_ahead(run_id)).one_or_none())

    def count_queued(self) -> int:
        """How many messages workers have yet to take, of all open runs."""
        chunks, runs = self._chunks, self._runs
        query = (
            sa.select(sa.func.count())
            .select_from(chunks.join(runs, chunks.c.run_id == runs.c.run_id))
            .where(
                runs.c.status.in_(OPEN_STATUSES),
                chunks.c.state == ChunkState.QUEUED,
                _leads(chunks),
            )
        )
        with self._at_once.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _lock_open_run(self, connection: sa.Connection, run_id: str) -> bool:
        locked = connection.execute(
            sa.update(self._runs)
            .where(self._runs.c.run_id == run_id, self._runs.c.status == RunStatus.RUNNING)
            .values(fed_at=utc_now())
        )
        return locked.rowcount == 1

    def _place(
        self, connection: sa.Connection, run_id: str, actions: Sequence[Action]
    ) -> tuple[int | None, int]:
        """The lowest wave with open chunks, None if there are none; how many are under way."""
        chunks = self._chunks
        mine = sa.and_(chunks.c.run_id == run_id, chunks.c.action.in_(actions))
        under_way = (
            sa.select(sa.func.count().label("number"), sa.func.min(chunks.c.wave).label("wave"))
            .where(mine, chunks.c.state.in_(_UNDER_WAY), _leads(chunks))
            .subquery("under_way")
        )
        pending = (
            sa.select(chunks.c.wave)
            .where(mine, chunks.c.state == ChunkState.PENDING)
            .order_by(chunks.c.wave, chunks.c.day, chunks.c.table_name)
            .limit(1)
        )
        row = connection.execute(
            sa.select(
                under_way.c.number, under_way.c.wave, pending.scalar_subquery().label("pending")
            )
        ).one()
        waves = [wave for wave in (row.wave, row.pending) if wave is not None]
        return min(waves, default=None), int(row.number)

    def _pick(
        self,
        connection: sa.Connection,
        run_id: str,
        wave: int,
        most: int,
        actions: Sequence[Action],
    ) -> list[HandOut]:
        chunks = self._chunks
        rows = connection.execute(
            sa.select(chunks.c.table_name, chunks.c.day, chunks.c.group_day)
            .where(
                chunks.c.run_id == run_id,
                chunks.c.state == ChunkState.PENDING,
                chunks.c.wave == wave,
                chunks.c.action.in_(actions),
                is_due(chunks),
                _leads(chunks),
            )
            .order_by(chunks.c.day, chunks.c.table_name)
            .limit(most)
        )
        return [
            HandOut(
                chunk=ChunkId(run_id=run_id, table=row.table_name, day=row.day),
                is_group=row.group_day is not None,
            )
            for row in rows
        ]

    def _ungroup_orphans(self, connection: sa.Connection, run_id: str, wave: int) -> int:
        """Let pending chunks be handed out alone whose group's first is over; how many.

        Members of a group change together, so there should be none; but one would never be
        handed out, and its run never end.
        """
        chunks, first = self._chunks, self._chunks.alias("first_of_group")
        is_waiting = sa.exists().where(
            first.c.run_id == run_id,
            first.c.table_name == chunks.c.table_name,
            first.c.day == chunks.c.group_day,
            first.c.state == ChunkState.PENDING,
            first.c.group_day == first.c.day,
        )
        return connection.execute(
            sa.update(chunks)
            .where(
                chunks.c.run_id == run_id,
                chunks.c.state == ChunkState.PENDING,
                chunks.c.wave == wave,
                chunks.c.group_day.is_not(None),
                ~is_waiting,
            )
            .values(group_day=sa.null())
        ).rowcount

    def _mark_queued(self, connection: sa.Connection, wave: int, picked: Sequence[HandOut]) -> None:
        """Wave and range of days say nothing new, but by them the index is read in one place."""
        chunks = self._chunks
        firsts: dict[tuple[str, bool], list[date]] = {}
        for one in picked:
            firsts.setdefault((one.chunk.table, one.is_group), []).append(one.chunk.day)
        first, last = picked[0].chunk.day, picked[-1].chunk.day
        if any(one.is_group for one in picked):
            last += _LONGEST_GROUP
        connection.execute(
            sa.update(chunks)
            .where(
                chunks.c.run_id == picked[0].chunk.run_id,
                chunks.c.state == ChunkState.PENDING,
                chunks.c.wave == wave,
                chunks.c.day.between(first, last),
                sa.or_(
                    *(
                        sa.and_(
                            chunks.c.table_name == table,
                            (chunks.c.group_day if is_group else chunks.c.day).in_(days),
                        )
                        for (table, is_group), days in firsts.items()
                    )
                ),
            )
            .values(state=ChunkState.QUEUED, queued_at=one_instant())
        )


def _leads(chunks: sa.Table) -> sa.ColumnElement[bool]:
    """The chunk is alone, or the first of its group."""
    return sa.or_(chunks.c.group_day.is_(None), chunks.c.group_day == chunks.c.day)


def outlook_of(row: Any) -> Outlook | None:
    """What a row of `look_ahead` says."""
    if row is None:
        return None
    return Outlook(
        status=RunStatus(row.status),
        under_way=row.under_way,
        has_pending=row.next_wave is not None,
    )


def is_due(chunks: sa.Table) -> sa.ColumnElement[bool]:
    """Not put off after an error."""
    return sa.or_(chunks.c.not_before.is_(None), chunks.c.not_before <= one_instant())
