"""Loading a group: small neighbouring days of one table in one extraction and one merge.

One snapshot, one digest of all days, one read; then a file, a proof, a ledger row and an audit row
per day, as if each had been loaded alone. The way is the one of new days and of days that the
target has unchanged. Whatever else there is to do (a late fix, a deletion, a row that comes from
another day) ends as an error before anything is merged, and each day is loaded alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime

import pyarrow as pa
import sqlalchemy as sa

from replica_worker.archive.archive import ExtractName, ExtractOrder
from replica_worker.checkpoints import Checkpoint, passed
from replica_worker.engines.values import RowSelection, Side, StagedChunk
from replica_worker.errors import GroupError, LeaseLostError, MergeError, MovesBusyError
from replica_worker.ledger.audit import AuditEntry
from replica_worker.ledger.chunk_rows import Claim
from replica_worker.memory import give_memory_back
from replica_worker.model.chunks import ChunkState
from replica_worker.model.counts import MergeCounts
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Digest, DigestKind, Verdict, cheapest_kind
from replica_worker.model.grouping import split_by_day
from replica_worker.model.manifest import ExtractKind
from replica_worker.model.source_use import SourceUse
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.chunk_records import LOAD_CHECK, WHOLE, is_exposed, require_target
from replica_worker.usecases.chunk_work import ChunkWork, Replicated
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.extract import stage_rows
from replica_worker.usecases.merge import in_one_transaction
from replica_worker.usecases.metered import MeteredSnapshot
from replica_worker.usecases.replicate import drop_staging_quietly
from replica_worker.usecases.set_aside import set_aside_earlier, set_aside_unmerged
from replica_worker.usecases.source_door import open_source

_log = logging.getLogger(__name__)
_MOST_GROWTH = 2  # times the rows that a group may have; days grow after they were counted
_WRITERS = 4  # files that are written at once
_MOST_BYTES = 64 * 1024 * 1024  # of a group's rows in Arrow


@dataclass(frozen=True, kw_only=True)
class GroupWork:
    """Claimed chunks of neighbouring days on their way together."""

    claims: tuple[Claim, ...]  # by day, without gaps
    spec: TableSpec
    connection: sa.Connection  # the warehouse's; holds the chunks' locks

    @property
    def works(self) -> list[ChunkWork]:
        """The chunks, each by itself."""
        return [
            ChunkWork(claim=claim, spec=self.spec, connection=self.connection)
            for claim in self.claims
        ]

    @property
    def first(self) -> ChunkWork:
        """The chunk that stands for the group where only one can."""
        return self.works[0]

    @property
    def days(self) -> DayRange:
        """The days of all chunks."""
        return DayRange.inclusive(self.claims[0].chunk.day, self.claims[-1].chunk.day)

    @property
    def source_rows(self) -> RowSelection:
        """The chunks' rows at the source."""
        return RowSelection(table=self.spec, side=Side.SOURCE, days=self.days)

    @property
    def staged(self) -> StagedChunk:
        """The chunks as they are staged together."""
        return replace(self.first.staged(is_complete=True), days=self.days)


@dataclass(frozen=True, kw_only=True)
class _LoadedDay:
    """A chunk of the group with what was extracted for it."""

    work: ChunkWork
    digest: Digest
    replicated: Replicated
    arrow_bytes: int  # that were read of the source


def load_group(deployment: Deployment, group: GroupWork) -> None:
    """Extract and merge the group's chunks.

    Raises:
        MergeError: they have to be loaded one by one; nothing was merged.
        LeaseLostError: another attempt has one of them by now.
        ReplicaError: anything else. Nothing was merged, or all and the answer was lost.
    """
    require_target(deployment, group.first)
    with open_source(deployment, group.connection, group.claims[0].use) as snapshot:
        started = time.monotonic()
        if not is_exposed(snapshot, group.first):
            raise _unfit("the source does not expose their table")
        kind = cheapest_kind(group.spec)
        started_at = group.first.now()
        digests, rows = _read_days(deployment, snapshot, group, kind)
    days = _write_days(deployment, group, started_at, digests, rows)
    rows.clear()
    give_memory_back()
    passed(Checkpoint.EXTRACTED)
    try:
        _merge_days(deployment, group, days, extract_seconds=time.monotonic() - started)
    except (
        MergeError,
        LeaseLostError,
        MovesBusyError,
    ):  # nothing was committed, which is not sure of other errors
        _set_aside(deployment, days)
        raise


