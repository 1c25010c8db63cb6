"""What is written down of a chunk's work: comparison, refusal, ledger row and audit row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import Side
from replica_worker.errors import DeletesRefusedError, SchemaMismatchError
from replica_worker.ledger.audit import AuditEntry
from replica_worker.model.chunks import ChunkState
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import Comparison, Digest, Verdict, cheapest_kind
from replica_worker.usecases.chunk_work import ChunkWork, ExtractRequest, Record, Replicated
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.metered import MeteredSnapshot
from replica_worker.usecases.replicate import replicate_rows
from replica_worker.usecases.side_by_side import ask_both

LOAD_CHECK = "load"
FIXES_CHECK = "fixes"
WHOLE, ROWS = "whole", "rows"
"""How a chunk was made equal: all of it was brought over, or just the rows that differed."""


def compare_digests(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, *, deep: bool = False
) -> Comparison:
    """Both sides' digests of the chunk, now and as the last comparison left them."""
    kind = cheapest_kind(work.spec, deep=deep)
    rows = work.source_rows
    source, target = ask_both(
        lambda: snapshot.digest(rows, kind),
        lambda: deployment.warehouse.digest(work.connection, rows.on(Side.WAREHOUSE), kind),
    )
    work.connection.commit()
    return recall_proof(deployment, work, source, target)


def recall_proof(
    deployment: Deployment, work: ChunkWork, source: Digest, target: Digest
) -> Comparison:
    """The comparison of the chunk's digests; where they differ, with those of the last proof."""
    if source == target:
        return Comparison(source=source, target=target)
    chunk = work.claim.chunk
    then = deployment.ledger.audit.last_proof(chunk.table, chunk.day, source.kind) or (None, None)
    return Comparison(source=source, target=target, source_then=then[0], target_then=then[1])


def require_target(deployment: Deployment, work: ChunkWork) -> None:
    """SchemaMismatchError unless the target is there and can hold what the spec says."""
    is_there = deployment.warehouse.require_table(work.connection, work.spec, work.claim.along)
    work.connection.commit()
    if not is_there:
        raise SchemaMismatchError(
            operation="find the target",
            cause=f"table {work.spec.target_schema}.{work.spec.target_name} is not in the "
            "warehouse",
            next_step="Run `replica migrate`",
        )


def is_exposed(snapshot: Snapshot, work: ChunkWork) -> bool:
    """Whether the source has the table; SchemaMismatchError if it must and has not."""
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


def skip_chunk(deployment: Deployment, work: ChunkWork) -> ChunkState:
    """End the chunk of a table that the source does not expose."""
    with deployment.warehouse.transaction(work.connection):
        deployment.ledger.chunks.finish(
            work.connection,
            work.claim,
            state=ChunkState.SKIPPED,
            error="the source does not expose this table",
        )
    return ChunkState.SKIPPED


def make_record(
    deployment: Deployment,
    snapshot: MeteredSnapshot,
    work: ChunkWork,
    comparison: Comparison | None = None,
    *,
    method: str = WHOLE,
    earlier: MergeCounts | None = None,
) -> Record:
    """What is written with a merge: the chunk's row, and the audit's.

    `comparison` is what a check found before it repaired; None for a load.
    """

    def record(connection: sa.Connection, replicated: Replicated) -> None:
        counts = replicated.counts + (earlier or MergeCounts())
        verdict = Verdict.REPAIRED if comparison and counts.changed else Verdict.MATCH
        source = replicated.digest or (comparison.source if comparison else None)
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
                    cause=comparison.cause if comparison else None,
                    method=method,
                    source_rows_read=snapshot.rows,
                    source_bytes_read=snapshot.bytes,
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


def replicate_or_refuse(
    deployment: Deployment,
    snapshot: MeteredSnapshot,
    work: ChunkWork,
    request: ExtractRequest,
    record: Record,
    comparison: Comparison | None = None,
    *,
    may_move: bool = False,
) -> Replicated:
    """Replicate; a refusal of the delete guard is written down before it is raised."""
    with refusal_written_down(deployment, snapshot, work, comparison):
        return replicate_rows(deployment, snapshot, work, request, record, may_move=may_move)


@contextmanager
def refusal_written_down(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    comparison: Comparison | None = None,
) -> Iterator[None]:
    """Put a refusal of the delete guard into ledger and audit, and raise it again."""
    try:
        yield
    except DeletesRefusedError as refusal:
        found = comparison or compare_digests(deployment, snapshot, work)
        refusal.on_chunk(str(work.claim.chunk))
        with deployment.warehouse.transaction(work.connection):
            deployment.ledger.audit.record(
                work.connection,
                AuditEntry(
                    chunk=work.claim.chunk,
                    check_name=FIXES_CHECK if comparison else LOAD_CHECK,
                    verdict=Verdict.REFUSED,
                    source=found.source,
                    target=found.target,
                    cause=found.cause,
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


def finish_unchanged(
    deployment: Deployment,
    snapshot: MeteredSnapshot,
    work: ChunkWork,
    comparison: Comparison,
    verdict: Verdict,
    check_name: str,
    state: ChunkState,
) -> None:
    """End a chunk that was compared and not touched."""
    with deployment.warehouse.transaction(work.connection):
        deployment.ledger.audit.record(
            work.connection,
            AuditEntry(
                chunk=work.claim.chunk,
                check_name=check_name,
                verdict=verdict,
                source=comparison.source,
                target=comparison.target,
                cause=comparison.cause,
                source_rows_read=snapshot.rows,
                source_bytes_read=snapshot.bytes,
            ),
        )
        deployment.ledger.chunks.finish(
            work.connection,
            work.claim,
            state=state,
            verdict=verdict,
            digest=str(comparison.source),
        )
