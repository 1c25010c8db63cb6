"""What every embedded server has in common: a loopback port, a start that is waited for, a stop.

Owns the choice of the port, the retry when somebody else takes it, the wait until the server
answers, and the time limits. Does not know any server's protocol or settings.
"""

from __future__ import annotations

import signal
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from replica_worker.embedded.accounts import Account
from replica_worker.embedded.processes import (
    POLL_SECONDS,
    Child,
    end_leftovers,
    failure_of,
    start_child,
)
from replica_worker.errors import EmbeddedServerError

LOOPBACK = "127.0.0.1"
PORT_ATTEMPTS = 10


class LoopbackServer(ABC):
    """A server program of ours that listens on 127.0.0.1 only."""

    name: ClassVar[str]
    programs: ClassVar[frozenset[str]]
    port_taken: ClassVar[str]
    death_signal: ClassVar[signal.Signals]
    stop_steps: ClassVar[Sequence[tuple[signal.Signals, float]]]

    def __init__(self, folder: Path, log: Path, port: int | None, account: Account | None) -> None:
        self.folder = folder
        self.log = log
        self.account = account
        # A port used before is tried first, so that URLs stay good over a restart.
        self.port = port if port is not None and is_free(port) else free_port()
        self._child: Child | None = None

    @abstractmethod
    def before_start(self) -> None:
        """What must be on disk before each start; no program works in the folder meanwhile."""

    @abstractmethod
    def argv(self) -> list[str]:
        """The command that runs the server in the foreground on `self.port`."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether a client that logs in gets an answer now."""

    @property
    def pid(self) -> int | None:
        """The number of the running server program."""
        return self._child.pid if self._child else None

    def launch(self) -> None:
        """Start the program; returns before it is ready."""
        end_leftovers(self.folder, self.programs, self.death_signal)
        self._start_child()

    def wait_ready(self, timeout: float) -> None:
        """Wait until the server answers, moving to another port when this one was taken."""
        if self._child is None:
            self.launch()
        deadline = time.monotonic() + timeout
        attempts = 1
        while not self.answers():
            child = self._running_child()
            if child.exit_status() is not None:
                if self.port_taken not in child.log_tail() or attempts == PORT_ATTEMPTS:
                    raise failure_of(child)
                attempts += 1
                self.port = free_port()
                self._start_child()
            elif time.monotonic() > deadline:
                self.stop()
                raise EmbeddedServerError(
                    operation=f"starting {self.name}",
                    cause=f"it did not answer on {LOOPBACK}:{self.port} within {timeout:g} s",
                    next_step=f"Read {self.log}",
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End the server and everything it started; nothing to do when it does not run."""
        if self._child is None:
            return
        self._child.stop(self.stop_steps)
        self._child = None
        end_leftovers(self.folder, self.programs, self.death_signal)

    def _running_child(self) -> Child:
        if self._child is None:
            raise RuntimeError(f"{self.name} was not launched")
        return self._child

    def _start_child(self) -> None:
        self.before_start()
        self._child = start_child(
            self.argv(),
            name=self.name,
            log=self.log,
            folder=self.folder,
            account=self.account,
            death_signal=self.death_signal,
        )


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether the port could be listened on at this moment."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still being closed counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
