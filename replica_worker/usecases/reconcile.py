"""Loading a chunk, and checking one: compare digests, repair what differs, say what was found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlalchemy as sa

from replica_worker.engines.interface import Side, Snapshot
from replica_worker.errors import DeletesRefusedError, SchemaMismatchError
from replica_worker.ledger.audit import AuditEntry
from replica_worker.ledger.runs import RunOptions
from replica_worker.model.chunks import ChunkState
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import Digest, Verdict, cheapest_kind
from replica_worker.model.manifest import ExtractKind
from replica_worker.model.specs import Strategy
from replica_worker.usecases.chunk_work import (
    ChunkWork,
    ExtractRequest,
    Record,
    Replicated,
    whole_chunk,
)
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.replicate import replicate_rows
from replica_worker.usecases.source_door import open_source

LOAD_CHECK = "load"
FIXES_CHECK = "fixes"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The digests of a chunk on both sides."""

    source: Digest
    target: Digest

    @property
    def is_equal(self) -> bool:
        """Whether the copies are proven equal."""
        return self.source == self.target


def load_chunk(deployment: Deployment, work: ChunkWork) -> ChunkState:
    """Extract, stage and merge the chunk; SKIPPED if the source does not expose its table."""
    _require_target(deployment, work)
    with open_source(deployment, work.connection) as snapshot:
        if not _is_exposed(snapshot, work):
            return _skip(deployment, work)
        if work.spec.strategy is Strategy.INCREMENTAL:
            _load_increment(deployment, snapshot, work)
        elif work.is_strays:
            _load_strays(deployment, snapshot, work)
        else:
            _replicate(deployment, snapshot, work, whole_chunk(work), _recorder(deployment, work))
    return ChunkState.MERGED


def check_chunk(deployment: Deployment, work: ChunkWork, options: RunOptions) -> ChunkState:
    """Compare the chunk's digests; repair what differs if that was asked for."""
    _require_target(deployment, work)
    with open_source(deployment, work.connection) as snapshot:
        if not _is_exposed(snapshot, work):
            return _skip(deployment, work)
        comparison = _compare(deployment, snapshot, work, deep=options.deep)
        if comparison.is_equal or not options.repair:
            verdict = Verdict.MATCH if comparison.is_equal else Verdict.DIFFERS
            _finish_unchanged(
                deployment, work, comparison, verdict, FIXES_CHECK, ChunkState.CHECKED
            )
        else:
            record = _recorder(deployment, work, comparison)
            whole = whole_chunk(work, digest_kind=comparison.source.kind)
            _replicate(deployment, snapshot, work, whole, record, comparison)
    return ChunkState.CHECKED


def _load_increment(deployment: Deployment, snapshot: Snapshot, work: ChunkWork) -> None:
    """Bring an incremental table up to date, and prove it.

    Rows above the highest rowversion that the target holds come first. What an increment cannot
    show (deleted rows, rows committed late below the watermark) shows in the digests, and then
    the whole table is brought over: the increment saves work, the digest decides.
    """
    comparison = _compare(deployment, snapshot, work)
    if comparison.is_equal:
        _finish_unchanged(
            deployment, work, comparison, Verdict.MATCH, LOAD_CHECK, ChunkState.MERGED
        )
        return
    watermark = deployment.warehouse.highest_rowversion(work.connection, work.spec)
    work.connection.commit()
    if watermark is None:
        _replicate(deployment, snapshot, work, whole_chunk(work), _recorder(deployment, work))
        return
    increment = ExtractRequest(rows=work.source_rows.above(watermark), kind=ExtractKind.INCREMENT)
    done: list[Comparison] = []

    def record_if_equal(connection: sa.Connection, replicated: Replicated) -> None:
        target = deployment.warehouse.digest(
            connection, work.source_rows.on(Side.WAREHOUSE), comparison.source.kind
        )
        now = Comparison(source=comparison.source, target=target)
        if now.is_equal:
            done.append(now)
            proven = replace(replicated, digest=now.source)
            _recorder(deployment, work)(connection, proven)
        else:
            deployment.ledger.chunks.require_lease(connection, work.claim)

    first = _replicate(deployment, snapshot, work, increment, record_if_equal)
    if not done:
        whole = whole_chunk(work, part="full")
        record = _recorder(deployment, work, earlier=first.counts)
        _replicate(deployment, snapshot, work, whole, record)


def _load_strays(deployment: Deployment, snapshot: Snapshot, work: ChunkWork) -> None:
    """Bring the table's strays over if their digests differ: they are few and seldom change."""
    comparison = _compare(deployment, snapshot, work)
    if comparison.is_equal:
        _finish_unchanged(
            deployment, work, comparison, Verdict.MATCH, LOAD_CHECK, ChunkState.MERGED
        )
    else:
        _replicate(deployment, snapshot, work, whole_chunk(work), _recorder(deployment, work))


def _compare(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, *, deep: bool = False
) -> Comparison:
    kind = cheapest_kind(work.spec, deep=deep)
    source = snapshot.digest(work.source_rows, kind)
    target = deployment.warehouse.digest(work.connection, work.source_rows.on(Side.WAREHOUSE), kind)
    work.connection.commit()
    return Comparison(source=source, target=target)


