"""How fast chunks were worked on, and where a run stands: what forecasts are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from replica_worker.model.chunks import STRAYS, Action, ChunkState
from replica_worker.model.forecast import PastLoad
from replica_worker.model.standing import Standing

_TELLING_ROWS = 1000  # a chunk of fewer says little of the pace
_TELLING_CHUNKS = 20  # the newest ones
_FORETELLING_CHUNKS = 200  # of a table


class Paces:
    """Reads what the ledger measured."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._chunks = metadata.tables[f"{metadata.schema}.etl_progress"]

    def read_pace(self, table: str) -> float | None:
        """Rows a second at which the table's last loads read the source; None: too few are known.

        Small chunks say little of it and are left out.
        """
        chunks = self._chunks
        newest = (
            sa.select(chunks.c.rows_extracted, chunks.c.extract_seconds)
            .where(
                chunks.c.table_name == table,
                chunks.c.rows_extracted >= _TELLING_ROWS,
                chunks.c.extract_seconds > 0,
            )
            .order_by(chunks.c.finished_at.desc())
            .limit(_TELLING_CHUNKS)
            .subquery()
        )
        query = sa.select(
            sa.func.sum(newest.c.rows_extracted), sa.func.sum(newest.c.extract_seconds)
        )
        with self._engine.connect() as connection:
            rows, seconds = connection.execute(query).one()
        return float(rows) / float(seconds) if rows else None

    def last_loads(self, tables: Sequence[str]) -> dict[str, list[PastLoad]]:
        """The newest loads of each table that brought rows."""
        chunks = self._chunks
        newest = (
            sa.select(
                chunks,
                sa.func.row_number()
                .over(partition_by=chunks.c.table_name, order_by=chunks.c.finished_at.desc())
                .label("place"),
            )
            .where(
                chunks.c.table_name.in_(tables),
                chunks.c.state == ChunkState.MERGED,
                chunks.c.action == Action.LOAD,
                chunks.c.rows_extracted > 0,
            )
            .subquery()
        )
        query = sa.select(newest).where(newest.c.place <= _FORETELLING_CHUNKS)
        loads: dict[str, list[PastLoad]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                loads.setdefault(row.table_name, []).append(
                    PastLoad(
                        rows=row.rows_extracted,
                        seconds=_seconds_of(row),
                        source_bytes=row.source_bytes,
                        parquet_bytes=row.bytes,
                    )
                )
        return loads

    def standing(self, run_id: str) -> tuple[Standing, dict[ChunkState, int]]:
        """Where the run stands, and how many of its chunks are in each state."""
        chunks = self._chunks
        is_unknown = sa.and_(chunks.c.rows_expected.is_(None), chunks.c.day != STRAYS)
        query = (
            sa.select(
                chunks.c.state,
                sa.func.count().label("chunks"),
                sa.func.sum(chunks.c.rows_extracted).label("rows_extracted"),
                sa.func.coalesce(sa.func.sum(chunks.c.rows_expected), 0).label("rows_expected"),
                sa.func.sum(sa.case((is_unknown, 1), else_=0)).label("unknown"),
            )
            .where(chunks.c.run_id == run_id)
            .group_by(chunks.c.state)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        done = [row for row in rows if ChunkState(row.state).is_final]
        ahead = [row for row in rows if not ChunkState(row.state).is_final]
        return Standing(
            done=sum(row.chunks for row in done),
            open=sum(row.chunks for row in ahead),
            rows_done=sum(int(row.rows_extracted) for row in done),
            rows_open=sum(int(row.rows_expected) for row in ahead),
            open_unknown=sum(int(row.unknown) for row in ahead),
        ), {ChunkState(row.state): row.chunks for row in rows}


def _seconds_of(row: Any) -> float:
    """What the chunk took of a worker: of the time of a group its share."""
    if row.group_day is None:
        return float((row.finished_at - row.started_at).total_seconds())
    steps = (row.extract_seconds, row.stage_seconds, row.merge_seconds)
    return float(sum(seconds or 0 for seconds in steps))
