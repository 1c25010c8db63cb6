"""Loaded into a worker by `--include held`: it stands still, once, at the point that is named.

`HELD_AT` names a checkpoint, `HELD_TASK` the task whose it is, if that matters. The file
`HELD_MARK` appears when the worker stands there; it goes on when the file is removed. A child that
replaces it does not stand still again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import current_task

from replica_worker.checkpoints import Checkpoint, watch

_POINT = os.environ["HELD_AT"]
_TASK = os.environ.get("HELD_TASK")
_MARK = Path(os.environ["HELD_MARK"])
_HAS_HELD = _MARK.with_suffix(".before")
_PAUSE_SECONDS = 0.02


def hold_once(point: Checkpoint) -> None:
    if point.value != _POINT or _HAS_HELD.exists():
        return
    if _TASK and not (current_task and current_task.name == _TASK):
        return
    _HAS_HELD.touch()
    _MARK.touch()
    while _MARK.exists():
        time.sleep(_PAUSE_SECONDS)


watch(hold_once)
