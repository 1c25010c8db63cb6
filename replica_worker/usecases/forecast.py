"""Foretelling what a planned run will take, and when a run that is under way will be done."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from replica_worker.errors import ReplicaError
from replica_worker.ledger.clock import read_now
from replica_worker.ledger.runs import Run
from replica_worker.model.chunks import Plan, RunKind
from replica_worker.model.forecast import Forecast, PastLoad, foretell
from replica_worker.model.hours import Hours
from replica_worker.model.standing import Standing
from replica_worker.usecases.deployment import Deployment

_log = logging.getLogger(__name__)
_LONGEST_SECONDS = 50 * 366 * 24 * 3600


def forecast_plan(deployment: Deployment, plan: Plan, *, workers: int) -> Forecast:
    """What the plan will take if so many workers share it, as far as the ledger can tell."""
    policy = deployment.policy
    return foretell(
        plan,
        deployment.spec.select(plan.tables),
        _last_loads(deployment, plan),
        workers=min(workers, policy.source_connections),
        caps=policy.source_caps,
    )


def _last_loads(deployment: Deployment, plan: Plan) -> dict[str, list[PastLoad]]:
    """None where the warehouse is away or was never migrated: a plan may be looked at before."""
    try:
        return deployment.ledger.paces.last_loads(plan.tables)
    except (ReplicaError, sa.exc.SQLAlchemyError) as error:
        translated = deployment.target.translate_error(error, operation="read past loads")
        _log.info("nothing is foretold from past loads: %s", translated)
        return {}


def end_of(
    deployment: Deployment, seconds: float, *, begin: datetime, kind: RunKind
) -> datetime | None:
    """When work of so many seconds is done that begins at the instant, aware, in the zone.

    None if that lies so far ahead that no date means anything.
    """
    if seconds > _LONGEST_SECONDS:
        return None
    hours = _hours_of(deployment, kind)
    if hours is None:
        end = begin + timedelta(seconds=seconds)
    else:
        end = hours.end_of_work(begin, seconds, deployment.zone)
    return end.astimezone(deployment.zone)


def expected_end(deployment: Deployment, run: Run, standing: Standing) -> datetime | None:
    """When the run will be done at the pace so far, in the zone; None if that cannot be told."""
    if run.status.is_final or standing.open == 0:
        return None
    with deployment.warehouse.sql.connect() as connection:
        now = read_now(connection)
    begun = run.started_at.replace(tzinfo=UTC)
    hours = _hours_of(deployment, run.kind)
    if hours is None:
        worked = (now - begun).total_seconds()
    else:
        worked = hours.seconds_between(begun, now, deployment.zone)
    left = standing.seconds_left(worked)
    if left is None:
        return None
    return end_of(deployment, left, begin=now, kind=run.kind)


def _hours_of(deployment: Deployment, kind: RunKind) -> Hours | None:
    return deployment.policy.backfill_hours if kind is RunKind.BACKFILL else None
