"""Groups of chunks in the ledger: claimed, kept alive and given back together.

The chunks of a group are of one run and table; `group_day` is the day of the first. All that is
done to a group is one statement, guarded by the attempt number of each chunk, so that its chunks
change together or the group is no more. Their ends are recorded by `chunks`, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from replica_worker.errors import LeaseLostError
from replica_worker.ledger.chunk_rows import Claim
from replica_worker.ledger.claiming import claim_where, read_claim
from replica_worker.ledger.clock import one_instant
from replica_worker.ledger.source_uses import add_use
from replica_worker.model.chunks import ChunkId, ChunkState
from replica_worker.model.grouping import MOST_DAYS


class Groups:
    """Claims groups and gives them back."""

    def __init__(self, at_once: sa.Engine, metadata: sa.MetaData) -> None:
        self._at_once = at_once
        schema = metadata.schema
        self._runs = metadata.tables[f"{schema}.replica_run_history"]
        self._chunks = metadata.tables[f"{schema}.etl_progress"]

    def claim(
        self, first: ChunkId, *, worker: str, lease_seconds: float, connection: sa.Connection
    ) -> list[Claim]:
        """Claim the chunks of the group that are to be had, oldest first; commits.

        Not those whose worker died: the sweep takes the group apart.
        """
        chunks = self._chunks
        which = sa.and_(
            chunks.c.run_id == first.run_id,
            chunks.c.table_name == first.table,
            chunks.c.day.between(first.day, first.day + timedelta(days=MOST_DAYS)),
            chunks.c.group_day == first.day,
        )
        statement = claim_where(
            chunks,
            self._runs,
            which,
            worker=worker,
            lease_seconds=lease_seconds,
            takes_over=False,
        )
        rows = connection.execute(statement).all()
        connection.commit()
        claims = [read_claim(row, run_id=first.run_id, table=first.table) for row in rows]
        return sorted(claims, key=lambda claim: claim.chunk.day)

    def keep(self, claims: Sequence[Claim], *, lease_seconds: float) -> bool:
        """Extend the leases; False if one of the chunks is another attempt's by now."""
        statement = (
            sa.update(self._chunks)
            .where(self._are_ours(claims))
            .values(lease_until=one_instant(lease_seconds))
        )
        with self._at_once.begin() as connection:
            return connection.execute(statement).rowcount == len(claims)

    def require_leases(self, connection: sa.Connection, claims: Sequence[Claim]) -> None:
        """LeaseLostError unless all chunks are still ours; holds until the transaction ends."""
        held = connection.execute(
            sa.update(self._chunks)
            .where(self._are_ours(claims))
            .values(attempt=self._chunks.c.attempt)
        )
        if held.rowcount != len(claims):
            raise LeaseLostError(
                operation="commit the group of chunks",
                cause=f"only {held.rowcount} of its {len(claims)} leases are still held",
                next_step="Nothing: another attempt has the others",
                chunk=str(claims[0].chunk),
            )

    def give_back(
        self,
        claims: Sequence[Claim],
        *,
        after_seconds: float,
        error: str | None = None,
        is_outage: bool = False,
        ungroup: bool = False,
    ) -> None:
        """Put the chunks back to be handed out again: together, or with `ungroup` each alone.

        It is no failure of any of them.
        """
        chunks = self._chunks
        values: dict[str, Any] = {
            "state": ChunkState.PENDING,
            "lease_until": sa.null(),
            "worker": sa.null(),
            "not_before": one_instant(after_seconds) if after_seconds else sa.null(),
            "outages": chunks.c.outages + (1 if is_outage else 0),
            "error": sa.null() if error is None else error,
            **self._add_use(claims[0]),
        }
        if ungroup:
            values["group_day"] = sa.null()
        with self._at_once.begin() as connection:
            connection.execute(sa.update(chunks).where(self._are_ours(claims)).values(values))

    def _add_use(self, first: Claim) -> dict[str, Any]:
        """Values that add what was asked of the source, which is counted once, to the first."""
        is_first = self._chunks.c.day == first.chunk.day
        return {
            name: sa.case((is_first, value), else_=self._chunks.c[name])
            for name, value in add_use(self._chunks, first.use).items()
        }

    def _are_ours(self, claims: Sequence[Claim]) -> sa.ColumnElement[bool]:
        chunks = self._chunks
        by_attempt: dict[int, list[date]] = {}
        for claim in claims:
            by_attempt.setdefault(claim.attempt, []).append(claim.chunk.day)
        return sa.and_(
            chunks.c.run_id == claims[0].chunk.run_id,
            chunks.c.table_name == claims[0].chunk.table,
            chunks.c.state == ChunkState.RUNNING,
            sa.or_(
                *(
                    sa.and_(chunks.c.attempt == attempt, chunks.c.day.in_(days))
                    for attempt, days in by_attempt.items()
                )
            ),
        )