def bring_parent_on(deployment: Deployment, work: ChunkWork) -> None:
    """Load the parent's rows of a child's day again: rows that came late date the child's.

    Under the parent's own lock; if another worker has it, that worker brings them.
    """
    if work.spec.day_from is None:
        return
    parent = deployment.spec.table(work.spec.day_from.parent)
    chunk = replace(work.claim.chunk, table=parent.name)
    parent_work = replace(work, spec=parent, claim=replace(work.claim, chunk=chunk))

    def record(connection: sa.Connection, _: Replicated) -> None:
        deployment.ledger.chunks.require_lease(connection, work.claim)

    with (
        deployment.warehouse.lock_chunk(work.connection, parent_work.lock_name) as is_ours,
        open_source(deployment, work.connection) as snapshot,
    ):
        if is_ours:
            whole = whole_chunk(parent_work, part="again")
            replicate_rows(deployment, snapshot, parent_work, whole, record)


def _require_target(deployment: Deployment, work: ChunkWork) -> None:
    """SchemaMismatchError unless the target is there and can hold what the spec says."""
    is_there = deployment.warehouse.require_table(work.connection, work.spec)
    work.connection.commit()
    if not is_there:
        raise SchemaMismatchError(
            operation="find the target",
            cause=f"table {work.spec.target_schema}.{work.spec.target_name} is not in the "
            "warehouse",
            next_step="Run `replica migrate`",
        )


def _is_exposed(snapshot: Snapshot, work: ChunkWork) -> bool:
    if snapshot.require_table(work.spec, Side.SOURCE):
        return True
    if work.spec.if_exposed:
        return False
    raise SchemaMismatchError(
        operation="read the chunk",
        cause=f"table {work.spec.source_schema}.{work.spec.name} is not at the source, "
        "or this login may not see it",
        next_step="Grant SELECT on it, or mark it `if_exposed` in the spec file",
    )


def _skip(deployment: Deployment, work: ChunkWork) -> ChunkState:
    with work.connection.begin():
        deployment.ledger.chunks.finish(
            work.connection,
            work.claim,
            state=ChunkState.SKIPPED,
            error="the source does not expose this table",
        )
    return ChunkState.SKIPPED


def _recorder(
    deployment: Deployment,
    work: ChunkWork,
    comparison: Comparison | None = None,
    *,
    earlier: MergeCounts | None = None,
) -> Record:
    """What is written with a merge: the chunk's row, and the audit's.

    `comparison` is what a check found before it repaired; None for a load.
    """

    def record(connection: sa.Connection, replicated: Replicated) -> None:
        counts = replicated.counts + (earlier or MergeCounts())
        verdict = Verdict.REPAIRED if comparison and counts.changed else Verdict.MATCH
        source = comparison.source if comparison else replicated.digest
        target = comparison.target if comparison else replicated.digest
        if source and target:
            deployment.ledger.audit.record(
                connection,
                AuditEntry(
                    chunk=work.claim.chunk,
                    check_name=FIXES_CHECK if comparison else LOAD_CHECK,
                    verdict=verdict,
                    source=source,
                    target=target,
                    counts=counts,
                    unparsable_dates=_count_unparsable_dates(deployment, connection, work),
                    note=_say_moved(replicated.moved),
                ),
            )
        figures = {
            **replicated.figures(),
            "rows_inserted": counts.inserted,
            "rows_updated": counts.updated,
            "rows_deleted": counts.deleted,
        }
        deployment.ledger.chunks.finish(
            connection,
            work.claim,
            state=ChunkState.CHECKED if comparison else ChunkState.MERGED,
            verdict=verdict,
            **figures,
        )

    return record


def _say_moved(rows: int) -> str | None:
    if rows == 0:
        return None
    return "1 row moved to another day" if rows == 1 else f"{rows:,} rows moved to other days"


def _replicate(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    request: ExtractRequest,
    record: Record,
    comparison: Comparison | None = None,
) -> Replicated:
    """Replicate, and put a refusal of the delete guard into ledger and audit."""
    try:
        return replicate_rows(deployment, snapshot, work, request, record)
    except DeletesRefusedError as refusal:
        found = comparison or _compare(deployment, snapshot, work)
        refusal.on_chunk(str(work.claim.chunk))
        with work.connection.begin():
            deployment.ledger.audit.record(
                work.connection,
                AuditEntry(
                    chunk=work.claim.chunk,
                    check_name=FIXES_CHECK if comparison else LOAD_CHECK,
                    verdict=Verdict.REFUSED,
                    source=found.source,
                    target=found.target,
                    note=refusal.cause,
                ),
            )
            deployment.ledger.chunks.finish(
                work.connection,
                work.claim,
                state=ChunkState.REFUSED,
                verdict=Verdict.REFUSED,
                error=str(refusal),
            )
        raise


def _count_unparsable_dates(
    deployment: Deployment, connection: sa.Connection, work: ChunkWork
) -> int | None:
    """Of the chunk's rows as they are now in the warehouse; None where no text is a date."""
    if not work.spec.date_texts:
        return None
    rows = work.source_rows.on(Side.WAREHOUSE)
    return deployment.warehouse.count_unparsable_dates(connection, rows)


def _finish_unchanged(
    deployment: Deployment,
    work: ChunkWork,
    comparison: Comparison,
    verdict: Verdict,
    check_name: str,
    state: ChunkState,
) -> None:
    with work.connection.begin():
        deployment.ledger.audit.record(
            work.connection,
            AuditEntry(
                chunk=work.claim.chunk,
                check_name=check_name,
                verdict=verdict,
                source=comparison.source,
                target=comparison.target,
            ),
        )
        deployment.ledger.chunks.finish(
            work.connection,
            work.claim,
            state=state,
            verdict=verdict,
            digest=str(comparison.source),
        )
