"""`retry`, `cancel` and `replay`, as people use them."""

from __future__ import annotations

import pytest
from drive.shop import TABLES, Shop, day

DAYS = ("--start", day(0), "--end", day(2))
NOWHERE = "postgresql+psycopg://nobody:nothing@127.0.0.1:9/none"


def empty_warehouse(shop: Shop) -> None:
    for target in TABLES.values():
        shop.target.execute(f'TRUNCATE "dbo"."{target}"')


def test_a_replay_makes_an_empty_warehouse_whole_without_the_source(copied: Shop) -> None:
    empty_warehouse(copied)

    answer = copied.must("replay", *DAYS, "--inline", REPLICA_SOURCE_URL=NOWHERE)

    assert "10/10" in answer.out or "succeeded" in answer.out
    copied.expect_equal()
    copied.must("verify", *DAYS)
    run = copied.runs()[-1]
    assert (run["kind"], run["status"], run["chunks"]) == ("replay", "succeeded", 10)
    assert {chunk["state"] for chunk in copied.chunks("action = 'replay'")} == {"merged"}


def test_workers_replay_too(staffed: Shop) -> None:
    staffed.open(days=3)
    staffed.must("backfill", *DAYS, "--inline")
    empty_warehouse(staffed)
    staffed.worker("backfill", REPLICA_SOURCE_URL=NOWHERE)

    staffed.must("replay", *DAYS, "--wait")

    staffed.expect_equal()


def test_a_replay_names_what_the_archive_lacks(copied: Shop) -> None:
    answer = copied.must("replay", "--start", day(1), "--end", day(5), "--dry-run")

    assert "ORDERS, 3 days from 2024-03-17 to 2024-03-19" in answer.err
    assert "ITEMS" in answer.out
    assert len(copied.runs()) == 1, "a dry run records nothing"


def test_a_replay_of_nothing_is_told_in_one_line(shop: Shop) -> None:
    answer = shop.replica("replay", *DAYS, "--inline")

    assert answer.code == 1, answer
    (line,) = answer.err.splitlines()
    assert "REPLICA_EXPORTS" in line
    assert shop.runs() == []


def test_failed_chunks_are_done_again_in_the_same_run(shop: Shop) -> None:
    shop.open(days=3)
    shop.source.execute('ALTER TABLE "COM_5013"."ITEMS" RENAME COLUMN "PRICE" TO "COST"')
    assert shop.replica("backfill", *DAYS, "--inline").code == 1
    run_id = shop.only_run()["run_id"]
    shop.source.execute('ALTER TABLE "COM_5013"."ITEMS" RENAME COLUMN "COST" TO "PRICE"')

    dry = shop.must("retry", run_id, "--dry-run")
    assert "PRICE" in dry.out
    assert shop.only_run()["status"] == "failed"
    shop.must("retry", run_id, "--inline")

    run = shop.only_run()
    assert (run["status"], run["chunks_done"], run["error"]) == ("succeeded", run["chunks"], None)
    shop.expect_equal()
    assert shop.must("retry", run_id).out.startswith("nothing to do")


def test_workers_retry_too(staffed: Shop) -> None:
    staffed.open(days=3)
    staffed.source.execute('ALTER TABLE "COM_5013"."ITEMS" RENAME COLUMN "PRICE" TO "COST"')
    staffed.worker("daily")
    assert staffed.replica("run", "--date", day(1), "--wait").code == 1
    staffed.source.execute('ALTER TABLE "COM_5013"."ITEMS" RENAME COLUMN "COST" TO "PRICE"')

    staffed.must("retry", staffed.only_run()["run_id"], "--wait")

    assert staffed.only_run()["status"] == "succeeded"
    staffed.expect_equal("ITEMS")


def test_a_cancelled_run_ends_when_its_chunk_under_way_has(staffed: Shop) -> None:
    staffed.open(days=3)
    staffed.worker("backfill")
    with staffed.blocked("STORE_DAYS"):
        run_id = staffed.begin("backfill", *DAYS, "--table", "STORE_DAYS")
        staffed.wait_running("STORE_DAYS")
        answer = staffed.must("cancel", run_id)
        assert "3 waiting chunks" in answer.out
        assert staffed.only_run()["status"] == "cancelling"
    run = staffed.wait_closed(run_id)

    assert (run["status"], run["chunks_done"]) == ("cancelled", 1)
    states = [chunk["state"] for chunk in staffed.chunks()]
    assert sorted(states) == ["cancelled"] * 3 + ["merged"]
    assert staffed.must("cancel", run_id).out.startswith("nothing to do")
    staffed.must("backfill", *DAYS, "--missing", "--inline")
    staffed.expect_equal()


@pytest.mark.parametrize("command", ["retry", "cancel", "undo"])
def test_an_unknown_run_is_told_in_one_line(shop: Shop, command: str) -> None:
    answer = shop.replica(command, "nowhere")

    assert answer.code == 2, answer
    (line,) = answer.err.splitlines()
    assert "nowhere" in line


def test_undo_puts_back_what_a_check_took_away(shop: Shop) -> None:
    shop.open(days=2)
    shop.must("backfill", "--start", day(0), "--end", day(1), "--inline")
    before = shop.target_rows("ORDERS")
    shop.source.execute('DELETE FROM "COM_5013"."ORDER_LINES" WHERE "ORDER_ID" = 1')
    shop.source.execute('DELETE FROM "COM_5013"."ORDERS" WHERE "ID" = 1')
    shop.must("check-fixes", "--date", day(0), "--table", "ORDERS", "--inline")
    assert shop.target_rows("ORDERS") != before
    run_id = str(shop.runs()[-1]["run_id"])

    assert "ORDERS" in shop.must("undo", run_id, "--dry-run").out
    shop.must("undo", run_id, "--inline")

    assert shop.target_rows("ORDERS") == before
    assert (shop.runs()[-1]["kind"], shop.runs()[-1]["status"]) == ("undo", "succeeded")
