"""Checks of days long loaded, as part of the nightly run.

Two things lead to a day: its rows changed at the source since the watermark, or its last proof is
among the oldest. All of a table's days are compared by few digest queries; those that are equal
are recorded as such, the others become chunks of the run and are repaired like T-1.

The source is asked while the run is being closed, not when it is planned: a source that is away
then delays nothing. What could not be read tonight is read tomorrow.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import DayChanges, RowSelection, Side
from replica_worker.errors import ReplicaError
from replica_worker.ledger.audit import AuditEntry
from replica_worker.ledger.history import HISTORY_CHECK
from replica_worker.ledger.runs import Run
from replica_worker.model.chunks import ChunkId, RunKind, RunStatus
from replica_worker.model.days import contiguous
from replica_worker.model.digests import Digest, Verdict, cheapest_kind
from replica_worker.model.plan import oldest_proofs, plan_history
from replica_worker.model.source_use import SourceUse
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.source_door import open_source

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A daily table, and its children that have no rowversion: its days are theirs."""

    head: TableSpec
    followers: tuple[TableSpec, ...]

    @property
    def members(self) -> tuple[TableSpec, ...]:
        """All tables, the head first."""
        return (self.head, *self.followers)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read of a family's changes."""

    days: frozenset[date]  # on which rows changed
    start: bytes | None  # where a table begins that had no watermark
    reached: bytes | None  # a rowversion up to which nothing is missing


def add_history_checks(deployment: Deployment, run: Run) -> None:
    """Compare history days, and add to the run a check of each that differs; once per run."""
    if not _asks_for_history(run):
        return
    for family in _families(deployment, run):
        if deployment.ledger.history.was_read_by(family.head.name, run.run_id):
            continue
        use = SourceUse()
        try:
            _examine(deployment, run, family, use)
        except (ReplicaError, sa.exc.SQLAlchemyError) as error:
            translated = deployment.target.translate_error(error, operation="check history days")
            _log.warning("history days of %s are left for later: %s", family.head.name, translated)
        if use.connections:
            deployment.ledger.runs.add_source_use(run.run_id, use)


def raise_watermarks(deployment: Deployment, run: Run) -> None:
    """Let the watermarks rise of all tables whose days the run has proven."""
    if not _asks_for_history(run):
        return
    for family in _families(deployment, run):
        deployment.ledger.history.raise_watermark(
            family.head.name,
            run_id=run.run_id,
            checked=[member.name for member in family.members],
        )


def _asks_for_history(run: Run) -> bool:
    """A nightly run that checks nothing has one day only."""
    return (
        run.kind is RunKind.NIGHTLY
        and run.status is RunStatus.RUNNING
        and run.first_day < run.last_day
    )


def _families(deployment: Deployment, run: Run) -> Iterator[Family]:
    """The families of the run's tables; a follower whose head is not in the run stands alone."""
    daily = [table for table in deployment.spec.select(run.tables) if table.is_daily]
    names = {table.name for table in daily}
    led = {
        table.name: table.day_from.parent
        for table in daily
        if table.day_from and not table.rowversion and table.day_from.parent in names
    }
    for head in daily:
        if head.name not in led:
            followers = [table for table in daily if led.get(table.name) == head.name]
            yield Family(head=head, followers=tuple(followers))


def _examine(deployment: Deployment, run: Run, family: Family, use: SourceUse) -> None:
    history, head = deployment.ledger.history, family.head
    proofs = {
        member.name: history.last_proofs(member.name, before=run.first_day)
        for member in family.members
    }
    if not any(proofs.values()):
        return
    with (
        deployment.warehouse.sql.connect() as connection,
        open_source(deployment, connection, use) as snapshot,
    ):
        if not all(snapshot.require_table(member, Side.SOURCE) for member in family.members):
            return
        reading = _read_changes(deployment, connection, snapshot, head)
        equal: list[AuditEntry] = []
        differing: dict[str, list[date]] = {}
        for member in family.members:
            known = proofs[member.name]
            days = set(oldest_proofs(known, nights=deployment.policy.recheck_nights))
            if known:  # of days before the first that was loaded the warehouse is to hold nothing
                days |= {day for day in reading.days if min(known) <= day < run.first_day}
            for day, source, target in _compare(deployment, connection, snapshot, member, days):
                if source == target:
                    equal.append(_match(run, member, day, source))
                else:
                    differing.setdefault(member.name, []).append(day)
        connection.commit()
        most = deployment.policy.most_history_checks
        is_all = all(len(days) <= most for days in differing.values())
        some = {name: sorted(days)[-most:] for name, days in differing.items()}
        with connection.begin():
            if history.add_checks(connection, run.run_id, plan_history(family.members, some)):
                for entry in equal:
                    deployment.ledger.audit.record(connection, entry)
                history.note_reading(
                    connection,
                    head.name,
                    run_id=run.run_id,
                    start=reading.start,
                    reached=reading.reached if is_all else None,
                )


def _read_changes(
    deployment: Deployment, connection: sa.Connection, snapshot: Snapshot, table: TableSpec
) -> Reading:
    """The days that rows changed on since the watermark; none where there is no rowversion.

    A table's first watermark is the highest rowversion that its target holds. What changed before
    on days loaded long ago is left to the rotating checks.
    """
    if not table.rowversion:
        return Reading(days=frozenset(), start=None, reached=None)
    watermark = deployment.ledger.history.watermark(table.name)
    if watermark is None:
        start = deployment.warehouse.highest_rowversion(connection, table)
        connection.commit()
        return Reading(days=frozenset(), start=start, reached=start)
    safe = snapshot.safe_rowversion()
    every = RowSelection(table=table, side=Side.SOURCE)
    changes = snapshot.changed_days(every.above(watermark))
    reached = _reached(watermark, safe, changes)
    days = frozenset(day for day in changes if day is not None)
    return Reading(days=days, start=None, reached=reached)


def _reached(watermark: bytes, safe: bytes | None, changes: dict[date | None, DayChanges]) -> bytes:
    """The newest change, but for what an open transaction may still come below."""
    newest = max((change.newest for change in changes.values()), default=watermark)
    return max(watermark, newest if safe is None else min(newest, safe))


def _compare(
    deployment: Deployment,
    connection: sa.Connection,
    snapshot: Snapshot,
    table: TableSpec,
    days: set[date],
) -> Iterator[tuple[date, Digest, Digest]]:
    """Each day with its digests at the source and in the warehouse."""
    kind = cheapest_kind(table)
    empty = Digest.from_sums(kind=kind, rows=0, high=0, low=0)
    for some in contiguous(days):
        rows = RowSelection(table=table, side=Side.SOURCE, days=some)
        source = snapshot.digest_days(rows, kind)
        target = deployment.warehouse.digest_days(connection, rows.on(Side.WAREHOUSE), kind)
        for day in some:
            yield day, source.get(day, empty), target.get(day, empty)


def _match(run: Run, table: TableSpec, day: date, digest: Digest) -> AuditEntry:
    return AuditEntry(
        chunk=ChunkId(run_id=run.run_id, table=table.name, day=day),
        check_name=HISTORY_CHECK,
        verdict=Verdict.MATCH,
        source=digest,
        target=digest,
    )
