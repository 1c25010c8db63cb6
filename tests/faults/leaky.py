"""Loaded into a worker by `--include leaky`: things go wrong there, with secrets in their words.

Once each: an error of another's code in the middle of a chunk, a task that raises, a thread that
crashes, and a log line, each of which names the warehouse's and the broker's URL.
"""

from __future__ import annotations

import logging
import os
import threading

from celery.signals import worker_process_init

from replica_worker.checkpoints import Checkpoint, watch
from replica_worker.tasks.app import app

_URLS = " ".join(os.environ[f"REPLICA_{name}_URL"] for name in ("SOURCE", "TARGET", "BROKER"))
_has_failed = False


def fail_once(point: Checkpoint) -> None:
    global _has_failed
    if point is Checkpoint.STAGED and not _has_failed:
        _has_failed = True
        raise RuntimeError(f"planted in a chunk: {_URLS}")


def crash() -> None:
    raise RuntimeError(f"planted in a thread: {_URLS}")


@app.task(name="leaky.fail")
def fail() -> None:
    logging.getLogger("leaky").error("planted in a log line: %s", _URLS)
    threading.Thread(target=crash).start()
    raise RuntimeError(f"planted in a task: {_URLS}")


@worker_process_init.connect
def begin(**_: object) -> None:
    watch(fail_once)
