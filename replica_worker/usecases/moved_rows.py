"""What becomes of the target's rows that a chunk's extract does not hold.

Before any is deleted its key is looked up at the source, on all days and in the same snapshot:
a row that lives on under another day is moved, not lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.archive.archive import ExtractName, ExtractOrder
from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import KeyList, Side, StagedChunk
from replica_worker.model.chunks import STRAYS
from replica_worker.model.manifest import ExtractKind
from replica_worker.usecases.chunk_work import ChunkWork
from replica_worker.usecases.deployment import Deployment


@dataclass(frozen=True, kw_only=True)
class Surplus:
    """What was found of the target's surplus rows."""

    keys: tuple[KeyList, ...] = ()
    moved: int = 0  # how many of the rows
    extracts: tuple[ExtractName, ...] = ()  # that the moved rows were archived in

    @property
    def deleted(self) -> int:
        """How many rows the source has on no day."""
        return sum(keys.count for keys in self.keys) - self.moved


def stage_moved_rows(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    chunk: StagedChunk,
    *,
    extracted_at: datetime,
) -> Surplus:
    """Stage those of the target's surplus rows that live on at the source on another day.

    What is staged is merged, so a moved row takes its new day in the same transaction in which
    it leaves the old one. It is archived under its new day, as of `extracted_at`, when the
    snapshot's other rows were. Memory holds the rows of one list of keys.
    """
    keys = deployment.warehouse.surplus_keys(work.connection, chunk)
    work.connection.commit()
    moved = 0
    extracts = []
    for number, key_list in enumerate(keys if work.spec.is_daily else [], start=1):
        found = list(snapshot.read_by_key(work.spec, Side.SOURCE, [key_list], dateless=True))
        for day, rows in _by_day(found):
            order = _order_of(work, day, number, extracted_at)
            extracts.append(order.name)
            moved += _archive_and_stage(deployment, work, chunk, order, rows)
    return Surplus(keys=tuple(keys), moved=moved, extracts=tuple(extracts))


def _order_of(work: ChunkWork, day: date, number: int, extracted_at: datetime) -> ExtractOrder:
    chunk = work.claim.chunk
    name = ExtractName(
        table=work.spec.name,
        day=day,
        run_id=chunk.run_id,
        part=f"from-{chunk.day}-{number}.fix",
    )
    return ExtractOrder(
        name=name,
        spec=work.spec,
        kind=ExtractKind.FIX,
        attempt=work.claim.attempt,
        started_at=extracted_at,
        digest=None,
    )


def _archive_and_stage(
    deployment: Deployment,
    work: ChunkWork,
    chunk: StagedChunk,
    order: ExtractOrder,
    rows: list[pa.RecordBatch],
) -> int:
    manifest = deployment.archive.write(order, rows)
    staged = deployment.warehouse.load_staging(
        work.connection, work.spec, chunk.staging, deployment.archive.read(order.name, manifest)
    )
    work.connection.commit()
    return staged


def _by_day(found: list[pa.RecordBatch]) -> Iterator[tuple[date, list[pa.RecordBatch]]]:
    """Gather rows by the day in their last column, which is dropped."""
    if not found:
        return
    rows = pa.Table.from_batches(found)
    last = rows.num_columns - 1  # by position: a table may have a column of DAY_FIELD's name
    plain, days = rows.remove_column(last), rows.column(last)
    for day in pc.unique(days):
        of_day = pc.is_null(days) if day.as_py() is None else pc.equal(days, day)
        yield day.as_py() or STRAYS, plain.filter(of_day).to_batches()
