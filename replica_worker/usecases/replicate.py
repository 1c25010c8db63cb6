"""How the rows of a chunk get from the source into the warehouse.

extract → Parquet + manifest → stage → find moved rows → guard the deletes → merge, proof and
ledger in one transaction. All reads of the source see one snapshot. Used alike by loads and by
the repair of a check.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from replica_worker.archive.archive import ExtractName, ExtractOrder
from replica_worker.engines.interface import (
    DAY_FIELD,
    RowSelection,
    Side,
    Snapshot,
    StagedChunk,
)
from replica_worker.errors import (
    DatabaseUnreachableError,
    DeletesRefusedError,
    MergeError,
    ReplicaError,
)
from replica_worker.ledger.chunks import Claim
from replica_worker.model.counts import MergeCounts
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Digest, cheapest_kind
from replica_worker.model.manifest import ExtractKind, Manifest
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.deployment import Deployment

_log = logging.getLogger(__name__)
_MERGE_TRIES = 5

Record = Callable[[sa.Connection, "Replicated"], None]
"""Writes ledger and audit rows in the transaction of the merge."""


@dataclass(frozen=True, kw_only=True)
class ChunkWork:
    """A claimed chunk on its way: whose it is and the connection it is merged on."""

    claim: Claim
    spec: TableSpec
    connection: sa.Connection  # the warehouse's; holds the chunk's lock

    @property
    def days(self) -> DayRange | None:
        """The days whose rows the chunk stands for; None for the whole table."""
        return DayRange.one(self.claim.chunk.day) if self.spec.is_daily else None

    @property
    def source_rows(self) -> RowSelection:
        """The chunk's rows at the source."""
        return RowSelection(table=self.spec, side=Side.SOURCE, days=self.days)


@dataclass(frozen=True, kw_only=True)
class ExtractRequest:
    """Which of a chunk's rows to bring over."""

    rows: RowSelection
    kind: ExtractKind
    part: str = ""

    @property
    def is_complete(self) -> bool:
        """All rows of the chunk are asked for, so the target's others may be deleted."""
        return self.kind in (ExtractKind.DAY, ExtractKind.SNAPSHOT)


@dataclass(frozen=True, kw_only=True)
class Replicated:
    """What was brought over and what it changed."""

    name: ExtractName
    manifest: Manifest
    digest: Digest | None
    counts: MergeCounts
    moved: int = 0  # rows found at the source on another day than the target had them
    seconds: dict[str, float] = field(default_factory=dict)  # by step

    def figures(self) -> dict[str, object]:
        """The ledger's columns for a chunk."""
        return {
            "rows_extracted": self.manifest.rows,
            "rows_inserted": self.counts.inserted,
            "rows_updated": self.counts.updated,
            "rows_deleted": self.counts.deleted,
            "rows_moved": self.moved,
            "file": self.name.parquet,
            "sha256": self.manifest.sha256,
            "bytes": self.manifest.bytes,
            "digest": str(self.digest) if self.digest else None,
            "extract_seconds": self.seconds.get("extract"),
            "stage_seconds": self.seconds.get("stage"),
            "merge_seconds": self.seconds.get("merge"),
        }


def staging_name(claim: Claim, part: str = "") -> str:
    """The staging table of an attempt: readable in front, unique behind."""
    chunk = claim.chunk
    readable = "".join(letter if letter.isalnum() else "_" for letter in chunk.table)[:24]
    unique = hashlib.sha256(f"{chunk.run_id}|{chunk.table}|{chunk.day}".encode()).hexdigest()
    ascii_name = readable.encode("ascii", "replace").decode().replace("?", "_")
    return f"{ascii_name}_{chunk.day:%Y%m%d}_{unique[:12]}_{claim.attempt}{part and '_' + part}"


def whole_chunk(work: ChunkWork, part: str = "") -> ExtractRequest:
    """Ask for all rows of the chunk."""
    kind = ExtractKind.DAY if work.spec.is_daily else ExtractKind.SNAPSHOT
    return ExtractRequest(rows=work.source_rows, kind=kind, part=part)


def replicate_rows(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    request: ExtractRequest,
    record: Record,
) -> Replicated:
    """Bring the requested rows over; returns when data and ledger are committed.

    Raises:
        DeletesRefusedError: more of the target's rows would go than the guard allows.
        LeaseLostError: another attempt has the chunk by now; nothing was changed.
        ReplicaError: anything else; nothing of the target was changed.
    """
    started = time.monotonic()
    extracted = _extract(deployment, snapshot, work, request)
    staged_from = time.monotonic()
    staging = staging_name(work.claim, request.part)
    chunk = StagedChunk(
        table=work.spec,
        staging=staging,
        days=work.days,
        is_complete=request.is_complete,
    )
    try:
        _stage(deployment, work, chunk, extracted)
        surplus, moved = _stage_moved_rows(deployment, snapshot, work, chunk)
        _guard_deletes(deployment, work, chunk, surplus - moved)
        seconds = {"extract": staged_from - started, "stage": time.monotonic() - staged_from}
        return _merge(
            deployment,
            work,
            chunk,
            replace(extracted, moved=moved, seconds=seconds),
            record,
            expected_deletes=surplus - moved,
        )
    except BaseException:
        _drop_staging_quietly(deployment, work, staging)
        raise


