"""kill -9 of a worker's child, of the finalizer and of beat: the run ends right, by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from drive.programs import Program, procfile_line, wait_until
from drive.shop import Shop, day
from drive.witness import expect_right_end, expect_success
from support.databases import connect

from replica_worker.checkpoints import Checkpoint

STEPS = [*(point.value for point in Checkpoint), "before ack"]
MANY_DAYS = 100  # so small that they are grouped
_LOCK = 7_001  # an advisory lock of the test's own


def children_of(program: Program) -> list[int]:
    tasks = Path(f"/proc/{program.popen.pid}/task").glob("*/children")
    return [int(pid) for file in tasks for pid in file.read_text().split()]


@pytest.mark.parametrize("is_loaded", [False, True], ids=["empty", "loaded"])
def test_children_killed_at_every_step_of_a_chunk_cost_nothing_but_time(
    impatient: Shop, start_special: Callable[..., Program], tmp_path: Path, is_loaded: bool
) -> None:
    impatient.open(days=2)
    if is_loaded:  # rows are staged only where there are some to compare them with
        expect_success(
            impatient.start_replica("backfill", "--start", day(0), "--end", day(1), "--inline")
        )
        impatient.forget_runs()
    impatient.worker("daily")
    impatient.beat()  # sweeps what the last to die left staged, if that was at the run's end
    marks = tmp_path / "deaths"
    marks.mkdir()
    start_special("fatal", FATAL_POINTS=",".join(STEPS), FATAL_MARKS=str(marks))

    expect_success(
        impatient.start_replica("backfill", "--start", day(0), "--end", day(1), "--wait")
    )

    assert {mark.name for mark in marks.iterdir()} == set(STEPS), "each step saw a death"
    expect_right_end(impatient)


def test_children_killed_at_every_step_of_a_group_cost_nothing_but_time(
    impatient: Shop, start_special: Callable[..., Program], tmp_path: Path
) -> None:
    words = impatient.open_small_days(MANY_DAYS)
    impatient.worker("daily")
    impatient.beat()
    marks = tmp_path / "deaths"
    marks.mkdir()
    start_special(
        "fatal",
        FATAL_POINTS=",".join(STEPS),
        FATAL_MARKS=str(marks),
        FATAL_TASK="replica.replicate_group",
    )

    expect_success(impatient.start_replica(*words, "--wait"))

    assert {mark.name for mark in marks.iterdir()} == set(STEPS), "each step saw a death"
    expect_right_end(impatient, "STORE_DAYS")
    assert impatient.chunks("group_day IS NOT NULL"), "other groups stayed together"
    assert {chunk["failures"] for chunk in impatient.chunks()} == {0}


def test_a_finalizer_killed_in_its_checks_is_followed_by_another(impatient: Shop) -> None:
    impatient.open(days=2)
    impatient.target.execute(
        f"""
        CREATE FUNCTION "dbo".hold_check() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared({_LOCK});
            RETURN NEW;
        END $$;
        CREATE TRIGGER hold_check BEFORE UPDATE ON "dbo"."etl_progress" FOR EACH ROW
          WHEN (NEW.state = 'checked') EXECUTE FUNCTION "dbo".hold_check();
        """
    )
    worker = impatient.worker("daily")
    with connect(impatient.site.target_url) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        waiting = impatient.start_replica("run", "--date", day(1), "--wait")
        wait_until(lambda: has_waiter(impatient), "a finalizer in its checks")
        (finalizer,) = children_of(worker)
        os.kill(finalizer, signal.SIGKILL)
        wait_until(lambda: finalizer not in children_of(worker), "the finalizer's end")

    expect_success(waiting)
    expect_right_end(impatient)
    checks = impatient.chunks("action = 'check'")
    assert {check["state"] for check in checks} == {"checked"}
    assert max(check["attempt"] for check in checks) > 1, "the check that was cut was done again"


def has_waiter(shop: Shop) -> bool:
    row = shop.target.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted",
        [_LOCK],
    ).fetchone()
    return row != (0,)


def test_a_dead_beat_and_a_lost_schedule_are_made_good_by_two_new_ones(impatient: Shop) -> None:
    impatient.open(days=2)
    impatient.worker("backfill")
    impatient.worker("daily")
    beat = impatient.beat()
    with impatient.blocked("STORE_DAYS"):
        run_id = impatient.begin("backfill", "--start", day(0), "--end", day(1))
        impatient.wait_running("STORE_DAYS")
        redis.Redis.from_url(impatient.environment["REPLICA_BROKER_URL"]).flushall()
        beat.end(signal.SIGKILL)
        for file in impatient.folder.glob("celerybeat-schedule*"):
            file.unlink()
        procfile_argv = procfile_line(" beat ").split()
        beats = [
            impatient.beat(),
            impatient.start([*procfile_argv, "--schedule", "second"]),
        ]

    assert impatient.wait_closed(run_id)["status"] == "succeeded"

    expect_right_end(impatient)
    assert [beat.popen.poll() for beat in beats] == [None, None]
