"""Writing planned chunks into the ledger."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from replica_worker.model.chunks import ChunkState, PlannedChunk

_INSERT_SIZE = 2000


def insert_chunks(
    connection: sa.Connection, table: sa.Table, run_id: str, chunks: Iterable[PlannedChunk]
) -> None:
    """Add the chunks to the run, pending, in the caller's transaction.

    A column that a chunk has no value for is left out: see `nulls`. So they go in by the columns
    that they have.
    """
    alike: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for chunk in chunks:
        row: dict[str, object] = {
            "run_id": run_id,
            "table_name": chunk.table,
            "day": chunk.day,
            "action": chunk.action,
            "wave": chunk.wave,
            "state": ChunkState.PENDING,
        }
        if chunk.rows_expected is not None:
            row["rows_expected"] = chunk.rows_expected
        if chunk.group_day is not None:
            row["group_day"] = chunk.group_day
        alike.setdefault(tuple(row), []).append(row)
    for rows in alike.values():
        for at in range(0, len(rows), _INSERT_SIZE):
            connection.execute(sa.insert(table), rows[at : at + _INSERT_SIZE])
