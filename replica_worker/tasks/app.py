"""The Celery application: `celery -A replica_worker.tasks.app worker -Q daily`.

Settings that matter for not losing work, and why:
* late ack without `reject_on_worker_lost`: a message goes when its task ends, but a task that
  kills its worker is not redelivered at once, over and over; its lease runs out instead;
* prefetch 1: a worker never sits on messages that others could take;
* a visibility timeout above the longest chunk: the broker does not deliver a running task twice;
  by then a child is ended that has not ended its task, which a thread of its own would have noticed
  long before (`pulse`), unless a driver let no thread run;
* results only for the chord of a nightly run; the ledger holds all that matters.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from celery import Celery, Task
from celery.schedules import crontab
from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    celeryd_init,
    worker_process_init,
    worker_process_shutdown,
)
from kombu import Queue

from replica_worker.embedded import die_with_parent
from replica_worker.errors import ReplicaError, SettingsError
from replica_worker.masking import mask_crashes, mask_logger
from replica_worker.pulse import watched
from replica_worker.settings import load_settings
from replica_worker.tasks.context import check_deployment, close_deployment, current_deployment

_log = logging.getLogger(__name__)

DAILY_QUEUE = "daily"
BACKFILL_QUEUE = "backfill"
SWEEP_SECONDS = 10.0

_VISIBILITY_SECONDS = 12 * 3600
_RESULT_SECONDS = 24 * 3600
_SOCKET_SECONDS = 30
_CHUNKS_PER_CHILD = 500  # then the child is replaced: what leaks, leaks for a while only


class MaskedTask(Task[Any, Any]):
    """A task that gives signs of life, and whose error, which Celery keeps, holds no secret."""

    def __call__(self, *words: Any, **named: Any) -> Any:
        """Run; whatever goes wrong is a ReplicaError."""
        policy = current_deployment().policy
        try:
            # A lease later the chunk is given back or another's, and nothing is left to be told.
            with watched(policy.silent_after_seconds + policy.lease_seconds, end_child):
                return super().__call__(*words, **named)
        except ReplicaError:
            raise
        except Exception as error:
            _log.exception("task %s failed", self.name)
            raise ReplicaError(
                operation=f"run {self.name}",
                cause=f"{type(error).__name__}: {error}",
                next_step="The worker's log has the details; the ledger brings the work on",
                retryable=True,
            ) from None


def make_app() -> Celery:
    """The application, configured from the settings."""
    settings = load_settings()
    if settings.broker_url is None:
        raise SettingsError(
            operation="read REPLICA_BROKER_URL",
            cause="it is not set",
            next_step="Set it in the environment or in .env.local",
        )
    broker = with_certificate_check(settings.broker_url.get_secret_value())
    masked_task = f"{__name__}:{MaskedTask.__name__}"
    app = Celery("replica_worker", broker=broker, backend=broker, task_cls=masked_task)
    app.conf.update(
        include=["replica_worker.tasks.tasks", "replica_worker.tasks.shutdown"],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        accept_content=["json"],
        result_accept_content=["json"],
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_acks_on_failure_or_timeout=True,
        task_time_limit=_VISIBILITY_SECONDS,
        task_track_started=True,
        task_default_queue=DAILY_QUEUE,
        task_queues=[Queue(DAILY_QUEUE), Queue(BACKFILL_QUEUE)],
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=_CHUNKS_PER_CHILD,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        result_expires=_RESULT_SECONDS,
        result_backend_always_retry=True,
        result_backend_max_retries=10,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": _VISIBILITY_SECONDS,
            "socket_connect_timeout": settings.connect_timeout,
            "socket_timeout": _SOCKET_SECONDS,
            "socket_keepalive": True,
        },
        redis_socket_connect_timeout=settings.connect_timeout,
        redis_socket_timeout=_SOCKET_SECONDS,
        timezone=settings.timezone,
        enable_utc=True,
        beat_schedule=_beat_schedule(),
    )
    return app


def with_certificate_check(url: str) -> str:
    """A `rediss` URL that says what Celery insists on: whether the certificate is checked."""
    if not url.startswith("rediss://") or "ssl_cert_reqs=" in url:
        return url
    return f"{url}{'&' if '?' in url.rpartition('@')[2] else '?'}ssl_cert_reqs=required"


def _beat_schedule() -> dict[str, dict[str, Any]]:
    """When the nightly run's steps are due; each is derived from the ledger when it comes."""
    return {
        "nightly T-0": {"task": "replica.start_nightly", "schedule": crontab(hour=2, minute=0)},
        "nightly T-1 check": {
            "task": "replica.check_nightly",
            "schedule": crontab(hour=2, minute=15),
        },
        "nightly record and close": {
            "task": "replica.close_nightly",
            "schedule": crontab(hour=2, minute=30),
        },
        "sweep": {
            "task": "replica.sweep",
            "schedule": SWEEP_SECONDS,
            "options": {"expires": SWEEP_SECONDS},
        },
    }


def _app_or_exit() -> Celery:
    """Wrong settings give one line, not Celery's traceback of a failed import."""
    try:
        return make_app()
    except ReplicaError as error:
        sys.stderr.write(f"replica_worker: {error}\n")
        raise SystemExit(2) from None


app = _app_or_exit()


@after_setup_logger.connect
@after_setup_task_logger.connect
def mask_log(logger: logging.Logger, **_: Any) -> None:
    """Whatever a worker or beat logs is masked."""
    mask_logger(logger)
    mask_crashes()


@celeryd_init.connect
def check_settings_before_start(**_: Any) -> None:
    """Refuse to start a worker that could do nothing."""
    try:
        check_deployment()
    except ReplicaError as error:
        sys.stderr.write(f"replica_worker: {error}\n")
        raise SystemExit(2) from None


@worker_process_init.connect
def open_child(**_: Any) -> None:
    """Connections are made in each child: none is shared across a fork."""
    die_with_parent()
    current_deployment()


def end_child(silent_seconds: float) -> None:
    """End this child, which waits for a server that says nothing; the worker makes another."""
    _log.error(
        "no server gave a sign for %.0f s; this process ends and is replaced", silent_seconds
    )
    os._exit(os.EX_TEMPFAIL)


@worker_process_shutdown.connect
def close_child(**_: Any) -> None:
    """Give connections back before the child ends."""
    close_deployment()