def _extract(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, request: ExtractRequest
) -> Replicated:
    digest = None
    if request.is_complete:
        digest = snapshot.digest(request.rows, cheapest_kind(work.spec))
    name = ExtractName(
        table=work.spec.name,
        day=work.claim.chunk.day,
        run_id=work.claim.chunk.run_id,
        part=request.part,
    )
    order = ExtractOrder(
        name=name, spec=work.spec, kind=request.kind, attempt=work.claim.attempt, digest=digest
    )
    manifest = deployment.archive.write(order, snapshot.read(request.rows))
    if digest and digest.rows != manifest.rows:
        raise MergeError(
            operation="extract the chunk",
            cause=f"{manifest.rows} rows arrived of the {digest.rows} that the source counted",
            next_step="It is tried again",
            retryable=True,
        )
    return Replicated(name=name, manifest=manifest, digest=digest, counts=MergeCounts())


def _stage(
    deployment: Deployment, work: ChunkWork, chunk: StagedChunk, extracted: Replicated
) -> None:
    """Load the Parquet file, not the source's stream: what is archived is what is merged."""
    warehouse, connection = deployment.warehouse, work.connection
    warehouse.drop_staging(connection, chunk.staging)
    warehouse.create_staging(connection, work.spec, chunk.staging)
    connection.commit()
    staged = warehouse.load_staging(
        connection,
        work.spec,
        chunk.staging,
        deployment.archive.read(extracted.name, extracted.manifest),
    )
    connection.commit()
    if staged != extracted.manifest.rows:
        raise MergeError(
            operation="stage the chunk",
            cause=f"{staged} rows were staged of the file's {extracted.manifest.rows}",
            next_step="It is tried again",
            retryable=True,
        )


def _stage_moved_rows(
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


def _guard_deletes(
    deployment: Deployment, work: ChunkWork, chunk: StagedChunk, deletes: int
) -> None:
    if deletes == 0:
        return
    options = deployment.ledger.runs.find(work.claim.chunk.run_id).options
    guard = replace(deployment.policy.delete_guard, allow_all=options.allow_deletes)
    present = deployment.warehouse.count_present(work.connection, chunk)
    work.connection.commit()
    objection = guard.objection(deleted=deletes, present=present)
    if objection:
        raise DeletesRefusedError(
            operation="merge the chunk",
            cause=objection,
            next_step="Look whether the source really lost these rows; if it did, run the same "
            "command again with --allow-deletes",
        )


def _merge(
    deployment: Deployment,
    work: ChunkWork,
    chunk: StagedChunk,
    replicated: Replicated,
    record: Record,
    *,
    expected_deletes: int,
) -> Replicated:
    """Merge, prove, record and drop the staging table, all in one transaction.

    Deadlocks and lock time-outs hit the transaction, not the extract: it alone is repeated.
    """
    started = time.monotonic()
    for attempt in Retrying(
        retry=retry_if_exception(_is_collision),
        stop=stop_after_attempt(_MERGE_TRIES),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        before_sleep=_log_collision,
        reraise=True,
    ):
        with attempt, work.connection.begin():
            counts = deployment.warehouse.merge(work.connection, chunk)
            if counts.deleted != expected_deletes:
                raise MergeError(
                    operation="merge the chunk",
                    cause=f"{counts.deleted} rows would be deleted, not the {expected_deletes} "
                    "that were looked up at the source: the target changed meanwhile",
                    next_step="It is tried again",
                    retryable=True,
                )
            _prove(deployment, work, replicated.digest)
            seconds = {**replicated.seconds, "merge": time.monotonic() - started}
            done = replace(replicated, counts=counts, seconds=seconds)
            record(work.connection, done)
            deployment.warehouse.drop_staging(work.connection, chunk.staging)
    return done


def _prove(deployment: Deployment, work: ChunkWork, source: Digest | None) -> None:
    """Compare the target's digest, as the transaction sees it, with the source's."""
    if source is None:
        return
    rows = work.source_rows.on(Side.WAREHOUSE)
    target = deployment.warehouse.digest(work.connection, rows, source.kind)
    if target == source:
        return
    next_step = "Run `replica verify` on that day to see which rows differ"
    if work.spec.day_from:
        next_step = f"Load table {work.spec.day_from.parent} of that day first: it dates the rows"
    raise MergeError(
        operation="prove the merged chunk",
        cause=f"the target would have {target.rows} rows with digest {target.hash}, "
        f"the source has {source.rows} with {source.hash}",
        next_step=next_step,
        retryable=True,
    )


def _is_collision(error: BaseException) -> bool:
    """Whether repeating just the transaction can help."""
    return (
        isinstance(error, ReplicaError)
        and error.retryable
        and not isinstance(error, (MergeError, DatabaseUnreachableError))
    )


def _log_collision(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.info("merge transaction tried again (try %d): %s", state.attempt_number, error)


def _drop_staging_quietly(deployment: Deployment, work: ChunkWork, staging: str) -> None:
    """Drop the staging table of a failed attempt; the sweep does it if this cannot."""
    try:
        work.connection.rollback()
        deployment.warehouse.drop_staging(work.connection, staging)
        work.connection.commit()
    except (ReplicaError, sa.exc.SQLAlchemyError) as error:
        _log.info("staging table %s is left to the sweep: %s", staging, error)
