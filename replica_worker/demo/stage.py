"""What the demo plays on: a fresh instance of the embedded servers, and Celery workers.

The commands of the story are the real ones, run as processes of their own with settings that
point at this instance.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from replica_worker.cli.session import EXPORTS_FOLDER
from replica_worker.embedded import (
    EmbeddedStack,
    StackUrls,
    new_home,
    remove_unused_homes,
)
from replica_worker.embedded.processes import Child, failure_of, start_child
from replica_worker.settings import Settings

_READY_WORD = " ready."
_READY_SECONDS = 60.0
_READY_POLL_SECONDS = 0.05
_WORKER_STOP = ((signal.SIGTERM, 15.0), (signal.SIGQUIT, 5.0))


@dataclass(frozen=True)
class Crew:
    """The demo's workers."""

    children: tuple[Child, ...]

    def wait_ready(self) -> None:
        """Return when all workers take work; EmbeddedServerError if one does not."""
        deadline = time.monotonic() + _READY_SECONDS
        for child in self.children:
            while _READY_WORD not in child.log_tail():
                if child.exit_status() is not None or time.monotonic() > deadline:
                    raise failure_of(child)
                time.sleep(_READY_POLL_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A running instance and the environment that points commands at it."""

    home: Path
    urls: StackUrls
    environment: Mapping[str, str]

    @property
    def exports(self) -> Path:
        """Where the instance's archive lies."""
        return self.home / EXPORTS_FOLDER

    def run_command(self, *arguments: str) -> int:
        """Run `replica` with these words, its output in ours; its exit code."""
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "replica_worker", *arguments],
            env=dict(self.environment),
            check=False,
        ).returncode

    @contextmanager
    def workers(self, count: int) -> Iterator[Crew]:
        """Celery workers, each a process of its own."""
        with ExitStack() as stack:
            children = []
            for number in range(1, count + 1):
                child = self._start_worker(number)
                stack.callback(child.stop, _WORKER_STOP)
                children.append(child)
            yield Crew(tuple(children))

    def _start_worker(self, number: int) -> Child:
        return start_child(
            [
                *(sys.executable, "-m", "celery", "-A", "replica_worker.tasks.app", "worker"),
                *("-Q", "daily,backfill", "--concurrency", "1", "-n", f"demo{number}@%h"),
                *("--loglevel", "INFO", "-E", "--without-mingle", "--without-gossip"),
            ],
            name=f"worker {number}",
            log=self.home / f"worker-{number}.log",
            folder=Path.cwd(),
            environment=self.environment,
        )


@contextmanager
def set_stage(settings: Settings) -> Iterator[Stage]:
    """A fresh instance below the settings' home; instances nobody uses any more are removed."""
    remove_unused_homes(settings.home)
    home = new_home(settings.home)
    with EmbeddedStack.open(home) as stack:
        yield Stage(
            home=stack.home,
            urls=stack.urls,
            environment={
                **os.environ,
                "REPLICA_SOURCE_URL": stack.urls.source_url,
                "REPLICA_TARGET_URL": stack.urls.target_url,
                "REPLICA_BROKER_URL": stack.urls.broker_url,
                "REPLICA_EXPORTS": str(stack.home / EXPORTS_FOLDER),
            },
        )
