"""Loaded into a worker by `--include fatal`: kills its child, once at each point that is named.

`FATAL_POINTS` names checkpoints and "before ack", with commas between, `FATAL_TASK` the task that
dies at them; in the folder `FATAL_MARKS` a file tells of each that it was done. It lives with the
tests: the product has no switch that ends it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from celery.signals import task_postrun, task_prerun

from replica_worker.checkpoints import Checkpoint, watch

_POINTS = os.environ["FATAL_POINTS"].split(",")
_MARKS = Path(os.environ["FATAL_MARKS"])
under_way: list[str] = []  # the name of the child's task
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
    if under_way == [_TASK]:  # whatever thread of it passes here
        die_once(point.value)


@task_prerun.connect
def at_begin(task: object, **_: object) -> None:
    under_way[:] = [getattr(task, "name", "")]


@task_postrun.connect
def at_end(task: object, **_: object) -> None:
    if getattr(task, "name", "") == _TASK:
        die_once("before ack")


watch(at_checkpoint)
