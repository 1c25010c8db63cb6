"""Shares of what the source may be asked for, handed out to all workers in turn.

`replica_endpoint` keeps until when the shares taken so far last, at the capped rate. So a worker
that dies with a share holds up the others for that share's time only.
"""

from __future__ import annotations

import sqlalchemy as sa

from replica_worker.ledger.clock import utc_now
from replica_worker.model.caps import Share, SourceCaps, next_turn


class Shares:
    """Hands out shares."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._endpoints = metadata.tables[f"{metadata.schema}.replica_endpoint"]

    def take(self, endpoint: str, share: Share, caps: SourceCaps) -> float:
        """Take a share; seconds until it may be used, 0 for at once."""
        wait = self._take(endpoint, share, caps)
        if wait is None:
            self._insert(endpoint)
            wait = self._take(endpoint, share, caps)
        return wait or 0.0

    def _take(self, endpoint: str, share: Share, caps: SourceCaps) -> float | None:
        """As `take`; None if nothing is known of the endpoint. Takers wait for each other."""
        rows = self._endpoints
        mine = rows.c.endpoint == endpoint
        with self._engine.begin() as connection:
            locked = connection.execute(
                sa.update(rows).where(mine).values(failures=rows.c.failures)
            )
            if locked.rowcount != 1:
                return None
            taken = connection.execute(
                sa.select(
                    rows.c.rows_taken_until, rows.c.bytes_taken_until, utc_now().label("now")
                ).where(mine)
            ).one()
            turns = {
                "rows_taken_until": next_turn(
                    now=taken.now,
                    taken_until=taken.rows_taken_until,
                    amount=share.rows,
                    per_second=caps.rows_per_second,
                ),
                "bytes_taken_until": next_turn(
                    now=taken.now,
                    taken_until=taken.bytes_taken_until,
                    amount=share.bytes,
                    per_second=caps.bytes_per_second,
                ),
            }
            connection.execute(
                sa.update(rows)
                .where(mine)
                .values({column: turn.ends for column, turn in turns.items()})
            )
        begins = max(turn.begins for turn in turns.values())
        return float((begins - taken.now).total_seconds())

    def _insert(self, endpoint: str) -> None:
        row = {"endpoint": endpoint, "failures": 0, "open_until": utc_now()}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(self._endpoints).values(row))
        except sa.exc.IntegrityError:
            return  # another worker was quicker
