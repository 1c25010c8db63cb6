"""Real servers in real folders, and commands that hold them, for the tests of this folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from replica_worker.embedded import StackUrls, remove_unused_homes

HOLD_STACK = Path(__file__).with_name("hold_stack.py")
LIMIT_SECONDS = 60.0


@dataclass
class Holder:
    """A command that has an instance open."""

    popen: subprocess.Popen[str]
    owner: bool
    urls: StackUrls
    servers: list[int]

    def end(self, signum: signal.Signals) -> int:
        self.popen.send_signal(signum)
        return self.popen.wait(LIMIT_SECONDS)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {LIMIT_SECONDS:g} s: {what}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether the program runs; one that ended but that nobody asked about yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def with_children(pids: list[int]) -> list[int]:
    """The programs and all that they have started."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pids + [pid for pid, parent in parents.items() if parent in pids]


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], str], None]:
    return wait_until


@pytest.fixture
def all_ended() -> Callable[[list[int]], None]:
    """Wait until none of these programs runs any more."""

    def wait(pids: list[int]) -> None:
        wait_until(lambda: not any(is_alive(pid) for pid in pids), f"end of {pids}")

    return wait


@pytest.fixture
def family() -> Callable[[list[int]], list[int]]:
    return with_children


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A folder that every account can pass through, as a clone in /srv would be."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-"))
    folder.chmod(0o711)
    yield folder
    remove_unused_homes(folder)
    shutil.rmtree(folder)


@pytest.fixture
def private_root(tmp_path: Path) -> Iterator[Path]:
    """A folder that only this account can pass through, as /root is."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    yield folder
    remove_unused_homes(folder)


@pytest.fixture(params=["open_root", "private_root"])
def root(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


@pytest.fixture
def hold() -> Iterator[Callable[[Path], Holder]]:
    """Start a command that opens the instance in a home, in a process group of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(home: Path) -> Holder:
        popen = subprocess.Popen(
            [sys.executable, str(HOLD_STACK), str(home)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(popen)
        assert popen.stdout is not None
        said = json.loads(popen.stdout.readline())
        return Holder(popen, said["owner"], StackUrls(**said["urls"]), said["servers"])

    yield start
    for popen in started:
        if popen.poll() is None:
            os.killpg(popen.pid, signal.SIGINT)
            popen.wait(LIMIT_SECONDS)
        if popen.stdout:
            popen.stdout.close()
