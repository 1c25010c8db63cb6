"""Whatever dies in the middle, the run ends with the right rows and one history row."""

from __future__ import annotations

import base64
import json
import signal
from pathlib import Path

import redis
from drive.programs import Program, wait_until
from drive.shop import STRAYS, Shop, day, password_of
from drive.witness import MOST_ATTEMPTS, expect_nothing_left, expect_whole_files

DAYS = ("--start", day(0), "--end", day(2))


def broker_of(shop: Shop) -> redis.Redis:
    return redis.Redis.from_url(shop.environment["REPLICA_BROKER_URL"])


def children_of(program: Program) -> list[int]:
    tasks = Path(f"/proc/{program.popen.pid}/task").glob("*/children")
    return [int(pid) for file in tasks for pid in file.read_text().split()]


def expect_done(shop: Shop, chunks: int) -> None:
    run = shop.only_run()
    assert (run["status"], run["chunks_done"], run["chunks"]) == ("succeeded", chunks, chunks)
    assert {chunk["state"] for chunk in shop.chunks()} == {"merged"}
    shop.expect_equal()
    assert max(chunk["attempt"] for chunk in shop.chunks()) <= MOST_ATTEMPTS
    expect_nothing_left(shop)
    expect_whole_files(shop)


def test_a_killed_worker_costs_nothing_but_time(staffed: Shop) -> None:
    staffed.environment.update(REPLICA_LEASE="2", REPLICA_LOST_AFTER="2")
    staffed.open(days=3)
    worker = staffed.worker("backfill")
    with staffed.blocked("STORE_DAYS"):
        waiting = staffed.start_replica("backfill", *DAYS, "--wait")
        caught = staffed.wait_running("STORE_DAYS")
        children = children_of(worker)
        worker.end(signal.SIGKILL)
        wait_until(
            lambda: not any(Path(f"/proc/{pid}").exists() for pid in children),
            "the end of the killed worker's children",
        )
    staffed.worker("backfill")

    assert waiting.popen.wait(60) == 0, waiting.said()
    expect_done(staffed, chunks=13)
    (again,) = [
        chunk
        for chunk in staffed.chunks("table_name = 'STORE_DAYS'")
        if chunk["day"] == caught["day"]
    ]
    assert again["attempt"] > caught["attempt"]
    assert again["worker"] != caught["worker"]


def test_a_broker_that_forgets_everything_costs_nothing_but_time(staffed: Shop) -> None:
    staffed.environment.update(REPLICA_LEASE="5", REPLICA_LOST_AFTER="2")
    staffed.open(days=3)
    staffed.worker("backfill")
    with staffed.blocked("STORE_DAYS"):
        waiting = staffed.start_replica("backfill", *DAYS, "--wait")
        staffed.wait_running("STORE_DAYS")
        broker_of(staffed).flushall()
        assert staffed.chunks("state = 'queued'"), "messages were lost"

    assert waiting.popen.wait(60) == 0, waiting.said()
    expect_done(staffed, chunks=13)


def test_sigterm_lets_the_chunk_finish(staffed: Shop) -> None:
    staffed.open(days=1)
    worker = staffed.worker("backfill")
    with staffed.blocked("STORE_DAYS"):
        run_id = staffed.begin(
            "backfill", "--start", day(0), "--end", day(0), "--table", "STORE_DAYS"
        )
        caught = staffed.wait_running("STORE_DAYS")
        worker.popen.send_signal(signal.SIGTERM)
        worker.wait_for("Warm shutdown")
        assert worker.popen.poll() is None

    assert worker.popen.wait(30) == 0
    (chunk,) = staffed.chunks(f"day = '{caught['day']}'")
    assert (chunk["state"], chunk["attempt"]) == ("merged", 1)
    staffed.worker("backfill")
    assert staffed.wait_closed(run_id)["status"] == "succeeded"
    staffed.expect_equal("STORE_DAYS")


def test_beats_sweep_closes_a_run_that_everyone_forgot(staffed: Shop) -> None:
    staffed.environment.update(REPLICA_LOST_AFTER="1")
    staffed.open(days=3)
    beat = staffed.beat()  # its first tick is ten seconds off
    run_id = staffed.begin("backfill", *DAYS)
    broker_of(staffed).flushall()
    workers = [staffed.start_worker(queue) for queue in ("daily", "backfill")]
    for worker in workers:
        worker.wait_for(" ready.")

    beat.wait_for("Sending due task sweep (replica.sweep)")
    assert staffed.wait_closed(run_id)["status"] == "succeeded"

    expect_done(staffed, chunks=13)
    assert list(staffed.folder.glob("celerybeat-schedule*"))
    assert beat.end() == 0


def test_messages_carry_ids_and_no_secret(staffed: Shop) -> None:
    staffed.open(days=1)
    backfill = staffed.begin("backfill", "--start", day(0), "--end", day(0))
    nightly = staffed.begin("run", "--date", day(0))
    broker = broker_of(staffed)

    messages = [raw for queue in ("backfill", "daily") for raw in broker.lrange(queue, 0, -1)]
    bodies: dict[str, list[list[str]]] = {}
    for raw in messages:
        message = json.loads(raw)
        assert message["content-type"] == "application/json"
        arguments, named, _ = json.loads(base64.b64decode(message["body"]))
        bodies.setdefault(message["headers"]["task"], []).append(arguments)
        assert named == {}

    assert sorted(bodies["replica.replicate_chunk"]) == [
        [backfill, "ITEMS", day(0)],
        [backfill, "ORDERS", STRAYS],
        [backfill, "ORDERS", day(0)],
        [backfill, "STORE_DAYS", STRAYS],
        [backfill, "STORE_DAYS", day(0)],
    ]
    assert bodies["replica.start_chord"] == [[nightly]]
    everything = everything_in(broker)
    assert nightly in everything, "what is looked through is what was sent"
    for name in ("REPLICA_SOURCE_URL", "REPLICA_TARGET_URL", "REPLICA_BROKER_URL"):
        assert password_of(staffed.environment[name]) not in everything
    assert "postgresql" not in everything


def everything_in(broker: redis.Redis) -> str:
    """All that the broker holds, bodies of messages decoded."""
    read = {
        b"list": lambda key: broker.lrange(key, 0, -1),
        b"hash": broker.hgetall,
        b"set": broker.smembers,
        b"zset": lambda key: broker.zrange(key, 0, -1),
        b"string": broker.get,
    }
    found = []
    for key in broker.keys("*"):
        kind = broker.type(key)
        found += [str(key), str(read[kind](key))]
        if kind == b"list":
            bodies = [json.loads(raw)["body"] for raw in broker.lrange(key, 0, -1)]
            found += [base64.b64decode(body).decode() for body in bodies]
    return "\n".join(found)


def test_a_login_that_is_refused_is_told_without_the_password(staffed: Shop) -> None:
    staffed.open(days=1)
    right = password_of(staffed.site.source_url)
    wrong = "wrong-" + right[:8]
    worker = staffed.worker(
        "daily",
        REPLICA_SOURCE_URL=staffed.site.source_url.replace(right, wrong),
        REPLICA_LOG_LEVEL="DEBUG",
        REPLICA_MAX_ATTEMPTS="1",
    )

    answer = staffed.replica("check-fixes", "--date", day(0), "--wait")

    assert answer.code == 1, answer
    assert "password authentication failed" in answer.out
    for text in (worker.said(), str(answer), str(staffed.runs()), str(staffed.chunks())):
        assert wrong not in text
