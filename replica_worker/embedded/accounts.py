"""Chooses the operating system account that the PostgreSQL binaries run under.

PostgreSQL refuses to run as root. This module picks an account that already exists and tells what
that account can reach. It makes no accounts and changes no modes or owners.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from replica_worker.errors import EmbeddedServerError

CANDIDATES = ("nobody", "postgres", "daemon", "bin", "games")


@dataclass(frozen=True)
class Account:
    """An account of this machine that is not root."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The account to run PostgreSQL under, or None to stay the account one is (not root)."""
    if os.geteuid() != 0:
        return None
    import pwd  # not everywhere; this module must import where servers cannot run

    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        operation="choosing an account for PostgreSQL",
        cause=f"PostgreSQL refuses to run as root, and none of {', '.join(CANDIDATES)} exists here",
        next_step="Start this command as an ordinary user",
    )


def can_traverse(folder: Path, account: Account) -> bool:
    """Whether the account may pass through `folder` and every folder above it.

    Judged from the mode bits: an access list that grants more is not seen, and the answer is then
    "no", which costs only that the files are put elsewhere.
    """
    resolved = folder.resolve()
    return all(_may_pass(step.stat(), account) for step in (resolved, *resolved.parents))


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        needed = stat.S_IXUSR
    elif status.st_gid == account.gid:
        needed = stat.S_IXGRP
    else:
        needed = stat.S_IXOTH
    return bool(status.st_mode & needed)
