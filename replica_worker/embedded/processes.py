"""Starts child programs that do not outlive this one, and ends them.

Owns the operating system side of a child: its session, account, log file, parent-death signal and
end. Does not know what the programs are or when they are ready.

A child is in a session of its own, so that Ctrl-C in a terminal reaches only the main command,
which then ends its children in the right order. Should the main command die without doing so
(kill -9, out of memory), the kernel sends each child its death signal.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from replica_worker.embedded.accounts import Account
from replica_worker.errors import EmbeddedServerError

POLL_SECONDS = 0.005
LOG_TAIL_BYTES = 16_384
PR_SET_PDEATHSIG = 1

# Nothing of the caller's environment: PGPORT, LD_PRELOAD and the like must not change a server, and
# the C locale keeps its messages in the words that we look for.
CHILD_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class _Forker:
    """The one thread that forks all children.

    The kernel sends the death signal when the *thread* that forked ends, not when its program does.
    A child forked from a short-lived thread would die with that thread.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")

    def start(self, popen: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        return self._thread.submit(popen).result()

    def forget_thread(self) -> None:
        """After a fork only the forking thread lives on, so the copy needs a new one."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


_forker = _Forker()
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forker.forget_thread)


class Child:
    """A running child program and the log file that takes its output."""

    def __init__(
        self, name: str, popen: subprocess.Popen[bytes], log: Path, log_start: int
    ) -> None:
        self.name = name
        self.log = log
        self._popen = popen
        self._log_start = log_start

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._popen.pid

    def exit_status(self) -> int | None:
        """None while it runs, else its exit status (negative: the signal that ended it)."""
        return self._popen.poll()

    def wait(self, timeout: float) -> int | None:
        """Wait until it has ended, at most `timeout` seconds; None when it still runs."""
        deadline = time.monotonic() + timeout
        while (status := self._popen.poll()) is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return status

    def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> int:
        """Send each signal in turn, giving it its time; kill what is left after the last."""
        for signum, timeout in steps:
            if self._popen.poll() is None:
                self._popen.send_signal(signum)
            if (status := self.wait(timeout)) is not None:
                return status
        self._popen.kill()
        return self._popen.wait()

    def log_tail(self) -> str:
        """What this child (not an earlier one with the same log file) wrote last."""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, end - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")


def start_child(
    argv: Sequence[str],
    *,
    name: str,
    log: Path,
    folder: Path,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] = CHILD_ENVIRONMENT,
) -> Child:
    """Start `argv` in `folder`, output appended to `log`, under `account` if one is given."""
    require_linux()
    # Looked up before the fork: a child of a program with threads should do as little as it can.
    parent_pid = os.getpid()

    def in_child() -> None:
        # Runs after the change of account, which would have cleared the setting.
        _set_death_signal(death_signal)
        if os.getppid() != parent_pid:
            os._exit(1)

    def popen(log_descriptor: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            list(argv),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log_descriptor,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            preexec_fn=in_child,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            log_start = os.fstat(descriptor).st_size
            started = _forker.start(lambda: popen(descriptor))
        finally:
            os.close(descriptor)
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedServerError(
            operation=f"starting {name}",
            cause=str(error),
            next_step=f"Check that {argv[0]} may be run and {log} may be written",
        ) from error
    return Child(name, started, log, log_start)


def failure_of(child: Child) -> EmbeddedServerError:
    """Why a child that should be running is not, in one line, taken from its log."""
    lines = [line.strip() for line in child.log_tail().splitlines() if line.strip()]
    full = [line for line in lines if "No space left on device" in line]
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
    said = (full or fatal or lines or ["it wrote nothing"])[-1]
    return EmbeddedServerError(
        operation=f"starting {child.name}",
        cause=f"it ended with status {child.exit_status()} and said: {said.rstrip('.')}",
        next_step=f"Free some disk space near {child.log}" if full else f"Read {child.log}",
    )


def die_with_parent(
    signum: signal.Signals = signal.SIGKILL, *, parent_pid: int | None = None
) -> None:
    """Have the kernel send `signum` to the calling program when its parent ends.

    For code that already runs inside a child, such as a Celery pool child. Pass `parent_pid` (what
    `os.getpid()` gave in the parent before the fork) to also catch a parent that died before this
    call. The kernel watches the thread that forked: call it in children that the parent's main
    thread made. Does nothing where the kernel has no such setting.
    """
    if _libc is None:
        return
    _set_death_signal(signum)
    if parent_pid is not None and os.getppid() != parent_pid:
        os.kill(os.getpid(), signum)


def end_leftovers(
    folder: Path, programs: frozenset[str], signum: signal.Signals, timeout: float = 10.0
) -> None:
    """End programs with one of these names that still work in `folder`, and wait until they have.

    They are what a killed parent left behind and the kernel is ending right now, or what outlived
    a kill -9 of a server's own main program. Their working folder tells them from other servers.
    """
    deadline = time.monotonic() + timeout
    while pids := _working_in(folder, programs):
        late = time.monotonic() > deadline - timeout / 2
        for pid in pids:
            _send(pid, signal.SIGKILL if late else signum)
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                operation=f"ending servers left over in {folder}",
                cause=f"the programs with the numbers {pids} do not end",
                next_step="End them by hand, then try again",
            )
        time.sleep(POLL_SECONDS * 4)


def require_linux() -> None:
    """Refuse, with what to do instead, where the embedded servers cannot run."""
    if sys.platform != "linux":
        raise EmbeddedServerError(
            operation="starting embedded servers",
            cause=f"they are made for Linux, and this is {sys.platform}",
            next_step="Use servers of your own: set REPLICA_SOURCE_URL, REPLICA_TARGET_URL and "
            "REPLICA_BROKER_URL",
        )


def _set_death_signal(signum: signal.Signals) -> None:
    if _libc is not None and _libc.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def _working_in(folder: Path, programs: frozenset[str]) -> list[int]:
    inside = folder.resolve()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            works_in = Path(str((entry / "cwd").readlink()).removesuffix(" (deleted)"))
            program = (entry / "comm").read_text().strip()
        except OSError:
            continue  # ended meanwhile, or another user's
        if program in programs and works_in.is_relative_to(inside):
            found.append(int(entry.name))
    return found


def _send(pid: int, signum: signal.Signals) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return
