"""How a staged chunk is merged: guard the deletes, merge, prove, record, in one transaction."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import sqlalchemy as sa

from replica_worker.checkpoints import Checkpoint, passed
from replica_worker.engines.values import Side, StagedChunk
from replica_worker.errors import (
    DeletesRefusedError,
    MergeError,
    ParentBehindError,
)
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import Digest
from replica_worker.usecases.chunk_work import ChunkWork, Record, Replicated
from replica_worker.usecases.collisions import repeat_collisions
from replica_worker.usecases.deployment import Deployment

T = TypeVar("T")

_FREE_STRAYS = 100  # strays are few and meant to go: a share of them says nothing


def guard_deletes(
    deployment: Deployment, work: ChunkWork, chunk: StagedChunk, deletes: int
) -> None:
    """DeletesRefusedError if the merge would delete more than the guard allows."""
    if deletes == 0:
        return
    guard = replace(
        deployment.policy.delete_guard,
        allow_all=work.claim.options.allow_deletes,
        free_rows=_FREE_STRAYS if work.is_strays else 0,
    )
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


def merge_staged(
    deployment: Deployment,
    work: ChunkWork,
    chunk: StagedChunk,
    replicated: Replicated,
    record: Record,
    *,
    expected_deletes: int,
    may_move: bool,
) -> Replicated:
    """Merge, drop the staging table, prove and record, all in one transaction.

    `may_move`: the caller has held the lock of the table's moves since before it extracted. The
    chunk's lock keeps others from its own days only. A row that came to another day after this
    chunk was extracted must not be pulled back by the older copy: that is a RowsElsewhereError.
    """

    def merge() -> MergeCounts:
        if not may_move and not chunk.is_whole_table:
            deployment.warehouse.share_moves(work.connection, work.spec)
        counts = deployment.warehouse.merge(work.connection, chunk, may_move=may_move)
        if counts.deleted != expected_deletes:
            raise MergeError(
                operation="merge the chunk",
                cause=f"{counts.deleted} rows would be deleted, not the {expected_deletes} "
                "that were looked up at the source: the target changed meanwhile",
                next_step="It is tried again",
                retryable=True,
            )
        deployment.warehouse.drop_staging(work.connection, chunk.staging)
        return counts

    return _commit(deployment, work, replicated, record, merge)


def confirm_staged(
    deployment: Deployment,
    work: ChunkWork,
    chunk: StagedChunk,
    replicated: Replicated,
    record: Record,
) -> Replicated:
    """Prove and record a chunk whose staged rows the target has already; drop the staging table."""

    def change_nothing() -> MergeCounts:
        deployment.warehouse.drop_staging(work.connection, chunk.staging)
        return MergeCounts()

    return _commit(deployment, work, replicated, record, change_nothing)


def append_extract(
    deployment: Deployment,
    work: ChunkWork,
    chunk: StagedChunk,
    replicated: Replicated,
    record: Record,
) -> Replicated:
    """Load a chunk that the target has no row of; with proof and record, in one transaction.

    There is nothing to compare the rows with, so they are not staged. RowsElsewhereError as by
    `merge_staged`: a key that is taken is another day's.
    """

    def append() -> MergeCounts:
        if not chunk.is_whole_table:
            deployment.warehouse.share_moves(work.connection, work.spec)
        arrived = 0
        if replicated.manifest.rows:  # to load nothing takes round trips, too
            rows = deployment.archive.read(replicated.name, replicated.manifest)
            arrived = deployment.warehouse.append(work.connection, chunk, rows)
        require_all(arrived, replicated)
        passed(Checkpoint.STAGED)
        return MergeCounts(inserted=arrived)

    return _commit(deployment, work, replicated, record, append)


def require_all(arrived: int, extracted: Replicated) -> None:
    """MergeError unless all rows of the Parquet file arrived in the warehouse."""
    if arrived != extracted.manifest.rows:
        raise MergeError(
            operation="load the chunk",
            cause=f"{arrived} rows arrived of the file's {extracted.manifest.rows}",
            next_step="It is tried again",
            retryable=True,
        )


def _commit(
    deployment: Deployment,
    work: ChunkWork,
    replicated: Replicated,
    record: Record,
    change: Callable[[], MergeCounts],
) -> Replicated:
    """Change the target, prove and record it in one transaction."""
    started = time.monotonic()

    def change_and_prove() -> Replicated:
        counts = change()
        _prove(deployment, work, replicated.digest)
        seconds = {**replicated.seconds, "merge": time.monotonic() - started}
        done = replace(replicated, counts=counts, seconds=seconds)
        record(work.connection, done)
        return done

    return in_one_transaction(deployment, work.connection, change_and_prove)


def in_one_transaction(
    deployment: Deployment, connection: sa.Connection, merge: Callable[[], T]
) -> T:
    """Merge, prove and record in one transaction; what `merge` returns.

    Deadlocks and lock time-outs hit the transaction, not the extract: it alone is repeated.
    """

    def commit() -> T:
        with deployment.warehouse.transaction(connection):
            done = merge()
            passed(Checkpoint.MERGING)
        return done

    done = repeat_collisions(deployment, commit, longest=math.inf)
    passed(Checkpoint.MERGED)
    return done


def _prove(deployment: Deployment, work: ChunkWork, source: Digest | None) -> None:
    """Compare the target's digest, as the transaction sees it, with the source's."""
    if source is None:
        return
    rows = work.source_rows.on(Side.WAREHOUSE)
    target = deployment.warehouse.digest(work.connection, rows, source.kind)
    if target == source:
        return
    kind, next_step = MergeError, "Run `replica verify` on that day to see which rows differ"
    if work.spec.day_from:
        kind = ParentBehindError
        next_step = f"Table {work.spec.day_from.parent} of that day, which dates the rows, is "
        next_step += "loaded again, and then this chunk"
    raise kind(
        operation="prove the merged chunk",
        cause=f"the target would have {target.rows} rows with digest {target.hash}, "
        f"the source has {source.rows} with {source.hash}",
        next_step=next_step,
        retryable=True,
    )
