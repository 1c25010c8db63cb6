"""The product's programs as processes of their own, with nothing but the given settings."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.05
_PASSED_ON = ("HOME", "LANG", "PYTHONPATH", "TMPDIR", "USER")


def wait_until(
    condition: Callable[[], bool], what: str, limit_seconds: float = LIMIT_SECONDS
) -> None:
    deadline = time.monotonic() + limit_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_seconds:g} s: {what}"
        time.sleep(_POLL_SECONDS)


def clean_environment(bytecode: Path, **settings: str) -> dict[str, str]:
    """An environment that holds no setting of whoever runs the tests.

    Compiled modules go to a folder of the session: the checkout stays clean, and only the first
    program pays for compiling.
    """
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPYCACHEPREFIX": str(bytecode),
        "COLUMNS": "200",
        **settings,
    }


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def run_replica(*words: str, environment: Mapping[str, str], folder: Path) -> Answer:
    """Run a command as people do: by a Python of its own."""
    done = subprocess.run(
        replica_argv(*words),
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


class CommandServer:
    """Runs commands in processes forked from one that has imported the product already."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        with log.open("wb") as sink:
            self._popen = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("command_server.py"))],
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
            )

    def run(self, *words: str, environment: Mapping[str, str], folder: Path) -> Answer:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        order = {"words": words, "environment": dict(environment), "folder": str(folder)}
        self._popen.stdin.write(json.dumps(order) + "\n")
        self._popen.stdin.flush()
        return Answer(**json.loads(self._popen.stdout.readline()))

    def close(self) -> None:
        self._popen.communicate(timeout=LIMIT_SECONDS)


def replica_argv(*words: str) -> list[str]:
    return [sys.executable, "-m", "replica_worker", *words]


def procfile_line(words: str) -> str:
    """The command of the Procfile's only line that holds these words."""
    lines = (CHECKOUT / "Procfile").read_text(encoding="utf-8").splitlines()
    (found,) = [line for line in lines if words in line]
    return found.partition(":")[2].strip()


class Program:
    """A running program in a session of its own; its output goes to a log."""

    def __init__(
        self, argv: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.log = log
        with log.open("ab") as sink:
            self.popen = subprocess.Popen(
                list(argv),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, words: str, *, times: int = 1) -> None:
        """Return when it has written these words; fail if it ends or takes too long."""

        def has_said() -> bool:
            found = self.said().count(words) >= times
            assert found or self.popen.poll() is None, f"it ended: {self.said()}"
            return found

        wait_until(has_said, f"{words!r} in {self.log}")

    def end(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; its exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(signum)
        return self.popen.wait(LIMIT_SECONDS)

    def destroy(self) -> None:
        """End it with all that it started; for clearing away after a test."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(LIMIT_SECONDS)


def shell_argv(command: str, *more: str) -> list[str]:
    """A line of the Procfile as its runners run it: by a shell."""
    return ["/bin/sh", "-c", f"exec {command} {shlex.join(more)}"]


def programs_with(environment_words: str) -> list[int]:
    """Numbers of the living programs whose environment or folder names these words."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "environ").read_bytes() + os.fsencode((entry / "cwd").readlink())
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue  # it ended meanwhile, or is another user's
        if environment_words.encode() in told and state not in "ZX":
            found.append(int(entry.name))
    return found
