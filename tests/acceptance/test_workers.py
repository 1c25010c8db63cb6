"""Runs that Celery workers do, started by the Procfile's own commands."""

from __future__ import annotations

import json
import sys

import pytest
import redis
from drive.programs import Program, wait_until
from drive.shop import STRAYS, Shop, day

DAYS = ("--start", day(0), "--end", day(3))
MANY_DAYS = 100  # so small that they are grouped


def test_two_workers_end_a_backfill_by_themselves(staffed: Shop) -> None:
    staffed.open(days=4)
    workers = [staffed.start_worker("backfill") for _ in range(2)]
    for worker in workers:
        worker.wait_for(" ready.")

    run = staffed.wait_closed(staffed.begin("backfill", *DAYS, REPLICA_WINDOW="4"))

    assert run["status"] == "succeeded"
    staffed.expect_equal()
    assert len(staffed.runs()) == 1
    chunks = staffed.chunks()
    assert {chunk["state"] for chunk in chunks} == {"merged"}
    assert len({chunk["worker"] for chunk in chunks}) == 2, "both had work"
    assert {chunk["attempt"] for chunk in chunks} == {1}


def test_many_small_days_are_handed_out_together_and_recorded_one_by_one(staffed: Shop) -> None:
    words = staffed.open_small_days(MANY_DAYS)
    workers = [staffed.start_worker("backfill") for _ in range(2)]
    for worker in workers:
        worker.wait_for(" ready.")

    run_id = staffed.begin(*words)

    run = staffed.wait_closed(run_id)
    chunks = staffed.chunks(f"day > '{STRAYS}'")
    assert (run["status"], run["chunks_done"]) == ("succeeded", MANY_DAYS + 1)
    assert [chunk["state"] for chunk in chunks] == ["merged"] * MANY_DAYS
    assert {(chunk["attempt"], chunk["rows_inserted"]) for chunk in chunks} == {(1, 3)}
    assert all(chunk["group_day"] for chunk in chunks[:-1]), "the last one is left alone"
    received = [worker.said().count("_group[") for worker in workers]
    assert all(received), "both had work"
    groups = {chunk["group_day"] for chunk in chunks} - {None}
    assert sum(received) == 2 * len(groups) < MANY_DAYS, "received and succeeded, once each"
    staffed.expect_equal("STORE_DAYS")
    status = json.loads(staffed.must("status", run_id, "--json").out)
    assert {one["state"] for one in status["chunk_list"]} == {"merged"}
    alone = [chunk for chunk in staffed.chunks() if chunk["group_day"] is None]
    assert status["source_use"]["connections"] == len(groups) + len(alone)
    (told,) = json.loads(staffed.must("history", "--json").out)
    assert (told["run_id"], told["rows_inserted"]) == (run_id, 3 * MANY_DAYS)
    assert staffed.must("retry", run_id).out.startswith("nothing to do")
    staffed.must("verify", *words[1:])

    staffed.target.execute('TRUNCATE "dbo"."STORE_DAYS"')
    staffed.must("replay", *words[1:], "--wait")
    staffed.expect_equal("STORE_DAYS")


def test_messages_of_groups_that_wait_for_a_worker_are_not_sent_again(staffed: Shop) -> None:
    staffed.begin(*staffed.open_small_days(MANY_DAYS))
    with redis.Redis.from_url(staffed.environment["REPLICA_BROKER_URL"]) as broker:
        sent = broker.llen("backfill")
        assert 0 < sent < MANY_DAYS
        staffed.target.execute(
            "UPDATE dbo.etl_progress SET queued_at = queued_at - interval '1 minute'"
        )
        worker = staffed.worker("daily")

        staffed.send_task("replica.sweep")
        worker.wait_for("Task replica.sweep[", times=2)  # received, succeeded

        assert broker.llen("backfill") == sent


def test_a_run_under_way_tells_its_end_and_a_forecast_who_listens(staffed: Shop) -> None:
    staffed.open(days=4)
    staffed.worker("backfill")
    assert json.loads(staffed.must("backfill", *DAYS, "--dry-run", "--json").out)["workers"] == 1
    second = staffed.start_worker("backfill")
    second.wait_for(" ready.")
    told = json.loads(staffed.must("backfill", *DAYS, "--dry-run", "--json").out)
    assert told["workers"] == 2

    with staffed.blocked("STORE_DAYS"):
        run_id = staffed.begin("backfill", *DAYS)
        wait_until(lambda: bool(staffed.chunks("state = 'merged'")), "a first merged chunk")
        under_way = staffed.must("status", run_id)
        document = json.loads(staffed.must("status", run_id, "--json").out)
    assert "done about 20" in under_way.out
    assert "asked of the source:" in under_way.out
    assert document["expected_end"] > "20"

    staffed.wait_closed(run_id)
    document = json.loads(staffed.must("status", run_id, "--json").out)
    assert document["expected_end"] is None
    assert document["source_use"]["connections"] >= len(staffed.chunks())


def test_a_daily_worker_leaves_backfills_alone(staffed: Shop) -> None:
    staffed.open(days=2)
    staffed.begin("backfill", "--start", day(0), "--end", day(0))
    queued = staffed.chunks("state = 'queued'")
    assert len(queued) == 5
    worker = staffed.worker("daily")

    staffed.send_task("replica.sweep")
    worker.wait_for("Task replica.sweep[", times=2)  # received, succeeded

    assert staffed.chunks("state = 'queued'") == queued
    with redis.Redis.from_url(staffed.environment["REPLICA_BROKER_URL"]) as broker:
        assert broker.llen("backfill") == 5
    assert "replicate_chunk[" not in worker.said()


