"""The shops of the acceptance tests, for workers that are made to die."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "acceptance"))  # for `drive`

from drive.fixtures import (
    broker,
    bytecode,
    clean,
    commands,
    copied,
    new_shop,
    shop,
    staffed,
    start_program,
)
from drive.holder import Holder, StartWorker
from drive.programs import Program, procfile_line, shell_argv
from drive.shop import Shop
from drive.witness import note_merges

__all__ = [
    "broker",
    "bytecode",
    "clean",
    "commands",
    "copied",
    "new_shop",
    "shop",
    "staffed",
    "start_program",
]


_HERE = Path(__file__).parent


@pytest.fixture
def impatient(staffed: Shop) -> Shop:
    """A staffed shop that soon gives up on who is silent; its merges are counted."""
    staffed.environment.update(REPLICA_LEASE="2", REPLICA_LOST_AFTER="2")
    note_merges(staffed)
    return staffed


@pytest.fixture
def start_special(impatient: Shop) -> StartWorker:
    """Start a worker into which a module of this folder is loaded; returns when it takes work."""

    def start(module: str, queue: str = "backfill", **settings: str) -> Program:
        worker = impatient.start(
            shell_argv(procfile_line(f"-Q {queue}"), "--concurrency", "1", "--include", module),
            PYTHONPATH=os.pathsep.join(map(str, (_HERE, _HERE.parents[1]))),
            **settings,
        )
        worker.wait_for(" ready.")
        return worker

    return start


@pytest.fixture
def holder(start_special: StartWorker, tmp_path: Path) -> Holder:
    return Holder(start_special, tmp_path / "held")
