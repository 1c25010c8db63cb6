"""A worker that is told to end: its chunks may end; those that outlast the grace are given back.

Celery's warm shutdown takes no new work and waits for its children without a limit. A thread beside
it kills them when the grace is over and tells the ledger at once what they left: another worker
goes on within seconds, and no failure is counted. Should the ledger be away, leases run out.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from celery.signals import worker_init, worker_shutdown, worker_shutting_down
from celery.worker import state

from replica_worker.errors import ReplicaError
from replica_worker.settings import Settings, load_settings
from replica_worker.tasks.context import name_of_process
from replica_worker.tasks.dispatch import CeleryDispatcher
from replica_worker.usecases.runs import feed_run, give_back_of
from replica_worker.wiring import connect_deployment

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.2
_TELLING_SECONDS = 10.0  # that one statement to the ledger may take while the worker ends


class _Shutdown:
    """The end of this process's worker, if it is one."""

    def __init__(self) -> None:
        self.worker: Any = None  # Celery's; None in children, beat and commands
        self.have_all_ended = threading.Event()  # the children, by themselves

    def begin(self, grace_seconds: float) -> None:
        """Wait in a thread: Celery's own waits for the children."""
        children = list(self.worker.pool.info["processes"])
        # No daemon: the process must not end before the ledger was told.
        threading.Thread(target=self._end, args=[children, grace_seconds], name="shutdown").start()

    def _end(self, children: Sequence[int], grace_seconds: float) -> None:
        deadline = time.monotonic() + grace_seconds
        while time.monotonic() < deadline and not state.should_terminate:
            if self.have_all_ended.wait(_LOOK_SECONDS):
                return
        _log.warning("chunks that still run are given back")
        pool = self.worker.pool
        for child in children:
            if pool is not None:
                pool.terminate_job(child, signal.SIGKILL)
        _tell_ledger(load_settings(), [name_of_process(child) for child in children])


_shutdown = _Shutdown()


@worker_init.connect
def remember_worker(sender: Any, **_: Any) -> None:
    """Keep whose children are to be ended."""
    _shutdown.worker = sender


@worker_shutting_down.connect
def begin_to_end(how: str, **_: Any) -> None:
    """Give chunks their grace. It is over when Celery is asked to hurry, by a second Ctrl-C.

    A first signal that asks to hurry comes here when Celery has ended the children already.
    """
    if how == "Warm":
        _shutdown.begin(load_settings().shutdown_grace)


@worker_shutdown.connect
def note_end(**_: Any) -> None:
    """All children have ended."""
    _shutdown.have_all_ended.set()


def _tell_ledger(settings: Settings, workers: Sequence[str]) -> None:
    deployment = connect_deployment(
        settings.model_copy(
            update={"statement_timeout": min(_TELLING_SECONDS, settings.statement_timeout)}
        )
    )
    try:
        for run_id in give_back_of(deployment, workers):
            feed_run(deployment, run_id, CeleryDispatcher())
    except (ReplicaError, sa.exc.SQLAlchemyError) as error:
        told = deployment.target.translate_error(error, operation="give chunks back")
        _log.warning("%s; the sweep makes good what is left", told)
    finally:
        deployment.warehouse.sql.dispose()
