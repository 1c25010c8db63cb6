"""What becomes of the target's rows that a chunk's extract does not hold.

Before any is deleted its key is looked up at the source, on all days and in the same snapshot:
a row that lives on under another day is moved, not lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.archive.archive import ExtractName, ExtractOrder
from replica_worker.engines.interface import DAY_FIELD, Side, Snapshot, StagedChunk
from replica_worker.model.manifest import ExtractKind
from replica_worker.usecases.chunk_work import ChunkWork
from replica_worker.usecases.deployment import Deployment


def stage_moved_rows(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, chunk: StagedChunk
) -> tuple[int, int]:
    """Stage those of the target's surplus rows that live on at the source on another day.

    Returns how many rows are surplus, and how many of them moved. What is staged is merged, so
    a moved row takes its new day in the same transaction in which it leaves the old one. It is
    archived under its new day.
    """
    if not chunk.is_complete:
        return 0, 0
    keys = deployment.warehouse.surplus_keys(work.connection, chunk)
    work.connection.commit()
    surplus = sum(key_list.count for key_list in keys)
    if not keys or not work.spec.is_daily:
        return surplus, 0
    moved = 0
    found = snapshot.read_by_key(work.spec, Side.SOURCE, keys)
    for day, rows in _by_day(found, work.claim.chunk.day):
        name = ExtractName(
            table=work.spec.name,
            day=day,
            run_id=work.claim.chunk.run_id,
            part=f"from-{work.claim.chunk.day}.fix",
        )
        order = ExtractOrder(
            name=name,
            spec=work.spec,
            kind=ExtractKind.FIX,
            attempt=work.claim.attempt,
            digest=None,
        )
        manifest = deployment.archive.write(order, rows)
        moved += deployment.warehouse.load_staging(
            work.connection,
            work.spec,
            chunk.staging,
            deployment.archive.read(name, manifest),
        )
        work.connection.commit()
    return surplus, moved


def _by_day(
    batches: Iterator[pa.RecordBatch], otherwise: date
) -> Iterator[tuple[date, list[pa.RecordBatch]]]:
    """Gather rows by the day in their last column, which is dropped.

    The rows are as many as left the chunk's day since it was last loaded: few, and never more
    than the day held. Rows without a day are filed under `otherwise`.
    """
    found = list(batches)
    if not found:
        return
    rows = pa.Table.from_batches(found)
    plain = rows.drop_columns([DAY_FIELD])
    days = rows.column(DAY_FIELD)
    for day in pc.unique(days).to_pylist():
        wanted = pc.equal(days, pa.scalar(day, pa.date32())) if day else pc.is_null(days)
        yield day or otherwise, plain.filter(wanted).to_batches()
