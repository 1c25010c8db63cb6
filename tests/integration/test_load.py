"""Loading a chunk: the copy equals the source, nothing else is touched, nothing is left behind."""

from __future__ import annotations

from datetime import date

import pyarrow.parquet as pq
import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import ITEMS, SALES, VERSIONED, columns, daily, spec_text

from replica_worker.model.chunks import ChunkState


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES, VERSIONED, ITEMS))
    replica.make_source()
    return replica


def test_load_makes_the_copy_equal_and_counts_its_rows(replica: Replica) -> None:
    replica.insert("SALES", *[(n, DAY, "1.5", f"note {n}") for n in range(50)])
    outcome = replica.load("SALES")
    assert outcome.returned is ChunkState.MERGED
    assert outcome.counts == (50, 0, 0)
    assert (outcome.row.rows_extracted, outcome.row.verdict) == (50, "match")
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_load_brings_only_its_own_day(replica: Replica) -> None:
    replica.insert("SALES", (1, DAY, 1, "a"), (2, NEXT_DAY, 2, "b"), (3, None, 3, "c"))
    replica.load("SALES")
    assert replica.target_rows("SALES") == replica.source_rows("SALES", '"ID" = 1')


def test_second_load_of_unchanged_rows_rewrites_none_of_them(replica: Replica) -> None:
    replica.insert("SALES", (1, DAY, "1.5", "a"), (2, DAY, None, None), (3, DAY, "-0.0001", ""))
    replica.load("SALES")
    before = replica.row_places("SALES")
    again = replica.load("SALES")
    assert again.returned is ChunkState.MERGED
    assert again.counts == (0, 0, 0)
    assert replica.row_places("SALES") == before


def test_reload_inserts_updates_and_deletes_exactly_what_changed(replica: Replica) -> None:
    replica.insert("SALES", *[(n, DAY, n, "same") for n in range(10)])
    replica.load("SALES")
    before = replica.row_places("SALES")
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = \'new\' WHERE "ID" IN (1, 2)')
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 3')
    replica.insert("SALES", (100, DAY, 1, None), (101, DAY, 1, None), (102, DAY, 1, None))
    outcome = replica.load("SALES")
    assert outcome.counts == (3, 2, 1)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")
    after = replica.row_places("SALES")
    untouched = set(before) & set(after)
    assert len(untouched) == 7
    assert {text: after[text] for text in untouched} == {text: before[text] for text in untouched}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, ""),
        ("", None),
        ("a", "a "),
        ("a ", "a"),
        ("a", "A"),
        ("\u00e9", "e\u0301"),
        (" ", ""),
    ],
)
def test_reload_sees_a_change_that_is_hard_to_see(
    make_replica, old: str | None, new: str | None
) -> None:
    unicode = columns(ID="bigint!", DAY="date", AMOUNT="decimal(16,4)", NOTE="nvarchar(200)")
    replica = make_replica(spec_text({**SALES, "columns": unicode}))
    replica.make_source()
    replica.insert("SALES", (1, DAY, 1, old), (2, DAY, 1, "other"))
    replica.load("SALES")
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = %s WHERE "ID" = 1', new)
    assert replica.load("SALES").counts == (0, 1, 0)
    assert replica.at_target('SELECT "NOTE" FROM dbo."SALES" WHERE "ID" = 1') == [(new,)]


def test_reload_sees_minus_zero_and_nan_in_floats(make_replica) -> None:
    table = daily("F", ["ID"], "DAY", columns=columns(ID="int!", DAY="date", X="float"))
    replica = make_replica(spec_text(table))
    replica.make_source()
    replica.insert("F", (1, DAY, 0.0), (2, DAY, float("nan")), (3, DAY, 1e-300))
    replica.load("F")
    assert replica.load("F").counts == (0, 0, 0)
    replica.at_source('UPDATE "COM_5013"."F" SET "X" = -"X" WHERE "ID" = 1')
    assert replica.load("F").counts == (0, 1, 0)
    assert replica.target_rows("F") == replica.source_rows("F")


