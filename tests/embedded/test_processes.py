"""Children: they end when told, and when their parent does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from replica_worker.embedded.processes import (
    Child,
    die_with_parent,
    end_leftovers,
    failure_of,
    start_child,
)
from replica_worker.errors import EmbeddedServerError

STUBBORN = "trap '' TERM INT; echo ready; while :; do sleep 1; done"


def shell(script: str, folder: Path) -> Child:
    return start_child(["/bin/sh", "-c", script], name="sh", log=folder / "log", folder=folder)


def test_a_child_that_ignores_signals_is_killed(
    tmp_path: Path, eventually: Callable[[Callable[[], bool], str], None]
) -> None:
    child = shell(STUBBORN, tmp_path)
    eventually(lambda: "ready" in child.log_tail(), "the script's first line")
    assert child.stop([(signal.SIGTERM, 0.1), (signal.SIGINT, 0.1)]) == -signal.SIGKILL


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    children: list[Child] = []
    thread = threading.Thread(target=lambda: children.append(shell("exec sleep 60", tmp_path)))
    thread.start()
    thread.join()
    assert children[0].wait(0.2) is None
    assert children[0].stop([(signal.SIGTERM, 10)]) == -signal.SIGTERM


def test_a_child_inherits_nothing_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    child = shell("env", tmp_path)
    assert child.wait(10) == 0
    assert "PGPORT" not in child.log_tail()
    assert "LC_ALL=C" in child.log_tail()


def test_a_program_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"^starting ghost: .*No such file"):
        start_child(["/no/such/program"], name="ghost", log=tmp_path / "log", folder=tmp_path)


def test_a_full_disk_is_named_as_such(tmp_path: Path) -> None:
    child = shell("echo earlier; LC_ALL=C cat /etc/passwd > /dev/full", tmp_path)
    child.wait(10)
    error = failure_of(child)
    assert error.next_step.startswith("Free some disk space")


def test_only_what_this_child_wrote_is_blamed(tmp_path: Path) -> None:
    shell("echo FATAL: of yesterday", tmp_path).wait(10)
    child = shell("echo of today; exit 3", tmp_path)
    child.wait(10)
    assert failure_of(child).cause == "it ended with status 3 and said: of today"


def test_a_forked_child_dies_with_its_parent(all_ended: Callable[[list[int]], None]) -> None:
    read_end, write_end = os.pipe()
    parent = os.fork()
    if parent == 0:
        parent_pid = os.getpid()
        if os.fork() == 0:
            die_with_parent(signal.SIGKILL, parent_pid=parent_pid)
            os.write(write_end, str(os.getpid()).encode())
        signal.pause()
    grandchild = int(os.read(read_end, 32))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    all_ended([grandchild])
    os.close(read_end)
    os.close(write_end)


def test_a_child_whose_parent_is_already_dead_ends_itself(
    all_ended: Callable[[list[int]], None],
) -> None:
    pid = os.fork()
    if pid == 0:
        die_with_parent(signal.SIGTERM, parent_pid=os.getppid() + 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    all_ended([pid])


def test_leftovers_are_told_by_their_folder_and_name(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    ours, bystander, elsewhere = (
        start_child(["/bin/sleep", "60"], name="sleep", log=tmp_path / "log", folder=inside),
        start_child(
            [sys.executable, "-c", "import signal; signal.pause()"],
            name="python",
            log=tmp_path / "log",
            folder=inside,
        ),
        start_child(["/bin/sleep", "60"], name="sleep", log=tmp_path / "log", folder=outside),
    )
    end_leftovers(inside, frozenset({"sleep"}), signal.SIGTERM)
    assert ours.wait(10) == -signal.SIGTERM
    assert bystander.exit_status() is None
    assert elsewhere.exit_status() is None
    for child in (bystander, elsewhere):
        child.stop([(signal.SIGTERM, 10)])
