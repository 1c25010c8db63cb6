"""The planner: (specs, days, what the ledger already has) → chunks. Pure.

A table that is not cut by days makes one chunk a run, as of the run's last day. Child tables
dated by a parent's row come one wave after their parents, so that the warehouse can tell their
day when they arrive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from replica_worker.model.chunks import STRAYS, Action, Plan, PlannedChunk, RunKind
from replica_worker.model.days import ONE_DAY, DayRange
from replica_worker.model.specs import TableSpec

CHECK_WAVE = 100
"""The wave of a nightly run's T-1 checks: after every load, whatever its wave."""

HISTORY_WAVE = 200
"""The wave of a nightly run's checks of history days: after those of T-1."""

Loaded = Collection[tuple[str, date]]
"""Which (table, day) the ledger says are loaded already."""


def plan_backfill(
    *, tables: Sequence[TableSpec], days: DayRange, already_loaded: Loaded = ()
) -> Plan:
    """Load every day of the range, oldest first, but for those in `already_loaded`."""
    chunks = [
        PlannedChunk(table=table.name, day=day, action=Action.LOAD, wave=_wave(table))
        for table in tables
        for day in (days if table.is_daily else [days.last])
        if (table.name, day) not in already_loaded
    ]
    concerned = {chunk.table for chunk in chunks}
    chunks += _strays([t for t in tables if t.name in concerned], Action.LOAD, after=0)
    return _plan(RunKind.BACKFILL, tables, days, chunks)


def expect_rows(plan: Plan, counted: Mapping[tuple[str, date], int]) -> Plan:
    """The plan with the rows that each chunk is expected to have, where they were counted."""
    chunks = tuple(
        replace(chunk, rows_expected=counted.get((chunk.table, chunk.day), chunk.rows_expected))
        for chunk in plan.chunks
    )
    return replace(plan, chunks=chunks)


def plan_nightly(*, tables: Sequence[TableSpec], day: date, check_fixes: bool = True) -> Plan:
    """Load `day` (T-0), then check the day before (T-1).

    Tables that are not cut by days are loaded whole, so there is nothing left of them to check.
    """
    chunks = [
        PlannedChunk(table=table.name, day=day, action=Action.LOAD, wave=_wave(table))
        for table in tables
    ]
    first = day
    if check_fixes:
        first = day - ONE_DAY
        chunks += [
            PlannedChunk(
                table=table.name, day=first, action=Action.CHECK, wave=CHECK_WAVE + _wave(table)
            )
            for table in tables
            if table.is_daily
        ]
        chunks += _strays(tables, Action.CHECK, after=CHECK_WAVE)
    return _plan(RunKind.NIGHTLY, tables, DayRange.inclusive(first, day), chunks)


def plan_history(
    tables: Sequence[TableSpec], days: Mapping[str, Collection[date]]
) -> list[PlannedChunk]:
    """Checks that a nightly run is given while it goes on; `days` gives each table's."""
    return [
        PlannedChunk(
            table=table.name, day=day, action=Action.CHECK, wave=HISTORY_WAVE + _wave(table)
        )
        for table in tables
        for day in sorted(days.get(table.name, ()))
    ]


def oldest_proofs(proofs: Mapping[date, datetime | None], *, nights: int) -> list[date]:
    """The days to prove again tonight, so that all of them are within so many nights.

    `proofs` gives each day's last proof; days that have none come first.
    """
    share = -(-len(proofs) // nights)
    return sorted(proofs, key=lambda day: (proofs[day] or datetime.min, day))[:share]


def plan_check_fixes(*, tables: Sequence[TableSpec], day: date) -> Plan:
    """Check one day of every daily table, and the whole of the others."""
    chunks = [
        PlannedChunk(table=table.name, day=day, action=Action.CHECK, wave=_wave(table))
        for table in tables
    ]
    chunks += _strays(tables, Action.CHECK, after=0)
    return _plan(RunKind.CHECK_FIXES, tables, DayRange.one(day), chunks)


def plan_replay(
    *, tables: Sequence[TableSpec], days: DayRange, archived: Mapping[str, Collection[date]]
) -> Plan:
    """Merge again what the archive holds of the range; `archived` gives each table's days.

    Of a table that is not cut by days the newest state up to the range's last day is meant,
    and of one that is the strays, whatever the range.
    """
    chunks = []
    for table in tables:
        found = [day for day in archived.get(table.name, ()) if day <= days.last]
        if not table.is_daily:
            found = [days.last] if found else []
        chunks += [
            PlannedChunk(
                table=table.name, day=day, action=Action.REPLAY, wave=_replay_wave(table, day)
            )
            for day in found
            if day >= days.first or day == STRAYS
        ]
    return _plan(RunKind.REPLAY, tables, days, chunks)


def plan_undo(
    *, tables: Sequence[TableSpec], days: DayRange, chunks: Collection[tuple[str, date]]
) -> Plan:
    """Put back what a run over these days took away; `chunks` are the tables and days it did."""
    waves = {table.name: _wave(table) for table in tables}
    planned = [
        PlannedChunk(table=table, day=day, action=Action.UNDO, wave=waves[table])
        for table, day in chunks
    ]
    return _plan(RunKind.UNDO, tables, days, planned)


def _strays(tables: Sequence[TableSpec], action: Action, *, after: int) -> Iterator[PlannedChunk]:
    """One chunk for the strays of each daily table, in the wave of its days."""
    for table in tables:
        if table.is_daily:
            wave = after + _wave(table)
            yield PlannedChunk(table=table.name, day=STRAYS, action=action, wave=wave)


def _replay_wave(table: TableSpec, day: date) -> int:
    """Strays come after all days: lines that the archive has of no parent are found then."""
    return _wave(table) + (2 if day == STRAYS else 0)


def _wave(table: TableSpec) -> int:
    return 1 if table.day_from else 0


def _plan(
    kind: RunKind, tables: Sequence[TableSpec], days: DayRange, chunks: list[PlannedChunk]
) -> Plan:
    ordered = sorted(chunks, key=lambda chunk: (chunk.wave, chunk.day))
    return Plan(
        kind=kind,
        first_day=days.first,
        last_day=days.last,
        chunks=tuple(ordered),
        tables=tuple(table.name for table in tables),
    )
