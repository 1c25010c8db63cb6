"""Checking a chunk: compare digests, find the rows that differ, repair them, say what was found.

A large chunk in which little changed is mended row by row; a small one, or one that changed a
lot, is brought over whole, which is then the cheaper of the two.
"""

from __future__ import annotations

from replica_worker.ledger.options import RunOptions
from replica_worker.model.chunks import ChunkState
from replica_worker.model.digests import Comparison, Verdict
from replica_worker.usecases.chunk_records import (
    FIXES_CHECK,
    ROWS,
    compare_digests,
    finish_unchanged,
    is_exposed,
    make_record,
    recall_proof,
    refusal_written_down,
    replicate_or_refuse,
    require_target,
    skip_chunk,
)
from replica_worker.usecases.chunk_work import ChunkWork, whole_chunk
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.drill_down import (
    digest_buckets,
    find_differing_rows,
    is_worth_a_drill,
)
from replica_worker.usecases.metered import MeteredSnapshot
from replica_worker.usecases.repair_rows import repair_rows
from replica_worker.usecases.source_door import open_source


def check_chunk(deployment: Deployment, work: ChunkWork, options: RunOptions) -> ChunkState:
    """Compare the chunk's digests; repair what differs if that was asked for."""
    require_target(deployment, work)
    with open_source(
        deployment, work.connection, work.claim.use, seen_failures=work.seen_failures
    ) as snapshot:
        if not is_exposed(snapshot, work):
            return skip_chunk(deployment, work)
        comparison = compare_digests(deployment, snapshot, work, deep=options.deep)
        if comparison.is_equal or not options.repair:
            _finish(deployment, snapshot, work, comparison)
            return ChunkState.CHECKED
        if not is_worth_a_drill(deployment, comparison.source.rows, comparison.target.rows):
            _bring_whole(deployment, snapshot, work, comparison, may_move=False)
            return ChunkState.CHECKED
    _mend_rows(deployment, work, comparison)
    return ChunkState.CHECKED


def _mend_rows(deployment: Deployment, work: ChunkWork, seen: Comparison) -> None:
    """Find the rows that differ and bring over just these, while no other chunk moves rows.

    Rows may come from other days or go there, so all is seen in a snapshot taken under the lock.
    """
    with (
        deployment.warehouse.lock_moves(work.connection, work.spec),
        open_source(deployment, work.connection, work.claim.use) as snapshot,
    ):
        buckets = digest_buckets(
            deployment, snapshot, work, seen.source.kind, max(seen.source.rows, seen.target.rows)
        )
        comparison = recall_proof(deployment, work, *buckets.totals)
        if comparison.is_equal:
            _finish(deployment, snapshot, work, comparison)
            return
        rows = find_differing_rows(deployment, snapshot, work, buckets)
        if rows is None:
            _bring_whole(deployment, snapshot, work, comparison, may_move=True)
            return
        record = make_record(deployment, snapshot, work, comparison, method=ROWS)
        with refusal_written_down(deployment, snapshot, work, comparison):
            repair_rows(deployment, snapshot, work, comparison.source, rows, record)


def _bring_whole(
    deployment: Deployment,
    snapshot: MeteredSnapshot,
    work: ChunkWork,
    comparison: Comparison,
    *,
    may_move: bool,
) -> None:
    record = make_record(deployment, snapshot, work, comparison)
    whole = whole_chunk(work, digest_kind=comparison.source.kind)
    replicate_or_refuse(deployment, snapshot, work, whole, record, comparison, may_move=may_move)


def _finish(
    deployment: Deployment, snapshot: MeteredSnapshot, work: ChunkWork, comparison: Comparison
) -> None:
    verdict = Verdict.MATCH if comparison.is_equal else Verdict.DIFFERS
    finish_unchanged(
        deployment, snapshot, work, comparison, verdict, FIXES_CHECK, ChunkState.CHECKED
    )
