"""A deployment: the source, warehouse, archive, ledger and rules that use cases work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from replica_worker.archive.archive import Archive
from replica_worker.engines.interface import Engine, Warehouse
from replica_worker.ledger.clock import read_now
from replica_worker.ledger.endpoints import BreakerRules
from replica_worker.ledger.ledger import Ledger
from replica_worker.model.caps import SourceCaps
from replica_worker.model.counts import DeleteGuard
from replica_worker.model.days import business_day
from replica_worker.model.grouping import GroupRules
from replica_worker.model.hours import Hours
from replica_worker.model.key_ranges import SplitRules
from replica_worker.model.specs import ReplicaSpec
from replica_worker.usecases.allowance import Allowance


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How patient and how careful the work is."""

    lease_seconds: float = 120  # a worker that is silent for so long has lost its chunk
    silent_after_seconds: float = 1810  # work that gave no sign for so long waits for ever
    lost_after_seconds: float = 300  # a message unclaimed for so long is sent again
    most_attempts: int = 5  # errors or deaths of one chunk before it is failed
    most_outage_tries: int = 500  # while a database is away; some eight hours
    longest_outage_seconds: float = 8 * 3600  # of the source, before its chunks are failed
    first_delay_seconds: float = 2  # before a failed chunk is tried again; doubles each time
    longest_delay_seconds: float = 60
    fewest_rows_to_drill: int = 5_000  # of a chunk; a smaller one is brought over whole
    largest_share_to_drill: float = 0.2  # of its rows may differ; else it is brought over whole
    backfill_hours: Hours | None = None  # in which chunks of backfills are handed out
    window: int = 64  # chunks of one run that are in the broker at once
    source_connections: int = 16  # chunks that read the source at once, of all workers together
    source_caps: SourceCaps = field(default_factory=SourceCaps)  # of all workers together
    slot_wait_seconds: float = 5  # before a chunk that got no connection goes back
    recheck_nights: int = 90  # within which every loaded day is compared again
    most_history_checks: int = 400  # of one table that one night adds; the rest comes the next
    count_seconds: float = 60  # for counting the rows of all tables of a backfill; 0: not counted
    split: SplitRules = field(default_factory=SplitRules)  # of a chunk's reads
    groups: GroupRules = field(default_factory=GroupRules)  # of small neighbouring chunks
    books_seconds: float = 600  # for comparing the books of a run's days when it is closed
    breaker: BreakerRules = field(default_factory=BreakerRules)
    delete_guard: DeleteGuard = field(default_factory=DeleteGuard)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Everything a use case works with."""

    spec: ReplicaSpec
    source: Engine
    source_name: str  # host:port/database: what workers share in knowing it away
    target: Engine
    target_name: str  # likewise, of the warehouse
    warehouse: Warehouse
    archive: Archive
    ledger: Ledger
    policy: Policy
    zone: ZoneInfo
    exports: str = field(repr=False)  # where the archive lies, for people
    spec_is_default: bool  # the spec file in force is the one the product ships
    allowance: Allowance = field(default_factory=Allowance)  # of this process, under the caps


def read_today(deployment: Deployment) -> date:
    """Today in the business's zone, by the ledger's clock."""
    with deployment.warehouse.at_once.connect() as connection:
        return business_day(now=read_now(connection), zone=deployment.zone)
