"""Days long loaded: late changes are found by their rowversion, all days are proven in turn."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import count

import pytest
from support.replica import DAY, Replica
from support.specs import LINES, SALES, VERSIONED, columns, spec_text

from replica_worker.model.chunks import Action, ChunkId, ChunkState, RunKind, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Verdict
from replica_worker.model.plan import plan_history
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import begin_run, plan_run

FIRST = DAY - timedelta(days=40)
HEADS = {
    **SALES,
    "rowversion": "RV",
    "columns": columns(ID="bigint!", DAY="date", NOTE="varchar(200)", RV="rowversion"),
}


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


class Shop:
    """A source whose rowversions rise with each change, and its replica."""

    def __init__(self, replica: Replica, table: str) -> None:
        self.replica = replica
        self.table = table
        self.versions = count(1000)

    def version(self) -> bytes:
        return next(self.versions).to_bytes(8)

    def insert(self, number: int, day: date) -> None:
        self.replica.insert(self.table, (number, day, "late", self.version()))

    def update(self, number: int, assignment: str, *values: object) -> None:
        self.replica.at_source(
            f'UPDATE "COM_5013"."{self.table}" SET {assignment}, "RV" = %s WHERE "ID" = %s',
            *values,
            self.version(),
            number,
        )

    def load_history(self) -> None:
        """One row a day, its number the day's age; all days loaded, the newest two not yet."""
        for age in range(41):
            self.insert(age, ago(age))
        load(self.replica, FIRST, ago(2))

    def is_copied(self) -> bool:
        return all(
            self.replica.target_rows(table.name) == self.replica.source_rows(table.name)
            for table in self.replica.spec.tables
        )


def load(replica: Replica, first: date, last: date) -> None:
    days = DayRange.inclusive(first, last)
    run(replica, RunKind.BACKFILL, days)


def night(replica: Replica, day: date = DAY, **more: bool) -> str:
    """The nightly run of T-0 `day`, from its beginning to its end."""
    return run(replica, RunKind.NIGHTLY, DayRange.one(day), **more)


def run(replica: Replica, kind: RunKind, days: DayRange, **more: bool) -> str:
    plan = plan_run(replica.deployment, kind, days=days, tables=[], **more)
    run_id = begin_run(replica.deployment, plan, asked_by="tests")
    assert run_id
    work_inline(replica.deployment, run_id, worker="w", on_progress=lambda: None)
    return run_id


def added(replica: Replica, run_id: str) -> set[tuple[str, date]]:
    """The checks of history days that the run was given."""
    return {
        (row.chunk.table, row.chunk.day)
        for row in replica.deployment.ledger.chunks.of_run(run_id)
        if row.wave >= 200
    }


def proven(replica: Replica, run_id: str) -> set[date]:
    audit = replica.deployment.ledger.audit.of_run(run_id)
    return {row.day for row in audit if row.check_name == "history"}


def status(replica: Replica, run_id: str) -> RunStatus:
    return replica.deployment.ledger.runs.find(run_id).status


@pytest.fixture
def shop(make_replica) -> Shop:
    replica = make_replica(spec_text(VERSIONED), recheck_nights=3650)
    replica.make_source()
    shop = Shop(replica, "VERSIONED")
    shop.load_history()
    night(replica, ago(1))
    return shop


@pytest.mark.parametrize("age", [2, 3, 7, 8, 30, 39])
def test_late_change_is_found_at_any_age(shop: Shop, age: int) -> None:
    shop.update(age, '"NOTE" = $$voided$$')
    run_id = night(shop.replica)
    assert shop.is_copied()
    assert added(shop.replica, run_id) == {("VERSIONED", ago(age))}
    assert status(shop.replica, run_id) is RunStatus.SUCCEEDED


def test_late_rows_moved_rows_and_many_changes_are_found_in_one_night(shop: Shop) -> None:
    shop.insert(100, ago(20))
    shop.update(10, '"DAY" = %s', ago(25))
    for number in (5, 6, 7):
        shop.update(number, '"NOTE" = $$late$$')
    run_id = night(shop.replica)
    assert shop.is_copied()
    assert {day for _, day in added(shop.replica, run_id)} == {ago(n) for n in (5, 6, 7, 20, 25)}
    assert added(shop.replica, night(shop.replica, DAY + timedelta(days=1))) == set()


def test_change_that_was_committed_late_is_found_though_its_version_is_older(shop: Shop) -> None:
    held_back = shop.version()
    shop.update(9, '"NOTE" = $$in time$$')
    night(shop.replica)
    shop.replica.at_source(
        'UPDATE "COM_5013"."VERSIONED" SET "NOTE" = $$late$$, "RV" = %s WHERE "ID" = 30', held_back
    )
    run_id = night(shop.replica, DAY + timedelta(days=1))
    assert added(shop.replica, run_id) == {("VERSIONED", ago(30))}
    assert shop.is_copied()


def test_days_whose_check_failed_are_found_again_however_many_nights_later(shop: Shop) -> None:
    shop.replica.insert("VERSIONED", (200, ago(12), "x", shop.version()))
    shop.replica.at_target('ALTER TABLE dbo."VERSIONED" ADD CHECK ("NOTE" <> $$x$$)')
    failed = night(shop.replica)
    assert status(shop.replica, failed) is RunStatus.FAILED
    for days in (1, 2):
        again = night(shop.replica, DAY + timedelta(days=days))
        assert status(shop.replica, again) is RunStatus.FAILED
    shop.replica.at_target('ALTER TABLE dbo."VERSIONED" DROP CONSTRAINT "VERSIONED_NOTE_check"')
    run_id = night(shop.replica, DAY + timedelta(days=3))
    assert ("VERSIONED", ago(12)) in added(shop.replica, run_id)
    assert shop.is_copied()