def test_table_whose_columns_all_are_key_is_loaded(make_replica) -> None:
    table = daily("PAIRS", ["A", "DAY"], "DAY", columns=columns(A="int!", DAY="date!"))
    replica = make_replica(spec_text(table))
    replica.make_source()
    replica.insert("PAIRS", (1, DAY), (2, DAY))
    assert replica.load("PAIRS").counts == (2, 0, 0)
    replica.at_source('DELETE FROM "COM_5013"."PAIRS" WHERE "A" = 1')
    assert replica.load("PAIRS").counts == (0, 0, 1)
    assert replica.target_rows("PAIRS") == replica.source_rows("PAIRS")


def test_columns_that_are_not_replicated_stay_at_the_source(make_replica) -> None:
    secret = {"name": "PASSWORD", "type": "varchar(50)", "replicate": False}
    table = {**ITEMS, "columns": [*ITEMS["columns"], secret]}
    replica = make_replica(spec_text(table))
    replica.make_source()
    replica.at_source('ALTER TABLE "COM_5013"."ITEMS" ADD COLUMN "PASSWORD" varchar(50)')
    replica.at_source("INSERT INTO \"COM_5013\".\"ITEMS\" VALUES (1, 'x', 'hunter2')")
    replica.load("ITEMS")
    assert replica.target_rows("ITEMS") == ["(1,x)"]
    assert not [file for file in replica.exports.rglob("*.*") if b"hunter2" in file.read_bytes()]


WIDE = daily(
    "WIDE",
    ["ID"],
    "DAY",
    columns=columns(ID="int!", DAY="date", SMALL="smallint", WHOLE="decimal(10,0)", MARKUP="xml"),
)


@pytest.mark.parametrize(
    ("column", "wider"),
    [("ID", "bigint"), ("SMALL", "integer"), ("WHOLE", "bigint"), ("MARKUP", "varchar")],
)
def test_new_day_goes_into_a_target_whose_columns_are_wider(
    make_replica, column: str, wider: str
) -> None:
    replica = make_replica(spec_text(WIDE))
    replica.make_source()
    replica.insert("WIDE", (1, DAY, 2, 30, "<a/>"), (2, DAY, None, 0, None))
    replica.at_target(f'ALTER TABLE dbo."WIDE" ALTER COLUMN "{column}" TYPE {wider}')
    outcome = replica.load("WIDE")
    assert outcome.counts == (2, 0, 0), outcome.error
    assert replica.target_rows("WIDE") == replica.source_rows("WIDE")


def test_empty_day_is_loaded_as_empty(replica: Replica) -> None:
    outcome = replica.load("SALES")
    assert outcome.returned is ChunkState.MERGED
    assert outcome.counts == (0, 0, 0)
    assert outcome.row.file is not None


def test_extract_lies_in_the_archive_as_the_ledger_says(replica: Replica) -> None:
    replica.insert("SALES", (1, DAY, "1.5", "a"))
    row = replica.load("SALES").row
    assert row.file == f"SALES/{DAY}/{row.chunk.run_id}.parquet"
    table = pq.read_table(replica.exports / row.file)
    assert table.schema.equals(replica.spec.table("SALES").arrow_schema, check_metadata=True)
    assert table.num_rows == 1
    assert (replica.exports / row.file).with_suffix(".json").is_file()


def test_snapshot_table_is_loaded_whole_and_loses_what_the_source_lost(replica: Replica) -> None:
    replica.insert("ITEMS", *[(n, f"item {n}") for n in range(10)])
    assert replica.load("ITEMS", DAY).counts == (10, 0, 0)
    replica.at_source('DELETE FROM "COM_5013"."ITEMS" WHERE "ID" < 3')
    assert replica.load("ITEMS", NEXT_DAY).counts == (0, 0, 3)
    assert replica.target_rows("ITEMS") == replica.source_rows("ITEMS")


def test_many_rows_of_many_batches_arrive(make_replica) -> None:
    replica = make_replica(spec_text(SALES), batch_bytes=64 * 1024)
    replica.make_source()
    replica.at_source(
        'INSERT INTO "COM_5013"."SALES" SELECT n, %s, n / 7.0, repeat(\'x\', n %% 150) '
        "FROM generate_series(1, 20000) n",
        DAY,
    )
    assert replica.load("SALES").counts == (20_000, 0, 0)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1900, 2, 28), date(9999, 12, 30)])
def test_days_at_the_ends_of_the_calendar_are_loaded(replica: Replica, day: date) -> None:
    replica.insert("SALES", (1, day, 1, "a"))
    assert replica.load("SALES", day).counts == (1, 0, 0)
