"""Asking the broker: is it there, and does anyone listen?"""

from __future__ import annotations

import redis
from kombu.exceptions import OperationalError

from replica_worker.errors import BrokerError
from replica_worker.settings import load_settings
from replica_worker.tasks.app import app

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 1.0


def require_broker() -> None:
    """BrokerError if the broker cannot be reached within a few seconds."""
    settings = load_settings()
    if settings.broker_url is None:
        raise _unreachable("REPLICA_BROKER_URL is not set")
    try:
        with redis.Redis.from_url(
            settings.broker_url.get_secret_value(),
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=_CONNECT_SECONDS,
        ) as client:
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


def _unreachable(reason: str) -> BrokerError:
    return BrokerError(
        operation="connect to the broker",
        cause=" ".join(reason.split())[:200],
        next_step="Start Redis and check REPLICA_BROKER_URL, or work without it by --inline",
    )