def test_run_that_was_read_is_not_read_again_and_retries_raise_the_watermark(shop: Shop) -> None:
    history = shop.replica.deployment.ledger.history
    before = history.watermark("VERSIONED")
    shop.update(12, '"NOTE" = $$x$$')
    shop.replica.at_target('ALTER TABLE dbo."VERSIONED" ADD CHECK ("NOTE" <> $$x$$)')
    run_id = night(shop.replica)
    shop.replica.at_target('ALTER TABLE dbo."VERSIONED" DROP CONSTRAINT "VERSIONED_NOTE_check"')
    assert history.watermark("VERSIONED") == before
    assert history.raise_watermark("VERSIONED", run_id=run_id, checked=["VERSIONED"]) is False
    shop.replica.deployment.ledger.runs.reopen(
        run_id, options=shop.replica.deployment.ledger.runs.find(run_id).options
    )
    work_inline(shop.replica.deployment, run_id, worker="w", on_progress=lambda: None)
    assert status(shop.replica, run_id) is RunStatus.SUCCEEDED
    night(shop.replica, DAY + timedelta(days=1))
    risen = history.watermark("VERSIONED")
    assert (before or b"") < (risen or b"")
    assert shop.is_copied()


def test_days_before_the_first_that_was_loaded_stay_out_of_the_warehouse(shop: Shop) -> None:
    shop.insert(300, FIRST - timedelta(days=1))
    assert added(shop.replica, night(shop.replica)) == set()
    assert shop.replica.target_rows("VERSIONED", '"ID" = 300') == []


def test_night_without_checks_leaves_history_alone(shop: Shop) -> None:
    shop.update(12, '"NOTE" = $$late$$')
    run_id = night(shop.replica, check_fixes=False)
    assert added(shop.replica, run_id) == set()
    assert not shop.is_copied()


def test_more_days_than_one_night_may_check_are_done_in_several(shop: Shop) -> None:
    replica = shop.replica.with_policy(most_history_checks=3)
    for number in range(10, 17):
        shop.update(number, '"NOTE" = $$late$$')
    sizes = [len(added(replica, night(replica, DAY + timedelta(days=n)))) for n in range(4)]
    assert sizes == [3, 3, 1, 0]
    assert shop.is_copied()


def test_children_without_a_rowversion_follow_their_parent_s_days(make_replica) -> None:
    replica = make_replica(spec_text(HEADS, LINES), recheck_nights=3650)
    replica.make_source()
    shop = Shop(replica, "SALES")
    replica.insert("LINES", *[(age, 1, "item") for age in range(41)])
    shop.load_history()
    night(replica, ago(1))
    shop.insert(100, ago(20))
    replica.insert("LINES", (100, 1, "late"))
    shop.update(10, '"DAY" = %s', ago(25))
    run_id = night(replica)
    assert {(name, ago(age)) for name in ("SALES", "LINES") for age in (20, 25)} == added(
        replica, run_id
    )
    assert shop.is_copied()


def unproven(replica: Replica, days: Iterable[date], runs: Iterable[str]) -> set[date]:
    return set(days) - {day for run_id in runs for day in proven(replica, run_id)}


def test_every_day_is_proven_within_the_set_number_of_nights(make_replica) -> None:
    replica = make_replica(spec_text(SALES), recheck_nights=3)
    replica.make_source()
    days = [ago(age) for age in range(2, 12)]
    for copy in (0, 100, 200):
        replica.insert("SALES", *[(copy + n, day, 1, "note") for n, day in enumerate(days)])
    load(replica, days[-1], days[0])
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 4')
    replica.at_target('UPDATE dbo."SALES" SET "AMOUNT" = 2 WHERE "ID" = 8')
    nights = [night(replica, ago(1) + timedelta(days=n)) for n in range(3)]
    repaired = {day for run_id in nights for _, day in added(replica, run_id)}
    assert repaired == {days[4], days[8]}
    assert unproven(replica, days, nights) <= repaired | {days[0]}
    assert replica.target_rows("SALES") == replica.source_rows("SALES")
    verdicts = {row.verdict for row in replica.deployment.ledger.audit.of_run(nights[0])}
    assert verdicts <= {Verdict.MATCH, Verdict.REPAIRED}


def test_checks_are_added_once_and_only_to_an_open_run(shop: Shop) -> None:
    replica = shop.replica
    history = replica.deployment.ledger.history
    run_id = replica.begin(("VERSIONED", DAY, Action.LOAD))
    planned = plan_history(replica.spec.tables, {"VERSIONED": [DAY, ago(3)]})
    for _ in range(2):
        with replica.deployment.warehouse.sql.begin() as connection:
            assert history.add_checks(connection, run_id, planned)
    assert replica.deployment.ledger.runs.find(run_id).chunks == 2
    chunk = ChunkId(run_id=run_id, table="VERSIONED", day=ago(3))
    assert replica.row_of(chunk).state is ChunkState.PENDING
    replica.deployment.ledger.runs.cancel(run_id)
    with replica.deployment.warehouse.sql.begin() as connection:
        assert not history.add_checks(connection, run_id, planned)
