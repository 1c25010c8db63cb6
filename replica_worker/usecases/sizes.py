"""How many rows the chunks of a plan have at the source, and which of them go together.

A few grouped counts a table, over a year at most each, within a time limit for all of them: what
cannot be counted in time, or at all, stays unknown, and the plan goes on without it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, timedelta

import sqlalchemy as sa

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import RowSelection, Side
from replica_worker.errors import ReplicaError
from replica_worker.model.chunks import STRAYS, Plan
from replica_worker.model.days import spans
from replica_worker.model.grouping import can_be_grouped, group_chunks, small_chunks
from replica_worker.model.plan import expect_rows
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.deployment import Deployment

_log = logging.getLogger(__name__)
_DAYS_PER_COUNT = 366
_SHORTEST_LIMIT = 1.0  # seconds; less than that is left of the time: nothing more is asked


def count_plan(deployment: Deployment, plan: Plan) -> Plan:
    """The plan with the rows that the source has of each chunk; strays are not counted."""
    deadline = time.monotonic() + deployment.policy.count_seconds
    counted: dict[tuple[str, date], int] = {}
    for table in deployment.spec.select(plan.tables):
        days = [c.day for c in plan.chunks if c.table == table.name and c.day != STRAYS]
        left = deadline - time.monotonic()
        if not days or left < _SHORTEST_LIMIT:
            continue
        with ExitStack() as opened:
            try:
                limit = timedelta(seconds=left)
                snapshot = opened.enter_context(deployment.source.open_snapshot(limit))
            except ReplicaError as error:  # nor would it let us in for the next table
                _log.warning("rows are not counted before the run: %s", error.cause)
                break
            try:
                for day, rows in _count_table(snapshot, table, days, deadline):
                    counted[table.name, day] = rows
            except ReplicaError as error:
                _log.warning(
                    "rows of %s are not counted before the run: %s", table.name, error.cause
                )
    return expect_rows(plan, counted)


def group_plan(deployment: Deployment, plan: Plan) -> Plan:
    """The plan with small neighbouring days grouped, by the pace at which tables were read."""
    rules = deployment.policy.groups
    tables = [table for table in deployment.spec.select(plan.tables) if can_be_grouped(table)]
    most = {table.name: rules.rows_per_group(table, None) for table in tables}
    if rules.days_per_group(len(small_chunks(plan, most))) < 2:
        return plan  # and no pace is asked for
    limits = {
        table.name: rules.rows_per_group(table, _pace_of(deployment, table)) for table in tables
    }
    return group_chunks(plan, rules, limits)


def _pace_of(deployment: Deployment, table: TableSpec) -> float | None:
    """Rows a second; None where the ledger knows none: a plan may be looked at before it is."""
    try:
        return deployment.ledger.paces.read_pace(table.name)
    except (ReplicaError, sa.exc.SQLAlchemyError) as error:
        translated = deployment.target.translate_error(error, operation="read past loads")
        _log.info("groups are made without a pace: %s", translated)
        return None


def _count_table(
    snapshot: Snapshot, table: TableSpec, days: Sequence[date], deadline: float
) -> Iterator[tuple[date, int]]:
    """Each day with its rows, as far as the time reaches; 0 where the source has none."""
    if not snapshot.require_table(table, Side.SOURCE):
        return
    every = RowSelection(table=table, side=Side.SOURCE)
    if not table.is_daily:
        yield days[0], sum(snapshot.count_days(every).values())
        return
    for some in spans(days, longest=_DAYS_PER_COUNT):
        if time.monotonic() >= deadline:
            return
        counts = snapshot.count_days(every.within(some))
        for day in days:
            if some.first <= day < some.end:
                yield day, counts.get(day, 0)
