"""Whatever the source has and the warehouse had: loaded together or alone, days end the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.databases import Databases
from support.grouped import ALONE, STAMPS, TIMES
from support.replica import DAY, Replica, open_replica
from support.specs import SALES, VERSIONED, spec_text

from replica_worker.ledger.options import RunOptions
from replica_worker.model.chunks import ChunkState, RunKind, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.model.grouping import GroupRules
from replica_worker.model.manifest import ExtractKind
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import begin_run, plan_run

EXAMPLES = 6
LENGTH = 12
BEYOND = 2  # days before and after the backfill's, that rows may be on
DAYS = DayRange(first=DAY, end=DAY + timedelta(days=LENGTH))
CLOCKS = {"SALES": [""], "VERSIONED": [""], "STAMPS": [" 00:00", " 23:59:59.997"]}
CLOCKS["TIMES"] = [" 00:00", " 12:00", " 23:59:59.999999"]


@dataclass(frozen=True)
class Row:
    """A row at the source; what the warehouse had of it before, if anything."""

    day: int
    clock: int
    before: str  # "same", "edited", "gone", "surplus": only the warehouse has it, "moved"
    day_before: int  # of a moved one


any_day = st.integers(-BEYOND, LENGTH + BEYOND - 1)
rows = st.builds(
    Row,
    day=any_day,
    clock=st.integers(0, 2),
    before=st.sampled_from(["gone"] * 6 + ["same"] * 6 + ["edited", "surplus", "moved"]),
    day_before=any_day,
)
new = st.lists(rows.map(lambda row: Row(row.day, row.clock, "gone", row.day)), max_size=40)
unchanged = st.lists(rows.map(lambda row: Row(row.day, row.clock, "same", row.day)), max_size=40)
stocks = new | unchanged | st.lists(rows, max_size=40)
rules = st.builds(
    GroupRules,
    most_days=st.integers(2, LENGTH),
    most_values=st.sampled_from([8, 24, 500_000]),
    fewest_hand_outs=st.integers(1, 4),
)


class Both:
    """A source and a warehouse that are filled anew for each example."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.grouped = 0  # days, in all examples

    def fill(self, table: str, stock: list[Row]) -> None:
        where = {"source": f'"COM_5013"."{table}"', "target": f'dbo."{table}"'}
        self.replica.at_source(f"TRUNCATE {where['source']}")
        self.replica.at_target(f"TRUNCATE {where['target']}")
        for key, row in enumerate(stock):
            if row.before != "surplus":
                self.put(where["source"], table, key, row.day, row.clock, "note")
            if row.before == "gone":
                continue
            note = "edited" if row.before == "edited" else "note"
            day = row.day_before if row.before == "moved" else row.day
            self.put(where["target"], table, key, day, row.clock, note)

    def put(self, into: str, table: str, key: int, day: int, clock: int, note: str) -> None:
        clocks = CLOCKS[table]
        at = f"{DAY + timedelta(days=day)}{clocks[clock % len(clocks)]}"
        values: dict[str, tuple[object, ...]] = {
            "SALES": (key, at, 1, note),
            "VERSIONED": (key, at, note, (1000 * (note == "note") + key).to_bytes(8)),
        }
        row = values.get(table, (key, at, note))
        put = self.replica.at_source if "COM_5013" in into else self.replica.at_target
        put(f"INSERT INTO {into} VALUES ({', '.join(['%s'] * len(row))})", *row)

    def backfill(self, table: str, rules: GroupRules) -> tuple[list[object], tuple[object, ...]]:
        """What the ledger says of each day, and of the run."""
        deployment = self.replica.with_policy(groups=rules).deployment
        plan = plan_run(deployment, RunKind.BACKFILL, days=DAYS, tables=[table])
        options = RunOptions(allow_deletes=True)
        run_id = begin_run(deployment, plan, asked_by="tests", options=options)
        assert run_id
        run = work_inline(deployment, run_id, worker="w", on_progress=lambda: None)
        assert run.status is RunStatus.SUCCEEDED, run.error
        told: list[object] = []
        for row in deployment.ledger.chunks.of_run(run_id):
            assert row.state is ChunkState.MERGED
            told.append((row.chunk.day, row.verdict, row.digest, row.rows_extracted))
            assert row.chunk.is_strays or self.in_force(table, row.chunk.day, run_id) == [
                row.rows_extracted
            ]
        self.grouped += len(self.merged_together(run_id))
        return told, (run.rows_extracted, run.rows_inserted, run.rows_updated, run.rows_deleted)

    def in_force(self, table: str, day: date, run_id: str) -> list[int]:
        """The rows of each whole extract of the run that a replay would merge."""
        extracts = self.replica.deployment.archive.extracts(table, day)
        return [
            manifest.rows
            for name, manifest in extracts
            if name.run_id == run_id and manifest.kind is ExtractKind.DAY
        ]

    def merged_together(self, run_id: str) -> list[tuple[object, ...]]:
        query = "SELECT day FROM dbo.etl_progress WHERE run_id = %s AND group_day IS NOT NULL"
        return self.replica.at_target(query, run_id)


@contextmanager
def open_both(databases: Databases) -> Iterator[Both]:
    with tempfile.TemporaryDirectory() as folder, databases.lend() as site:
        text = spec_text(SALES, VERSIONED, TIMES, STAMPS)
        with open_replica(site, Path(folder), text) as replica:
            replica.make_source()
            yield Both(replica)


@pytest.mark.parametrize("table", list(CLOCKS))
def test_days_end_the_same_together_and_alone(databases: Databases, table: str) -> None:
    with open_both(databases) as both:

        @settings(max_examples=EXAMPLES, phases=[Phase.generate])
        @given(stocks, rules)
        def check(stock: list[Row], rules: GroupRules) -> None:
            both.fill(table, stock)
            alone = both.backfill(table, ALONE)
            expected = both.replica.target_rows(table)

            both.fill(table, stock)
            grouped = both.backfill(table, rules)

            assert grouped == alone
            assert both.replica.target_rows(table) == expected
            column = both.replica.spec.table(table).day_column
            where = f"\"{column}\" >= '{DAYS.first}' AND \"{column}\" < '{DAYS.end}'"
            assert both.replica.target_rows(table, where) == both.replica.source_rows(table, where)

        check()
        assert both.grouped > EXAMPLES, "some were loaded together"
