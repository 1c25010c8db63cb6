"""The commands over two real databases, in one process: what they do, print and end with."""

from __future__ import annotations

import json

from drive.programs import run_replica
from drive.shop import CHUNKS_A_DAY, NEVER_COPIED, STRAYS, TABLES, Shop, day, loads

from replica_worker.ledger.tables import LATER_MIGRATIONS

DAYS = ("--start", day(0), "--end", day(2))
DATED_CHUNKS = 3 * CHUNKS_A_DAY + 1
ALL_CHUNKS = DATED_CHUNKS + CHUNKS_A_DAY  # and the strays of every daily table

RUN_FIELDS = {
    "run_id", "kind", "first_day", "last_day", "tables", "options", "status", "chunks",
    "chunks_done", "chunks_failed", "rows_extracted", "rows_inserted", "rows_updated",
    "rows_deleted", "started_at", "ended_at", "error", "asked_by", "product_version", "source_use",
}  # fmt: skip
CHUNK_FIELDS = {
    "table", "day", "action", "state", "attempt", "worker", "verdict", "rows_extracted",
    "rows_inserted", "rows_updated", "rows_deleted", "rows_moved", "file", "digest",
    "started_at", "finished_at", "error", "rows_expected", "source_use",
}  # fmt: skip
PROOF_FIELDS = {
    "table", "day", "equal", "exposed", "source_rows", "target_rows", "different_rows",
    "differences", "strays", "proven_earlier",
}  # fmt: skip


def test_migrate_makes_the_tables_once_and_says_so(new_shop: Shop) -> None:
    first, second = new_shop.must("migrate"), new_shop.must("migrate")

    for target in TABLES.values():
        assert f"dbo.{target}" in first.out
    assert first.out.count("applied ") == len(TABLES) + 4 + len(LATER_MIGRATIONS)
    assert second.out.startswith("nothing to do")
    assert new_shop.runs() == []


def test_a_backfill_copies_every_row_and_the_hidden_column_never(shop: Shop) -> None:
    shop.open(days=3)

    shop.must("backfill", *DAYS, "--inline")

    shop.expect_equal()
    run = shop.only_run()
    assert (run["kind"], run["status"]) == ("backfill", "succeeded")
    assert (run["chunks"], run["chunks_done"], run["chunks_failed"]) == (ALL_CHUNKS, ALL_CHUNKS, 0)
    assert run["rows_extracted"] == sum(len(shop.source_rows(table)) for table in TABLES)
    files = sorted((shop.folder / "exports").rglob("*.parquet"))
    assert len(files) == DATED_CHUNKS, "there are no strays to extract"
    assert all(file.with_suffix(".json").is_file() for file in files)
    columns = shop.target.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'ITEMS'"
    ).fetchall()
    assert ("PIN",) not in columns
    assert not any(NEVER_COPIED.encode() in file.read_bytes() for file in files)


def test_a_second_backfill_changes_nothing(copied: Shop) -> None:
    answer = copied.must("backfill", *DAYS, "--inline")

    run = copied.runs()[-1]
    assert run["rows_extracted"] > 0, answer
    assert (run["rows_inserted"], run["rows_updated"], run["rows_deleted"]) == (0, 0, 0)


def test_a_dry_backfill_prints_its_plan_and_records_nothing(shop: Shop) -> None:
    shop.open(days=3)

    answer = shop.must("backfill", *DAYS, "--dry-run")

    assert f"{ALL_CHUNKS} chunks" in answer.out
    assert all(table in answer.out for table in TABLES)
    assert (shop.runs(), shop.chunks()) == ([], [])
    assert shop.target_rows("ORDERS") == []


def test_a_dry_backfill_foretells_rows_bytes_and_time(copied: Shop) -> None:
    rows = {table: len(copied.source_rows(table)) for table in TABLES}

    answer = copied.must("backfill", *DAYS, "--dry-run", "--workers", "2")
    told = json.loads(copied.must("backfill", *DAYS, "--dry-run", "--json").out)

    assert f"{sum(rows.values()):,}" in answer.out
    assert "of work for 2 workers; begun now, it would be done about 20" in answer.out
    assert {table["table"]: table["rows"] for table in told["tables"]} == rows
    assert (told["rows"], told["workers"], told["chunks"]) == (sum(rows.values()), 1, ALL_CHUNKS)
    assert min(told["source_bytes"], told["parquet_bytes"]) > 0
    assert told["seconds"] > 0
    assert told["ends_at"] > "20"


