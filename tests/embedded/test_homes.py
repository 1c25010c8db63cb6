"""Homes: which is current, which may be removed, and what is left alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replica_worker.embedded import EmbeddedStack, current_home, new_home, remove_unused_homes
from replica_worker.embedded.accounts import Account, can_traverse, server_account
from replica_worker.embedded.homes import NEW_HOME_SECONDS, postgres_folder
from replica_worker.errors import EmbeddedServerError


def test_the_home_made_last_is_current(tmp_path: Path) -> None:
    root = tmp_path / "not" / "yet"
    assert current_home(root) is None
    new_home(root)
    latest = new_home(root)
    assert current_home(root) == latest


def test_only_homes_that_nobody_runs_are_removed(
    private_root: Path, hold: Callable[[Path], Any]
) -> None:
    killed, stopped, running, unused = (new_home(private_root) for _ in range(4))
    hold(killed).end(signal.SIGKILL)
    EmbeddedStack.open(stopped).close()
    (private_root / "not-a-home").mkdir()
    (private_root / "not-a-home" / "file").touch()
    with EmbeddedStack.open(running):
        assert set(remove_unused_homes(private_root)) == {killed, stopped}
        assert current_home(private_root) == unused
        # Made but never opened: after a while it is taken for a leftover too.
        long_ago = unused.stat().st_mtime - NEW_HOME_SECONDS - 1
        os.utime(unused, (long_ago, long_ago))
        assert remove_unused_homes(private_root) == [unused]
        assert current_home(private_root) is None
    assert {path.name for path in private_root.iterdir()} == {"not-a-home", running.name}


def test_a_home_removed_by_hand_takes_its_outside_folder_along(private_root: Path) -> None:
    home = new_home(private_root)
    EmbeddedStack.open(home).close()
    servers_folder = postgres_folder(home)
    assert servers_folder.exists()
    home.rename(private_root.parent / "taken-away")
    remove_unused_homes(private_root)
    # Where PostgreSQL lived inside the home, its folder went away with it.
    assert not servers_folder.exists()


def test_a_damaged_record_is_reported_and_can_be_removed(open_root: Path) -> None:
    home = new_home(open_root)
    EmbeddedStack.open(home).close()
    (home / "instance.json").write_text("{")
    with pytest.raises(EmbeddedServerError, match=r"^reading .*instance\.json: "):
        EmbeddedStack.open(home)
    assert remove_unused_homes(open_root) == [home]


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(EmbeddedServerError, match="it is not a folder"):
        EmbeddedStack.open(tmp_path / "home")


def test_modes_of_folders_that_exist_are_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = [path.stat().st_mode for path in (home, *home.parents)]
    with EmbeddedStack.open(home, remove_on_close=True):
        assert [path.stat().st_mode for path in (home, *home.parents)] == before


def test_postgresql_lives_where_its_account_can_reach_it(root: Path) -> None:
    home = new_home(root)
    folder = postgres_folder(home)
    account = server_account()
    if account is None:
        assert folder == home / "postgresql"
    else:
        assert can_traverse(folder.parent, account)
        assert folder.is_relative_to(home) == can_traverse(home, account)
    with EmbeddedStack.open(home, remove_on_close=True):
        pass
    assert not folder.exists()


def test_traversal_is_judged_by_the_bits_that_apply(open_root: Path) -> None:
    folder = open_root / "folder"
    folder.mkdir()
    status = folder.stat()
    owner = Account("owner", status.st_uid, status.st_gid)
    in_group = Account("in-group", status.st_uid + 1, status.st_gid)
    stranger = Account("stranger", status.st_uid + 1, status.st_gid + 1)
    allowed = {}
    for mode in (0o700, 0o610, 0o601):
        folder.chmod(mode)
        allowed[mode] = [can_traverse(folder, account) for account in (owner, in_group, stranger)]
    assert allowed == {
        0o700: [True, False, False],
        0o610: [False, True, False],
        0o601: [False, False, True],
    }
