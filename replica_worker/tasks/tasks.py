"""The tasks. Each carries ids only and calls one use case; none raises for a chunk's trouble."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from celery import Task

from replica_worker.errors import BrokerError, DatabaseUnreachableError, UsageError
from replica_worker.ledger.clock import read_now
from replica_worker.model.chunks import ChunkId, ChunkState, HandOut, RunKind
from replica_worker.model.days import ONE_DAY, DayRange, missed_nights
from replica_worker.tasks.app import app
from replica_worker.tasks.broker import without_forgotten
from replica_worker.tasks.context import current_deployment, worker_name
from replica_worker.tasks.dispatch import (
    CLOSE_RUN,
    REPLICATE_CHUNK,
    REPLICATE_GROUP,
    START_CHORD,
    CeleryDispatcher,
    feed_later,
    start_chord,
)
from replica_worker.usecases.deployment import Deployment, read_today
from replica_worker.usecases.group_work import work_on
from replica_worker.usecases.runs import begin_run, feed_run, finalize_run, plan_run, sweep

_log = logging.getLogger(__name__)

NIGHTLY_PREFIX = "nightly-"
"""How the ids of the runs that beat begins start; the day follows, so each night has one."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

P = ParamSpec("P")
R = TypeVar("R")


def survives_outages(task: Callable[P, R]) -> Callable[P, R | None]:
    """Have the task end with one line when the warehouse or the broker is away.

    What it could not do stands in the ledger; the sweep makes it good.
    """

    @wraps(task)
    def run(*args: P.args, **named: P.kwargs) -> R | None:
        try:
            return task(*args, **named)
        except Exception as error:
            told = current_deployment().target.translate_error(error, operation="ask the ledger")
            if not isinstance(told, (BrokerError, DatabaseUnreachableError)):
                raise
            _log.warning("%s; the sweep makes good what is left", told)
            return None

    return run


@app.task(bind=True, name=REPLICATE_CHUNK)
@survives_outages
def replicate_chunk(self: Task[Any, Any], run_id: str, table: str, day: str) -> str:
    """Work on one chunk, hand out the next, and close the run after its last chunk."""
    given = HandOut(chunk=_chunk_id(run_id, table, day))
    # Of a chord's member closing the run is the callback's work.
    return _work_and_bring_on(given, may_close=self.request.chord is None)


@app.task(name=REPLICATE_GROUP)
@survives_outages
def replicate_group(run_id: str, table: str, day: str) -> str:
    """Work on a group of chunks, named by its first; else as `replicate_chunk`."""
    given = HandOut(chunk=_chunk_id(run_id, table, day), is_group=True)
    return _work_and_bring_on(given, may_close=True)


def _work_and_bring_on(given: HandOut, *, may_close: bool) -> str:
    """Work on what was handed out, and do what its run needs next; how the work ended."""
    deployment, worker, run_id = current_deployment(), worker_name(), given.chunk.run_id
    worked = work_on(deployment, given, worker=worker)
    if worked.outlook and worked.outlook.needs_feeding(deployment.policy.window):
        feed_run(deployment, run_id, CeleryDispatcher())
    if worked.state is ChunkState.PENDING:
        feed_later(deployment, run_id)
    if worked.outlook and worked.outlook.is_ripe and may_close:
        finalize_run(deployment, run_id, worker=worker)
    return str(worked.state or "not ours")


@app.task(name=START_CHORD, ignore_result=True)
@survives_outages
def start_chord_of(run_id: str) -> None:
    """Hand out a nightly run's T-0 chunks as a chord."""
    start_chord(current_deployment(), _words(run_id))


@app.task(name=CLOSE_RUN, ignore_result=True)
@survives_outages
def close_run(run_id: str) -> None:
    """Check T-1 and write the run's history, if its loads are finished; else hand on."""
    deployment, run_id = current_deployment(), _words(run_id)
    if finalize_run(deployment, run_id, worker=worker_name()) is None:
        feed_run(deployment, run_id, CeleryDispatcher())


@app.task(name="replica.sweep", ignore_result=True)
@survives_outages
def sweep_runs() -> None:
    """Bring back what was lost, hand out what waits, close what is finished."""
    deployment, worker = current_deployment(), worker_name()
    sweep(
        without_forgotten(deployment),
        CeleryDispatcher(),
        close=lambda run_id, _: finalize_run(deployment, run_id, worker=worker),
    )
    _begin_missed_nights(deployment)


@app.task(name="replica.start_nightly", ignore_result=True)
@survives_outages
def start_nightly() -> None:
    """02:00: load T-0."""
    _bring_nightly_on()


@app.task(name="replica.check_nightly", ignore_result=True)
@survives_outages
def check_nightly() -> None:
    """02:15: check T-1, which closing the run does, if its loads are finished."""
    close_run(_bring_nightly_on())


@app.task(name="replica.close_nightly", ignore_result=True)
@survives_outages
def close_nightly() -> None:
    """02:30: record and close the run, if that is still to be done."""
    close_run(_bring_nightly_on())


def _bring_nightly_on() -> str:
    """Begin last night's run unless the ledger has it: a doubled or late tick does no harm.

    Which night that is the warehouse's clock says: a worker whose own clock jumped must not begin
    nights that have not come, which would be taken for done when they do.
    """
    deployment = current_deployment()
    _begin_missed_nights(deployment)
    day = read_today(deployment) - ONE_DAY
    _begin_nightly(deployment, day)
    return f"{NIGHTLY_PREFIX}{day}"


def _begin_missed_nights(deployment: Deployment) -> None:
    """Begin the nights that nobody began since the newest that the ledger has."""
    newest = deployment.ledger.runs.last_nightly_day(NIGHTLY_PREFIX)
    if newest is None:
        return
    with deployment.warehouse.sql.connect() as connection:
        now = read_now(connection)
    for day in missed_nights(newest, now=now, zone=deployment.zone):
        _begin_nightly(deployment, day)


def _begin_nightly(deployment: Deployment, day: date) -> None:
    run_id = f"{NIGHTLY_PREFIX}{day}"
    plan = plan_run(deployment, RunKind.NIGHTLY, days=DayRange.one(day), tables=[])
    if begin_run(deployment, plan, run_id=run_id, asked_by="beat"):
        sent = start_chord(deployment, run_id)
        _log.info("run %s: %d chunks of %s handed out", run_id, sent, day)


def _chunk_id(run_id: str, table: str, day: str) -> ChunkId:
    """The chunk that a message names; UsageError if it names none."""
    try:
        named = date.fromisoformat(_words(day))
    except ValueError:
        raise _unreadable(f"{day!r} is not a day") from None
    return ChunkId(run_id=_words(run_id), table=_words(table), day=named)


def _words(text: object) -> str:
    """Text that databases take; UsageError if a message holds something else in its place."""
    if not isinstance(text, str) or _UNSTORABLE.search(text):
        raise _unreadable(f"{text!r:.80} is no id")
    return text


def _unreadable(cause: str) -> UsageError:
    return UsageError(
        operation="read the message",
        cause=cause,
        next_step="Nothing: the ledger hands the work out again",
    )