def test_a_dry_backfill_of_what_was_never_loaded_says_what_it_guesses(shop: Shop) -> None:
    shop.open(days=3)

    answer = shop.must("backfill", *DAYS, "--dry-run")

    assert "how long it takes is unknown" in answer.out
    assert "a guess from column types" in answer.out


def test_options_of_a_dry_run_are_refused_without_it(shop: Shop) -> None:
    answer = shop.replica("backfill", *DAYS, "--json")
    assert answer.code == 2
    assert "--dry-run" in answer.err


def test_a_backfill_of_what_is_missing_leaves_the_rest_alone(shop: Shop) -> None:
    shop.open(days=3)
    shop.must("backfill", "--start", day(1), "--end", day(1), "--table", "ORDERS", "--inline")

    shop.must("backfill", *DAYS, "--table", "ORDERS", "--missing", "--inline")
    last = shop.must("backfill", *DAYS, "--table", "ORDERS", "--missing", "--inline")

    second = shop.runs()[1]
    days = [str(chunk["day"]) for chunk in shop.chunks(f"run_id = '{second['run_id']}'")]
    assert sorted(days) == [STRAYS, day(0), day(2)]
    assert last.out.startswith("nothing to do")
    assert len(shop.runs()) == 2
    shop.expect_equal("ORDERS")


def test_the_nightly_run_loads_a_day_and_repairs_the_day_before(shop: Shop) -> None:
    shop.open(days=2)
    shop.must("run", "--date", day(0), "--no-check-fixes", "--inline")
    assert [chunk["action"] for chunk in shop.chunks()] == ["load"] * (CHUNKS_A_DAY + 1)
    shop.source.execute(
        'UPDATE "COM_5013"."ORDERS" SET "IS_VOID" = NOT "IS_VOID", "RV" = \'\\x00000000ffffffff\' '
        'WHERE "ID" = 7'
    )

    shop.must("run", "--date", day(1), "--inline")

    shop.expect_equal()
    run = shop.runs()[-1]
    assert (run["status"], run["rows_updated"]) == ("succeeded", 1)
    checks = shop.chunks(f"action = 'check' AND day > '{STRAYS}'")
    assert {chunk["table_name"]: chunk["verdict"] for chunk in checks} == {
        "ORDERS": "repaired",
        "ORDER_LINES": "match",
        "STORE_DAYS": "match",
    }


def test_check_fixes_finds_a_match_then_a_difference_then_repairs_it(copied: Shop) -> None:
    check = ("check-fixes", "--date", day(1), "--table", "STORE_DAYS", "--inline")
    assert "match" in copied.must(*check).out
    copied.target.execute('UPDATE "dbo"."STORE_DAYS" SET "CASH" = 1 WHERE "STORE" = \'S2\'')
    tampered = copied.target_rows("STORE_DAYS")

    dry = copied.replica(*check, "--dry-run")
    assert dry.code == 1, dry
    assert "differs" in dry.out
    assert copied.target_rows("STORE_DAYS") == tampered

    repaired = copied.must(*check)
    assert "repaired" in repaired.out
    copied.expect_equal("STORE_DAYS", where=f"\"DAY\" = '{day(1)}'")
    assert copied.target_rows("STORE_DAYS", f"\"DAY\" = '{day(0)}'") != copied.source_rows(
        "STORE_DAYS", f"\"DAY\" = '{day(0)}'"
    ), "only the day that was asked for is repaired"


def test_a_deep_check_finds_what_the_rowversion_does_not_show(copied: Shop) -> None:
    check = ("check-fixes", "--date", day(0), "--table", "ORDERS", "--inline")
    copied.target.execute('UPDATE "dbo"."SALE_ORDERS" SET "NOTE" = \'tampered\' WHERE "ID" = 5')

    cheap = copied.must(*check)
    assert "match" in cheap.out
    assert copied.target_rows("ORDERS") != copied.source_rows("ORDERS")

    deep = copied.must(*check, "--deep")
    assert "repaired" in deep.out
    copied.expect_equal("ORDERS")
    assert copied.runs()[-1]["rows_updated"] == 1


