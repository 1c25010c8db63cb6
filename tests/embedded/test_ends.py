"""However the main command ends, nothing of it stays behind and no written row is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from replica_worker.embedded import EmbeddedStack, new_home, remove_unused_homes
from replica_worker.embedded.homes import postgres_folder
from replica_worker.errors import EmbeddedServerError

Hold = Callable[[Path], Any]
Wait = Callable[[list[int]], None]
Family = Callable[[list[int]], list[int]]


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_ctrl_c_stops_everything(root: Path, hold: Hold, all_ended: Wait, family: Family) -> None:
    holder = hold(new_home(root))
    # The servers are in groups of their own: a terminal's Ctrl-C would not have reached them.
    assert all(os.getpgid(pid) != os.getpgid(holder.popen.pid) for pid in holder.servers)
    everything = family(holder.servers)
    assert holder.end(signal.SIGINT) == 130
    all_ended(everything)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_killed_command_leaves_no_server_and_no_folder(
    root: Path, hold: Hold, all_ended: Wait, family: Family, signum: signal.Signals
) -> None:
    home = new_home(root)
    holder = hold(home)
    servers_folder = postgres_folder(home)
    everything = family(holder.servers)
    assert len(everything) > len(holder.servers)
    assert holder.end(signum) == -signum
    all_ended(everything)
    assert remove_unused_homes(root) == [home]
    assert not home.exists()
    assert not servers_folder.exists()


def test_after_a_kill_the_rows_are_there_at_once(private_root: Path, hold: Hold) -> None:
    home = new_home(private_root)
    holder = hold(home)
    execute(holder.urls.target_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    holder.end(signal.SIGKILL)
    # No wait for the servers here: opening has to wait for what is still ending.
    with EmbeddedStack.open(home) as stack:
        assert execute(stack.urls.target_url, "SELECT answer FROM kept") == [(42,)]


def test_after_the_database_was_killed_the_rows_are_there(open_root: Path, hold: Hold) -> None:
    home = new_home(open_root)
    holder = hold(home)
    execute(holder.urls.target_url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    for pid in holder.servers:
        os.kill(pid, signal.SIGKILL)
    holder.end(signal.SIGKILL)
    # What the dead server's lock file names is now a living program that is not a server.
    lock_file = postgres_folder(home) / "cluster" / "postmaster.pid"
    lines = lock_file.read_text().splitlines()
    lock_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with EmbeddedStack.open(home) as stack:
        assert execute(stack.urls.target_url, "SELECT count(*) FROM kept") == [(1000,)]


def test_a_killed_server_can_be_launched_again(open_root: Path, all_ended: Wait) -> None:
    with EmbeddedStack.open(new_home(open_root)) as stack:
        for server in (stack.valkey, stack.postgres):
            assert server is not None
            assert server.pid is not None
            before = (server.pid, server.port)
            os.kill(server.pid, signal.SIGKILL)
            all_ended([server.pid])
            server.launch()
            server.wait_ready(timeout=30)
            assert (server.pid != before[0], server.port) == (True, before[1])


def test_a_command_killed_while_starting_leaves_a_home_that_starts(
    private_root: Path, hold: Hold
) -> None:
    home = new_home(private_root)
    pid = os.fork()
    if pid == 0:
        EmbeddedStack.open(home)
        os._exit(0)
    # Killed somewhere between the first file and the last role, as it happens.
    while not (home / "instance.json").exists():
        os.sched_yield()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with EmbeddedStack.open(home) as stack:
        assert execute(stack.urls.source_url, "SELECT 1") == [(1,)]


def test_a_server_that_cannot_start_says_why_in_one_line(open_root: Path) -> None:
    home = new_home(open_root)
    with EmbeddedStack.open(home):
        cluster = postgres_folder(home) / "cluster"
    (cluster / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedServerError) as caught:
        EmbeddedStack.open(home)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("starting PostgreSQL: it ended with status 1 and said: ")
    assert "FATAL" in said
    assert said.rstrip(".").endswith(f"Read {home}/postgresql.log")
    assert remove_unused_homes(open_root) == [home]
