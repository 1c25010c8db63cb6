"""Beginning, feeding, sweeping and closing runs.

Chunks wait in the ledger; a window of them is handed to a `Dispatcher`. `finalize_run` is one
idempotent function that the chord callback, the last chunk and the sweep all call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

from replica_worker.errors import ReplicaError, UsageError
from replica_worker.ledger.clock import read_now
from replica_worker.ledger.options import RunOptions
from replica_worker.ledger.runs import Run, finalizer_name, new_run_id
from replica_worker.model.chunks import Action, ChunkState, HandOut, Plan, RunKind, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.model.plan import (
    plan_backfill,
    plan_check_fixes,
    plan_nightly,
    plan_replay,
)
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.business_checks import record_books
from replica_worker.usecases.chunk_work import staging_name, staging_prefix
from replica_worker.usecases.collisions import repeat_collisions
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.history_checks import add_history_checks, raise_watermarks
from replica_worker.usecases.leases import LeaseKeeper
from replica_worker.usecases.set_aside import set_aside_left
from replica_worker.usecases.sizes import count_plan, group_plan
from replica_worker.usecases.source_door import is_source_resting
from replica_worker.usecases.work import work_on_chunk

_log = logging.getLogger(__name__)
_FROM_THE_ARCHIVE = (RunKind.REPLAY, RunKind.UNDO)  # these never ask the source
_MANY_CHUNKS = 1000  # from here on a planner that knows nothing of them reads too many of them
_LEFTOVER_SECONDS = 24 * 3600  # no extract takes so long; its temp file is a leftover


class Dispatcher(Protocol):
    """Hands chunks to whoever works on them."""

    def send(self, kind: RunKind, given: Sequence[HandOut]) -> None:
        """Send chunks and groups of chunks; they are marked as queued already."""
        ...


def plan_run(
    deployment: Deployment,
    kind: RunKind,
    *,
    days: DayRange,
    tables: Sequence[str],
    check_fixes: bool = True,
    missing_only: bool = False,
) -> Plan:
    """The chunks of a run-to-be; nothing is recorded yet.

    The rows of a backfill are counted, and small neighbouring days grouped.
    """
    specs = deployment.spec.select(tables)
    if kind is RunKind.NIGHTLY:
        return plan_nightly(tables=specs, day=days.last, check_fixes=check_fixes)
    if kind is RunKind.CHECK_FIXES:
        return plan_check_fixes(tables=specs, day=days.last)
    if kind is RunKind.REPLAY:
        archived = {spec.name: deployment.archive.days(spec.name) for spec in specs}
        return plan_replay(tables=specs, days=days, archived=archived)
    loaded: set[tuple[str, date]] = set()
    if missing_only:
        loaded = deployment.ledger.chunks.loaded_days([spec.name for spec in specs], days)
    plan = plan_backfill(tables=specs, days=days, already_loaded=loaded)
    return group_plan(deployment, count_plan(deployment, plan))


def begin_run(
    deployment: Deployment,
    plan: Plan,
    *,
    asked_by: str,
    options: RunOptions | None = None,
    run_id: str | None = None,
) -> str | None:
    """Record the run; its id, or None if a run of the given id is there already."""
    run_id = run_id or new_run_id(plan.kind)
    begun = deployment.ledger.runs.begin(
        plan, run_id=run_id, options=options or RunOptions(), asked_by=asked_by
    )
    if begun and len(plan.chunks) >= _MANY_CHUNKS:
        with deployment.warehouse.sql.connect() as connection:
            schema = deployment.spec.target_schema
            deployment.warehouse.note_growth(connection, schema, "etl_progress")
    return run_id if begun else None


def feed_run(deployment: Deployment, run_id: str, dispatcher: Dispatcher) -> int:
    """Hand out as many of the run's pending chunks and groups as the window has room for.

    None while the source is known to be away and the run needs it: all would only come back. Of
    a backfill none outside its hours; what was handed out before they ended is still done.
    """
    run = deployment.ledger.runs.find(run_id)
    if run.kind is RunKind.BACKFILL and not _is_backfill_hour(deployment):
        return 0
    if run.kind not in _FROM_THE_ARCHIVE and is_source_resting(deployment):
        return 0
    given = repeat_collisions(
        deployment,
        lambda: deployment.ledger.handing_out.take_pending(
            run_id, window=deployment.policy.window, actions=_fed_actions(run.kind)
        ),
    )
    if given:
        dispatcher.send(run.kind, given)
    return len(given)


def _is_backfill_hour(deployment: Deployment) -> bool:
    hours = deployment.policy.backfill_hours
    if hours is None:
        return True
    with deployment.warehouse.at_once.connect() as connection:
        return hours.contain(read_now(connection), deployment.zone)


def _fed_actions(kind: RunKind) -> list[Action]:
    """A nightly run's checks are its finalizer's work; all else is handed out."""
    return [action for action in Action if (kind, action) != (RunKind.NIGHTLY, Action.CHECK)]


def cancel_run(deployment: Deployment, run_id: str) -> int | None:
    """Hand out no more of the run; how many chunks were waiting, None if it is closed already.

    Chunks under way end as they would. Whoever ends the last one closes the run.
    """
    deployment.ledger.runs.find(run_id)
    return repeat_collisions(deployment, lambda: deployment.ledger.runs.cancel(run_id))


def _cancel_waiting(deployment: Deployment, run_id: str) -> None:
    repeat_collisions(deployment, lambda: deployment.ledger.runs.cancel_waiting(run_id))


def retry_run(deployment: Deployment, run_id: str, *, allow_deletes: bool = False) -> int:
    """Open the run again for its failed and refused chunks; how many there are.

    UsageError while the run is being cancelled: chunks of it may still be under way.
    """
    run = deployment.ledger.runs.find(run_id)
    if run.status is RunStatus.CANCELLING:
        raise UsageError(
            operation=f"retry run {run_id}",
            cause="it is being cancelled, and chunks of it are still under way",
            next_step="Try again when `replica status` says that it is cancelled",
        )
    options = replace(run.options, allow_deletes=run.options.allow_deletes or allow_deletes)
    return deployment.ledger.runs.reopen(run_id, options=options)


def finalize_run(deployment: Deployment, run_id: str, *, worker: str) -> Run | None:
    """Check T-1 and history days if the run asks for it, compare the books, close the run.

    Returns the closed run; None if it is not ripe, is another's, or was closed before.
    """
    runs, seconds = deployment.ledger.runs, deployment.policy.lease_seconds
    _cancel_waiting(deployment, run_id)
    finalizer = finalizer_name(worker)
    if not runs.claim_finalize(run_id, finalizer=finalizer, seconds=seconds):
        return None
    with LeaseKeeper(
        lambda: runs.keep_finalizing(run_id, finalizer=finalizer, seconds=seconds),
        lease_seconds=seconds,
        silent_after_seconds=deployment.policy.silent_after_seconds,
        what=f"closing run {run_id}",
    ):
        run = runs.find(run_id)
        add_history_checks(deployment, run)
        _check_fixes_of(deployment, run_id, worker)
        set_aside_left(deployment, run_id)
        raise_watermarks(deployment, run)
        record_books(deployment, run)
        closed = runs.close(run_id, finalizer=finalizer)
    if closed is None:
        runs.release_finalize(run_id, finalizer=finalizer)
        return None
    _log.info("run %s %s", run_id, closed.status)
    return closed


def _check_fixes_of(deployment: Deployment, run_id: str, worker: str) -> None:
    """Do the checks that a nightly run left to its finalizer, wave by wave."""
    put_off_wave: int | None = None
    for row in deployment.ledger.chunks.of_run(
        run_id, states=[ChunkState.PENDING, ChunkState.QUEUED, ChunkState.RUNNING]
    ):
        if row.action is not Action.CHECK:
            continue
        if put_off_wave is not None and row.wave > put_off_wave:
            return
        state = work_on_chunk(deployment, row.chunk, worker=worker)
        if state is None or not state.is_final:
            put_off_wave = row.wave


def sweep(
    deployment: Deployment, dispatcher: Dispatcher, *, close: Callable[[str, RunKind], object]
) -> int:
    """One round of housekeeping; the number of runs that are still open.

    Brings back what was lost, hands out what is pending, closes what is finished, and clears
    away staging tables and temp files of attempts that are over. Harmless at any time, and by
    any number of sweepers at once. `close` closes a run that is ripe for it, or has it closed.
    """
    run_ids = deployment.ledger.runs.open_ids()
    for run_id in run_ids:
        recover_chunks(deployment, run_id)
        feed_run(deployment, run_id, dispatcher)
        _cancel_waiting(deployment, run_id)
        kind = deployment.ledger.runs.find(run_id).kind
        if not deployment.ledger.chunks.has_open(run_id, actions=_fed_actions(kind)):
            close(run_id, kind)
    sweep_leftovers(deployment)
    return len(deployment.ledger.runs.open_ids()) if run_ids else 0


def give_back_of(deployment: Deployment, workers: Sequence[str]) -> list[str]:
    """Give back what workers held that have ended, as they were told to; the runs of it."""
    if not workers:
        return []
    ledger = deployment.ledger
    given_back = repeat_collisions(deployment, lambda: ledger.chunks.give_back_of(workers))
    return sorted({*given_back, *ledger.runs.release_finalize_of(workers)})


def recover_chunks(deployment: Deployment, run_id: str) -> None:
    """Bring back the run's chunks whose lease ran out or whose message was lost."""
    policy = deployment.policy
    counts = repeat_collisions(
        deployment,
        lambda: deployment.ledger.chunks.sweep(
            run_id,
            lost_after_seconds=policy.lost_after_seconds,
            most_attempts=policy.most_attempts,
        ),
    )
    if counts.expired or counts.lost:
        _log.warning(
            "run %s: %d leases ran out, %d messages were lost",
            run_id,
            counts.expired,
            counts.lost,
        )


