"""Whatever happens at the source: checked days are equal, and nothing else was touched.

A machine plays a source at random against a model of its own: what the warehouse must hold is
worked out from the rows alone, without any rule of the product's.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from support.databases import Databases
from support.replica import Outcome, Replica, open_replica
from support.specs import columns, daily, spec_text

from replica_worker.ledger.options import RunOptions
from replica_worker.ledger.runs import Run
from replica_worker.model.chunks import STRAYS, ChunkState, RunKind, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.model.grouping import GroupRules
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import begin_run, plan_run

DAYS = [date(2026, 3, 14), date(2026, 3, 15), date(2026, 3, 16)]
EXAMPLES, STEPS = 5, 12

Key = tuple[str, int]
Row = tuple[date | None, str | None, Any]

keys = st.tuples(st.sampled_from(["gpo", "GPO", "gpo ", "\u00e9", "e\u0301"]), st.integers(1, 3))
row_days = st.sampled_from([*DAYS, None])
notes = st.sampled_from([None, "", " ", "a", "a ", "A", "'", "\\N", "\U0001f35f"])
amounts = st.sampled_from([None, "0", "-0.0001", "999999999999.9999", "1.5"])
rows = st.tuples(row_days, notes, amounts)
picks = st.integers(0, 20)


def table(*, versioned: bool) -> dict[str, Any]:
    types = {"SHOP": "varchar(20)!", "NO": "int!", "DAY": "date", "NOTE": "varchar(20)"}
    types["AMOUNT"] = "decimal(16,4)"
    if not versioned:
        return daily("T", ["SHOP", "NO"], "DAY", columns=columns(**types))
    types["RV"] = "rowversion"
    return daily("T", ["SHOP", "NO"], "DAY", rowversion="RV", columns=columns(**types))


class Source(RuleBasedStateMachine):
    """One table at the source and its copy; subclasses say which table."""

    databases: ClassVar[Databases]
    versioned: ClassVar[bool]
    row_by_row: ClassVar[bool]  # checks mend single rows, however small the chunk is

    def __init__(self) -> None:
        super().__init__()
        self.cleanup = ExitStack()
        folder = Path(self.cleanup.enter_context(tempfile.TemporaryDirectory()))
        site = self.cleanup.enter_context(self.databases.lend())
        text = spec_text(table(versioned=self.versioned))
        replica = self.cleanup.enter_context(open_replica(site, folder, text))
        self.replica: Replica = replica
        if self.row_by_row:
            self.replica = replica.with_policy(fewest_rows_to_drill=0, largest_share_to_drill=9)
        self.replica.make_source()
        self.version = 0
        self.source: dict[Key, Row] = {}
        self.target: dict[Key, Row] = {}  # what the warehouse must hold

    def teardown(self) -> None:
        self.cleanup.close()

    # ------------------------------------------------------------ what the source does

    @initialize(content=st.dictionaries(keys, rows, min_size=3, max_size=10))
    def fill(self, content: dict[Key, Row]) -> None:
        for key, row in content.items():
            self.put(key, row)

    @rule(key=keys, row=rows)
    def put(self, key: Key, row: Row) -> None:
        """Insert the row, or change all of it."""
        self.source[key] = row
        self.version += 1
        stamp = [self.version.to_bytes(8, "big")] if self.versioned else []
        self.replica.at_source('DELETE FROM "COM_5013"."T" WHERE ("SHOP", "NO") = (%s, %s)', *key)
        self.replica.insert("T", (*key, *row, *stamp))

    @precondition(lambda self: self.source)
    @rule(pick=picks, days=st.lists(row_days, min_size=3, max_size=3))
    def move(self, pick: int, days: list[date | None]) -> None:
        """Up to three rows change their day."""
        for number, day in enumerate(days):
            key = self.some_key(pick + number)
            self.put(key, (day, *self.source[key][1:]))

    @precondition(lambda self: self.source)
    @rule(pick=picks, note=notes)
    def reword(self, pick: int, note: str | None) -> None:
        key = self.some_key(pick)
        self.put(key, (self.source[key][0], note, self.source[key][2]))

    @precondition(lambda self: self.source)
    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        key = self.some_key(pick)
        del self.source[key]
        self.replica.at_source('DELETE FROM "COM_5013"."T" WHERE ("SHOP", "NO") = (%s, %s)', *key)

    @precondition(lambda self: self.source)
    @rule(pick=picks)
    def change_the_key_s_case(self, pick: int) -> None:
        """To the source it is another row: the old one is gone."""
        old = self.some_key(pick)
        row = self.source[old]
        self.delete(pick)
        self.put((old[0].swapcase(), old[1]), row)

    def some_key(self, pick: int) -> Key:
        return sorted(self.source)[pick % len(self.source)]

    @rule(day=st.sampled_from(DAYS))
    def swap_notes(self, day: date) -> None:
        """Two rows of a day exchange their notes."""
        of_day = [key for key, row in self.source.items() if row[0] == day]
        if len(of_day) > 1:
            one, other = of_day[:2]
            first, second = self.source[one], self.source[other]
            self.put(one, (day, second[1], first[2]))
            self.put(other, (day, first[1], second[2]))

    # ------------------------------------------------------------ what the product does

    @rule(day=st.sampled_from([*DAYS, STRAYS]))
    def load(self, day: date) -> None:
        outcome = self.replica.load("T", day, allow_deletes=True)
        assert outcome.returned is ChunkState.MERGED, outcome.error
        self.day_was_copied(day, outcome)
        again = self.replica.load("T", day, allow_deletes=True)
        assert again.counts == (0, 0, 0), "the second merge changed something"

    @rule(day=st.sampled_from([*DAYS, STRAYS]))
    def check(self, day: date) -> None:
        outcome = self.replica.check("T", day, allow_deletes=True)
        assert outcome.returned is ChunkState.CHECKED, outcome.error
        self.day_was_copied(day, outcome)

    @rule()
    def check_every_day(self) -> None:
        for day in [*DAYS, STRAYS]:
            self.check(day)
        assert self.target == self.source

    @rule(most_days=st.integers(1, 3))
    def backfill(self, most_days: int) -> None:
        """All days, small as they are, go together; a second time that changes nothing."""
        for must_change in (True, False):
            run = self.load_all(most_days)
            assert run.status is RunStatus.SUCCEEDED, run.error
            changed = run.rows_inserted + run.rows_updated + run.rows_deleted
            assert must_change or changed == 0
        self.target = dict(self.source)

    def load_all(self, most_days: int) -> Run:
        rules = GroupRules(most_days=most_days, fewest_hand_outs=1)
        deployment = self.replica.with_policy(groups=rules).deployment
        days = DayRange.inclusive(DAYS[0], DAYS[-1])
        plan = plan_run(deployment, RunKind.BACKFILL, days=days, tables=["T"])
        assert any(chunk.group_day for chunk in plan.chunks) == (most_days > 1)
        options = RunOptions(allow_deletes=True)
        run_id = begin_run(deployment, plan, asked_by="tests", options=options)
        assert run_id
        return work_inline(deployment, run_id, worker="w", on_progress=lambda: None)

    def day_was_copied(self, day: date, outcome: Outcome) -> None:
        """The day's rows are brought over; rows that left it for another, or none, are moved."""
        before = dict(self.target)
        its_day = None if day == STRAYS else day
        for key in [key for key, row in self.target.items() if row[0] == its_day]:
            del self.target[key]
            if key in self.source:
                self.target[key] = self.source[key]
        self.target |= {key: row for key, row in self.source.items() if row[0] == its_day}
        inserted = len(self.target.keys() - before.keys())
        deleted = len(before.keys() - self.target.keys())
        assert (outcome.counts[0], outcome.counts[2]) == (inserted, deleted)
        if not self.versioned:
            common = self.target.keys() & before.keys()
            assert outcome.counts[1] == len([k for k in common if before[k] != self.target[k]])

    @invariant()
    def warehouse_holds_what_it_must(self) -> None:
        query = 'SELECT "SHOP", "NO", "DAY", "NOTE", "AMOUNT"::text FROM dbo."T"'
        held = {(row[0], row[1]): row[2:] for row in self.replica.at_target(query)}
        wanted = {
            key: (day, note, None if amount is None else f"{float(amount):.4f}")
            for key, (day, note, amount) in self.target.items()
        }
        assert held == wanted


@pytest.mark.parametrize("row_by_row", [False, True], ids=["whole chunks", "row by row"])
@pytest.mark.parametrize("versioned", [True, False], ids=["rowversion", "no rowversion"])
def test_copies_follow_the_source(databases: Databases, versioned: bool, row_by_row: bool) -> None:
    kind = {"databases": databases, "versioned": versioned, "row_by_row": row_by_row}
    machine = type("AnySource", (Source,), kind)
    case = machine.TestCase()
    # A failing example is short enough as it is; to shorten it would take minutes.
    case.settings = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, phases=[Phase.generate]
    )
    case.runTest()
