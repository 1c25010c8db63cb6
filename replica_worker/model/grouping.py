"""Groups: small neighbouring days of one table that are extracted and merged together.

Owns which chunks of a plan make a group, and how a group's rows are told apart by day. What is
recorded stays per chunk: its ledger row, its file, its proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.model.chunks import Action, Plan, PlannedChunk
from replica_worker.model.days import ONE_DAY
from replica_worker.model.specs import TableSpec

MOST_DAYS = 366
"""Of one group, whatever the rules say."""

_ISO_DAY = 10  # letters of `2026-11-22`


@dataclass(frozen=True, kw_only=True)
class GroupRules:
    """When chunks are handed out together."""

    most_days: int = 100  # of one group; 1: every chunk is handed out alone
    most_values: int = 500_000  # rows × columns of one group, which are in memory at once
    seconds: float = 5  # that reading one group is meant to take
    fewest_hand_outs: int = 16  # of a run, so that all who may read at once have something to do

    def rows_per_group(self, table: TableSpec, rows_per_second: float | None) -> int:
        """At the pace that the table was read at before; None: that is not known."""
        rows = self.most_values // len(table.columns)
        return min(rows, int(rows_per_second * self.seconds)) if rows_per_second else rows

    def days_per_group(self, small_chunks: int) -> int:
        """Of a run that has so many chunks that are small enough for a group."""
        return min(self.most_days, MOST_DAYS, small_chunks // self.fewest_hand_outs)


def can_be_grouped(table: TableSpec) -> bool:
    """Whether a row of the table tells its day by itself.

    Not where a parent's row dates it, and not by an instant, whose day depends on the zone.
    """
    if table.day_from or table.day_column is None:
        return False
    return table.column(table.day_column).type.base != "datetimeoffset"


def small_chunks(plan: Plan, limits: Mapping[str, int]) -> list[PlannedChunk]:
    """The loads that a group may hold; `limits` gives the rows of one group by table."""
    return [
        chunk
        for chunk in plan.chunks
        if chunk.action is Action.LOAD
        and not chunk.is_strays
        and chunk.rows_expected is not None
        and chunk.rows_expected <= limits.get(chunk.table, -1)
    ]


def group_chunks(plan: Plan, rules: GroupRules, limits: Mapping[str, int]) -> Plan:
    """The plan with its small neighbouring days grouped; `limits` as in `small_chunks`."""
    small = small_chunks(plan, limits)
    most_days = rules.days_per_group(len(small))
    if most_days < 2:
        return plan
    firsts = {
        (chunk.table, chunk.day): group[0].day
        for group in _groups(small, limits, most_days)
        for chunk in group
    }
    chunks = tuple(
        replace(chunk, group_day=firsts.get((chunk.table, chunk.day))) for chunk in plan.chunks
    )
    return replace(plan, chunks=chunks)


def _groups(
    small: Iterable[PlannedChunk], limits: Mapping[str, int], most_days: int
) -> Iterator[list[PlannedChunk]]:
    """Runs of neighbouring days, of two days at least."""
    group: list[PlannedChunk] = []
    rows = 0
    for chunk in sorted(small, key=lambda chunk: (chunk.table, chunk.day)):
        expected = chunk.rows_expected or 0
        if group and not (
            _are_neighbours(group[-1], chunk)
            and len(group) < most_days
            and rows + expected <= limits[chunk.table]
        ):
            if len(group) > 1:
                yield group
            group, rows = [], 0
        group.append(chunk)
        rows += expected
    if len(group) > 1:
        yield group


def _are_neighbours(one: PlannedChunk, next_one: PlannedChunk) -> bool:
    return (
        one.table == next_one.table
        and one.wave == next_one.wave
        and one.day + ONE_DAY == next_one.day
    )


def split_by_day(table: TableSpec, batch: pa.RecordBatch) -> Iterator[tuple[date, pa.RecordBatch]]:
    """The batch's rows of each day that it has rows of."""
    days = _days_of(table, batch)
    found = pc.unique(days).to_pylist()
    if len(found) == 1:
        yield found[0], batch
        return
    for day in found:
        yield day, batch.filter(pc.equal(days, pa.scalar(day, pa.date32())))


def _days_of(table: TableSpec, batch: pa.RecordBatch) -> pa.Array:
    column = batch.column(table.day_column or "")
    if pa.types.is_string(column.type):  # a datetime2 of seven digits
        column = pc.utf8_slice_codeunits(column, 0, _ISO_DAY)
    elif pa.types.is_timestamp(column.type):
        column = pc.floor_temporal(column, unit="day")
    return column.cast(pa.date32())