def test_verify_proves_equality_and_names_each_row_that_differs(copied: Shop) -> None:
    assert "yes" in copied.must("verify", *DAYS).out
    copied.target.execute('DELETE FROM "dbo"."ORDER_LINES" WHERE "ORDER_ID" = 3 AND "LINE_NO" = 2')
    copied.target.execute('UPDATE "dbo"."SALE_ORDERS" SET "NOTE" = \'tampered\' WHERE "ID" = 5')
    copied.target.execute("INSERT INTO \"dbo\".\"ITEMS\" VALUES ('ghost', 'Ghost', 1)")

    answer = copied.replica("verify", *DAYS)

    assert answer.code == 1, answer
    assert differences(answer.out) == {
        (f"ORDER_LINES {day(0)}", "missing in the warehouse", ("3", "2")),
        (f"ORDERS {day(0)}", "differs", ("5",)),
        ("ITEMS whole table", "only in the warehouse", ("ghost",)),
    }
    assert "STORE_DAYS" in answer.out


def differences(printed: str) -> set[tuple[str, str, tuple[str, ...]]]:
    """(chunk, what, key's values) of each line that names a differing row."""
    lines = [line.split(": ", 2) for line in printed.splitlines() if ": {" in line]
    return {(chunk, what, tuple(loads(key).values())) for chunk, what, key in lines}


def test_json_outputs_are_whole_and_hold_the_documented_fields(copied: Shop) -> None:
    copied.target.execute('UPDATE "dbo"."SALE_ORDERS" SET "NOTE" = \'tampered\' WHERE "ID" = 5')

    status = loads(copied.must("status", "--json").out)
    history = loads(copied.must("history", "--json").out)
    named = loads(copied.must("status", history[0]["run_id"], "--json").out)
    verified = copied.replica("verify", *DAYS, "--json")

    assert set(history[0]) >= RUN_FIELDS
    assert set(status) >= RUN_FIELDS | {"chunk_list"}
    assert named == status
    assert [set(chunk) >= CHUNK_FIELDS for chunk in status["chunk_list"]] == [True] * ALL_CHUNKS
    proofs = loads(verified.out)
    assert verified.code == 1
    assert all(set(proof) == PROOF_FIELDS for proof in proofs)
    (differing,) = [proof for proof in proofs if not proof["equal"]]
    assert (differing["table"], differing["day"]) == ("ORDERS", day(0))
    (difference,) = differing["differences"]
    assert difference["what"] == "differs"
    assert list(difference["key"].values()) == ["5"]
    (cell,) = difference["columns"]
    assert (cell["column"], cell["target"]) == ("NOTE", "tampered")


def test_a_run_can_be_looked_up_by_the_id_that_history_prints(copied: Shop) -> None:
    run_id = copied.only_run()["run_id"]
    narrow = {**copied.environment, "COLUMNS": "80"}

    assert run_id in run_replica("history", environment=narrow, folder=copied.folder).out
    assert "succeeded" in copied.must("status", run_id, "--watch").out


def test_deleting_a_whole_day_needs_a_persons_word(copied: Shop) -> None:
    copied.source.execute('DELETE FROM "COM_5013"."STORE_DAYS" WHERE "DAY" = %s', [day(1)])
    load = ("backfill", "--start", day(1), "--end", day(1), "--table", "STORE_DAYS", "--inline")
    before = copied.target_rows("STORE_DAYS")

    refused = copied.replica(*load)
    assert refused.code == 1, refused
    assert "refused" in refused.out
    assert "--allow-deletes" in refused.out
    assert copied.target_rows("STORE_DAYS") == before

    copied.must(*load, "--allow-deletes")
    copied.expect_equal("STORE_DAYS")


def test_status_tells_how_late_fixes_came(copied: Shop) -> None:
    assert "no late fix" in copied.must("status", "--late").out
    copied.source.execute(
        'UPDATE "COM_5013"."STORE_DAYS" SET "CASH" = 1 WHERE "DAY" = %s', [day(0)]
    )
    copied.must("check-fixes", "--date", day(0), "--inline")

    (late,) = json.loads(copied.must("status", "--late", "--json").out)

    assert (late["table"], late["rows"] > 0) == ("STORE_DAYS", True)
    assert late["rows_by_age"][">90"] == late["rows"], "the shop's days lie years back"
    assert "STORE_DAYS" in copied.must("status", "--late").out
    assert copied.replica("status", "--late", "--watch").code == 2
