"""Replaying a chunk: make the warehouse's rows of it what the archive holds. No source is touched.

In force are the newest extract of the whole chunk and the parts that came after it. A row may
stand in extracts of several days, as it moved; the newest of them says where it belongs. So days
may be replayed in any order, and beside the loads of a night.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import sqlalchemy as sa

from replica_worker.archive.archive import ExtractName
from replica_worker.errors import (
    ArchiveDamageError,
    ArchiveError,
    DeletesRefusedError,
    RowsElsewhereError,
)
from replica_worker.ledger.audit import AuditEntry
from replica_worker.model.chunks import STRAYS, ChunkState
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import Digest, Verdict
from replica_worker.model.manifest import ExtractKind, Manifest, in_force
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.chunk_records import require_target
from replica_worker.usecases.chunk_work import ChunkWork, Replicated, staging_name
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.extract import stage_rows
from replica_worker.usecases.merge import guard_deletes, merge_staged
from replica_worker.usecases.replicate import drop_staging_quietly

REPLAY_CHECK = "replay"


@dataclass(frozen=True, kw_only=True)
class Extract:
    """An extract that is in force."""

    name: ExtractName
    manifest: Manifest


@dataclass(frozen=True, kw_only=True)
class NewerKeys:
    """What an extract of another day holds: keys of rows, or for a child table of their parents.

    A child's lines go with their parent: an extract that holds one of them knows of them all.
    """

    since: datetime
    keys: pa.Table


def replay_chunk(deployment: Deployment, work: ChunkWork) -> ChunkState:
    """Stage and merge what the archive holds of the chunk; SKIPPED if that is nothing.

    Raises:
        DeletesRefusedError: more of the target's rows would go than the guard allows.
        ArchiveError: a file is gone, altered, or of other columns than the spec file's.
    """
    extracts = find_extracts(deployment, work.spec, work.claim.chunk.day)
    if not extracts:
        return _skip(deployment, work)
    require_target(deployment, work)
    try:
        _merge_newest(deployment, work, extracts)
    except DeletesRefusedError as refusal:
        refusal.on_chunk(str(work.claim.chunk))
        drop_staging_quietly(deployment, work, _staging_of(work))
        deployment.ledger.chunks.fail(
            work.claim, state=ChunkState.REFUSED, error=str(refusal), verdict=Verdict.REFUSED
        )
        raise
    except BaseException:
        drop_staging_quietly(deployment, work, _staging_of(work))
        raise
    return ChunkState.MERGED


def find_extracts(deployment: Deployment, spec: TableSpec, day: date) -> list[Extract]:
    """The extracts in force of a day, newest first; of a whole table, those up to that day."""
    archive = deployment.archive
    days = [day] if spec.is_daily else [one for one in archive.days(spec.name) if one <= day]
    with _damage_stays():
        found = {
            manifest: name for one in days for name, manifest in archive.extracts(spec.name, one)
        }
    newest_first = in_force(found)
    return [Extract(name=found[manifest], manifest=manifest) for manifest in newest_first]


def _merge_newest(deployment: Deployment, work: ChunkWork, extracts: Sequence[Extract]) -> None:
    """Merge what no newer extract of another day has; only a whole day can tell if that matters."""
    if _is_complete(work, extracts):
        try:
            _merge_extracts(deployment, work, extracts)
        except RowsElsewhereError:
            pass
        else:
            return
    with deployment.warehouse.lock_moves(work.connection, work.spec):
        newer = _newer_elsewhere(deployment, work, extracts)
        _merge_extracts(deployment, work, extracts, newer=newer, may_move=True)


def _is_complete(work: ChunkWork, extracts: Sequence[Extract]) -> bool:
    """Whether other rows of the chunk are surplus.

    Lines of a parent that moved since stand under its old day, and are no surplus of its new.
    """
    is_dated_by_parent = work.spec.day_from and not work.is_strays
    return extracts[-1].manifest.kind.is_complete and not is_dated_by_parent


def _merge_extracts(
    deployment: Deployment,
    work: ChunkWork,
    extracts: Sequence[Extract],
    *,
    newer: Sequence[NewerKeys] = (),
    may_move: bool = False,
) -> None:
    started = time.monotonic()
    whole = extracts[-1]
    chunk = work.staged(is_complete=_is_complete(work, extracts))
    rows = _rows_in_force(deployment, work.spec, extracts, newer)
    staged = stage_rows(deployment, work, chunk, rows)
    surplus = 0
    if chunk.is_complete:
        surplus = deployment.warehouse.count_surplus(work.connection, chunk)
        work.connection.commit()
    # Lines without a parent came from the archive itself, out of days that are older than it.
    if not (work.spec.day_from and work.is_strays):
        guard_deletes(deployment, work, chunk, surplus)
    is_whole = len(extracts) == 1 and staged == whole.manifest.rows
    replicated = Replicated(
        name=whole.name,
        manifest=whole.manifest,
        digest=_digest_of(work, whole.manifest) if is_whole else None,
        counts=MergeCounts(),
        seconds={"stage": time.monotonic() - started},
    )

    def record(connection: sa.Connection, done: Replicated) -> None:
        _record(deployment, work, connection, done, staged)

    merge_staged(
        deployment,
        work,
        chunk,
        replicated,
        record,
        expected_deletes=surplus,
        may_move=may_move,
    )


def _digest_of(work: ChunkWork, manifest: Manifest) -> Digest | None:
    """What the merge has to prove, if that is still so.

    Which rows are a child's of that day, or strays, may have changed since.
    """
    if manifest.digest is None or work.spec.day_from or work.is_strays:
        return None
    return Digest(kind=manifest.digest.kind, rows=manifest.digest.rows, hash=manifest.digest.hash)


def _record(
    deployment: Deployment,
    work: ChunkWork,
    connection: sa.Connection,
    done: Replicated,
    staged: int,
) -> None:
    if done.digest:
        entry = AuditEntry(
            chunk=work.claim.chunk,
            check_name=REPLAY_CHECK,
            verdict=Verdict.MATCH,
            source=done.digest,
            target=done.digest,
            counts=done.counts,
        )
        deployment.ledger.audit.record(connection, entry)
    figures = {**done.figures(), "rows_extracted": staged}
    deployment.ledger.chunks.finish(
        connection, work.claim, state=ChunkState.MERGED, verdict=None, **figures
    )


# ---------------------------------------------------------------- rows


def _rows_in_force(
    deployment: Deployment,
    spec: TableSpec,
    extracts: Sequence[Extract],
    newer: Sequence[NewerKeys],
) -> Iterator[pa.RecordBatch]:
    """Rows of the extracts, newest first, without those that a newer extract has.

    Memory holds the keys of all but the oldest, which are parts: fixes and increments.
    """
    taken: list[pa.Table] = []
    for extract in extracts:
        hidden = [
            *taken,
            *(other.keys for other in newer if other.since > extract.manifest.started_at),
        ]
        if extract.manifest.kind is not ExtractKind.GONE:
            for batch in _read(deployment, spec, extract):
                yield from _without(batch, hidden)
        if extract is not extracts[-1]:
            taken.append(_columns_of(deployment, spec, extract, spec.key))


def _without(batch: pa.RecordBatch, hidden: Sequence[pa.Table]) -> Iterator[pa.RecordBatch]:
    if not hidden:
        yield batch
        return
    rows = pa.Table.from_batches([batch])
    for keys in hidden:
        rows = rows.join(keys, keys=keys.column_names, join_type="left anti")
    yield from rows.select(batch.schema.names).cast(batch.schema).to_batches()


def _newer_elsewhere(
    deployment: Deployment, work: ChunkWork, extracts: Sequence[Extract]
) -> list[NewerKeys]:
    """Keys in newer extracts of those days on which the target has rows that are staged."""
    oldest = extracts[-1].manifest.started_at
    chunk = work.staged(is_complete=False)
    stage_rows(deployment, work, chunk, _rows_in_force(deployment, work.spec, extracts, []))
    days = deployment.warehouse.days_elsewhere(work.connection, chunk)
    work.connection.commit()
    parent = work.spec.day_from
    names = [child for child, _ in parent.on] if parent else work.spec.key
    return [
        NewerKeys(
            since=extract.manifest.started_at,
            keys=_columns_of(deployment, work.spec, extract, names),
        )
        for day in {*days, STRAYS} - {work.claim.chunk.day}
        for extract in find_extracts(deployment, work.spec, day)
        if extract.manifest.started_at > oldest
    ]


def _columns_of(
    deployment: Deployment, spec: TableSpec, extract: Extract, names: Sequence[str]
) -> pa.Table:
    schema = pa.schema([spec.column(name).field for name in names])
    batches = [batch.select(schema.names) for batch in _read(deployment, spec, extract)]
    return pa.Table.from_batches(batches, schema=schema)


def _read(deployment: Deployment, spec: TableSpec, extract: Extract) -> Iterator[pa.RecordBatch]:
    columns = [(column.name, str(column.type)) for column in spec.columns]
    if columns != [(column.name, column.sql_type) for column in extract.manifest.columns]:
        raise ArchiveError(
            operation=f"read {extract.name.parquet}",
            cause="its columns are not those of the spec file",
            next_step="Replay it with the spec file of its time, or load the day again with "
            "`replica backfill`",
        )
    with _damage_stays():
        yield from deployment.archive.read(extract.name, extract.manifest)


@contextmanager
def _damage_stays() -> Iterator[None]:
    """What is damaged stays so: here nothing is extracted again."""
    try:
        yield
    except ArchiveDamageError as damage:
        raise ArchiveDamageError(
            operation=damage.operation,
            cause=damage.cause,
            next_step="Restore it from a backup, or load the day again with `replica backfill`",
        ) from None


# ---------------------------------------------------------------- the warehouse


def _staging_of(work: ChunkWork) -> str:
    return staging_name(work.claim, work.spec)


def _skip(deployment: Deployment, work: ChunkWork) -> ChunkState:
    deployment.ledger.chunks.fail(
        work.claim, state=ChunkState.SKIPPED, error="the archive holds no extract of it"
    )
    return ChunkState.SKIPPED
