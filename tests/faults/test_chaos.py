"""Random kills, broker restarts and FLUSHALLs over a backfill of many small chunks.

`make chaos SECONDS=60 SEED=7 CHUNKS=2000` runs it for longer. The seed decides which faults come
and when; it is printed, so that a mix that failed can be run again.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
import redis
from drive.programs import Program
from drive.shop import Shop
from drive.witness import expect_right_end

from replica_worker.embedded.valkey import EmbeddedValkey

SEED = int(os.environ.get("CHAOS_SEED", "20240314"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "8"))  # of faults; then the run ends in peace
CHUNKS = int(os.environ.get("CHAOS_CHUNKS", "60"))
WORKERS = 2
LONGEST_PAUSE_SECONDS = 2.0
QUIET_SECONDS = 600
FIRST_DAY = date(2019, 1, 1)

_FILL = """
    INSERT INTO "COM_5013"."STORE_DAYS"
    SELECT 'S' || store, %s::date + number, number * 1.5
    FROM generate_series(0, %s) number, generate_series(1, 3) store
"""


class Chaos:
    """Workers of a shop, and what is done to them."""

    def __init__(self, shop: Shop, broker: EmbeddedValkey, chance: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self._shop, self._broker, self._chance = shop, broker, chance
        self._workers = [shop.worker("backfill") for _ in range(WORKERS)]
        self._faults = {
            "child killed": self._kill_child,
            "worker killed": self._kill_worker,
            "broker emptied": self._empty_broker,
            "broker restarted": self._restart_broker,
        }

    def strike(self) -> None:
        """Wait a while, then do one thing."""
        time.sleep(self._chance.uniform(0.2, LONGEST_PAUSE_SECONDS))
        name = self._chance.choice(sorted(self._faults))
        self._faults[name]()
        self.done[name] += 1

    def _kill_child(self) -> None:
        for child in children_of(self._chance.choice(self._workers)):
            os.kill(child, signal.SIGKILL)

    def _kill_worker(self) -> None:
        number = self._chance.randrange(WORKERS)
        self._workers[number].end(signal.SIGKILL)
        self._workers[number] = self._shop.start_worker("backfill")

    def _empty_broker(self) -> None:
        redis.Redis.from_url(self._shop.environment["REPLICA_BROKER_URL"]).flushall()

    def _restart_broker(self) -> None:
        self._broker.stop()
        self._broker.wait_ready(30)


def children_of(program: Program) -> list[int]:
    tasks = Path(f"/proc/{program.popen.pid}/task").glob("*/children")
    return [int(pid) for file in tasks for pid in file.read_text().split()]


@pytest.mark.timeout(SECONDS + QUIET_SECONDS)
def test_a_run_under_random_faults_merges_each_chunk_once(
    impatient: Shop, broker: EmbeddedValkey
) -> None:
    impatient.open(days=0)
    impatient.source.execute(_FILL, [FIRST_DAY, CHUNKS - 1])
    last_day = FIRST_DAY + timedelta(days=CHUNKS - 1)
    words = ("--start", FIRST_DAY.isoformat(), "--end", last_day.isoformat())
    chaos = Chaos(impatient, broker, random.Random(SEED))  # noqa: S311 - no secret

    started = time.monotonic()
    waiting = impatient.start_replica("backfill", *words, "--table", "STORE_DAYS", "--wait")
    while waiting.popen.poll() is None and time.monotonic() < started + SECONDS:
        chaos.strike()
    code = waiting.popen.wait(QUIET_SECONDS)

    told = ", ".join(f"{name} {count}x" for name, count in sorted(chaos.done.items()))
    attempts = Counter(chunk["attempt"] for chunk in impatient.chunks())
    print(  # noqa: T201 - the seed is what a repetition needs
        f"seed {SEED}: {sum(attempts.values())} chunks in {time.monotonic() - started:.0f} s, "
        f"{told}; chunks by attempts: {dict(sorted(attempts.items()))}"
    )
    assert code == 0, waiting.said()
    assert chaos.done, "the run was over before anything was done to it"
    expect_right_end(impatient, "STORE_DAYS")