def test_the_chords_callback_repairs_t1_and_closes_the_run(staffed: Shop) -> None:
    staffed.open(days=2)
    worker = staffed.worker("daily")
    staffed.wait_closed(staffed.begin("run", "--date", day(0), "--no-check-fixes"))
    # Nobody waited and no beat runs, and a chord's member closes nothing: it was the callback.
    worker.wait_for("Task replica.close_run[", times=2)  # received, succeeded
    staffed.source.execute('DELETE FROM "COM_5013"."ORDER_LINES" WHERE "ORDER_ID" = 7')

    staffed.must("run", "--date", day(1), "--wait")

    worker.wait_for("Task replica.close_run[", times=4)
    first, run = staffed.runs()
    assert [first["kind"], first["status"]] == ["nightly", "succeeded"]
    assert (run["kind"], run["status"], run["rows_deleted"]) == ("nightly", "succeeded", 3)
    staffed.expect_equal()
    verdicts = {
        chunk["table_name"]: chunk["verdict"]
        for chunk in staffed.chunks(f"action = 'check' AND day > '{STRAYS}'")
    }
    assert verdicts == {"ORDERS": "match", "ORDER_LINES": "repaired", "STORE_DAYS": "match"}


def test_a_chunk_that_cannot_succeed_fails_alone(staffed: Shop) -> None:
    staffed.open(days=2)
    staffed.source.execute('ALTER TABLE "COM_5013"."STORE_DAYS" DROP COLUMN "CASH"')
    staffed.worker("backfill")

    answer = staffed.replica("backfill", "--start", day(0), "--end", day(1), "--wait")

    assert answer.code == 1, answer
    run = staffed.only_run()
    assert (run["status"], run["chunks_failed"], run["chunks_done"]) == ("failed", 3, 7)
    assert "CASH" in run["error"]
    for chunk in staffed.chunks():
        failed = chunk["table_name"] == "STORE_DAYS"
        assert chunk["state"] == ("failed" if failed else "merged")
        assert ("Correct the spec file" in (chunk["error"] or "")) == failed
    assert "CASH" in answer.out
    staffed.expect_equal("ORDERS", "ORDER_LINES", "ITEMS")


def test_starting_the_night_twice_makes_one_run(staffed: Shop) -> None:
    staffed.open(days=1)
    worker = staffed.worker("daily")

    for _ in range(2):
        staffed.send_task("replica.start_nightly")

    def both_done() -> bool:
        return worker.said().count("Task replica.start_nightly[") >= 4  # received, succeeded

    wait_until(both_done, "both starts")
    run = staffed.wait_closed(staffed.only_run()["run_id"])
    assert (run["kind"], run["status"], run["asked_by"]) == ("nightly", "succeeded", "beat")
    for name in ("replica.check_nightly", "replica.close_nightly"):
        staffed.send_task(name)
    worker.wait_for("Task replica.close_nightly[", times=2)
    assert staffed.only_run() == run, "late ticks change nothing"


@pytest.mark.parametrize("missing", ["REPLICA_TARGET_URL", "REPLICA_BROKER_URL", "all"])
def test_a_worker_without_settings_ends_with_one_clear_line(staffed: Shop, missing: str) -> None:
    for name in list(staffed.environment):
        if name == missing or (missing == "all" and name.startswith("REPLICA_")):
            del staffed.environment[name]

    worker = staffed.start_worker("daily")

    assert worker.popen.wait(30) == 2
    lines = worker.said().splitlines()
    assert len(lines) == 1, lines
    assert ("REPLICA_BROKER_URL" if missing == "all" else missing) in lines[0]


def test_a_worker_with_wrong_settings_ends_with_one_clear_line(staffed: Shop) -> None:
    worker: Program = staffed.start_worker("daily", REPLICA_SCHEMA="nowhere.json")

    assert worker.popen.wait(30) == 2
    assert len(worker.said().splitlines()) == 1, worker.said()
    assert "nowhere.json" in worker.said()


def test_beat_is_due_at_two_in_the_morning_of_kuala_lumpur(staffed: Shop) -> None:
    program = """
import json
from datetime import datetime
from zoneinfo import ZoneInfo
from celery.beat import Scheduler
from replica_worker.tasks.app import app
noon = datetime(2024, 3, 14, 12, tzinfo=ZoneInfo("Asia/Kuala_Lumpur"))
due = {}
for name, entry in Scheduler(app).schedule.items():
    if entry.task != "replica.sweep":
        entry.schedule.nowfun = lambda: noon
        due[entry.task] = (noon + entry.schedule.remaining_estimate(noon)).isoformat()
print(json.dumps([due, app.conf.timezone], sort_keys=True))
"""
    answer = staffed.start([sys.executable, "-c", program])

    assert answer.popen.wait(30) == 0, answer.said()
    assert answer.said().strip() == (
        '[{"replica.check_nightly": "2024-03-15T02:15:00+08:00", '
        '"replica.close_nightly": "2024-03-15T02:30:00+08:00", '
        '"replica.start_nightly": "2024-03-15T02:00:00+08:00"}, "Asia/Kuala_Lumpur"]'
    )
