"""What the ledger knows of days long loaded: their last proof, their late fixes, the watermarks.

A watermark rises only when the days above it were checked, so a run that dies repeats work and
skips nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa

from replica_worker.ledger.clock import utc_now
from replica_worker.ledger.planned import insert_chunks
from replica_worker.ledger.tables import WATERMARKS
from replica_worker.model.chunks import STRAYS, Action, ChunkState, PlannedChunk, RunStatus
from replica_worker.model.digests import Cause, Verdict

FIXES_CHECK = "fixes"
HISTORY_CHECK = "history"
_PROOFS = ("load", FIXES_CHECK, HISTORY_CHECK)  # what compares the warehouse with the source
_PROVEN = (Verdict.MATCH, Verdict.REPAIRED)


@dataclass(frozen=True, kw_only=True)
class LateFix:
    """A check that repaired a day."""

    table: str
    day: date
    checked_at: datetime  # aware
    rows: int  # inserted, updated and deleted


class History:
    """Reads proofs and late fixes, keeps watermarks, and adds checks to a run."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        schema = metadata.schema
        self._runs = metadata.tables[f"{schema}.replica_run_history"]
        self._chunks = metadata.tables[f"{schema}.etl_progress"]
        self._audit = metadata.tables[f"{schema}.dimension_refresh_audit"]
        self._watermarks = metadata.tables[f"{schema}.{WATERMARKS}"]

    # ------------------------------------------------------------ proofs

    def last_proofs(self, table: str, *, before: date) -> dict[date, datetime | None]:
        """The loaded days before that one, with the instant of their last proof (UTC, naive)."""
        chunks, audit = self._chunks, self._audit
        loaded = sa.select(chunks.c.day).where(
            chunks.c.table_name == table,
            chunks.c.day > STRAYS,
            chunks.c.day < before,
            sa.or_(chunks.c.state == ChunkState.MERGED, chunks.c.verdict.in_(_PROVEN)),
        )
        proofs = (
            sa.select(audit.c.day, sa.func.max(audit.c.checked_at).label("proven_at"))
            .where(
                audit.c.table_name == table,
                audit.c.day < before,
                audit.c.verdict.in_(_PROVEN),
                audit.c.check_name.in_(_PROOFS),
            )
            .group_by(audit.c.day)
        )
        with self._engine.connect() as connection:
            proven = {row.day: row.proven_at for row in connection.execute(proofs)}
            return {day: proven.get(day) for day in connection.scalars(loaded.distinct())}

    def late_fixes(self) -> Iterator[LateFix]:
        """All repairs of days that were edited at the source; streamed."""
        audit = self._audit
        changed = audit.c.rows_inserted + audit.c.rows_updated + audit.c.rows_deleted
        query = sa.select(
            audit.c.table_name, audit.c.day, audit.c.checked_at, changed.label("rows")
        ).where(
            audit.c.verdict == Verdict.REPAIRED,
            audit.c.check_name == FIXES_CHECK,
            audit.c.day > STRAYS,
            audit.c.cause.not_in([Cause.WAREHOUSE_CHANGED, Cause.NEVER_LOADED]),
            changed > 0,
        )
        with self._engine.connect().execution_options(yield_per=1000) as connection:
            for row in connection.execute(query):
                yield LateFix(
                    table=row.table_name,
                    day=row.day,
                    checked_at=row.checked_at.replace(tzinfo=UTC),
                    rows=row.rows,
                )

    # ------------------------------------------------------------ adding checks

    def add_checks(
        self, connection: sa.Connection, run_id: str, planned: Sequence[PlannedChunk]
    ) -> bool:
        """Add the chunks that the run has not, in the caller's transaction; False if it closed."""
        chunks, runs = self._chunks, self._runs
        is_open = sa.and_(runs.c.run_id == run_id, runs.c.status == RunStatus.RUNNING)
        locked = connection.execute(sa.update(runs).where(is_open).values(chunks=runs.c.chunks))
        if locked.rowcount != 1:
            return False
        there = sa.select(chunks.c.table_name, chunks.c.day).where(chunks.c.run_id == run_id)
        known = {(row.table_name, row.day) for row in connection.execute(there)}
        fresh = [chunk for chunk in planned if (chunk.table, chunk.day) not in known]
        if fresh:
            insert_chunks(connection, chunks, run_id, fresh)
            connection.execute(
                sa.update(runs).where(is_open).values(chunks=runs.c.chunks + len(fresh))
            )
        return True

    # ------------------------------------------------------------ watermarks

    def was_read_by(self, table: str, run_id: str) -> bool:
        """Whether the run has read the table's changes already."""
        query = sa.select(self._watermarks.c.scanned_by).where(
            self._watermarks.c.table_name == table
        )
        with self._engine.connect() as connection:
            return connection.scalar(query) == run_id

    def watermark(self, table: str) -> bytes | None:
        """The rowversion above which changes are to be read; None if none were read before."""
        query = sa.select(self._watermarks.c.watermark).where(
            self._watermarks.c.table_name == table
        )
        with self._engine.connect() as connection:
            found = connection.scalar(query)
        return None if found is None else bytes(found)

    def note_reading(
        self,
        connection: sa.Connection,
        table: str,
        *,
        run_id: str,
        start: bytes | None,
        reached: bytes | None,
    ) -> None:
        """Record in the caller's transaction that the run has read the table's changes.

        `start` is where a table begins that had no watermark. `reached` is None where the
        watermark must not rise, whatever comes of the checks.
        """
        marks = self._watermarks
        values = {
            "scanned_to": sa.null() if reached is None else reached,
            "scanned_by": run_id,
        }
        first = {"watermark": start, "reached": start} if start is not None else {}
        mine = marks.c.table_name == table
        known = connection.execute(sa.select(marks.c.watermark).where(mine)).one_or_none()
        if known is None:
            connection.execute(sa.insert(marks).values(table_name=table, **values, **first))
            return
        begun = {} if known.watermark is not None else first
        connection.execute(sa.update(marks).where(mine).values(**values, **begun))

    def raise_watermark(self, table: str, *, run_id: str, checked: Sequence[str]) -> bool:
        """Let the watermark rise if the run proved all that it checked of the tables `checked`.

        It rises to where the reading before this one ended: what was committed while that one
        was under way, or changed on a day that was just loaded then, is read twice.
        """
        marks, chunks = self._watermarks, self._chunks
        unproven = sa.exists().where(
            chunks.c.run_id == run_id,
            chunks.c.table_name.in_(checked),
            chunks.c.action == Action.CHECK,
            chunks.c.state != ChunkState.SKIPPED,
            sa.or_(chunks.c.verdict.is_(None), chunks.c.verdict.not_in(_PROVEN)),
        )
        statement = (
            sa.update(marks)
            .where(
                marks.c.table_name == table,
                marks.c.scanned_by == run_id,
                marks.c.scanned_to.is_not(None),
                ~unproven,
            )
            .values(
                watermark=marks.c.reached,
                reached=marks.c.scanned_to,
                scanned_to=sa.null(),
                proven_at=utc_now(),
            )
        )
        with self._engine.begin() as connection:
            return connection.execute(statement).rowcount == 1
