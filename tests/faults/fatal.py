"""Loaded into a worker by `--include fatal`: kills its child, once at each point that is named.

`FATAL_POINTS` names checkpoints and "before ack", with commas between, `FATAL_TASK` the task that
dies at them; in the folder `FATAL_MARKS` a file tells of each that it was done. It lives with the
tests: the product has no switch that ends it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from celery import current_task
from celery.signals import task_postrun

from replica_worker.checkpoints import Checkpoint, watch

_POINTS = os.environ["FATAL_POINTS"].split(",")
_MARKS = Path(os.environ["FATAL_MARKS"])
_TASK = os.environ.get("FATAL_TASK", "replica.replicate_chunk")


def die_once(point: str) -> None:
    if point not in _POINTS:
        return
    try:
        (_MARKS / point).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def at_checkpoint(point: Checkpoint) -> None:
    if current_task and current_task.name == _TASK:
        die_once(point.value)


@task_postrun.connect
def at_end(task: object, **_: object) -> None:
    if getattr(task, "name", "") == _TASK:
        die_once("before ack")


watch(at_checkpoint)
