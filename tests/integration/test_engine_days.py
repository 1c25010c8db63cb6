"""Rows are selected and digested by day: within a range, outside it, and without any."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.engines import Bench
from support.specs import LINES, SALES, VERSIONED, columns

from replica_worker.engines.values import DayChanges, KeyList, RowSelection, Side, StagedChunk
from replica_worker.errors import RowsElsewhereError
from replica_worker.model.counts import MergeCounts
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.specs import TableSpec

MARCH = DayRange(first=date(2026, 3, 1), end=date(2026, 4, 1))
BEFORE, FIRST, LAST, AFTER = (
    date(2026, 2, 28),
    date(2026, 3, 1),
    date(2026, 3, 31),
    date(2026, 4, 1),
)
DAYS = [None, BEFORE, FIRST, FIRST, LAST, AFTER]
SALES_ROWS = [
    (str(number), f"'{day}'" if day else "NULL", "1.5", "NULL") for number, day in enumerate(DAYS)
]
WAYS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [0, 1, 2, 3, 4, 5]),
    ({"days": MARCH}, [2, 3, 4]),
    ({"outside": MARCH}, [1, 5]),
    ({"dateless": True}, [0]),
    ({"outside": MARCH, "dateless": True}, [0, 1, 5]),
    ({"days": MARCH, "dateless": True}, [0, 2, 3, 4]),
    ({"days": MARCH, "outside": MARCH}, [1, 2, 3, 4, 5]),
]


def ids_of(bench: Bench, rows: RowSelection, column: str = "ID") -> list[int]:
    with bench.snapshot(rows.side) as snapshot:
        return sorted(
            number for batch in snapshot.read(rows) for number in batch.column(column).to_pylist()
        )


@pytest.mark.parametrize(("way", "ids"), WAYS, ids=str)
def test_rows_are_selected_by_day(bench: Bench, way: dict[str, Any], ids: list[int]) -> None:
    (table,) = bench.make(SALES)
    bench.fill(table, *SALES_ROWS)
    rows = RowSelection(table=table, side=Side.SOURCE, **way)
    assert ids_of(bench, rows) == ids
    with bench.snapshot(Side.SOURCE) as source:
        digests = source.digest_days(rows, DigestKind.CONTENT)
        whole = source.digest(rows, DigestKind.CONTENT)
        counted = source.count_days(rows)
    assert counted == {day: digest.rows for day, digest in digests.items()}
    assert {day: digest.rows for day, digest in digests.items()} == {
        day: sum(DAYS[number] == day for number in ids) for day in {DAYS[number] for number in ids}
    }
    assert _total(digests) == whole


@pytest.mark.parametrize(("way", "ids"), WAYS, ids=str)
def test_child_without_a_parent_has_no_day(
    bench: Bench, way: dict[str, Any], ids: list[int]
) -> None:
    parent, table = bench.make(SALES, LINES)
    bench.fill(parent, *SALES_ROWS)
    orphan = 99
    bench.fill(table, *[(str(number), "1", "'x'") for number in [*range(len(DAYS)), orphan]])
    rows = RowSelection(table=table, side=Side.SOURCE, **way)
    expected = [*ids, orphan] if rows.dateless or not way else ids
    assert ids_of(bench, rows, "SALE_ID") == expected
    with bench.snapshot(Side.SOURCE) as source:
        digests = source.digest_days(rows, DigestKind.CONTENT)
        counted = source.count_days(rows)
    assert counted == {day: digest.rows for day, digest in digests.items()}
    assert sum(digest.rows for digest in digests.values()) == len(expected)
    assert (None in digests) == (orphan in expected)


@pytest.mark.parametrize("kind", DigestKind)
def test_many_days_take_one_query_and_equal_the_digests_of_each(
    bench: Bench, kind: DigestKind
) -> None:
    (table,) = bench.make(VERSIONED)
    bench.fill(
        table,
        *[
            (
                str(number),
                f"'2026-03-{number % 28 + 1:02}'",
                f"'{number}'",
                bench.dialect.bytes_literal(number.to_bytes(8)),
            )
            for number in range(100)
        ],
    )
    bench.copy(table)
    for side in Side:
        rows = RowSelection(table=table, side=side, days=MARCH)
        with bench.snapshot(side) as snapshot:
            by_day = snapshot.digest_days(rows, kind)
            assert by_day == {
                day: snapshot.digest(rows.within(DayRange.one(day)), kind)
                for day in list(MARCH)[:28]
            }
        with bench.connect() as connection:
            ours = rows.on(Side.WAREHOUSE)
            assert bench.warehouse.digest_days(connection, ours, kind) == by_day
            buckets = bench.warehouse.digest_buckets(connection, ours, kind)
            hashes = {
                row["key"]: row["hash"]
                for batch in bench.warehouse.row_hashes(connection, ours, kind)
                for row in batch.to_pylist()
            }
            some = bench.warehouse.row_hashes(connection, ours, kind, frozenset([min(buckets)]))
            assert sum(batch.num_rows for batch in some) == buckets[min(buckets)].rows
        with bench.snapshot(side) as snapshot:
            assert snapshot.digest_buckets(rows, kind) == buckets
            assert hashes == {
                row["key"]: row["hash"]
                for batch in snapshot.row_hashes(rows, kind)
                for row in batch.to_pylist()
            }


def test_instant_belongs_to_the_day_that_the_zone_says(bench: Bench) -> None:
    zoned = {**SALES, "columns": columns(ID="int!", DAY="datetimeoffset(0)")}
    (table,) = bench.make(zoned)
    bench.fill(table, ("1", "'2026-03-14 15:59:59+00:00'"), ("2", "'2026-03-14 16:00:00+00:00'"))
    rows = RowSelection(table=table, side=Side.SOURCE, days=MARCH)
    with bench.snapshot(Side.SOURCE) as source:
        digests = source.digest_days(rows, DigestKind.CONTENT)
        counted = source.count_days(rows)
    assert counted == {day: digest.rows for day, digest in digests.items()}
    assert counted == {
        date(2026, 3, 14): 1,
        date(2026, 3, 15): 1,
    }


IN_2026 = DayRange(first=date(2026, 1, 1), end=date(2027, 1, 1))
SUMMER = [
    ("2026-03-28 23:59:59+00:00", date(2026, 3, 28)),
    ("2026-03-29 00:00:00+00:00", date(2026, 3, 29)),
    ("2026-03-29 22:59:59+00:00", date(2026, 3, 29)),  # the day of 23 hours ends
    ("2026-03-29 23:00:00+00:00", date(2026, 3, 30)),
    ("2026-07-14 23:30:00+00:00", date(2026, 7, 15)),
    ("2026-07-15 00:30:00+02:00", date(2026, 7, 14)),  # another offset than the zone's
    ("2026-10-24 23:00:00+00:00", date(2026, 10, 25)),
    ("2026-10-25 23:59:59+00:00", date(2026, 10, 25)),  # the day of 25 hours ends
    ("2026-10-26 00:00:00+00:00", date(2026, 10, 26)),
    ("1970-07-01 23:00:00+00:00", date(1970, 7, 2)),
    ("1970-12-31 23:00:00+00:00", date(1971, 1, 1)),  # summer time all year, until 1971
    ("2009-12-31 23:59:59+00:00", date(2009, 12, 31)),
]


def test_day_of_an_instant_knows_summer_time(london: Bench) -> None:
    (table,) = london.make({**SALES, "columns": columns(ID="int!", DAY="datetimeoffset(0)")})
    london.fill(table, *[(str(number), f"'{text}'") for number, (text, _) in enumerate(SUMMER)])
    rows = RowSelection(table=table, side=Side.SOURCE, days=IN_2026)
    listed = ", ".join(f'{{"k0": "{number}"}}' for number in range(len(SUMMER)))
    keys = [KeyList(json=f"[{listed}]", count=len(SUMMER))]
    assert _found(london, table, keys) == [(number, day) for number, (_, day) in enumerate(SUMMER)]
    with london.snapshot(Side.SOURCE) as source:
        by_day = source.digest_days(rows, DigestKind.CONTENT)
        assert by_day == {
            day: source.digest(rows.within(DayRange.one(day)), DigestKind.CONTENT)
            for day in {day for _, day in SUMMER if day in IN_2026}
        }


def test_keys_find_rows_of_no_day_only_if_these_are_asked_for(bench: Bench) -> None:
    (table,) = bench.make(SALES)
    bench.fill(table, *SALES_ROWS)
    keys = [KeyList(json='[{"k0": "0"}, {"k0": "1"}]', count=2)]
    assert _found(bench, table, keys) == [(1, BEFORE)]
    assert _found(bench, table, keys, dateless=True) == [(0, None), (1, BEFORE)]


def test_keys_find_rows_of_a_table_that_has_no_days(bench: Bench) -> None:
    (table,) = bench.make({**SALES, "strategy": "snapshot", "day_column": None})
    bench.fill(table, *SALES_ROWS)
    keys = [KeyList(json='[{"k0": "0"}, {"k0": "1"}]', count=2)]
    assert _found(bench, table, keys) == [(0, None), (1, None)]
    with bench.snapshot(Side.SOURCE) as source:
        rows = RowSelection(table=table, side=Side.SOURCE)
        digests = source.digest_days(rows, DigestKind.CONTENT)
        assert digests == {None: source.digest(rows, DigestKind.CONTENT)}


def test_changed_days_tell_how_many_rows_changed_and_the_newest(bench: Bench) -> None:
    (table,) = bench.make(VERSIONED)
    versions = [9, 255, 10, 256, 11, 12]
    bench.fill(
        table,
        *[
            (
                str(number),
                f"'{day}'" if day else "NULL",
                "NULL",
                bench.dialect.bytes_literal(version.to_bytes(8)),
            )
            for number, (day, version) in enumerate(zip(DAYS, versions, strict=True))
        ],
    )
    rows = RowSelection(table=table, side=Side.SOURCE)
    with bench.snapshot(Side.SOURCE) as source:
        assert source.changed_days(rows.above((10).to_bytes(8))) == {
            BEFORE: DayChanges(rows=1, newest=(255).to_bytes(8)),
            FIRST: DayChanges(rows=1, newest=(256).to_bytes(8)),
            LAST: DayChanges(rows=1, newest=(11).to_bytes(8)),
            AFTER: DayChanges(rows=1, newest=(12).to_bytes(8)),
        }
        every = source.changed_days(rows)
        assert every[None] == DayChanges(rows=1, newest=(9).to_bytes(8))
        assert every[FIRST] == DayChanges(rows=2, newest=(256).to_bytes(8))
        assert source.changed_days(rows.above((256).to_bytes(8))) == {}


def test_rowversion_that_is_safe_is_told_or_unknown_and_reading_goes_on(bench: Bench) -> None:
    (table,) = bench.make(VERSIONED)
    with bench.snapshot(Side.SOURCE) as source:
        safe = source.safe_rowversion()
        assert safe is None or len(safe) == 8
        assert source.changed_days(RowSelection(table=table, side=Side.SOURCE)) == {}


def _found(
    bench: Bench, table: TableSpec, keys: list[KeyList], **more: bool
) -> list[tuple[int, date | None]]:
    with bench.snapshot(Side.SOURCE) as source:
        batches = list(source.read_by_key(table, Side.SOURCE, keys, **more))
    return sorted((row["ID"], row["__day"]) for batch in batches for row in batch.to_pylist())


def _total(digests: dict[date | None, Digest]) -> Digest:
    values = digests.values()
    return Digest.from_sums(
        kind=DigestKind.CONTENT,
        rows=sum(digest.rows for digest in values),
        high=sum(int(digest.hash[:16], 16) for digest in values),
        low=sum(int(digest.hash[16:], 16) for digest in values),
    )


@pytest.mark.parametrize(("way", "ids"), WAYS[1:6], ids=str)
def test_merge_touches_only_the_rows_that_the_chunk_stands_for(
    bench: Bench, way: dict[str, Any], ids: list[int]
) -> None:
    (table,) = bench.make(SALES)
    bench.fill(table, *SALES_ROWS)
    bench.copy(table)
    chunk = StagedChunk(table=table, staging="none", is_complete=True, **{"days": None, **way})
    with bench.warehouse.sql.begin() as connection:
        bench.warehouse.create_staging(connection, table, chunk.staging)
        assert bench.warehouse.count_present(connection, chunk) == len(ids)
        assert bench.warehouse.count_surplus(connection, chunk) == len(ids)
        counts = bench.warehouse.merge(connection, chunk)
    assert (counts.deleted, counts.inserted, counts.updated) == (len(ids), 0, 0)
    left = ids_of(bench, RowSelection(table=table, side=Side.WAREHOUSE))
    assert left == sorted(set(range(len(DAYS))) - set(ids))


@pytest.mark.parametrize(("way", "ids"), WAYS[1:6], ids=str)
def test_staged_rows_outside_the_chunk_are_refused_unless_they_may_move(
    bench: Bench, way: dict[str, Any], ids: list[int]
) -> None:
    (table,) = bench.make(SALES)
    bench.fill(table, *SALES_ROWS)
    bench.copy(table)
    chunk = StagedChunk(table=table, staging="all", is_complete=True, **{"days": None, **way})
    rows = RowSelection(table=table, side=Side.SOURCE)
    with bench.connect() as connection, bench.snapshot(Side.SOURCE) as source:
        bench.warehouse.create_staging(connection, table, chunk.staging)
        bench.warehouse.load_staging(connection, table, chunk.staging, source.read(rows))
        with pytest.raises(RowsElsewhereError), connection.begin_nested():
            bench.warehouse.merge(connection, chunk, may_move=False)
        assert bench.warehouse.merge(connection, chunk) == MergeCounts()
    assert ids_of(bench, RowSelection(table=table, side=Side.WAREHOUSE)) == list(range(len(DAYS)))
