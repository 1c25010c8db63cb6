"""A backfill by two Celery workers; times itself from the command's start to the run's end.

`python -m benchmarks.workers ARGUMENTS…`: the arguments of `replica`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

_CELERY = [sys.executable, "-m", "celery", "-A", "replica_worker.tasks.app"]
_WORKER = [*_CELERY, "worker", "-Q", "backfill,daily", "-c", "2", "--loglevel", "WARNING"]
_READY_SECONDS = 60.0


def main() -> None:
    """Start the workers, run the command, stop them."""
    with subprocess.Popen(_WORKER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        try:
            _wait_until_ready()
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "replica_worker", *sys.argv[1:], "--wait"], check=True
            )
            took = time.perf_counter() - started
        finally:
            worker.terminate()
    print(json.dumps({"seconds": took}))


def _wait_until_ready() -> None:
    deadline = time.monotonic() + _READY_SECONDS
    ping = [*_CELERY, "inspect", "ping", "--timeout", "1"]
    while subprocess.run(ping, capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise SystemExit("the workers did not come up")


if __name__ == "__main__":
    main()
