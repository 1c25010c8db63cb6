"""Groups of small days whose worker, broker or warehouse goes: nothing is lost or done twice."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from drive.programs import Program, wait_until
from drive.shop import Shop, day
from drive.witness import expect_right_end, expect_success
from support.databases import connect

from replica_worker.checkpoints import Checkpoint

# Those that leave most behind; tests/integration/test_groups.py ends the work at the others.
STEPS = [Checkpoint.FILE_NAMED.value, Checkpoint.MERGING.value, Checkpoint.MERGED.value]
DAYS = ("--start", day(-70), "--end", day(3))
TABLES = ("ORDERS", "STORE_DAYS")  # of which days go together
ONLY = ("--table", "ORDERS", "--table", "STORE_DAYS")
_LOCK = 7_003  # an advisory lock of the test's own
_IN_MERGE = f"""
    SELECT count(*) FROM pg_locks
     WHERE locktype = 'advisory' AND objid = {_LOCK} AND NOT granted
"""


def open_shop(shop: Shop) -> None:
    """Four days of few rows behind seventy of none."""
    shop.open(days=4, orders_a_day=20)


@contextmanager
def held_in_merge(shop: Shop) -> Iterator[None]:
    """The first group with rows stands still in its merge's transaction while the block lasts."""
    shop.target.execute(
        f"""
        CREATE FUNCTION "dbo".hold_group() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared({_LOCK});
            RETURN NULL;
        END $$;
        CREATE TRIGGER hold_group AFTER INSERT ON "dbo"."STORE_DAYS"
          FOR EACH STATEMENT EXECUTE FUNCTION "dbo".hold_group();
        """
    )
    with connect(shop.site.target_url) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        yield


def is_in_merge(shop: Shop) -> bool:
    return shop.target.execute(_IN_MERGE).fetchone() != (0,)


def test_children_killed_with_a_group_cost_nothing_but_time(
    impatient: Shop, start_special: Callable[..., Program], tmp_path: Path
) -> None:
    open_shop(impatient)
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

    expect_success(impatient.start_replica("backfill", *DAYS, *ONLY, "--wait"))

    assert {mark.name for mark in marks.iterdir()} == set(STEPS), "each step saw a death"
    expect_right_end(impatient, *TABLES)
    assert impatient.chunks("group_day IS NOT NULL AND attempt = 1"), "others went together"


def test_a_broker_that_forgets_groups_is_told_of_them_again(impatient: Shop) -> None:
    open_shop(impatient)
    impatient.worker("daily")
    impatient.beat()
    run_id = impatient.begin("backfill", *DAYS, *ONLY)
    assert impatient.chunks("state = 'queued' AND group_day <> day")
    redis.Redis.from_url(impatient.environment["REPLICA_BROKER_URL"]).flushall()
    impatient.worker("backfill")

    assert impatient.wait_closed(run_id)["status"] == "succeeded"

    expect_right_end(impatient, *TABLES)
    assert {chunk["attempt"] for chunk in impatient.chunks()} == {1}, "they stayed together"


def test_a_warehouse_that_breaks_off_in_a_group_s_merge_leaves_nothing_half(
    impatient: Shop,
) -> None:
    open_shop(impatient)
    impatient.worker("backfill")
    impatient.worker("daily")
    impatient.beat()
    with held_in_merge(impatient):
        run_id = impatient.begin("backfill", *DAYS, *ONLY)
        wait_until(lambda: is_in_merge(impatient), "a group in its merge")
        impatient.target.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_locks
             WHERE locktype = 'advisory' AND objid = %s AND NOT granted
            """,
            [_LOCK],
        )
        wait_until(lambda: not is_in_merge(impatient), "the end of the session")
        assert impatient.target_rows("STORE_DAYS") == []

    assert impatient.wait_closed(run_id)["status"] == "succeeded"

    expect_right_end(impatient, *TABLES)
    assert {chunk["failures"] for chunk in impatient.chunks()} == {0}


def test_a_worker_told_to_end_gives_its_group_back_whole(impatient: Shop) -> None:
    impatient.environment.update(REPLICA_LEASE="600", REPLICA_LOST_AFTER="600")
    open_shop(impatient)
    worker = impatient.worker("backfill", REPLICA_SHUTDOWN_GRACE="1")
    with held_in_merge(impatient):
        run_id = impatient.begin("backfill", *DAYS, *ONLY)
        wait_until(lambda: is_in_merge(impatient), "a group in its merge")
        caught = impatient.chunks("state = 'running'")
        worker.popen.send_signal(signal.SIGTERM)
        wait_until(lambda: not impatient.chunks("state = 'running'"), "a group that is given back")
    worker.popen.wait(30)
    impatient.worker("backfill")

    assert impatient.wait_closed(run_id)["status"] == "succeeded"

    expect_right_end(impatient, *TABLES)
    again = {(chunk["table_name"], chunk["day"]): chunk for chunk in impatient.chunks()}
    ended = [again[chunk["table_name"], chunk["day"]] for chunk in caught]
    assert len(ended) > 1
    assert {(chunk["attempt"], chunk["failures"]) for chunk in ended} == {(2, 0)}
    assert len({chunk["group_day"] for chunk in ended}) == 1, "it went to the next in one piece"
