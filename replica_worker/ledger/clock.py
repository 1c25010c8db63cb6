"""The database's clock in SQL, in UTC: leases must not depend on a worker's own clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class utc_now(FunctionElement[Any]):  # noqa: N801 - reads like a SQL function
    """The instant of the statement, in UTC, plus a number of seconds if one is given."""

    type = sa.DateTime()
    inherit_cache = True

    def __init__(self, plus_seconds: float = 0) -> None:
        super().__init__(sa.literal(int(plus_seconds), sa.Integer))


def one_instant(plus_seconds: float = 0) -> sa.ScalarSelect[datetime]:
    """As `utc_now`, and the same for all rows of a statement: they come due together."""
    return sa.select(utc_now(plus_seconds)).scalar_subquery()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The database's clock, read once; how long ago that was is told by this machine's."""

    at: datetime  # aware
    mark: float = field(default_factory=time.monotonic)  # seconds, when it was read

    def now(self) -> datetime:
        """The database's instant now, aware, without asking it."""
        return self.at + timedelta(seconds=time.monotonic() - self.mark)


def read_now(connection: sa.Connection) -> datetime:
    """The database's instant now, aware."""
    now: datetime = connection.execute(sa.select(utc_now())).scalar_one()
    return now.replace(tzinfo=UTC)


@compiles(utc_now, "postgresql")
def _postgresql(element: utc_now, compiler: Any, **kwargs: Any) -> str:
    seconds = compiler.process(element.clauses, **kwargs)
    return f"(clock_timestamp() AT TIME ZONE 'UTC' + {seconds} * INTERVAL '1 second')"


@compiles(utc_now, "mssql")
def _mssql(element: utc_now, compiler: Any, **kwargs: Any) -> str:
    seconds = compiler.process(element.clauses, **kwargs)
    return f"DATEADD(second, {seconds}, SYSUTCDATETIME())"