def _read_days(
    deployment: Deployment, snapshot: MeteredSnapshot, group: GroupWork, kind: DigestKind
) -> tuple[dict[date, Digest], dict[date, list[pa.RecordBatch]]]:
    """The digest and the rows of each day, both as the snapshot has them."""
    found = snapshot.digest_days(group.source_rows, kind)
    none = Digest.total(kind, [])
    digests = {day: found.get(day, none) for day in group.days}
    expected = sum(digest.rows for digest in digests.values())
    limit = _MOST_GROWTH * deployment.policy.groups.rows_per_group(group.spec, None)
    if expected > limit:
        raise _unfit(f"they have {expected} rows by now, and {limit} are in memory at most")
    rows: dict[date, list[pa.RecordBatch]] = {}
    if expected == 0:
        return digests, rows
    size = 0
    for batch in snapshot.read(group.source_rows):
        size += batch.nbytes
        if size > _MOST_BYTES:
            raise _unfit("their rows are wider than most")
        for day, part in split_by_day(group.spec, batch):
            rows.setdefault(day, []).append(part)
    return digests, rows


def _write_days(
    deployment: Deployment,
    group: GroupWork,
    started_at: datetime,
    digests: Mapping[date, Digest],
    rows: Mapping[date, Sequence[pa.RecordBatch]],
) -> list[_LoadedDay]:
    """Write the days' files, some at a time: each waits for the disk or the object store."""

    def write(work: ChunkWork) -> _LoadedDay:
        set_aside_earlier(deployment, work)
        day = work.claim.chunk.day
        return _write_day(deployment, work, started_at, digests[day], rows.get(day, ()))

    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="extract") as writers:
        under_way = [writers.submit(write, work) for work in group.works]
    errors = [error for writing in under_way if (error := writing.exception())]
    days = [writing.result() for writing in under_way if not writing.exception()]
    if errors:
        _set_aside(deployment, days)
        raise errors[0]
    return days


def _write_day(
    deployment: Deployment,
    work: ChunkWork,
    started_at: datetime,
    digest: Digest,
    rows: Sequence[pa.RecordBatch],
) -> _LoadedDay:
    """Write the day's file and manifest."""
    chunk = work.claim.chunk
    name = ExtractName(table=work.spec.name, day=chunk.day, run_id=chunk.run_id)
    order = ExtractOrder(
        name=name,
        spec=work.spec,
        kind=ExtractKind.DAY,
        attempt=work.claim.attempt,
        started_at=started_at,
        digest=digest,
    )
    manifest = deployment.archive.write(order, rows)
    if manifest.rows != digest.rows:
        set_aside_unmerged(deployment, [name], attempt=work.claim.attempt)
        raise MergeError(
            operation="extract the chunk",
            cause=f"{manifest.rows} rows arrived of the {digest.rows} that the source counted",
            next_step="It is tried again",
            retryable=True,
            chunk=str(chunk),
        )
    return _LoadedDay(
        work=work,
        digest=digest,
        replicated=Replicated(name=name, manifest=manifest, digest=digest, counts=MergeCounts()),
        arrow_bytes=sum(batch.nbytes for batch in rows),
    )


def _merge_days(
    deployment: Deployment, group: GroupWork, days: Sequence[_LoadedDay], *, extract_seconds: float
) -> None:
    """Load what was extracted, prove each day and record it, in one transaction."""
    warehouse, connection, chunk = deployment.warehouse, group.connection, group.staged
    holds_rows = warehouse.holds_rows(connection, chunk)
    appends = not holds_rows and warehouse.can_append(connection, group.spec)
    connection.commit()
    started = time.monotonic()
    try:
        if not appends:
            _stage(deployment, group, days, must_be_there=holds_rows)
        staged = time.monotonic()

        def merge() -> None:
            warehouse.share_moves(connection, group.spec)
            if appends:
                _append(deployment, group, days)
            else:
                _merge_staged(deployment, group, days, are_there=holds_rows)
            _prove(deployment, group, days)
            seconds = {
                "extract": extract_seconds,
                "stage": staged - started,
                "merge": time.monotonic() - staged,
            }
            _record(deployment, group, days, seconds, are_new=not holds_rows)

        in_one_transaction(deployment, connection, merge)
    except BaseException:
        if not appends:
            drop_staging_quietly(deployment, group.first, chunk.staging)
        raise


def _append(deployment: Deployment, group: GroupWork, days: Sequence[_LoadedDay]) -> None:
    """Load the days, of which the target has no row, from their files into the target."""
    if total := _count_rows(days):
        rows = _rows_of(deployment, days)
        _require_all(deployment.warehouse.append(group.connection, group.staged, rows), total)
    passed(Checkpoint.STAGED)


def _merge_staged(
    deployment: Deployment, group: GroupWork, days: Sequence[_LoadedDay], *, are_there: bool
) -> None:
    """Merge the staged days, of which the target has no row or all; drop the staging table."""
    if not are_there:
        counts = deployment.warehouse.merge(group.connection, group.staged, may_move=False)
        if counts.deleted or counts.updated:
            raise _unfit("the warehouse was given rows of these days meanwhile")
        _require_all(counts.inserted, _count_rows(days))
    deployment.warehouse.drop_staging(group.connection, group.staged.staging)


