"""The shops of the acceptance tests, for workers that are made to die."""

from __future__ import annotations

import sys
from pathlib import Path

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
