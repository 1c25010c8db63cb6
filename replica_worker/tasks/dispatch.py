"""Handing chunks to Celery workers. Runs in the worker and in the command line alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import chord
from kombu.exceptions import OperationalError

from replica_worker.errors import BrokerError
from replica_worker.model.chunks import Action, HandOut, RunKind
from replica_worker.tasks.app import BACKFILL_QUEUE, DAILY_QUEUE, app
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.runs import feed_run

REPLICATE_CHUNK = "replica.replicate_chunk"
REPLICATE_GROUP = "replica.replicate_group"
CLOSE_RUN = "replica.close_run"
START_CHORD = "replica.start_chord"
_CLOSE_SECONDS = 60.0
_MESSAGE_SECONDS = 12 * 3600.0  # what the sweep sends again meanwhile must not pile up for ever


class CeleryDispatcher:
    """Sends chunks and groups to the queue of their run's kind, a message each."""

    def send(self, kind: RunKind, given: Sequence[HandOut]) -> None:
        """Send chunks and groups of chunks; they are marked as queued already."""
        with _broker_errors():
            for one in given:
                _work_on(one, kind).apply_async(ignore_result=True, expires=_MESSAGE_SECONDS)


def feed_later(deployment: Deployment, run_id: str) -> None:
    """Have the run fed again when a chunk that was given back is due.

    The sweep would do it too; this way a run ends by itself where no beat is running.
    """
    kind = deployment.ledger.runs.find(run_id).kind
    delay = deployment.policy.longest_delay_seconds + 1
    with _broker_errors():
        _task(CLOSE_RUN, run_id).apply_async(queue=queue_of(kind), countdown=delay)


def ask_to_close(run_id: str, kind: RunKind) -> None:
    """Have a worker close a run that is ripe for it."""
    with _broker_errors():
        _task(CLOSE_RUN, run_id).apply_async(queue=queue_of(kind), expires=_CLOSE_SECONDS)


def queue_of(kind: RunKind) -> str:
    """What takes long waits in a queue of its own, so that it never holds up the night."""
    return (
        BACKFILL_QUEUE if kind in (RunKind.BACKFILL, RunKind.REPLAY, RunKind.UNDO) else DAILY_QUEUE
    )


def dispatch_run(deployment: Deployment, run_id: str, kind: RunKind) -> None:
    """Hand out the first chunks of a run that was just begun."""
    if kind is RunKind.NIGHTLY:
        with _broker_errors():
            _task(START_CHORD, run_id).apply_async(queue=DAILY_QUEUE)
    else:
        feed_run(deployment, run_id, CeleryDispatcher())


def start_chord(deployment: Deployment, run_id: str) -> int:
    """Send a nightly run: T-0 chunks as the header, closing the run as the callback.

    The chord only hurries. A header that loses a member, or a broker that forgets, delays the
    callback's work until the last chunk or the sweep does it. How many chunks were sent.
    """
    given = deployment.ledger.handing_out.take_pending(
        run_id, window=len(deployment.spec.tables), actions=[Action.LOAD]
    )
    callback = _task(CLOSE_RUN, run_id).set(queue=DAILY_QUEUE)
    if given:
        chord([_work_on(one, RunKind.NIGHTLY) for one in given])(callback)
    else:
        callback.apply_async()
    return len(given)


@contextmanager
def _broker_errors() -> Iterator[None]:
    """BrokerError for whatever keeps a message from the broker; the ledger sends it again."""
    try:
        yield
    except (OperationalError, OSError):
        raise BrokerError(
            operation="hand out chunks",
            cause="the broker cannot be reached",
            next_step="Start Redis; the run stands in the ledger and goes on then",
            retryable=True,
        ) from None


def _work_on(given: HandOut, kind: RunKind) -> Any:
    name, chunk = REPLICATE_GROUP if given.is_group else REPLICATE_CHUNK, given.chunk
    return _task(name, chunk.run_id, chunk.table, chunk.day.isoformat()).set(queue=queue_of(kind))


def _task(name: str, *ids: str) -> Any:
    return app.signature(name, args=ids, immutable=True)
