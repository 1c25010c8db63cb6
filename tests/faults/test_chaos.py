"""Random kills, restarts and crashes of all servers over a backfill of many small chunks.

`make chaos SECONDS=60 SEED=7 CHUNKS=2000` runs it for longer. The seed decides which faults come
and when; it is printed, so that a mix that failed can be run again.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
import pytest
import redis
from drive.programs import Program, wait_until
from drive.shop import Shop
from drive.witness import expect_right_end
from support.databases import Databases, Site, connect

from replica_worker.embedded import EmbeddedStack
from replica_worker.embedded.loopback import LoopbackServer
from replica_worker.embedded.valkey import EmbeddedValkey

SEED = int(os.environ.get("CHAOS_SEED", "20240314"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "8"))  # of faults; then the run ends in peace
CHUNKS = int(os.environ.get("CHAOS_CHUNKS", "300"))
GROUP_DAYS = 4  # at most, so that there is something to do for a while
WORKERS = 2
LONGEST_PAUSE_SECONDS = 2.0
QUIET_SECONDS = 600
START_SECONDS = 60
FIRST_DAY = date(2019, 1, 1)


@pytest.fixture
def far_stack() -> Iterator[EmbeddedStack]:
    """The source's server, apart from the warehouse's."""
    folder = Path(tempfile.mkdtemp(prefix="replica-chaos-"))
    folder.chmod(0o711)  # its account must pass through
    with EmbeddedStack.open(folder / "home", remove_on_close=True) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(databases: Databases, far_stack: EmbeddedStack) -> Iterator[Site]:
    with databases.lend() as near, Databases(far_stack).lend() as far:
        yield replace(near, source_url=far.source_url, source_owner_url=far.source_owner_url)


class Chaos:
    """Programs and servers of a shop, and what is done to them."""

    def __init__(self, shop: Shop, servers: list[LoopbackServer], chance: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self._shop, self._chance = shop, chance
        self._queues = [*["backfill"] * WORKERS, "daily"]
        self._workers = [shop.worker(queue) for queue in self._queues]
        self._source, self._warehouse, self._broker = servers
        self._faults = {
            "child killed": self._kill_child,
            "worker killed": self._kill_worker,
            "worker told to end": self._end_worker,
            "broker emptied": self._empty_broker,
            "broker restarted": lambda: self._restart(self._broker),
            "source restarted": lambda: self._restart(self._source),
            "source crashed": lambda: self._crash(self._source),
            "warehouse restarted": lambda: self._restart(self._warehouse),
            "warehouse crashed": lambda: self._crash(self._warehouse),
        }

    def strike(self) -> None:
        """Wait a while, then do one thing."""
        self._pause()
        name = self._chance.choice(sorted(self._faults))
        self._faults[name]()
        self.done[name] += 1

    def _pause(self) -> None:
        time.sleep(self._chance.uniform(0.2, LONGEST_PAUSE_SECONDS))

    def _kill_child(self) -> None:
        for child in children_of(self._chance.choice(self._workers)):
            os.kill(child, signal.SIGKILL)

    def _kill_worker(self) -> None:
        number = self._chance.randrange(len(self._workers))
        self._workers[number].end(signal.SIGKILL)
        self._workers[number] = self._shop.start_worker(self._queues[number])

    def _end_worker(self) -> None:
        number = self._chance.randrange(len(self._workers))
        self._workers[number].popen.send_signal(signal.SIGTERM)
        self._workers[number] = self._shop.start_worker(self._queues[number])

    def _empty_broker(self) -> None:
        redis.Redis.from_url(self._shop.environment["REPLICA_BROKER_URL"]).flushall()

    def _restart(self, server: LoopbackServer) -> None:
        server.stop()
        self._pause()
        server.wait_ready(START_SECONDS)

    def _crash(self, server: LoopbackServer) -> None:
        """As PostgreSQL's immediate shutdown does: no session is ended in good order."""
        assert server.pid is not None
        os.kill(server.pid, signal.SIGQUIT)
        self._restart(server)


def children_of(program: Program) -> list[int]:
    tasks = Path(f"/proc/{program.popen.pid}/task").glob("*/children")
    return [int(pid) for file in tasks for pid in file.read_text().split()]


def is_closed(shop: Shop, run_id: str) -> bool:
    """Whether the run is over; False while the warehouse is away."""
    try:
        with connect(shop.site.target_url) as connection:
            found = connection.execute(
                'SELECT ended_at IS NOT NULL FROM "dbo".replica_run_history WHERE run_id = %s',
                [run_id],
            ).fetchone()
    except psycopg.OperationalError:
        return False
    return found == (True,)


@pytest.mark.timeout(SECONDS + QUIET_SECONDS)
def test_a_run_under_random_faults_merges_each_chunk_once(
    impatient: Shop, broker: EmbeddedValkey, stack: EmbeddedStack, far_stack: EmbeddedStack
) -> None:
    assert stack.postgres
    assert far_stack.postgres
    impatient.environment.update(REPLICA_SHUTDOWN_GRACE="1", REPLICA_GROUP_DAYS=str(GROUP_DAYS))
    words = impatient.open_small_days(CHUNKS, FIRST_DAY)
    chance = random.Random(SEED)  # noqa: S311 - no secret
    chaos = Chaos(impatient, [far_stack.postgres, stack.postgres, broker], chance)
    impatient.beat()

    started = time.monotonic()
    run_id = impatient.begin(*words)
    while not is_closed(impatient, run_id) and time.monotonic() < started + SECONDS:
        chaos.strike()
    wait_until(lambda: is_closed(impatient, run_id), f"end of {run_id}", QUIET_SECONDS)

    impatient.source = connect(impatient.site.source_owner_url)
    impatient.target = connect(impatient.site.target_url)
    told = ", ".join(f"{name} {count}x" for name, count in sorted(chaos.done.items()))
    attempts, failures = (
        Counter(chunk[column] for chunk in impatient.chunks()) for column in ("attempt", "failures")
    )
    print(  # noqa: T201 - the seed is what a repetition needs
        f"seed {SEED}: {sum(attempts.values())} chunks in {time.monotonic() - started:.0f} s, "
        f"{told}; chunks by attempts: {dict(sorted(attempts.items()))}, "
        f"by failures: {dict(sorted(failures.items()))}"
    )
    assert chaos.done, "the run was over before anything was done to it"
    assert impatient.chunks("group_day IS NOT NULL"), "some went together"
    expect_right_end(impatient, "STORE_DAYS", most_attempts=None)
