"""How far a table is proven: by the ledger, and the same in the view."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from support.replica import DAY, Replica
from support.specs import ITEMS, SALES, spec_text

from replica_worker.ledger.certified import read_certificates


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, ITEMS))
    replica.make_source()
    for n in range(4):
        replica.insert("SALES", (n, after(n), n, "note"))
    return replica


def after(days: int) -> date:
    return DAY + timedelta(days=days)


def certified(replica: Replica, table: str = "SALES") -> date | None:
    ledger = replica.deployment.ledger.metadata
    found = read_certificates(replica.deployment.warehouse.sql, ledger, ["SALES"])
    columns = "table_name, first_day, certified_through, last_day, checked_at"
    viewed = replica.at_target(f"SELECT {columns} FROM dbo.replica_certified")
    assert {row[0]: row[1:] for row in viewed} == {
        name: (one.first_day, one.certified_through, one.last_day, one.checked_at)
        for name, one in found.items()
    }
    return found[table].certified_through


def test_days_in_a_row_are_certified_and_a_day_never_loaded_ends_them(replica) -> None:
    for n in (0, 1, 3):
        replica.load("SALES", after(n))
    assert certified(replica) == after(1)
    replica.load("SALES", after(2))
    assert certified(replica) == after(3)


def test_a_check_that_differs_ends_them_and_a_repair_mends_them(replica) -> None:
    for n in range(3):
        replica.load("SALES", after(n))
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = \'x\' WHERE "ID" = 1')
    replica.check("SALES", after(1), repair=False)
    assert certified(replica) == after(0)
    replica.check("SALES", after(1))
    assert certified(replica) == after(2)


def test_a_load_that_fails_ends_them(replica) -> None:
    for n in range(2):
        replica.load("SALES", after(n))
    replica.at_target('DROP TABLE dbo."SALES"')
    replica.load("SALES", after(1))
    assert certified(replica) == after(0)
    replica.load("SALES", after(0))
    assert certified(replica) is None


def test_of_a_whole_table_the_newest_check_alone_counts(replica) -> None:
    replica.load("ITEMS", after(0))
    replica.load("ITEMS", after(7))
    assert certified(replica, "ITEMS") == after(7)
    replica.at_target('DROP TABLE dbo."ITEMS"')
    replica.load("ITEMS", after(8))
    assert certified(replica, "ITEMS") is None
