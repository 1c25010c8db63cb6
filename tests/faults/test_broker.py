"""The broker restarts, is away, or delivers twice: the ledger knows what is to be done."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis
from drive.programs import Program, wait_until
from drive.shop import Shop, day
from drive.witness import expect_right_end, expect_success

from replica_worker.embedded.valkey import EmbeddedValkey

START_SECONDS = 30
AWAY_SECONDS = 30
MANY_DAYS = 100  # so small that they are grouped


@pytest.mark.parametrize("ends_without_broker", [False, True])
def test_a_broker_that_comes_back_empty_costs_nothing_but_time(
    impatient: Shop, broker: EmbeddedValkey, ends_without_broker: bool
) -> None:
    impatient.open(days=2)
    impatient.worker("backfill")
    port = broker.port
    with impatient.blocked("STORE_DAYS"):
        waiting = impatient.start_replica("backfill", "--start", day(0), "--end", day(1), "--wait")
        caught = impatient.wait_running("STORE_DAYS")
        broker.stop()
        if not ends_without_broker:
            broker.wait_ready(START_SECONDS)
    if ends_without_broker:
        same = f"table_name = 'STORE_DAYS' AND day = '{caught['day']}'"
        wait_until(
            lambda: impatient.chunks(same)[0]["state"] == "merged", "a merge without a broker"
        )
        broker.wait_ready(START_SECONDS)
    assert broker.port == port

    expect_success(waiting)
    expect_right_end(impatient)


def test_a_broker_that_is_away_for_half_a_minute_costs_nothing_but_time(
    impatient: Shop, broker: EmbeddedValkey
) -> None:
    impatient.open(days=3)
    impatient.worker("backfill")
    with impatient.blocked("STORE_DAYS"):
        waiting = impatient.start_replica("backfill", "--start", day(0), "--end", day(2), "--wait")
        impatient.wait_running("STORE_DAYS")
        broker.stop()
    time.sleep(AWAY_SECONDS)  # how long it is away is what is tried, so there is nothing to await
    assert impatient.only_run()["status"] == "running"
    broker.wait_ready(START_SECONDS)

    expect_success(waiting)
    expect_right_end(impatient)


def test_what_an_emptied_broker_forgot_is_handed_out_again_long_before_it_counts_as_lost(
    impatient: Shop,
) -> None:
    impatient.environment["REPLICA_LOST_AFTER"] = "3600"
    impatient.open(days=2)
    impatient.worker("backfill")
    with impatient.blocked("STORE_DAYS"):
        waiting = impatient.start_replica("backfill", "--start", day(0), "--end", day(1), "--wait")
        impatient.wait_running("STORE_DAYS")
        redis.Redis.from_url(impatient.environment["REPLICA_BROKER_URL"]).flushall()
        assert impatient.chunks("state = 'queued'"), "messages were lost"

    expect_success(waiting)
    expect_right_end(impatient)


def test_groups_that_an_emptied_broker_forgot_are_handed_out_again(impatient: Shop) -> None:
    impatient.environment["REPLICA_LOST_AFTER"] = "3600"
    run_id = impatient.begin(*impatient.open_small_days(MANY_DAYS))
    assert {chunk["state"] for chunk in impatient.chunks()} == {"queued"}
    redis.Redis.from_url(impatient.environment["REPLICA_BROKER_URL"]).flushall()
    impatient.target.execute(  # for as long as it takes to be sure
        "UPDATE dbo.etl_progress SET queued_at = queued_at - interval '1 minute'"
    )
    impatient.worker("backfill")
    impatient.worker("daily")
    impatient.send_task("replica.sweep")

    assert impatient.wait_closed(run_id)["status"] == "succeeded"
    expect_right_end(impatient, "STORE_DAYS", most_attempts=1)
    assert impatient.chunks("group_day IS NOT NULL"), "they stayed together"


def test_every_message_of_groups_delivered_twice_changes_nothing(
    impatient: Shop, start_special: Callable[..., Program]
) -> None:
    run_id = impatient.begin(*impatient.open_small_days(MANY_DAYS))
    client = redis.Redis.from_url(impatient.environment["REPLICA_BROKER_URL"])
    sent = client.lrange("backfill", 0, -1)
    client.rpush("backfill", *sent)
    for _ in range(2):
        start_special("twice")

    assert impatient.wait_closed(run_id)["status"] == "succeeded"

    wait_until(lambda: client.llen("backfill") == 0, "the end of the messages")
    expect_right_end(impatient, "STORE_DAYS", most_attempts=1)


@pytest.mark.parametrize(
    ("queue", "words"),
    [
        ("backfill", ("backfill", "--start", day(0), "--end", day(1))),
        ("daily", ("run", "--date", day(0))),
    ],
)
def test_every_message_delivered_twice_changes_nothing(
    impatient: Shop,
    start_special: Callable[..., Program],
    queue: str,
    words: tuple[str, ...],
) -> None:
    impatient.open(days=2 if queue == "backfill" else 1)
    run_id = impatient.begin(*words)
    client = redis.Redis.from_url(impatient.environment["REPLICA_BROKER_URL"])
    sent = client.lrange(queue, 0, -1)
    client.rpush(queue, *sent)
    assert client.llen(queue) == 2 * len(sent)
    for _ in range(2):
        start_special("twice", queue=queue)

    assert impatient.wait_closed(run_id)["status"] == "succeeded"

    wait_until(lambda: client.llen(queue) == 0, "the end of the messages")
    expect_right_end(impatient)
    assert {chunk["attempt"] for chunk in impatient.chunks()} == {1}
