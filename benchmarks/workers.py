"""A backfill by two Celery workers; times itself from the command's start to the run's end.

`python -m benchmarks.workers ARGUMENTS…`: the arguments of `replica`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_CELERY = [sys.executable, "-m", "celery", "-A", "replica_worker.tasks.app"]
_READY_SECONDS = 60.0


def main() -> None:
    """Start the workers, run the command, stop them."""
    with running_worker(2, os.environ):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "replica_worker", *sys.argv[1:], "--wait"], check=True
        )
        took = time.perf_counter() - started
    print(json.dumps({"seconds": took}))


@contextmanager
def running_worker(processes: int, environment: Mapping[str, str]) -> Iterator[int]:
    """A worker of so many processes that is ready: its parent's pid. It ends with the block."""
    queues = ["worker", "-Q", "backfill,daily", "-c", str(processes), "--loglevel", "WARNING"]
    with subprocess.Popen(
        [*_CELERY, *queues],
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as worker:
        try:
            _wait_until_ready(environment)
            yield worker.pid
        finally:
            worker.terminate()


def _wait_until_ready(environment: Mapping[str, str]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    ping = [*_CELERY, "inspect", "ping", "--timeout", "1"]
    while subprocess.run(ping, capture_output=True, check=False, env=dict(environment)).returncode:
        if time.monotonic() > deadline:
            raise SystemExit("the workers did not come up")


if __name__ == "__main__":
    main()
