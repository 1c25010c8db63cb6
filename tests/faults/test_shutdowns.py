"""Workers that are told to end while a chunk runs: it is given back at once, as no failure."""

from __future__ import annotations

import signal

import pytest
from drive.holder import Holder
from drive.programs import wait_until
from drive.shop import Shop, day
from drive.witness import expect_right_end
from support.databases import connect

from replica_worker.checkpoints import Checkpoint

DAYS = ("--start", day(0), "--end", day(1))
MANY_DAYS = 100  # so small that they are grouped
LONG = {"REPLICA_LEASE": "600", "REPLICA_LOST_AFTER": "600"}  # nothing comes back by waiting
_LOCK = 7_002  # an advisory lock of the test's own


@pytest.mark.parametrize("asks", [1, 2], ids=["grace is over", "asked to hurry"])
def test_a_chunk_that_outlasts_the_grace_goes_to_another_worker(impatient: Shop, asks: int) -> None:
    impatient.environment.update(LONG)
    impatient.open(days=2)
    worker = impatient.worker("backfill", REPLICA_SHUTDOWN_GRACE="1" if asks == 1 else "600")
    with impatient.blocked("STORE_DAYS"):
        run_id = impatient.begin("backfill", *DAYS)
        caught = impatient.wait_running("STORE_DAYS")
        worker.popen.send_signal(signal.SIGTERM if asks == 1 else signal.SIGINT)
        worker.wait_for("arm shutdown")
        if asks == 2:
            worker.popen.send_signal(signal.SIGINT)
        same = f"table_name = 'STORE_DAYS' AND day = '{caught['day']}'"
        wait_until(
            lambda: impatient.chunks(same)[0]["state"] in ("pending", "queued"),
            "a chunk that is given back",
        )
    worker.popen.wait(30)
    impatient.worker("backfill")

    assert impatient.wait_closed(run_id)["status"] == "succeeded"
    expect_right_end(impatient)
    assert impatient.chunks(same)[0]["attempt"] == 2
    assert {chunk["failures"] + chunk["outages"] for chunk in impatient.chunks()} == {0}


def test_a_group_that_outlasts_the_grace_goes_to_another_worker_as_it_is(
    impatient: Shop, holder: Holder
) -> None:
    impatient.environment.update(LONG)
    words = impatient.open_small_days(MANY_DAYS)
    worker = holder.start(
        Checkpoint.STAGED, HELD_TASK="replica.replicate_group", REPLICA_SHUTDOWN_GRACE="1"
    )
    run_id = impatient.begin(*words)
    holder.wait()
    caught = impatient.chunks("state = 'running'")
    worker.popen.send_signal(signal.SIGTERM)
    wait_until(lambda: not impatient.chunks("state = 'running'"), "a group that is given back")
    worker.popen.wait(30)
    impatient.worker("backfill")

    assert impatient.wait_closed(run_id)["status"] == "succeeded"
    expect_right_end(impatient, "STORE_DAYS")
    again = impatient.chunks("attempt > 1")
    assert [chunk["day"] for chunk in again] == [chunk["day"] for chunk in caught]
    assert {(chunk["attempt"], chunk["group_day"]) for chunk in again} == {(2, caught[0]["day"])}
    assert {chunk["failures"] + chunk["outages"] for chunk in impatient.chunks()} == {0}


def test_a_run_that_was_being_closed_is_closed_by_another_worker(impatient: Shop) -> None:
    impatient.environment.update(LONG)
    impatient.open(days=2)
    impatient.target.execute(
        f"""
        CREATE FUNCTION "dbo".hold_close() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared({_LOCK});
            RETURN NEW;
        END $$;
        CREATE TRIGGER hold_close BEFORE UPDATE ON "dbo"."replica_run_history" FOR EACH ROW
          WHEN (NEW.status = 'succeeded') EXECUTE FUNCTION "dbo".hold_close();
        """
    )
    worker = impatient.worker("daily", REPLICA_SHUTDOWN_GRACE="1")
    with connect(impatient.site.target_url) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        run_id = impatient.begin("run", "--date", day(1))
        wait_until(lambda: _has_waiter(impatient), "a worker that closes the run")
        worker.popen.send_signal(signal.SIGTERM)
        worker.wait_for("are given back")
    assert worker.popen.wait(30) == 0, worker.said()
    impatient.worker("daily")
    impatient.beat()  # its sweep has the run closed

    assert impatient.wait_closed(run_id)["status"] == "succeeded"
    expect_right_end(impatient)


def _has_waiter(shop: Shop) -> bool:
    row = shop.target.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted",
        [_LOCK],
    ).fetchone()
    return row != (0,)
