"""The planner: which chunks a run has, and in which order they are handed out."""

from __future__ import annotations

from datetime import date

from support.specs import ITEMS, LINES, SALES, STAFF, spec_text

from replica_worker.model.chunks import STRAYS, Action, Plan, RunKind
from replica_worker.model.days import DayRange
from replica_worker.model.plan import plan_backfill, plan_check_fixes, plan_nightly
from replica_worker.model.specs import parse_specs

TABLES = parse_specs(spec_text(LINES, SALES, ITEMS, STAFF), origin="test").tables
FIRST, SECOND, THIRD = (date(2026, 3, day) for day in (14, 15, 16))
DAYS = DayRange.inclusive(FIRST, THIRD)


def chunks_of(plan: Plan) -> list[tuple[str, date, str]]:
    return [(chunk.table, chunk.day, chunk.action.value) for chunk in plan.chunks]


def test_backfill_loads_every_day_with_the_last_and_each_whole_table_once() -> None:
    plan = plan_backfill(tables=TABLES, days=DAYS)
    assert (plan.kind, plan.first_day, plan.last_day) == (RunKind.BACKFILL, FIRST, THIRD)
    assert sorted(chunks_of(plan)) == sorted(
        [(table, day, "load") for table in ("SALES", "LINES") for day in (FIRST, SECOND, THIRD)]
        + [("ITEMS", THIRD, "load"), ("STAFF", THIRD, "load")]
        + [(table, STRAYS, "load") for table in ("SALES", "LINES")]
    )
    assert plan.tables == ("LINES", "SALES", "ITEMS", "STAFF")


def test_backfill_of_one_day_is_one_chunk_a_table_beside_the_strays() -> None:
    plan = plan_backfill(tables=TABLES, days=DayRange.one(FIRST))
    assert [chunk.table for chunk in plan.chunks if chunk.day == FIRST] == [
        "SALES", "ITEMS", "STAFF", "LINES"
    ]  # fmt: skip
    assert {chunk.table for chunk in plan.chunks if chunk.day == STRAYS} == {"SALES", "LINES"}
    assert len(plan.chunks) == 6


def test_tables_of_which_nothing_is_missing_are_left_alone() -> None:
    loaded = {(table.name, FIRST) for table in TABLES}
    days = DayRange.one(FIRST)
    assert plan_backfill(tables=TABLES, days=days, already_loaded=loaded).chunks == ()


def test_backfill_of_what_is_missing_leaves_out_what_is_loaded() -> None:
    loaded = {("SALES", FIRST), ("ITEMS", THIRD), ("STAFF", FIRST), ("LINES", date(2026, 3, 1))}
    planned = set(chunks_of(plan_backfill(tables=TABLES, days=DAYS, already_loaded=loaded)))
    left_out = set(chunks_of(plan_backfill(tables=TABLES, days=DAYS))) - planned
    assert left_out == {("SALES", FIRST, "load"), ("ITEMS", THIRD, "load")}


def test_nightly_loads_its_day_and_checks_the_day_before() -> None:
    plan = plan_nightly(tables=TABLES, day=SECOND)
    assert (plan.kind, plan.first_day, plan.last_day) == (RunKind.NIGHTLY, FIRST, SECOND)
    assert sorted(chunks_of(plan)) == sorted(
        [(table, SECOND, "load") for table in ("SALES", "LINES", "ITEMS", "STAFF")]
        + [(table, day, "check") for table in ("SALES", "LINES") for day in (FIRST, STRAYS)]
    )


def test_nightly_without_checks_is_loads_only() -> None:
    plan = plan_nightly(tables=TABLES, day=SECOND, check_fixes=False)
    assert {chunk.action for chunk in plan.chunks} == {Action.LOAD}
    assert (plan.first_day, plan.last_day) == (SECOND, SECOND)


def test_check_fixes_checks_one_day_and_the_whole_of_other_tables() -> None:
    plan = plan_check_fixes(tables=TABLES, day=FIRST)
    assert (plan.kind, plan.first_day, plan.last_day) == (RunKind.CHECK_FIXES, FIRST, FIRST)
    assert sorted(chunks_of(plan)) == sorted(
        [(table, FIRST, "check") for table in ("SALES", "LINES", "ITEMS", "STAFF")]
        + [(table, STRAYS, "check") for table in ("SALES", "LINES")]
    )


def test_parents_come_before_children_and_loads_before_checks() -> None:
    for plan in (
        plan_nightly(tables=TABLES, day=SECOND),
        plan_backfill(tables=TABLES, days=DAYS),
        plan_check_fixes(tables=TABLES, day=FIRST),
    ):
        waves: dict[tuple[str, Action], set[int]] = {}
        for chunk in plan.chunks:
            waves.setdefault((chunk.table, chunk.action), set()).add(chunk.wave)
        for action in Action:
            if ("LINES", action) in waves:
                assert min(waves["LINES", action]) > max(waves["SALES", action])
        loads = [chunk.wave for chunk in plan.chunks if chunk.action is Action.LOAD]
        checks = [chunk.wave for chunk in plan.chunks if chunk.action is Action.CHECK]
        assert not loads or not checks or max(loads) < min(checks)
        order = [(chunk.wave, chunk.day) for chunk in plan.chunks]
        assert order == sorted(order)


def test_plan_of_no_tables_has_no_chunks() -> None:
    assert plan_backfill(tables=(), days=DAYS).chunks == ()
