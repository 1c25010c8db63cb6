"""Tests that need a server which the environment does not name are left out, and told in one line.

With `pytest -n` the worker processes collect, and the process that started them tells.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from support.sqlserver import SERVER_SETTING

_FOLDER = Path(__file__).parents[1] / "sqlserver"
_LEFT_OUT = pytest.StashKey[int]()


class LeftOut:
    """A pytest plugin."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        if os.environ.get(SERVER_SETTING):
            return
        kept = [item for item in items if _FOLDER not in item.path.parents]
        config.stash[_LEFT_OUT] = len(items) - len(kept)
        items[:] = kept

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = session.config.stash.get(_LEFT_OUT, 0)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        count = getattr(node, "workeroutput", {}).get("left_out", 0)
        node.config.stash[_LEFT_OUT] = count

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        if count := config.stash.get(_LEFT_OUT, 0):
            terminalreporter.write_line(
                f"SQL Server: {count} tests left out, {SERVER_SETTING} is not set"
            )
