"""Runs of small days that are grouped, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from replica_worker.model.chunks import ChunkState, HandOut, Plan, RunKind, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.model.grouping import GroupRules
from replica_worker.usecases.group_work import work_on
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import begin_run, feed_run, plan_run
from support.replica import DAY, Replica
from support.specs import columns, daily

MANY = GroupRules(most_days=5, fewest_hand_outs=1)
ALONE = GroupRules(most_days=1)
TIMES = daily(
    "TIMES",
    ["ID"],
    "AT",
    columns=columns(ID="bigint!", AT="datetime2(6)", NOTE="varchar(max)"),
)
STAMPS = daily(
    "STAMPS",
    ["ID"],
    "AT",
    columns=columns(ID="bigint!", AT="datetime", NOTE="nvarchar(40)"),
)


class Inbox:
    """A dispatcher that keeps what it was handed."""

    def __init__(self) -> None:
        self.given: list[HandOut] = []

    def send(self, kind: RunKind, given: Sequence[HandOut]) -> None:
        self.given += given


def day_at(at: int) -> date:
    return DAY + timedelta(days=at)


DAYS = DayRange(first=DAY, end=day_at(12))


def fill(replica: Replica) -> Replica:
    """Twelve days of which some are empty, with rows on both ends of a day."""
    replica.make_source()
    for at in range(12):
        for number in range(at % 4):
            key, day = at * 10 + number, day_at(at)
            replica.insert("SALES", (key, day, number, f"sale {key}"))
            replica.insert("VERSIONED", (key, day, f"note {key}", key.to_bytes(8)))
            clock = ("00:00:00", "23:59:59.999", "12:00:00")[number]
            replica.insert("TIMES", (key, f"{day} {clock}", "long " * key))
            replica.insert("STAMPS", (key, f"{day} {clock}", None))
    return replica


def plan(replica: Replica, *tables: str, rules: GroupRules = MANY, days: DayRange = DAYS) -> Plan:
    grouping = replica.with_policy(groups=rules)
    return plan_run(grouping.deployment, RunKind.BACKFILL, days=days, tables=tables)


def begin(replica: Replica, *tables: str, rules: GroupRules = MANY) -> str:
    run_id = begin_run(replica.deployment, plan(replica, *tables, rules=rules), asked_by="tests")
    assert run_id
    return run_id


def backfill(replica: Replica, *tables: str, rules: GroupRules = MANY) -> str:
    run_id = begin(replica, *tables, rules=rules)
    finish(replica, run_id)
    return run_id


def finish(replica: Replica, run_id: str) -> None:
    run = work_inline(replica.deployment, run_id, worker="w", on_progress=lambda: None)
    assert run.status is RunStatus.SUCCEEDED, run.error


def hand_out(replica: Replica, run_id: str) -> list[HandOut]:
    inbox = Inbox()
    feed_run(replica.deployment, run_id, inbox)
    return inbox.given


def work_on_first_group(replica: Replica, run_id: str) -> ChunkState | None:
    """Work on the group that begins on the first day of SALES."""
    (group,) = [one for one in hand_out(replica, run_id) if one.chunk.day == DAY]
    assert group.is_group
    return work_on(replica.deployment, group, worker="w").state


def expect_copy(replica: Replica, *tables: str) -> None:
    for table in tables:
        assert replica.target_rows(table) == replica.source_rows(table)
    assert replica.staging_tables() == []
