"""Up to which day a table is proven equal, day by day: one SELECT for the command and the view.

A table's days are proven one after another from the first that the ledger has; the first day
that is not proven, or that nobody ever loaded, ends the row of them. Of a table that is not cut
by days the newest check alone counts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from replica_worker.model.chunks import STRAYS, Action, ChunkState
from replica_worker.model.digests import Verdict

VIEW_NAME = "replica_certified"
_PROVEN = (Verdict.MATCH.value, Verdict.REPAIRED.value)
_ENDED = (
    ChunkState.MERGED.value,
    ChunkState.CHECKED.value,
    ChunkState.REFUSED.value,
    ChunkState.FAILED.value,
)
_CHECKS_OF_COPIES = ("load", "fixes", "history")


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """How far a table is proven."""

    table: str
    first_day: date  # the first that the ledger has
    certified_through: date | None  # None: not even that one is proven
    last_day: date  # the last that the ledger has
    checked_at: datetime | None  # UTC; when one of the proven days was last proven


class _days_between(FunctionElement[int]):  # noqa: N801 - reads like a SQL function
    """The number of days from the first date to the second."""

    type = sa.Integer()
    inherit_cache = True


@compiles(_days_between, "postgresql")
def _postgresql(element: _days_between, compiler: Any, **kwargs: Any) -> str:
    first, second = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"({second} - {first})"


@compiles(_days_between, "mssql")
def _mssql(element: _days_between, compiler: Any, **kwargs: Any) -> str:
    first, second = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"DATEDIFF(day, {first}, {second})"


def select_certified(metadata: sa.MetaData, daily_tables: Collection[str]) -> sa.Select[Any]:
    """(table_name, first_day, certified_through, last_day, checked_at), a row a table."""
    checks = _checks(metadata).subquery("checks")
    is_daily = checks.c.table_name.in_(sorted(daily_tables))
    newest = sa.select(
        checks,
        sa.func.row_number()
        .over(
            partition_by=[checks.c.table_name, sa.case((is_daily, checks.c.day))],
            order_by=[checks.c.ended_at.desc(), checks.c.is_proven],
        )
        .label("place"),
    ).subquery("newest")
    days = (
        sa.select(
            newest.c.table_name,
            newest.c.day,
            newest.c.ended_at,
            newest.c.is_proven,
            sa.func.lead(newest.c.day)
            .over(partition_by=newest.c.table_name, order_by=newest.c.day)
            .label("next_day"),
        )
        .where(newest.c.place == 1)
        .subquery("days")
    )
    is_end = sa.or_(
        days.c.is_proven == 0,
        days.c.next_day.is_(None),
        _days_between(days.c.day, days.c.next_day) > 1,
    )
    ends = sa.select(
        days,
        sa.func.min(sa.case((is_end, days.c.day)))
        .over(partition_by=days.c.table_name)
        .label("first_end"),
    ).subquery("ends")
    counts = sa.and_(ends.c.is_proven == 1, ends.c.day <= ends.c.first_end)
    return sa.select(
        ends.c.table_name,
        sa.func.min(ends.c.day).label("first_day"),
        sa.func.max(sa.case((counts, ends.c.day))).label("certified_through"),
        sa.func.max(ends.c.day).label("last_day"),
        sa.func.max(sa.case((counts, ends.c.ended_at))).label("checked_at"),
    ).group_by(ends.c.table_name)


def _checks(metadata: sa.MetaData) -> sa.CompoundSelect[Any]:
    """(table_name, day, at, is_proven): every chunk that ended, and every audit row."""
    chunks = metadata.tables[f"{metadata.schema}.etl_progress"]
    audit = metadata.tables[f"{metadata.schema}.dimension_refresh_audit"]
    # What a replay merged equals the archive; the source was not asked.
    is_loaded = sa.and_(
        chunks.c.state == ChunkState.MERGED.value, chunks.c.action == Action.LOAD.value
    )
    is_proven = sa.or_(
        is_loaded,
        sa.and_(chunks.c.state == ChunkState.CHECKED.value, chunks.c.verdict.in_(_PROVEN)),
    )
    ended = sa.select(
        chunks.c.table_name,
        chunks.c.day,
        chunks.c.finished_at.label("ended_at"),
        sa.case((is_proven, 1), else_=0).label("is_proven"),
    ).where(chunks.c.state.in_(_ENDED), chunks.c.finished_at.is_not(None), chunks.c.day != STRAYS)
    audited = sa.select(
        audit.c.table_name,
        audit.c.day,
        audit.c.checked_at,
        sa.case((audit.c.verdict.in_(_PROVEN), 1), else_=0),
    ).where(audit.c.check_name.in_(_CHECKS_OF_COPIES), audit.c.day != STRAYS)
    return sa.union_all(ended, audited)


def read_certificates(
    engine: sa.Engine, metadata: sa.MetaData, daily_tables: Collection[str]
) -> dict[str, Certificate]:
    """By table; tables that the ledger has no ended chunk of are left out."""
    query = select_certified(metadata, daily_tables)
    with engine.connect() as connection:
        return {
            row.table_name: Certificate(
                table=row.table_name,
                first_day=row.first_day,
                certified_through=row.certified_through,
                last_day=row.last_day,
                checked_at=row.checked_at,
            )
            for row in connection.execute(query)
        }
