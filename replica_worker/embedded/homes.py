"""The folders that instances live in: made, locked, named as current, removed.

Owns where files lie and who may touch them. Starts no servers; ends only those whose owner is
dead, before it removes their folder.

Whoever runs the servers of a home holds its lock. A lock ends with the program that holds it, so
a home with a free lock is nobody's.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from replica_worker.embedded.accounts import can_traverse, server_account
from replica_worker.embedded.binaries import cache_root, existing_cache_root
from replica_worker.embedded.postgres import EmbeddedPostgres
from replica_worker.embedded.processes import end_leftovers
from replica_worker.embedded.valkey import EmbeddedValkey
from replica_worker.errors import EmbeddedServerError

LOCK_NAME = "lock"
CURRENT_NAME = "current"
VALKEY_FOLDER = "valkey"
POSTGRES_FOLDER = "postgresql"
OUTSIDE_FOLDERS = "homes"
NAMED_BY = "home"
NEW_HOME_SECONDS = 60.0


def new_home(root: Path) -> Path:
    """Make a folder for a new instance under `root` and name it as the current one."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    home = make_home(root / name)
    pointer = root / f".{CURRENT_NAME}.{secrets.token_hex(3)}"
    pointer.write_text(f"{name}\n")
    pointer.rename(root / CURRENT_NAME)
    return home


def current_home(root: Path) -> Path | None:
    """The home made last under `root`, if it still exists."""
    try:
        name = (root / CURRENT_NAME).read_text().strip()
    except FileNotFoundError:
        return None
    home = root / name
    return home if name and home.is_dir() else None


def make_home(home: Path) -> Path:
    """Make the folder when it is missing; one that exists keeps its mode."""
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700)
        if os.geteuid() == 0:
            home.chmod(0o711)  # the account that runs PostgreSQL must pass through it
    except FileExistsError:
        if not home.is_dir():
            raise _home_error(home, "it is not a folder") from None
    except OSError as error:
        raise _home_error(home, str(error)) from error
    return home


def take_home(home: Path) -> FileLock | None:
    """The home's lock, held; None when somebody else holds it."""
    lock = FileLock(home / LOCK_NAME, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError):  # the second: removed by somebody at this moment
        return None
    except OSError as error:
        raise _home_error(home, str(error)) from error
    return lock


def postgres_folder(home: Path) -> Path:
    """Where a new instance's PostgreSQL goes: into its home, if its account can get there."""
    account = server_account()
    if account is None or can_traverse(home, account):
        return home.resolve() / POSTGRES_FOLDER
    outside = _outside_folder(cache_root(), home)
    for folder in (outside.parent, outside):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)
    (outside / NAMED_BY).write_text(f"{home.resolve()}\n")
    return outside / POSTGRES_FOLDER


def remove_home(home: Path) -> None:
    """Remove a home whose lock the caller holds, with all that its servers left behind."""
    places = [home]
    if (cache := existing_cache_root()) and _outside_folder(cache, home).is_dir():
        places.insert(0, _outside_folder(cache, home))
    try:
        for place in places:
            _end_servers(place)
            shutil.rmtree(place)
    except OSError as error:
        raise _home_error(home, str(error)) from error


def remove_unused_homes(root: Path) -> list[Path]:
    """Remove every home under `root` that nobody runs; gives back what was removed.

    This is how the leftovers of killed commands go away.
    """
    removed = []
    for home in sorted(root.iterdir()) if root.is_dir() else []:
        if _is_foreign(home) or not (lock := take_home(home)):
            continue
        try:
            remove_home(home)
            removed.append(home)
        finally:
            lock.release()
    if current_home(root) is None:
        (root / CURRENT_NAME).unlink(missing_ok=True)
    if cache := existing_cache_root():
        _remove_outside_folders_without_home(cache)
    return removed


def _is_foreign(home: Path) -> bool:
    """Whether this is no home of ours, or one just made that is about to be used."""
    try:
        if not home.is_dir() or home.is_symlink() or home.stat().st_uid != os.geteuid():
            return True
        content = {path.name for path in home.iterdir()}
        if not content:
            return time.time() - home.stat().st_mtime < NEW_HOME_SECONDS
    except FileNotFoundError:  # removed by somebody at this moment
        return True
    return LOCK_NAME not in content


def _outside_folder(cache: Path, home: Path) -> Path:
    key = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]
    return cache / OUTSIDE_FOLDERS / key


def _remove_outside_folders_without_home(cache: Path) -> None:
    """For homes that were removed by hand."""
    for outside in (cache / OUTSIDE_FOLDERS).glob("*/"):
        named = outside / NAMED_BY
        if named.is_file() and not Path(named.read_text().strip()).exists():
            _end_servers(outside)
            shutil.rmtree(outside, ignore_errors=True)


def _end_servers(folder: Path) -> None:
    for server in (EmbeddedValkey, EmbeddedPostgres):
        end_leftovers(folder, server.programs, server.death_signal)


def _home_error(home: Path, cause: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        operation=f"using the folder {home} for embedded servers",
        cause=cause,
        next_step="Choose a folder that this account owns, on a disk with free space",
    )
