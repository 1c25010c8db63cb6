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

    Those whose rows are not known go apart, without that column: see `nulls`.
    """
    known: list[dict[str, object]] = []
    unknown: list[dict[str, object]] = []
    for chunk in chunks:
        row: dict[str, object] = {
            "run_id": run_id,
            "table_name": chunk.table,
            "day": chunk.day,
            "action": chunk.action,
            "wave": chunk.wave,
            "state": ChunkState.PENDING,
        }
        if chunk.rows_expected is None:
            unknown.append(row)
        else:
            known.append({**row, "rows_expected": chunk.rows_expected})
    for rows in (known, unknown):
        for at in range(0, len(rows), _INSERT_SIZE):
            connection.execute(sa.insert(table), rows[at : at + _INSERT_SIZE])
