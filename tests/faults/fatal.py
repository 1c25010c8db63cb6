"""Loaded into a worker by `--include fatal`: kills its child, once, at the point that is named.

`FATAL_POINT` names a checkpoint, or "before ack"; `FATAL_MARK` is the file that tells whether it
was done. It lives with the tests: the product has no switch that ends it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from celery.signals import task_postrun

from replica_worker.checkpoints import Checkpoint, watch

_POINT = os.environ["FATAL_POINT"]
_MARK = Path(os.environ["FATAL_MARK"])


def die_once(point: str) -> None:
    if point != _POINT:
        return
    try:
        _MARK.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def at_checkpoint(point: Checkpoint) -> None:
    die_once(point.value)


@task_postrun.connect
def at_end(task: object, **_: object) -> None:
    if getattr(task, "name", "") == "replica.replicate_chunk":
        die_once("before ack")


watch(at_checkpoint)
