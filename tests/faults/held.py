"""Loaded into a worker by `--include held`: it stands still, once, at the point that is named.

`HELD_AT` names a checkpoint. The file `HELD_MARK` appears when the worker stands there; it goes
on when the file is removed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from replica_worker.checkpoints import Checkpoint, watch

_POINT = os.environ["HELD_AT"]
_MARK = Path(os.environ["HELD_MARK"])
_PAUSE_SECONDS = 0.02

_has_held = False


def hold_once(point: Checkpoint) -> None:
    global _has_held
    if point.value != _POINT or _has_held:
        return
    _has_held = True
    _MARK.touch()
    while _MARK.exists():
        time.sleep(_PAUSE_SECONDS)


watch(hold_once)
