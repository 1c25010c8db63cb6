"""The audit: one row for every check of a table's day, in `dimension_refresh_audit`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from replica_worker.ledger.business import CHECK_NAMES
from replica_worker.ledger.clock import utc_now
from replica_worker.model.chunks import ChunkId
from replica_worker.model.counts import MergeCounts
from replica_worker.model.digests import Cause, Digest, DigestKind, Verdict
from replica_worker.trips import DEFERRED


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """What a check of a chunk found and did."""

    chunk: ChunkId
    check_name: str
    verdict: Verdict
    source: Digest
    target: Digest
    counts: MergeCounts = field(default_factory=MergeCounts)
    unparsable_dates: int | None = None  # None: not counted
    cause: Cause | None = None
    method: str | None = None  # "rows" or "whole"
    source_rows_read: int | None = None
    source_bytes_read: int | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """An audit entry as the ledger keeps it."""

    table: str
    day: date
    check_name: str
    verdict: Verdict
    source_rows: int | None
    target_rows: int | None
    inserted: int | None
    updated: int | None
    deleted: int | None
    unparsable_dates: int | None
    cause: str | None
    method: str | None
    source_rows_read: int | None
    source_bytes_read: int | None
    note: str | None


class Audit:
    """Writes and reads audit rows."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._audit = metadata.tables[f"{metadata.schema}.dimension_refresh_audit"]

    def record(
        self, connection: sa.Connection, entry: AuditEntry, *, is_first: bool = False
    ) -> None:
        """Write the entry in the caller's transaction, in place of an earlier attempt's.

        `is_first`: there was no attempt before.
        """
        key = {
            "run_id": entry.chunk.run_id,
            "table_name": entry.chunk.table,
            "day": entry.chunk.day,
            "check_name": entry.check_name,
        }
        audit = self._audit
        if not is_first:
            connection.execute(
                sa.delete(audit).where(*(audit.c[name] == value for name, value in key.items())),
                execution_options={DEFERRED: True},
            )
        connection.execute(
            sa.insert(audit).values(
                **key,
                verdict=entry.verdict,
                source_rows=entry.source.rows,
                target_rows=entry.target.rows,
                source_digest=str(entry.source),
                target_digest=str(entry.target),
                rows_inserted=entry.counts.inserted,
                rows_updated=entry.counts.updated,
                rows_deleted=entry.counts.deleted,
                unparsable_dates=sa.null()
                if entry.unparsable_dates is None
                else entry.unparsable_dates,
                cause=entry.cause or sa.null(),
                method=entry.method or sa.null(),
                source_rows_read=_or_null(entry.source_rows_read),
                source_bytes_read=_or_null(entry.source_bytes_read),
                note=entry.note or sa.null(),
                checked_at=utc_now(),
            ),
            execution_options={DEFERRED: True},
        )

    def last_proof(self, table: str, day: date, kind: DigestKind) -> tuple[Digest, Digest] | None:
        """Both sides' digests of that kind as the newest comparison left them, if there is one."""
        audit = self._audit
        query = (
            sa.select(audit.c.source_digest, audit.c.target_digest, audit.c.verdict)
            .where(
                audit.c.table_name == table,
                audit.c.day == day,
                audit.c.verdict.in_([Verdict.MATCH, Verdict.REPAIRED]),
                audit.c.source_digest.like(f"{kind}:%"),
            )
            .order_by(audit.c.checked_at.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        source = Digest.parse(row.source_digest)
        repaired = Verdict(row.verdict) is Verdict.REPAIRED
        return source, source if repaired else Digest.parse(row.target_digest)

    def changed_since(
        self, run_id: str, chunks: Collection[tuple[str, date]]
    ) -> list[tuple[str, str, date]]:
        """(run, table, day) of later merges, newest first, that changed one of the run's chunks."""
        mine, later = self._audit.alias("mine"), self._audit.alias("later")
        changed = later.c.rows_inserted + later.c.rows_updated + later.c.rows_deleted
        query = (
            sa.select(later.c.run_id, later.c.table_name, later.c.day)
            .join(mine, sa.and_(mine.c.table_name == later.c.table_name, mine.c.day == later.c.day))
            .where(
                mine.c.run_id == run_id,
                later.c.run_id != run_id,
                later.c.checked_at > mine.c.checked_at,
                changed > 0,
            )
            .order_by(later.c.checked_at.desc())
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        wanted = set(chunks)
        return [(run, table, day) for run, table, day in rows if (table, day) in wanted]

    def of_run(self, run_id: str) -> list[AuditRow]:
        """The audit rows of a run's loads and checks, by table and day."""
        audit = self._audit
        query = (
            sa.select(audit)
            .where(audit.c.run_id == run_id, audit.c.check_name.not_like(f"{CHECK_NAMES}%"))
            .order_by(audit.c.table_name, audit.c.day, audit.c.check_name)
        )
        with self._engine.connect() as connection:
            return [
                AuditRow(
                    table=row.table_name,
                    day=row.day,
                    check_name=row.check_name,
                    verdict=Verdict(row.verdict),
                    source_rows=row.source_rows,
                    target_rows=row.target_rows,
                    inserted=row.rows_inserted,
                    updated=row.rows_updated,
                    deleted=row.rows_deleted,
                    cause=row.cause,
                    method=row.method,
                    source_rows_read=row.source_rows_read,
                    source_bytes_read=row.source_bytes_read,
                    unparsable_dates=row.unparsable_dates,
                    note=row.note,
                )
                for row in connection.execute(query)
            ]


def _or_null(number: int | None) -> Any:
    """NULL is spelled out: a driver would ask the server for the type of a None."""
    return sa.null() if number is None else number