def _count_rows(days: Sequence[_LoadedDay]) -> int:
    return sum(day.digest.rows for day in days)


def _require_all(arrived: int, total: int) -> None:
    if arrived != total:
        raise _unfit(f"{arrived} rows arrived of {total}")


def _rows_of(deployment: Deployment, days: Sequence[_LoadedDay]) -> Iterator[pa.RecordBatch]:
    """What the days' files hold."""
    for day in days:
        if day.digest.rows:
            yield from deployment.archive.read(day.replicated.name, day.replicated.manifest)


def _stage(
    deployment: Deployment, group: GroupWork, days: Sequence[_LoadedDay], *, must_be_there: bool
) -> None:
    """Stage the days; where the target has rows of them, it must have just these."""
    arrived = stage_rows(deployment, group.first, group.staged, _rows_of(deployment, days))
    _require_all(arrived, _count_rows(days))
    if not must_be_there:
        return
    is_same = deployment.warehouse.holds_exactly(group.connection, group.staged)
    group.connection.commit()
    if not is_same:
        raise _unfit("the warehouse has other rows of these days")


def _prove(deployment: Deployment, group: GroupWork, days: Sequence[_LoadedDay]) -> None:
    """Compare the target's digest of each day, as the transaction sees it, with the source's."""
    kind = days[0].digest.kind
    rows = group.source_rows.on(Side.WAREHOUSE)
    found = deployment.warehouse.digest_days(group.connection, rows, kind)
    expected = {day.work.claim.chunk.day: day.digest for day in days if day.digest.rows}
    if found != expected:
        unlike = [day for day in group.days if found.get(day) != expected.get(day)]
        raise _unfit(f"the digests of {len(unlike)} days differ, first of {unlike[0]}")


def _record(
    deployment: Deployment,
    group: GroupWork,
    days: Sequence[_LoadedDay],
    seconds: dict[str, float],
    *,
    are_new: bool,
) -> None:
    """The ledger row and the audit row of each chunk, in the transaction of the merge.

    `seconds` are the group's, by step; each day is said to have taken a share by its rows.
    """
    connection, ledger = group.connection, deployment.ledger
    unparsable = _count_unparsable_dates(deployment, group, days)
    ledger.groups.require_leases(connection, group.claims)
    claims = _claims_by_share(group, days)
    for claim, day, count in zip(claims, days, unparsable, strict=True):
        counts = MergeCounts(inserted=day.digest.rows if are_new else 0)
        share = (day.digest.rows + 1) / (_count_rows(days) + len(days))
        took = {step: share * of_all for step, of_all in seconds.items()}
        done = replace(day.replicated, counts=counts, seconds=took)
        ledger.audit.record(
            connection,
            AuditEntry(
                chunk=claim.chunk,
                check_name=LOAD_CHECK,
                verdict=Verdict.MATCH,
                source=day.digest,
                target=day.digest,
                counts=counts,
                unparsable_dates=count,
                method=WHOLE,
                source_rows_read=day.digest.rows,
                source_bytes_read=day.arrow_bytes,
            ),
            is_first=claim.attempt == 1,
        )
        ledger.chunks.finish_leased(
            connection,
            claim,
            state=ChunkState.MERGED,
            verdict=Verdict.MATCH,
            **done.figures(),
        )


def _claims_by_share(group: GroupWork, days: Sequence[_LoadedDay]) -> list[Claim]:
    """The claims, each with what was read of the source for it; the rest is the first's.

    Bytes by rows, as a batch's are fewer than those of its parts together.
    """
    of_all = group.claims[0].use
    total = _count_rows(days)
    uses = [
        SourceUse(rows=day.digest.rows, bytes=of_all.bytes * day.digest.rows // max(1, total))
        for day in days
    ]
    uses[0] = of_all + -sum(uses[1:], start=SourceUse())
    return [replace(claim, use=use) for claim, use in zip(group.claims, uses, strict=True)]


def _count_unparsable_dates(
    deployment: Deployment, group: GroupWork, days: Sequence[_LoadedDay]
) -> list[int | None]:
    """Of each chunk's rows as they are now in the warehouse; None where no text is a date."""
    if not group.spec.date_texts:
        return [None] * len(days)
    count = deployment.warehouse.count_unparsable_dates
    if count(group.connection, group.source_rows.on(Side.WAREHOUSE)) == 0:
        return [0] * len(days)
    return [count(group.connection, day.work.source_rows.on(Side.WAREHOUSE)) for day in days]


def _set_aside(deployment: Deployment, days: Iterable[_LoadedDay]) -> None:
    for day in days:
        attempt = day.work.claim.attempt
        set_aside_unmerged(deployment, [day.replicated.name], attempt=attempt)


def _unfit(cause: str) -> GroupError:
    return GroupError(
        operation="load the group of chunks",
        cause=cause,
        next_step="Each of its days is loaded alone",
        retryable=True,
    )
