"""The way to the source for all workers: so many at once, so fast, and none while it is away.

Loads and checks open the source here. A slot is a lock that the chunk's own warehouse session
holds, so it is free again when its worker is gone. Commands that a person runs to look at the
source do not pass here: one more connection is what they ask for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from replica_worker.engines.values import SlotsOf
from replica_worker.errors import DatabaseUnreachableError, SourceAwayError, SourceFullError
from replica_worker.ledger.endpoints import Outage
from replica_worker.model.caps import Share, SourceCaps
from replica_worker.model.source_use import SourceUse
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.metered import MeteredSnapshot, Pace

_PAUSE_SECONDS = 0.2  # between two looks for a free slot


@contextmanager
def open_source(
    deployment: Deployment,
    connection: sa.Connection,
    use: SourceUse,
    *,
    seen_failures: int | None = None,
) -> Iterator[MeteredSnapshot]:
    """A snapshot of the source, under a slot held by the warehouse session of `connection`.

    What is asked through it is added to `use`. `seen_failures`: to connect, in a row, as the
    ledger told a moment ago; None: it is asked.

    Raises:
        SourceFullError: all slots are taken, and none came free within a few seconds.
        SourceAwayError: others found the source away a moment ago; it was not asked again.
        DatabaseUnreachableError: it was asked, and is away.
    """
    endpoints, rules = deployment.ledger.endpoints, deployment.policy.breaker
    with ExitStack() as opened:
        _take_slot(deployment, connection, opened)
        failures = seen_failures
        if failures is None:
            failures = endpoints.count_failures(deployment.source_name)
        if failures >= rules.opens_after:
            outage = endpoints.admit(deployment.source_name, rules)
            if outage:
                raise _away(deployment, outage)
        use.connections += 1
        try:
            snapshot = opened.enter_context(deployment.source.open_snapshot())
        except DatabaseUnreachableError as error:
            endpoints.note_failure(deployment.source_name, rules, cause=error.cause)
            raise
        if failures:
            endpoints.note_success(deployment.source_name)
        yield MeteredSnapshot(snapshot, use, _pace_of(deployment))


def source_slots(deployment: Deployment) -> SlotsOf:
    """What caps how many chunks read the source at once."""
    return SlotsOf(name=deployment.source_name, count=deployment.policy.source_connections)


def is_source_resting(deployment: Deployment) -> bool:
    """Whether the source is known to be away, and nobody is to ask it just now."""
    return (
        deployment.ledger.endpoints.outage_of(deployment.source_name, deployment.policy.breaker)
        is not None
    )


@dataclass(frozen=True, kw_only=True)
class _CappedPace:
    """Implements `metered.Pace` by the process's allowance and the ledger's shares."""

    deployment: Deployment

    def wait(self) -> None:
        caps = self.deployment.policy.source_caps
        self.deployment.allowance.wait(caps, self._take)

    def spend(self, rows: int, size: int) -> None:
        self.deployment.allowance.spend(rows, size)

    def _take(self, share: Share, caps: SourceCaps) -> float:
        return self.deployment.ledger.shares.take(self.deployment.source_name, share, caps)


def _pace_of(deployment: Deployment) -> Pace | None:
    return _CappedPace(deployment=deployment) if deployment.policy.source_caps.is_set else None


def _take_slot(deployment: Deployment, connection: sa.Connection, opened: ExitStack) -> None:
    slots = source_slots(deployment)
    deadline = time.monotonic() + deployment.policy.slot_wait_seconds
    while True:
        lock = deployment.warehouse.lock_slot(connection, slots)
        if opened.enter_context(lock):
            return
        if time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE_SECONDS)
    raise SourceFullError(
        operation="connect to the source",
        cause=f"all {slots.count} connections that it is granted are in use",
        next_step="It is tried again; REPLICA_SOURCE_CONNECTIONS grants more",
        retryable=True,
    )


def _away(deployment: Deployment, outage: Outage) -> SourceAwayError:
    return SourceAwayError(
        operation="connect to the source",
        cause=f"it has been away for {outage.lasts_seconds:.0f} s ({outage.cause})",
        next_step=f"It is asked again in {outage.rest_seconds:.0f} s; check server and VPN",
        retryable=True,
        rest_seconds=outage.rest_seconds,
        outage_seconds=outage.lasts_seconds,
    )
