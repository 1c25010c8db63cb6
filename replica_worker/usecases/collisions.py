"""Collisions: deadlocks and lock time-outs, which hit a transaction that may just be repeated.

Owns what is a collision and how often it is tried again. What is repeated must be a transaction
of its own, undone as a whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
)
from tenacity.wait import wait_random_exponential

from replica_worker.errors import (
    ArchiveError,
    BrokerError,
    DatabaseUnreachableError,
    MergeError,
    MovesBusyError,
    ReplicaError,
)
from replica_worker.usecases.deployment import Deployment

T = TypeVar("T")

_log = logging.getLogger(__name__)
_TRIES = 5
_SHORT_SECONDS = 20.0  # a deadlock is found in one; locks that are held are waited for for longer
_OTHER_TROUBLE = (
    ArchiveError,
    BrokerError,
    DatabaseUnreachableError,
    MergeError,
    MovesBusyError,  # was waited for already
)


def repeat_collisions(
    deployment: Deployment, transaction: Callable[[], T], *, longest: float = _SHORT_SECONDS
) -> T:
    """What the transaction returns, tried again if it collides with others.

    Some times, and not when all tries together took `longest` seconds.
    """

    def is_collision(error: BaseException) -> bool:
        return isinstance(error, Exception) and _is_collision(_told(deployment, error))

    def log_collision(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        told = _told(deployment, error) if isinstance(error, Exception) else error
        _log.info("transaction tried again (try %d): %s", state.attempt_number, told)

    tries = Retrying(
        retry=retry_if_exception(is_collision),
        stop=stop_after_attempt(_TRIES) | stop_after_delay(longest),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        before_sleep=log_collision,
        reraise=True,
    )
    return tries(transaction)


def _told(deployment: Deployment, error: Exception) -> Exception:
    """The error in the product's words: the driver's own hold the statement, line by line."""
    return deployment.target.translate_error(error, operation="use the warehouse")


def _is_collision(told: Exception) -> bool:
    """Whether repeating just the transaction can help."""
    return (
        isinstance(told, ReplicaError) and told.retryable and not isinstance(told, _OTHER_TROUBLE)
    )