def sweep_leftovers(deployment: Deployment) -> int:
    """Drop staging tables and temp files that no living attempt uses; how many there were."""
    warehouse = deployment.warehouse
    dropped = 0
    with warehouse.sql.connect() as connection:
        # Listed before the living attempts are read: a table made since then is not listed.
        ours = staging_prefix(deployment.spec.target_schema)
        names = [name for name in warehouse.list_staging(connection) if name.startswith(ours)]
        connection.commit()
        living = deployment.ledger.chunks.live_attempts() if names else []
        prefixes = tuple(
            staging_name(claim, spec)
            for claim in living
            for spec in _with_parent(deployment, claim.chunk.table)
        )
        for name in names:
            if prefixes and name.startswith(prefixes):
                continue
            try:
                warehouse.drop_staging(connection, name)
                connection.commit()
                dropped += 1
            except ReplicaError as error:
                connection.rollback()
                _log.info("staging table %s stays for now: %s", name, error)
    return dropped + deployment.archive.sweep_leftovers(
        older_than_seconds=_LEFTOVER_SECONDS, now=time.time()
    )


def _with_parent(deployment: Deployment, table: str) -> list[TableSpec]:
    """The table's spec and its parent's, whose rows a child's attempt may load too."""
    specs = [spec for spec in deployment.spec.tables if spec.name == table]
    parents = [spec.day_from.parent for spec in specs if spec.day_from]
    return specs + [spec for spec in deployment.spec.tables if spec.name in parents]
