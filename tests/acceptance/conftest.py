"""Shops with servers of their own, and programs that end with the test."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `drive`

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
