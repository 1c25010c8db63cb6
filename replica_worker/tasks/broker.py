"""Asking the broker: is it there, does anyone listen, and has it forgotten what it was sent?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import redis
from kombu.exceptions import OperationalError

from replica_worker.errors import BrokerError
from replica_worker.settings import load_settings
from replica_worker.tasks.app import BACKFILL_QUEUE, DAILY_QUEUE, app
from replica_worker.usecases.deployment import Deployment

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 1.0
_AT_WORKERS = "unacked"  # the hash in which kombu keeps what was taken and not acknowledged
_FORGOTTEN_SECONDS = 15.0  # more than it takes from marking chunks as handed out to sending them


def require_broker() -> None:
    """BrokerError if the broker cannot be reached within a few seconds."""
    settings = load_settings()
    if settings.broker_url is None:
        raise _unreachable("REPLICA_BROKER_URL is not set")
    try:
        with _connect(settings.broker_url.get_secret_value()) as client:
            client.ping()
    except ValueError:
        raise _unreachable("REPLICA_BROKER_URL is not a URL; percent-encode its password") from None
    except (redis.RedisError, OSError) as error:
        raise _unreachable(str(error)) from None


def count_listeners(queue: str) -> int:
    """How many workers that answer at once take work from the queue; 0 if the broker went away."""
    try:
        answers = app.control.inspect(timeout=_ANSWER_SECONDS).active_queues() or {}
    except (OperationalError, redis.RedisError, OSError):
        return 0
    return sum(any(entry["name"] == queue for entry in queues) for queues in answers.values())


def count_processes(queue: str) -> int:
    """How many processes of workers that answer at once take work from the queue."""
    try:
        inspect = app.control.inspect(timeout=_ANSWER_SECONDS)
        queues = inspect.active_queues() or {}
        stats: dict[str, Any] = (inspect.stats() or {}) if queues else {}
    except (OperationalError, redis.RedisError, OSError):
        return 0
    return sum(
        int(stats.get(worker, {}).get("pool", {}).get("max-concurrency", 1))
        for worker, taken in queues.items()
        if any(entry["name"] == queue for entry in taken)
    )


def without_forgotten(deployment: Deployment) -> Deployment:
    """The deployment as a sweep should take it: impatient if the broker has lost messages.

    Fewer messages than chunks and groups that were handed out: some are gone, and nobody will claim
    their chunks. Which ones cannot be told, so all that were handed out a moment ago or longer are
    handed out again. A message too many does no harm: a chunk is claimed once.
    """
    handed_out = deployment.ledger.handing_out.count_queued()
    held = _count_messages() if handed_out else None
    if held is None or held >= handed_out:
        return deployment
    seconds = min(deployment.policy.lost_after_seconds, _FORGOTTEN_SECONDS)
    return replace(deployment, policy=replace(deployment.policy, lost_after_seconds=seconds))


def _count_messages() -> int | None:
    """Messages that wait at the broker or are at a worker; None if the broker cannot tell."""
    settings = load_settings()
    if settings.broker_url is None:
        return None
    try:
        with _connect(settings.broker_url.get_secret_value()) as client:
            answers = client.pipeline().llen(DAILY_QUEUE).llen(BACKFILL_QUEUE).hlen(_AT_WORKERS)
            return sum(int(count) for count in answers.execute())
    except (redis.RedisError, OSError):
        return None


def _connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_CONNECT_SECONDS
    )


def _unreachable(reason: str) -> BrokerError:
    return BrokerError(
        operation="connect to the broker",
        cause=" ".join(reason.split())[:200],
        next_step="Start Redis and check REPLICA_BROKER_URL, or work without it by --inline",
    )
