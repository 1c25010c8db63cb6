"""Loading a chunk: all of a day or table, what came to an incremental one, a table's strays."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from replica_worker.engines.values import Side
from replica_worker.model.chunks import ChunkState
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import Comparison, Digest, Verdict
from replica_worker.model.manifest import ExtractKind
from replica_worker.model.specs import Strategy
from replica_worker.usecases.chunk_records import (
    LOAD_CHECK,
    ROWS,
    compare_digests,
    finish_unchanged,
    is_exposed,
    make_record,
    refusal_written_down,
    replicate_or_refuse,
    require_target,
    skip_chunk,
)
from replica_worker.usecases.chunk_work import ChunkWork, ExtractRequest, Replicated, whole_chunk
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.drill_down import (
    digest_buckets,
    find_differing_rows,
    is_worth_a_drill,
)
from replica_worker.usecases.metered import MeteredSnapshot
from replica_worker.usecases.repair_rows import repair_rows
from replica_worker.usecases.replicate import replicate_rows
from replica_worker.usecases.source_door import open_source


def load_chunk(deployment: Deployment, work: ChunkWork) -> ChunkState:
    """Extract, stage and merge the chunk; SKIPPED if the source does not expose its table."""
    require_target(deployment, work)
    with open_source(
        deployment, work.connection, work.claim.use, seen_failures=work.seen_failures
    ) as snapshot:
        if not is_exposed(snapshot, work):
            return skip_chunk(deployment, work)
        if work.spec.strategy is Strategy.INCREMENTAL:
            _load_increment(deployment, snapshot, work)
        elif work.is_strays:
            _load_strays(deployment, snapshot, work)
        else:
            replicate_or_refuse(
                deployment,
                snapshot,
                work,
                whole_chunk(work),
                make_record(deployment, snapshot, work),
            )
    return ChunkState.MERGED


def _load_increment(deployment: Deployment, snapshot: MeteredSnapshot, work: ChunkWork) -> None:
    """Bring an incremental table up to date, and prove it.

    Rows above the highest rowversion that the target holds come first. What an increment cannot
    show (deleted rows, rows committed late below the watermark) shows in the digests, and is
    brought over then: the increment saves work, the digest decides.
    """
    comparison = compare_digests(deployment, snapshot, work)
    if comparison.is_equal:
        finish_unchanged(
            deployment, snapshot, work, comparison, Verdict.MATCH, LOAD_CHECK, ChunkState.MERGED
        )
        return
    watermark = deployment.warehouse.highest_rowversion(work.connection, work.spec)
    work.connection.commit()
    if watermark is None:
        replicate_or_refuse(
            deployment, snapshot, work, whole_chunk(work), make_record(deployment, snapshot, work)
        )
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
            make_record(deployment, snapshot, work)(connection, proven)
        else:
            deployment.ledger.chunks.require_lease(connection, work.claim)

    first = replicate_or_refuse(deployment, snapshot, work, increment, record_if_equal)
    if not done:
        _bring_rest(deployment, snapshot, work, comparison.source, first.counts)


def _bring_rest(
    deployment: Deployment,
    snapshot: MeteredSnapshot,
    work: ChunkWork,
    source: Digest,
    earlier: MergeCounts,
) -> None:
    """Bring over what the increment did not: the rows that differ, or all if that is cheaper.

    `source` is the table's digest in the snapshot, `earlier` what the increment changed.
    """
    rows = None
    present = deployment.warehouse.count_present(work.connection, work.staged(is_complete=True))
    work.connection.commit()
    if is_worth_a_drill(deployment, source.rows, present):
        largest = max(source.rows, present)
        buckets = digest_buckets(deployment, snapshot, work, source.kind, largest)
        rows = find_differing_rows(deployment, snapshot, work, buckets)
    if rows is None:
        whole = whole_chunk(work, part="full")
        record = make_record(deployment, snapshot, work, earlier=earlier)
        replicate_or_refuse(deployment, snapshot, work, whole, record)
        return
    record = make_record(deployment, snapshot, work, method=ROWS, earlier=earlier)
    with refusal_written_down(deployment, snapshot, work):
        repair_rows(deployment, snapshot, work, source, rows, record)


def _load_strays(deployment: Deployment, snapshot: MeteredSnapshot, work: ChunkWork) -> None:
    """Bring the table's strays over if their digests differ: they are few and seldom change."""
    comparison = compare_digests(deployment, snapshot, work)
    if comparison.is_equal:
        finish_unchanged(
            deployment, snapshot, work, comparison, Verdict.MATCH, LOAD_CHECK, ChunkState.MERGED
        )
    else:
        replicate_or_refuse(
            deployment, snapshot, work, whole_chunk(work), make_record(deployment, snapshot, work)
        )


def bring_parent_on(deployment: Deployment, work: ChunkWork) -> None:
    """Load the parent's rows of a child's day again: rows that came late date the child's.

    Under the parent's own lock; if another worker has it, that worker brings them.
    """
    if work.spec.day_from is None:
        return
    parent = deployment.spec.table(work.spec.day_from.parent)
    chunk = replace(work.claim.chunk, table=parent.name)
    parent_work = replace(work, spec=parent, claim=replace(work.claim, chunk=chunk, along={}))

    def record(connection: sa.Connection, _: Replicated) -> None:
        deployment.ledger.chunks.require_lease(connection, work.claim)

    with (
        deployment.warehouse.lock_chunk(work.connection, parent_work.lock_name) as is_ours,
        open_source(deployment, work.connection, work.claim.use) as snapshot,
    ):
        if is_ours:
            whole = whole_chunk(parent_work, part="again")
            replicate_rows(deployment, snapshot, parent_work, whole, record)
