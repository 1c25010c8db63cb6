"""Tests that this machine cannot run are left out, and told in one line each.

Those of `tests/sqlserver` need a server that the environment names. Those of `tests/wire` need the
system libraries of Microsoft's driver; where `CI` is set they are run all the same, and fail.

With `pytest -n` the worker processes collect, and the process that started them tells.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from replica_worker.engines.sqlserver.driver_libraries import missing_libraries
from support.sqlserver import SERVER_SETTING

_TESTS = Path(__file__).parents[1]
_LEFT_OUT = pytest.StashKey[dict[str, int]]()


def _reasons() -> dict[Path, str]:
    """The folders whose tests cannot run here, and why."""
    reasons = {}
    if not os.environ.get(SERVER_SETTING):
        reasons[_TESTS / "sqlserver"] = (
            f"SQL Server: {{}} tests left out, {SERVER_SETTING} is not set"
        )
    missing = missing_libraries()
    if missing and not os.environ.get("CI"):
        reasons[_TESTS / "wire"] = (
            f"TDS: {{}} tests left out, Microsoft's driver lacks {', '.join(missing)} "
            "(Debian: apt-get install libltdl7 libkrb5-3 libgssapi-krb5-2)"
        )
    return reasons


class LeftOut:
    """A pytest plugin."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        reasons, kept = _reasons(), []
        counts: dict[str, int] = {}
        for item in items:
            reason = next((reasons[f] for f in reasons if f in item.path.parents), None)
            if reason is None:
                kept.append(item)
            else:
                counts[reason] = counts.get(reason, 0) + 1
        config.stash[_LEFT_OUT] = counts
        items[:] = kept

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = session.config.stash.get(_LEFT_OUT, {})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        for reason, count in config.stash.get(_LEFT_OUT, {}).items():
            terminalreporter.write_line(reason.format(count))
