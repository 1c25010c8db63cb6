"""Runs a command and watches what it takes: seconds, and the most memory of it and its children."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_LOOK_SECONDS = 0.05
_PAGE = 4096
_MEGABYTE = 1_000_000
_LIMIT_SECONDS = 1800


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run of a command took."""

    seconds: float  # of the whole command, or of the part that it timed itself
    peak_mb: float  # resident memory of the command and all its children together
    said: str  # what it wrote to stdout
    more: Mapping[str, float] = field(default_factory=dict)  # what else it measured itself


def run_watched(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run to the end; RuntimeError with the command's last words if it fails.

    A command whose last line is JSON with a member `seconds` has timed itself; the line's other
    members are figures by their names.
    """
    started = time.monotonic()
    child = subprocess.Popen(
        command,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with watch_memory(child.pid) as peaks:
        try:
            said, _ = child.communicate(timeout=_LIMIT_SECONDS)
        finally:
            if child.poll() is None:
                child.kill()
    seconds = time.monotonic() - started
    if child.returncode != 0:
        raise RuntimeError(f"{command[0]} … {command[-1]} failed: {said[-1500:]}")
    more = _own_figures(said)
    own = more.pop("seconds", seconds)
    return Cost(seconds=own, peak_mb=peaks.together_mb, said=said, more=more)


def _own_figures(said: str) -> dict[str, float]:
    lines = said.strip().splitlines()
    if not lines or not lines[-1].startswith('{"seconds"'):
        return {}
    return {name: float(figure) for name, figure in json.loads(lines[-1]).items()}


@dataclass(kw_only=True)
class Peaks:
    """The most resident memory that was seen, in MB."""

    together_mb: float = 0  # of a process and all its children
    child_mb: float = 0  # of that child that had most


@contextmanager
def watch_memory(pid: int) -> Iterator[Peaks]:
    """Look at a process and its children for as long as the block lasts."""
    peaks, done = Peaks(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(pid, peaks, done))
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def _watch(pid: int, peaks: Peaks, done: threading.Event) -> None:
    while not done.wait(_LOOK_SECONDS):
        family = _family(pid)
        together = sum(map(_resident_pages, family)) * _PAGE / _MEGABYTE
        peaks.together_mb = max(peaks.together_mb, together)
        peaks.child_mb = max(peaks.child_mb, *map(_most_resident_mb, family[1:]), 0)


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:
        try:
            children = Path(f"/proc/{member}/task/{member}/children").read_text()
        except OSError:
            continue
        family.extend(map(int, children.split()))
    return family


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def _most_resident_mb(pid: int) -> float:
    """At most until now, as the kernel noted it: no peak lies between two looks."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 / _MEGABYTE if found else 0.0  # one that has just ended has none


def processor_seconds(pid: int) -> float:
    """What the process and its children used, those that ended and were waited for included."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return 0.0
    ticks = sum(int(field) for field in stat[11:15])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(processor_seconds(int(one)) for one in children)
