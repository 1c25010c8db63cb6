"""A day that did not change: what it costs to look at it, beside what it costs to read it again.

`python -m benchmarks.unchanged_day`: one process, warmed up, the cases one after another in turns;
medians, of processor time the mean. The day lies in source and warehouse alike. Processor time is
that of this process and of the database server: a busy machine changes it less than the clock's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import psycopg

from benchmarks.site import Site, open_site
from benchmarks.steps import Steps, timed
from benchmarks.table import FIRST_DAY, Table
from benchmarks.watch import processor_seconds
from replica_worker.engines.values import Side
from replica_worker.model.chunks import Action
from replica_worker.model.digests import DigestKind
from replica_worker.usecases.side_by_side import ask_both

_AGAIN = "read again: snapshot, digest, rows, Parquet"


class Looks:
    """The ways to look at the day."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.warehouse = steps.deployment.warehouse

    def compare(self, kind: DigestKind) -> None:
        """Digest both sides at once, in a snapshot of the source as a check opens it."""
        rows = self.steps.rows
        with (
            self.warehouse.sql.connect() as connection,
            self.steps.deployment.source.open_snapshot() as snapshot,
        ):
            source, target = ask_both(
                lambda: snapshot.digest(rows, kind),
                lambda: self.warehouse.digest(connection, rows.on(Side.WAREHOUSE), kind),
            )
        if source != target or not source.rows:
            raise RuntimeError("the day is not the same on both sides")

    def digest_source(self, kind: DigestKind) -> None:
        """Digest the source alone."""
        with self.steps.deployment.source.open_snapshot() as snapshot:
            snapshot.digest(self.steps.rows, kind)

    def cases(self) -> dict[str, Callable[[], object]]:
        """What is timed, by name."""
        return {
            _AGAIN: self.steps.extract_once,
            "loaded again, claim to done": lambda: self.steps.work(Action.LOAD),
            "checked, claim to done": lambda: self.steps.work(Action.CHECK),
            "compared by version": lambda: self.compare(DigestKind.VERSION),
            "compared by content": lambda: self.compare(DigestKind.CONTENT),
            "source digested by version": lambda: self.digest_source(DigestKind.VERSION),
            "source digested by content": lambda: self.digest_source(DigestKind.CONTENT),
        }


def main() -> None:
    """Fill a source, copy the day, and take turns."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unchanged_day", description=__doc__)
    parser.add_argument("--rows", type=int, default=66_667, help="of a day")
    parser.add_argument("--days", type=int, default=6, help="that lie beside it")
    parser.add_argument("--repeat", type=int, default=11)
    wanted = parser.parse_args()
    table = Table(name="SALES", rows=wanted.rows * wanted.days, days=wanted.days)
    with open_site(table) as site:
        _copy_day(site)
        os.environ.update(site.environment)
        looks = Looks(Steps(table.name, 1))
        _report(_measure(looks, [os.getpid(), _server_of(site)], wanted.repeat))


def _copy_day(site: Site) -> None:
    day = str(FIRST_DAY)
    command = [sys.executable, "-m", "replica_worker", "backfill", "--inline"]
    subprocess.run([*command, "--start", day, "--end", day], check=True, env=site.environment)


Took = tuple[float, float]  # seconds on the clock, and of processors


def _server_of(site: Site) -> int:
    """The server's first process, whose children work for the connections."""
    with psycopg.connect(site.source) as connection:
        backend = connection.info.backend_pid
        return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])


def _measure(looks: Looks, pids: list[int], repeat: int) -> dict[str, list[Took]]:
    took: dict[str, list[Took]] = defaultdict(list)
    for turn in range(repeat + 1):
        for name, case in looks.cases().items():
            before = sum(map(processor_seconds, pids))
            seconds = timed(case)
            if turn:  # the first warms up
                took[name].append((seconds, sum(map(processor_seconds, pids)) - before))
    return took


def _report(took: dict[str, list[Took]]) -> None:
    again = statistics.median(seconds for seconds, _ in took[_AGAIN])
    again_busy = statistics.mean(busy for _, busy in took[_AGAIN])
    print(f"load average {os.getloadavg()[0]:.1f}")
    print("| case | ms | least – most | read again ÷ this | processor ms | read again ÷ this |")
    print("|---|---|---|---|---|---|")
    for name, pairs in took.items():
        seconds, busy = zip(*pairs, strict=True)
        median, mean = statistics.median(seconds), statistics.mean(busy)
        span = f"{min(seconds) * 1000:.0f} – {max(seconds) * 1000:.0f}"
        print(
            f"| {name} | {median * 1000:.0f} | {span} | {again / median:.1f} "
            f"| {mean * 1000:.0f} | {again_busy / mean:.1f} |"
        )


if __name__ == "__main__":
    main()
