"""What all workers together know of a database that does not answer: the circuit breaker.

One row per database in `replica_endpoint`. Connection failures in a row are counted; from the
n-th on the circuit is open, and nobody connects until the rest is over. Then one caller, the
probe, is let through; its success closes the circuit, its failure makes the next rest longer.
All instants are the warehouse's clock's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import sqlalchemy as sa

from replica_worker.ledger.clock import utc_now

_MOST_DOUBLINGS = 32


@dataclass(frozen=True, kw_only=True)
class BreakerRules:
    """When a circuit opens, and for how long."""

    opens_after: int = 5  # connection failures in a row, of all workers together
    first_rest_seconds: float = 5  # doubles with each failure of a probe
    longest_rest_seconds: float = 45
    probe_seconds: float = 30  # a probe that is silent for so long is taken for dead

    def rest_seconds(self, failures: int) -> float:
        """How long nobody connects after so many failures in a row; 0 below the limit."""
        if failures < self.opens_after:
            return 0
        doubled = math.ldexp(
            self.first_rest_seconds, min(failures - self.opens_after, _MOST_DOUBLINGS)
        )
        return min(doubled, self.longest_rest_seconds)


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A database that did not answer when it was last asked."""

    failures: int  # in a row
    lasts_seconds: float  # since the first of them
    rest_seconds: float  # until somebody may try again
    cause: str  # of the last failure


class Endpoints:
    """Opens and closes the circuits."""

    def __init__(self, engine: sa.Engine, at_once: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._at_once = at_once
        self._endpoints = metadata.tables[f"{metadata.schema}.replica_endpoint"]

    def outage_of(self, endpoint: str, rules: BreakerRules) -> Outage | None:
        """The outage for which nobody may connect now; None if connecting may be tried."""
        outage = self._read(endpoint)
        if outage is None or outage.failures < rules.opens_after or outage.rest_seconds <= 0:
            return None
        return outage

    def count_failures(self, endpoint: str) -> int:
        """Failures to connect in a row."""
        with self._at_once.connect() as connection:
            return int(connection.scalar(sa.select(self.failures_of(endpoint))) or 0)

    def failures_of(self, endpoint: str) -> sa.ColumnElement[int | None]:
        """That number as a column of any statement; NULL: none ever."""
        query = sa.select(self._endpoints.c.failures).where(self._is(endpoint))
        return query.scalar_subquery()

    def admit(self, endpoint: str, rules: BreakerRules) -> Outage | None:
        """Ask to connect: None if the caller may, else the outage that forbids it.

        While the circuit is open, the first to ask after a rest may; the others go on waiting.
        """
        outage = self._read(endpoint)
        if outage is None or outage.failures < rules.opens_after:
            return None
        probe = (
            sa.update(self._endpoints)
            .where(self._is(endpoint), self._endpoints.c.open_until <= utc_now())
            .values(open_until=utc_now(rules.probe_seconds))
        )
        with self._at_once.begin() as connection:
            if connection.execute(probe).rowcount == 1:
                return None
        return self._read(endpoint)

    def note_failure(self, endpoint: str, rules: BreakerRules, *, cause: str) -> None:
        """Count a failure to connect; from the limit on, open the circuit."""
        if not self._count_failure(endpoint, rules, cause):
            self._insert(endpoint)
            self._count_failure(endpoint, rules, cause)

    def note_success(self, endpoint: str) -> None:
        """Close the circuit."""
        with self._at_once.begin() as connection:
            connection.execute(
                sa.update(self._endpoints)
                .where(self._is(endpoint), self._endpoints.c.failures > 0)
                .values(failures=0, failing_since=sa.null(), error=sa.null())
            )

    def _count_failure(self, endpoint: str, rules: BreakerRules, cause: str) -> bool:
        endpoints = self._endpoints
        count = (
            sa.update(endpoints)
            .where(self._is(endpoint))
            .values(
                failures=endpoints.c.failures + 1,
                failing_since=sa.func.coalesce(endpoints.c.failing_since, utc_now()),
                error=cause,
            )
        )
        with self._engine.begin() as connection:
            if connection.execute(count).rowcount != 1:
                return False
            failures = connection.scalar(sa.select(endpoints.c.failures).where(self._is(endpoint)))
            rest = rules.rest_seconds(int(failures or 0))
            connection.execute(
                sa.update(endpoints).where(self._is(endpoint)).values(open_until=utc_now(rest))
            )
        return True

    def _insert(self, endpoint: str) -> None:
        row = {"endpoint": endpoint, "failures": 0, "open_until": utc_now()}
        try:
            with self._at_once.begin() as connection:
                connection.execute(sa.insert(self._endpoints).values(row))
        except sa.exc.IntegrityError:
            return  # another worker was quicker

    def _read(self, endpoint: str) -> Outage | None:
        endpoints = self._endpoints
        query = sa.select(endpoints, utc_now().label("now")).where(self._is(endpoint))
        with self._at_once.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.failures == 0:
            return None
        return Outage(
            failures=row.failures,
            lasts_seconds=(row.now - row.failing_since).total_seconds(),
            rest_seconds=max(0.0, (row.open_until - row.now).total_seconds()),
            cause=row.error,
        )

    def _is(self, endpoint: str) -> sa.ColumnElement[bool]:
        return self._endpoints.c.endpoint == endpoint
