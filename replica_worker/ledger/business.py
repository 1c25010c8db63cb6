"""How the books stand: figures by day in the audit, and what does not balance, by outlet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

import sqlalchemy as sa

from replica_worker.ledger.clock import utc_now
from replica_worker.ledger.tables import IMBALANCES
from replica_worker.model.books import BookFigures, BookPage, by_day
from replica_worker.model.chunks import STRAYS, ChunkState
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Verdict

CHECK_NAMES = "business:"
"""So the audit's check_name begins; the name in the spec file follows."""

_PROVEN = (Verdict.MATCH, Verdict.REPAIRED)
_DAYS_AT_ONCE = 300  # a statement takes so many parameters on every server


class BusinessAudit:
    """Writes and reads what business checks found."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._chunks = metadata.tables[f"{metadata.schema}.etl_progress"]
        self._audit = metadata.tables[f"{metadata.schema}.dimension_refresh_audit"]
        self._imbalances = metadata.tables[f"{metadata.schema}.{IMBALANCES}"]

    def loaded_days(self, table: str) -> DayRange | None:
        """From the first to the last day of the table that was loaded; None if none was."""
        chunks = self._chunks
        query = sa.select(sa.func.min(chunks.c.day), sa.func.max(chunks.c.day)).where(
            chunks.c.table_name == table,
            chunks.c.day > STRAYS,
            sa.or_(chunks.c.state == ChunkState.MERGED, chunks.c.verdict.in_(_PROVEN)),
        )
        with self._engine.connect() as connection:
            first, last = connection.execute(query).one()
        return None if first is None else DayRange.inclusive(first, last)

    def touched_days(self, run_id: str, tables: Sequence[str]) -> dict[str, set[date]]:
        """By table, the days that the run loaded or checked."""
        chunks = self._chunks
        query = sa.select(chunks.c.table_name, chunks.c.day).where(
            chunks.c.run_id == run_id,
            chunks.c.table_name.in_(tables),
            chunks.c.state.in_([ChunkState.MERGED, ChunkState.CHECKED]),
            chunks.c.day > STRAYS,
        )
        touched: dict[str, set[date]] = {}
        with self._engine.connect() as connection:
            for table, day in connection.execute(query):
                touched.setdefault(table, set()).add(day)
        return touched

    def record(
        self,
        connection: sa.Connection,
        run_id: str,
        check: str,
        *,
        judged: Collection[tuple[str, date]],
        pages: Sequence[BookPage],
    ) -> None:
        """Write in the caller's transaction what a run found; in place of what was found before.

        `judged` are the tables and days that were looked at, `pages` the figures by location.
        """
        name = f"{CHECK_NAMES}{check}"
        for table, days in _by_table(judged):
            for some in _slices(days):
                self._forget(connection, run_id, name, table, some)
        now = {"run_id": run_id, "check_name": name, "checked_at": utc_now()}
        for page in by_day(pages):
            connection.execute(
                sa.insert(self._audit).values(
                    **now,
                    table_name=page.table,
                    day=page.day,
                    verdict=Verdict.MATCH if page.figures.is_balanced else Verdict.DIFFERS,
                    target_rows=_or_null(page.figures.rows),
                    **_figures(page.figures),
                )
            )
        for page in pages:
            if not page.figures.is_balanced:
                connection.execute(
                    sa.insert(self._imbalances).values(
                        **now,
                        table_name=page.table,
                        day=page.day,
                        location=page.location,
                        **_figures(page.figures),
                    )
                )

    def _forget(
        self,
        connection: sa.Connection,
        run_id: str,
        name: str,
        table: str,
        days: Sequence[date],
    ) -> None:
        audit, imbalances = self._audit, self._imbalances
        connection.execute(
            sa.delete(audit).where(
                audit.c.run_id == run_id,
                audit.c.check_name == name,
                audit.c.table_name == table,
                audit.c.day.in_(days),
            )
        )
        connection.execute(
            sa.delete(imbalances).where(
                imbalances.c.check_name == name,
                imbalances.c.table_name == table,
                imbalances.c.day.in_(days),
            )
        )

    def unbalanced_days(self, run_id: str) -> list[date]:
        """The days on which the run found books that do not balance."""
        audit = self._audit
        query = (
            sa.select(audit.c.day)
            .where(
                audit.c.run_id == run_id,
                audit.c.check_name.like(f"{CHECK_NAMES}%"),
                audit.c.verdict == Verdict.DIFFERS,
            )
            .distinct()
            .order_by(audit.c.day)
        )
        with self._engine.connect() as connection:
            return list(connection.scalars(query))


def _by_table(judged: Iterable[tuple[str, date]]) -> list[tuple[str, list[date]]]:
    days: dict[str, list[date]] = {}
    for table, day in sorted(judged):
        days.setdefault(table, []).append(day)
    return list(days.items())


def _slices(days: Sequence[date]) -> Iterable[Sequence[date]]:
    return (days[at : at + _DAYS_AT_ONCE] for at in range(0, len(days), _DAYS_AT_ONCE))


def _figures(figures: BookFigures) -> dict[str, Any]:
    """All but the rows, which each table of ours keeps in its own way."""
    return {
        field.name: _or_null(getattr(figures, field.name))
        for field in fields(figures)
        if field.name != "rows"
    }


def _or_null(figure: Any) -> Any:
    """NULL is spelled out: a driver would ask the server for the type of a None."""
    return sa.null() if figure is None else figure
