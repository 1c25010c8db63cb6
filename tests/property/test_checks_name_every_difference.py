"""Whatever was changed on either side: checks name each difference, and change nothing.

A machine edits a source and its copy at random, against a model of both: what differs is worked
out from the rows alone, without any rule of the product's. The twin of
`test_copies_follow_the_source`, where checks repair.
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support.databases import Databases
from support.replica import Replica, open_replica
from support.specs import columns, daily, spec_text

from replica_worker.model.chunks import STRAYS, ChunkState
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Verdict
from replica_worker.usecases import row_report
from replica_worker.usecases.verify import verify_range

DAYS = [date(2026, 3, 14), date(2026, 3, 15)]
EXAMPLES, STEPS = 10, 12
TYPES = {"SHOP": "varchar(20)!", "NO": "int!", "DAY": "date", "NOTE": "varchar(20)"}
TYPES |= {"AMOUNT": "decimal(16,4)", "RV": "rowversion"}

Key = tuple[str, int]
Side = str  # "source" or "target"


class Row(NamedTuple):
    """What stands behind a key."""

    DAY: date | None
    NOTE: str | None
    AMOUNT: Decimal | None
    RV: bytes = b"\0" * 8


keys = st.tuples(st.sampled_from(["gpo", "GPO", "gpo ", "\u00e9", "e\u0301"]), st.integers(1, 2))
row_days = st.sampled_from([*DAYS, None])
notes = st.sampled_from([None, "", " ", "a", "a ", "A", "'", "\\N", "\U0001f35f"])
amounts = st.sampled_from([None, *map(Decimal, ("0", "-0.0001", "999999999999.9999", "1.5"))])
rows = st.builds(Row, row_days, notes, amounts)
sides = st.sampled_from(["source", "target"])
picks = st.integers(0, 20)

Difference = tuple[str, dict[str, tuple[str | None, str | None]]]  # what, column → both values


class Copies(RuleBasedStateMachine):
    """A table at the source and its copy."""

    replica: ClassVar[Replica]
    versioned: ClassVar[bool]  # equal rowversions are taken for equal rows, unless --deep

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.held: dict[Side, dict[Key, Row]] = {"source": {}, "target": {}}
        self.run("source", "TRUNCATE {}")
        self.run("target", "TRUNCATE {}")

    def run(self, side: Side, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        if side == "source":
            return self.replica.at_source(statement.format('"COM_5013"."T"'), *values)
        return self.replica.at_target(statement.format('dbo."T"'), *values)

    # ------------------------------------------------------------ what is done to the rows

    @initialize(content=st.dictionaries(keys, rows, min_size=4, max_size=10))
    def fill(self, content: dict[Key, Row]) -> None:
        for key, row in content.items():
            self.write("source", key, row)
            self.write("target", key, self.held["source"][key])

    def write(self, side: Side, key: Key, row: Row) -> None:
        """The source gives every row that it writes a new rowversion."""
        if side == "source":
            self.version += 1
            row = row._replace(RV=self.version.to_bytes(8, "big"))
        self.remove(side, key)
        self.held[side][key] = row
        stored = row if self.versioned else row[:-1]
        places = ", ".join(["%s"] * (2 + len(stored)))
        self.run(side, f"INSERT INTO {{}} VALUES ({places})", *key, *stored)

    def remove(self, side: Side, key: Key) -> None:
        self.held[side].pop(key, None)
        self.run(side, 'DELETE FROM {} WHERE ("SHOP", "NO") = (%s, %s)', *key)

    @rule(side=sides, key=keys, row=rows)
    def put(self, side: Side, key: Key, row: Row) -> None:
        """Insert a row, or use its key again for another one."""
        self.write(side, key, row._replace(RV=self.version_in_copy(side, key)))

    def version_in_copy(self, side: Side, key: Key) -> bytes:
        known = self.held[side].get(key)
        return known.RV if known else b"\0" * 8

    @precondition(lambda self: self.held["source"] and self.held["target"])
    @rule(side=sides, pick=picks, day=row_days)
    def move(self, side: Side, pick: int, day: date | None) -> None:
        key = self.some_key(side, pick)
        self.write(side, key, self.held[side][key]._replace(DAY=day))

    @precondition(lambda self: self.held["source"] and self.held["target"])
    @rule(side=sides, pick=picks, note=notes)
    def reword(self, side: Side, pick: int, note: str | None) -> None:
        """Among others NULL for an empty text, another case, a blank behind."""
        key = self.some_key(side, pick)
        self.write(side, key, self.held[side][key]._replace(NOTE=note))

    @precondition(lambda self: self.held["source"] and self.held["target"])
    @rule(side=sides, pick=picks)
    def delete(self, side: Side, pick: int) -> None:
        self.remove(side, self.some_key(side, pick))

    @precondition(lambda self: min(map(len, self.held.values())) > 1)
    @rule(side=sides, pick=picks, column=st.sampled_from(["DAY", "NOTE", "AMOUNT"]))
    def swap(self, side: Side, pick: int, column: str) -> None:
        """Two rows exchange what they have in a column: all sums stay as they were."""
        one, other = self.some_key(side, pick), self.some_key(side, pick + 1)
        first, second = self.held[side][one], self.held[side][other]
        self.write(side, one, first._replace(**{column: getattr(second, column)}))
        self.write(side, other, second._replace(**{column: getattr(first, column)}))

    def some_key(self, side: Side, pick: int) -> Key:
        listed = sorted(self.held[side])
        return listed[pick % len(listed)]

    # ------------------------------------------------------------ what the product says

    def teardown(self) -> None:
        """However the edits fell, they end with a look."""
        self.verify()
        self.dry_run(DAYS[0], deep=not self.versioned)
        self.expect_untouched()

    @rule()
    def verify(self) -> None:
        proofs = list(
            verify_range(
                self.replica.deployment,
                tables=["T"],
                days=DayRange.inclusive(DAYS[0], DAYS[-1]),
                most_differences=100,
            )
        )
        said = {(proof.table, proof.day): _said(proof.differences) for proof in proofs}
        assert said == {("T", day): self.differences(day) for day in [*DAYS, STRAYS]}
        assert {proof.day for proof in proofs if proof.is_equal} == {
            day for (_, day), found in said.items() if not found
        }

    @rule(day=st.sampled_from([*DAYS, STRAYS]), deep=st.booleans())
    def dry_run(self, day: date, *, deep: bool) -> None:
        """As `check-fixes --dry-run` does it."""
        outcome = self.replica.check("T", day, repair=False, deep=deep)
        by_version = self.versioned and not deep
        theirs, ours = (self.of_day(side, day) for side in ("source", "target"))
        if by_version:
            theirs, ours = ({k: row.RV for k, row in one.items()} for one in (theirs, ours))
        verdict = Verdict.MATCH if theirs == ours else Verdict.DIFFERS
        assert (outcome.returned, outcome.row.verdict) == (ChunkState.CHECKED, verdict)
        assert outcome.counts == (0, 0, 0)

    def expect_untouched(self) -> None:
        names = [name for name in TYPES if name != "RV" or self.versioned]
        listed = ", ".join(f'"{name}"' for name in names)
        for side, held in self.held.items():
            found = {
                (row[0], row[1]): row[2:] for row in self.run(side, f"SELECT {listed} FROM {{}}")
            }
            assert found == {
                key: tuple(row if self.versioned else row[:-1]) for key, row in held.items()
            }

    # ------------------------------------------------------------ what it must say

    def of_day(self, side: Side, day: date) -> dict[Key, Row]:
        """The rows of a day, or of none; without a rowversion where the table has none."""
        its_day = None if day == STRAYS else day
        return {
            key: row if self.versioned else row._replace(RV=b"")
            for key, row in self.held[side].items()
            if its_day == row.DAY
        }

    def differences(self, day: date) -> dict[str, Difference]:
        theirs, ours = self.of_day("source", day), self.of_day("target", day)
        return {
            json.dumps({"SHOP": key[0], "NO": str(key[1])}, ensure_ascii=False): self.difference(
                key, here=key in theirs, there=key in ours
            )
            for key in theirs.keys() | ours.keys()
            if theirs.get(key) != ours.get(key)
        }

    def difference(self, key: Key, *, here: bool, there: bool) -> Difference:
        theirs, ours = self.held["source"].get(key), self.held["target"].get(key)
        if theirs is None or ours is None:
            return (row_report.MISSING if here else row_report.SURPLUS), {}
        cells = {
            name: (_shown(one), _shown(other))
            for name, one, other in zip(Row._fields, theirs, ours, strict=True)
            if one != other and (name != "RV" or self.versioned)
        }
        if here and there:
            return row_report.DIFFERS, cells
        return (row_report.ELSEWHERE if here else row_report.ELSEWHERE_AT_SOURCE), cells


def _said(differences: tuple[row_report.RowDifference, ...]) -> dict[str, Difference]:
    return {
        row.key: (row.what, {cell.column: (cell.source, cell.target) for cell in row.cells})
        for row in differences
    }


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.hex()
    return f"{value:.4f}" if isinstance(value, Decimal) else str(value)


@pytest.mark.parametrize("versioned", [True, False], ids=["rowversion", "no rowversion"])
def test_checks_name_every_difference(
    databases: Databases, tmp_path: Path, versioned: bool
) -> None:
    types = TYPES if versioned else {name: kind for name, kind in TYPES.items() if name != "RV"}
    rowversion = {"rowversion": "RV"} if versioned else {}
    table = daily("T", ["SHOP", "NO"], "DAY", columns=columns(**types), **rowversion)
    with (
        databases.lend() as site,
        open_replica(site, tmp_path, spec_text(table)) as replica,
    ):
        replica.make_source()
        kind = {"replica": replica, "versioned": versioned}
        machine = type("AnyCopies", (Copies,), kind)
        case = machine.TestCase()
        # A failing example is short enough as it is; to shorten it would take minutes.
        case.settings = settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, phases=[Phase.generate]
        )
        case.runTest()
