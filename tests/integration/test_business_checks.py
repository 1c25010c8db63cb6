"""Books are compared in the warehouse: what was planted is found, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.databases import Site
from support.replica import Replica
from support.specs import columns, daily, spec_text

from replica_worker.cli.main import run_command
from replica_worker.errors import DatabaseError
from replica_worker.model.books import BookPage
from replica_worker.model.chunks import Action, ChunkId, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.usecases.business_checks import audit_books
from replica_worker.usecases.runs import finalize_run

FIRST = date(2026, 3, 13)
DAYS = [FIRST + timedelta(days=n) for n in range(3)]
OUTLETS = ["KL01", "KL02"]

SALE = daily(
    "SALE",
    ["ID"],
    "DAY",
    columns=columns(
        ID="bigint!", DAY="date", NO="varchar(45)", OUTLET="varchar(20)", TOTAL="decimal(16,4)",
        PAID="decimal(16,4)", GONE="tinyint",
    ),
)  # fmt: skip
ITEM = daily(
    "ITEM",
    ["ID"],
    "DAY",
    target_name="ITEM COPY",
    columns=columns(
        ID="bigint!", DAY="date", NO="varchar(255)", OUTLET="varchar(20)", NET="decimal(16,4)",
        TAX="money",
    ),
)  # fmt: skip
PAYMENT = daily(
    "PAYMENT",
    ["ID"],
    "PAID_ON",
    columns=columns(
        ID="bigint!", PAID_ON="datetime", INVOICE="varchar(45)", OUTLET="varchar(20)",
        AMOUNT="decimal(16,4)", STATUS="varchar(10)",
    ),
)  # fmt: skip
CHECK = {
    "name": "sales",
    "header": {"table": "SALE", "number": "NO", "location": "OUTLET", "left_out": {"GONE": [1]}},
    "lines": [
        {
            "table": "ITEM",
            "number": "NO",
            "location": "OUTLET",
            "amount": ["NET", "TAX"],
            "equals": ["TOTAL"],
        },
        {
            "table": "PAYMENT",
            "number": "INVOICE",
            "location": "OUTLET",
            "left_out": {"STATUS": ["void"]},
            "amount": ["AMOUNT"],
            "equals": ["PAID"],
            "late_days": 1,
        },
    ],
}
TABLES = ["SALE", "ITEM", "PAYMENT"]


@pytest.fixture
def replica(make_replica) -> Replica:
    """Each outlet sells twice a day: two items each, the second sale paid a day later."""
    replica = make_replica(spec_text(SALE, ITEM, PAYMENT, business_checks=[CHECK]))
    replica.make_source()
    for number, (day, outlet, turn) in enumerate(sales(), start=1):
        no = f"{outlet}-{day:%m%d}-{turn}"
        replica.insert("SALE", (number, day, no, outlet, "21.20", "21.20", 0))
        items = [(number * 10 + n, day, no, outlet, "10.0000", "0.6000") for n in range(2)]
        replica.insert("ITEM", *items)
        paid = day + timedelta(days=turn)
        replica.insert("PAYMENT", (number, f"{paid} 12:00", no, outlet, "21.20", None))
    return replica


def sales() -> Iterator[tuple[date, str, int]]:
    return ((day, outlet, turn) for day in DAYS for outlet in OUTLETS for turn in (0, 1))


def load(replica: Replica, *days: date, tables: list[str] = TABLES) -> str:
    """A run that loads the days and is closed; its id."""
    run_id = replica.begin(*[(table, day, Action.LOAD) for table in tables for day in days])
    for table in tables:
        for day in days:
            replica.work(ChunkId(run_id=run_id, table=table, day=day))
    closed = finalize_run(replica.deployment, run_id, worker="w")
    assert closed is not None
    assert closed.status is RunStatus.SUCCEEDED
    return run_id


def imbalances(replica: Replica) -> list[tuple[Any, ...]]:
    """(table, day, outlet, null, duplicate, orphan, without, unbalanced, amount missing)."""
    return replica.at_target(
        "SELECT table_name, day, location, null_keys, duplicate_keys, orphans, headers_without, "
        "headers_unbalanced, amount_expected - amount_found FROM dbo.replica_imbalance "
        "WHERE check_name = 'business:sales' ORDER BY 1, 2, 3"
    )


def audit_rows(replica: Replica, run_id: str) -> dict[tuple[str, date], tuple[Any, ...]]:
    rows = replica.at_target(
        "SELECT table_name, day, verdict, target_rows, headers, amount_expected, amount_found "
        "FROM dbo.dimension_refresh_audit WHERE run_id = %s AND check_name = 'business:sales'",
        run_id,
    )
    return {(table, day): rest for table, day, *rest in rows}


def test_books_that_balance_are_recorded_as_such(replica: Replica) -> None:
    run_id = load(replica, *DAYS)
    assert imbalances(replica) == []
    rows = audit_rows(replica, run_id)
    expected = {(table, day) for table in ("SALE", "ITEM") for day in DAYS}
    # The last day's sales may be paid on the next, which was not loaded; of the first day's
    # payments the sales may lie before the copy.
    expected |= {("PAYMENT", day) for day in DAYS}
    assert rows.keys() == expected
    assert {verdict for verdict, *_ in rows.values()} == {"match"}
    assert rows["SALE", FIRST] == ["match", 4, None, None, None]
    assert rows["ITEM", FIRST] == ["match", 8, 4, Decimal("84.8"), Decimal("84.8")]
    assert rows["PAYMENT", FIRST] == ["match", 0, 4, Decimal("84.8"), Decimal("84.8")]
    assert rows["PAYMENT", DAYS[-1]] == ["match", 4, None, None, None]


def test_a_payment_of_the_next_day_is_no_fault_before_or_after_it_came(replica: Replica) -> None:
    load(replica, DAYS[0])
    assert imbalances(replica) == []
    load(replica, DAYS[1])
    assert imbalances(replica) == []
    replica.at_source('DELETE FROM "COM_5013"."PAYMENT" WHERE "ID" = 2')
    load(replica, DAYS[1], tables=["PAYMENT"])
    assert imbalances(replica) == [
        ("PAYMENT", DAYS[0], "KL01", None, None, None, 1, 0, Decimal("21.20")),
    ]


def plant(replica: Replica) -> None:
    day = DAYS[1]
    # A header without items, and without payments.
    replica.insert("SALE", (901, day, "KL01-X", "KL01", "5.00", "5.00", 0))
    # An item and a payment without header; an item without a number.
    replica.insert("ITEM", (902, day, "KL02-Y", "KL02", "1", "0"))
    replica.insert("PAYMENT", (902, f"{day} 08:00", "KL02-Z", "KL02", "1", None))
    replica.insert("ITEM", (903, day, "", "KL02", "0", "0"), (904, day, None, "KL02", "0", "0"))
    # One cent at one outlet, the day before: the third sale.
    replica.at_source('UPDATE "COM_5013"."ITEM" SET "TAX" = "TAX" + 0.01 WHERE "ID" = 31')
    # A number that is given twice; no one can tell whose the lines are.
    replica.insert("SALE", (905, FIRST, f"KL01-{FIRST:%m%d}-1", "KL01", "21.20", "21.20", 0))
    # None of these is a fault: soft-deleted, void, worth nothing.
    replica.insert("SALE", (906, day, "KL01-0001", "KL01", "9", "9", 1))
    replica.insert("PAYMENT", (906, f"{day} 09:00", "KL01-GONE", "KL01", "9", "void"))
    replica.insert("SALE", (907, day, "KL01-FREE", "KL01", "0", "0", 0))


def test_what_is_planted_is_found_and_nothing_else(replica: Replica) -> None:
    plant(replica)
    run_id = load(replica, *DAYS)
    cent = Decimal("-0.01")
    assert imbalances(replica) == [
        ("ITEM", FIRST, "KL02", 0, None, 0, 0, 1, cent),
        ("ITEM", DAYS[1], "KL01", 0, None, 0, 1, 0, Decimal("5.00")),
        ("ITEM", DAYS[1], "KL02", 2, None, 1, 0, 0, Decimal(0)),
        ("PAYMENT", DAYS[1], "KL01", 0, None, 0, 1, 0, Decimal("5.00")),
        ("PAYMENT", DAYS[1], "KL02", 0, None, 1, 0, 0, Decimal(0)),
        ("SALE", FIRST, "KL01", 0, 2, None, None, None, None),
    ]
    differing = {place for place, row in audit_rows(replica, run_id).items() if row[0] != "match"}
    assert differing == {(table, day) for table, day, *_ in imbalances(replica)}
    assert replica.deployment.ledger.business.unbalanced_days(run_id) == DAYS[:2]
    # They are no differences of the copies.
    assert {row.check_name for row in replica.deployment.ledger.audit.of_run(run_id)} == {"load"}


def test_what_was_mended_is_listed_no_longer(replica: Replica) -> None:
    plant(replica)
    load(replica, *DAYS)
    replica.at_source('DELETE FROM "COM_5013"."SALE" WHERE "ID" > 900')
    replica.at_source('DELETE FROM "COM_5013"."PAYMENT" WHERE "ID" > 900')
    replica.at_source('DELETE FROM "COM_5013"."ITEM" WHERE "ID" IN (902, 903, 904)')
    replica.at_source('UPDATE "COM_5013"."ITEM" SET "TAX" = 0.6')
    load(replica, *DAYS)
    assert imbalances(replica) == []


def test_a_payment_that_comes_weeks_later_settles_its_sale(replica: Replica) -> None:
    replica.at_source('UPDATE "COM_5013"."PAYMENT" SET "PAID_ON" = %s WHERE "ID" = 1', DAYS[2])
    load(replica, *DAYS[:2])
    assert [row[:3] for row in imbalances(replica)] == [("PAYMENT", DAYS[0], "KL01")]
    load(replica, DAYS[2], tables=["PAYMENT"])
    assert imbalances(replica) == []


def test_the_audit_looks_without_a_run(replica: Replica) -> None:
    load(replica, *DAYS)
    replica.at_target('UPDATE dbo."ITEM COPY" SET "NET" = 9.99 WHERE "ID" = 10')
    found = list(audit_books(replica.deployment, DayRange.inclusive(DAYS[0], DAYS[-1])))
    (page,) = [page for one in found for page in one.unbalanced]
    assert isinstance(page, BookPage)
    assert (page.table, page.day, page.location) == ("ITEM", FIRST, "KL01")
    assert page.figures.headers_unbalanced == 1
    assert page.figures.amount_found == Decimal("42.39")
    assert imbalances(replica) == []


def test_the_command_names_day_and_outlet_and_ends_with_1(
    replica: Replica,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    load(replica, *DAYS)
    for name, setting in (
        ("SOURCE_URL", site.source_url),
        ("TARGET_URL", site.target_url),
        ("EXPORTS", str(tmp_path / "exports")),
        ("SCHEMA", str(tmp_path / "specs.json")),
    ):
        monkeypatch.setenv(f"REPLICA_{name}", setting)
    days = ("audit", "--start", str(FIRST), "--end", str(DAYS[-1]))
    assert run_command(days) == 0
    assert "no" not in capsys.readouterr().out.split()
    replica.at_target('UPDATE dbo."ITEM COPY" SET "NET" = 9.99 WHERE "ID" = 10')
    assert run_command(days) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "KL01" in line]
    said = "headers of another amount: 1; 42.40 expected, 42.39 found"
    assert line == f"{FIRST} ITEM KL01: {said}"
    assert run_command([*days, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (page,) = told["unbalanced"]
    assert (page["check"], page["table"], page["location"]) == ("sales", "ITEM", "KL01")
    assert (page["amount_expected"], page["amount_found"]) == ("42.4000", "42.3900")
    assert len(told["days"]) == 3 * len(DAYS)


def test_a_check_that_cannot_be_made_fails_no_run(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def too_slow(*_: object) -> None:
        raise DatabaseError(operation="compare", cause="slow", next_step="wait", retryable=True)

    monkeypatch.setattr(type(replica.deployment.warehouse.books), "compare_lines", too_slow)
    run_id = load(replica, *DAYS)
    assert audit_rows(replica, run_id) == {}
    assert "business check sales" in caplog.text


def test_what_no_time_is_left_for_is_told(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    hurried = replica.with_policy(books_seconds=0)
    run_id = load(hurried, *DAYS)
    assert audit_rows(replica, run_id) == {}
    assert f"no time was left for 3 days up to {DAYS[-1]}" in caplog.text
