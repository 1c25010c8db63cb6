"""Rows that are read by ranges of their first key column are all rows, each once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from support.engines import Bench
from support.specs import LINES, SALES, columns, daily

from replica_worker.engines.values import RowSelection, Side
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.key_ranges import can_be_split, ranges_between

DAY = DayRange.one(date(2026, 3, 14))
SPLIT = (
    "bigint",
    "decimal",
    "case",
    "accents",
    "blanks",
    "control characters",
    "fixed width",
    "date",
    "datetime",
    "datetime2",
    "uniqueidentifier",
)


def parts_of(bench: Bench, rows: RowSelection, apart: int) -> list[RowSelection]:
    with bench.snapshot(rows.side) as source:
        bounds = source.key_bounds(rows, apart)
    return [replace(rows, keys=keys) for keys in ranges_between(bounds)]


def prove_whole(bench: Bench, rows: RowSelection, parts: list[RowSelection]) -> list[int]:
    """The digests of the parts are that of the whole, and as many rows are read; of each part."""
    with bench.snapshot(rows.side) as source:
        digests = [source.digest(part, DigestKind.CONTENT) for part in parts]
        whole = source.digest(rows, DigestKind.CONTENT)
        read = [sum(batch.num_rows for batch in source.read(part)) for part in parts]
    assert Digest.total(DigestKind.CONTENT, digests) == whole
    assert read == [digest.rows for digest in digests]
    return read


@pytest.mark.parametrize("what", SPLIT)
def test_ranges_of_any_ordered_key_hold_every_row_once(bench: Bench, what: str) -> None:
    if what not in bench.dialect.keys:
        pytest.skip(f"the engine holds two keys for one that differ by {what} alone")
    sql_type, *keys = bench.dialect.keys[what]
    (table,) = bench.make(
        daily("K", ["A", "B"], "DAY", columns=columns(A=f"{sql_type}!", B="int!", DAY="date"))
    )
    assert can_be_split(table)
    bench.fill(table, *[(key, str(n), "'2026-03-14'") for key in keys for n in range(5)])
    bench.fill(table, *[(key, "99", "'2026-03-15'") for key in keys])  # another day's
    rows = RowSelection(table=table, side=Side.SOURCE, days=DAY)
    parts = parts_of(bench, rows, 1)  # a bound at every row: many are the same
    assert len(parts) >= 2
    assert sum(prove_whole(bench, rows, parts)) == 10


def test_statements_share_the_rows_evenly(bench: Bench) -> None:
    (table,) = bench.make(SALES)
    bench.fill(table, *[(str(n * n), "'2026-03-14'", "1.5", "NULL") for n in range(100)])
    rows = RowSelection(table=table, side=Side.SOURCE, days=DAY)
    assert prove_whole(bench, rows, parts_of(bench, rows, 30)) == [30, 30, 30, 10]
    assert prove_whole(bench, rows, parts_of(bench, rows, 100)) == [100]


def test_child_is_split_by_its_own_key(bench: Bench) -> None:
    parent, table = bench.make(SALES, LINES)
    bench.fill(parent, *[(str(n), "'2026-03-14'", "1", "NULL") for n in range(4)])
    bench.fill(table, *[(str(n), str(line), "'x'") for n in range(4) for line in range(5)])
    rows = RowSelection(table=table, side=Side.SOURCE, days=DAY)
    assert prove_whole(bench, rows, parts_of(bench, rows, 5)) == [5, 5, 5, 5]


def test_first_key_column_of_one_value_gives_one_statement_all(bench: Bench) -> None:
    (table,) = bench.make(
        daily("K", ["A", "B"], "DAY", columns=columns(A="int!", B="int!", DAY="date"))
    )
    bench.fill(table, *[("7", str(n), "'2026-03-14'") for n in range(20)])
    rows = RowSelection(table=table, side=Side.SOURCE, days=DAY)
    assert prove_whole(bench, rows, parts_of(bench, rows, 5)) == [0, 20]
