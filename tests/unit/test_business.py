"""Business checks of a spec file: read as they are meant, refused with the column at fault."""

from __future__ import annotations

import copy
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.specs import ITEMS, SALES, columns, daily, spec_text

from replica_worker.errors import SpecError
from replica_worker.model.books import (
    BookFigures,
    BookPage,
    by_day,
    by_location,
    judged_headers,
    judged_lines,
)
from replica_worker.model.days import DayRange
from replica_worker.model.specs import parse_specs
from replica_worker.settings import DEFAULT_SPEC_FILE

LINES = daily(
    "LINES",
    ["ID"],
    "DAY",
    columns=columns(
        ID="bigint!", DAY="date", SALE_ID="int", PRICE="money", RATE="float", NOTE="varchar(max)"
    ),
)
CHECK: dict[str, Any] = {
    "name": "sales",
    "header": {"table": "SALES", "number": "ID", "location": "NOTE"},
    "lines": [
        {
            "table": "LINES",
            "number": "SALE_ID",
            "amount": ["PRICE"],
            "equals": ["AMOUNT"],
            "left_out": {"SALE_ID": [0]},
        }
    ],
}


def parse(*checks: dict[str, Any]):
    return parse_specs(spec_text(SALES, LINES, ITEMS, business_checks=list(checks)), origin="s")


def test_check_is_read_as_it_is_written() -> None:
    (check,) = parse(CHECK).business_checks
    (lines,) = check.lines
    assert [book.table.name for book in check.books] == ["SALES", "LINES"]
    assert (check.header.number.name, check.header.location.name) == ("ID", "NOTE")
    assert [column.name for column in (*lines.amounts, *lines.header_amounts)] == [
        "PRICE",
        "AMOUNT",
    ]
    assert (lines.location, lines.late_days) == (None, 0)
    assert [(one.column.name, one.values) for one in lines.left_out] == [("SALE_ID", (0,))]


def test_shipped_file_compares_sales_with_items_and_payments() -> None:
    spec = parse_specs(DEFAULT_SPEC_FILE.read_text(encoding="utf-8"), origin="shipped")
    (check,) = spec.business_checks
    assert [(book.table.name, book.number.name) for book in check.books] == [
        ("APP_4_SALES", "SALES_NO"),
        ("APP_4_SALESITEM", "SALES_NO"),
        ("APP_4_PAYMENT", "INVOICE_ID"),
    ]
    assert all(book.location for book in check.books)


@pytest.mark.parametrize(
    ("way", "value", "complaint"),
    [
        (("name",), "with blank", "name: .*pattern"),
        (("lines",), [], "business check sales: it names no lines"),
        (("colour",), 1, "colour: Extra inputs"),
        (("header", "table"), "SALE", "business check sales: table SALE is not in the file"),
        (("header", "table"), "ITEMS", "table ITEMS is snapshot; only daily tables"),
        (("header", "number"), "NO", "NO is no replicated column of SALES"),
        (("header", "location"), "PLACE", "PLACE is no replicated column of SALES"),
        (("lines", 0, "table"), "SALES", "SALE_ID is no replicated column of SALES"),
        (("lines", 0, "location"), "NOTE", r"NOTE of LINES has type varchar\(max\), .*location"),
        (("lines", 0, "number"), "NOTE", r"NOTE of LINES has type varchar\(max\), .*no header"),
        (("lines", 0, "number"), "RATE", "RATE of LINES has type float"),
        (("lines", 0, "number"), "DAY", "number DAY of LINES has type date, ID of SALES bigint"),
        (("lines", 0, "amount"), [], "amount names no column of LINES"),
        (("lines", 0, "amount"), ["RATE"], "RATE of LINES has type float; an amount is"),
        (("lines", 0, "equals"), ["PRICE"], "PRICE is no replicated column of SALES"),
        (("lines", 0, "equals"), ["NOTE"], r"NOTE of SALES has type varchar\(200\); an amount"),
        (("lines", 0, "late_days"), -1, "late_days of LINES is -1"),
        (("lines", 0, "left_out"), {"SALE_ID": ["x"]}, "'x' is no value of column SALE_ID"),
        (("lines", 0, "left_out"), {"SALE_ID": []}, "SALE_ID of LINES has no values"),
        (("lines", 0, "left_out"), {"PRICE": [1]}, "PRICE of LINES has type money; rows are"),
        (("lines", 0, "left_out"), {"SALE_ID": [None]}, "left_out"),
    ],
)
def test_bad_check_is_refused_by_name(way: tuple[Any, ...], value: Any, complaint: str) -> None:
    check = copy.deepcopy(CHECK)
    place: Any = check
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    with pytest.raises(SpecError, match=complaint) as refusal:
        parse(json.loads(json.dumps(check)))
    assert "\n" not in str(refusal.value)


def test_table_or_check_twice_is_refused() -> None:
    twice = {**CHECK, "lines": [CHECK["lines"][0]] * 2}
    with pytest.raises(SpecError, match="table LINES stands twice in it"):
        parse(twice)
    with pytest.raises(SpecError, match="business check sales stands twice"):
        parse(CHECK, CHECK)


DAY = date(2026, 3, 14)


def page(location: str, **figures: Any) -> BookPage:
    return BookPage(table="T", day=DAY, location=location, figures=BookFigures(**figures))


def test_figures_are_added_up_and_what_was_not_looked_at_stays_unknown() -> None:
    pages = [
        page("a", rows=1, orphans=0),
        page("a", headers=2, headers_without=0, amount_found=Decimal("1.5")),
        page("b", rows=3, orphans=1, amount_found=Decimal(2)),
    ]
    assert [(one.location, one.figures.is_balanced) for one in by_location(pages)] == [
        ("a", True),
        ("b", False),
    ]
    (whole,) = by_day(pages)
    assert whole.figures == BookFigures(
        rows=4, orphans=1, headers=2, headers_without=0, amount_found=Decimal("3.5")
    )


def test_days_are_judged_as_far_as_the_other_table_was_loaded() -> None:
    days = [DAY + timedelta(days=n) for n in range(5)]
    loaded = DayRange.inclusive(days[1], days[3])
    assert judged_headers(days, lines=loaded, late_days=0) == days[1:4]
    assert judged_headers(days, lines=loaded, late_days=1) == days[1:3]
    assert judged_lines(days, headers=loaded, late_days=0) == days[1:4]
    assert judged_lines(days, headers=loaded, late_days=1) == days[2:4]
    assert judged_headers(days, lines=None, late_days=0) == []
    assert judged_lines(days, headers=None, late_days=0) == []


def test_locations_that_differ_by_case_or_blanks_behind_are_one_outlet() -> None:
    pages = [page("gpo10", headers=2), page("GPO10 ", headers=3), page("GPO10", orphans=1)]
    (one,) = by_location(pages)
    assert (one.location, one.figures.headers, one.figures.orphans) == ("GPO10", 5, 1)
    assert len(by_location([page("GPO10", rows=1), page("GPO 10", rows=1)])) == 2
