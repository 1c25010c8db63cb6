"""An instance: what its servers let in, who owns it, and what survives."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from replica_worker.embedded import EmbeddedStack, StackUrls, new_home, running_urls
from replica_worker.embedded.instance import InstanceRecord
from replica_worker.embedded.valkey import valkey_answers


def dsn(url: str | URL) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def query(url: str | URL, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn(url), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def broker_answers(urls: StackUrls) -> bool:
    broker = make_url(urls.broker_url)
    return valkey_answers(broker.port or 0, broker.password or "")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """One instance for the tests that leave nothing behind which disturbs another."""
    home = tmp_path_factory.mktemp("shared") / "home"
    with EmbeddedStack.open(home, remove_on_close=True) as stack:
        yield stack


def test_opens_answers_and_stops(root: Path) -> None:
    with EmbeddedStack.open(new_home(root)) as stack:
        urls = stack.urls
        assert stack.is_owner
        assert query(urls.target_url, "SELECT current_database(), current_user") == [
            ("MarryBrown_DW", "replica_writer")
        ]
        assert query(urls.source_url, "SHOW timezone") == [("UTC",)]
        assert broker_answers(urls)
        assert running_urls(stack.home) == urls
    assert running_urls(stack.home) is None
    assert not broker_answers(urls)
    with pytest.raises(psycopg.OperationalError):
        query(urls.target_url, "SELECT 1")


def test_reader_sees_what_the_owner_makes_later_and_writes_nothing(shared: EmbeddedStack) -> None:
    owner, reader = shared.urls.source_owner_url, shared.urls.source_url
    query(owner, 'CREATE SCHEMA "COM_5013"', 'CREATE TABLE "COM_5013".sales (id int)')
    query(owner, 'INSERT INTO "COM_5013".sales VALUES (7)')
    assert query(reader, 'SELECT id FROM "COM_5013".sales') == [(7,)]
    for statement in (
        'INSERT INTO "COM_5013".sales VALUES (8)',
        'DROP TABLE "COM_5013".sales',
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
    ):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            query(reader, statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(reader, "SET default_transaction_read_only = off", statement)


def test_nobody_enters_a_database_that_is_not_theirs(shared: EmbeddedStack) -> None:
    urls = shared.urls
    for url, database in (
        (urls.target_url, "xilnex"),
        (urls.source_url, "MarryBrown_DW"),
        (urls.source_owner_url, "MarryBrown_DW"),
        (urls.source_url, "postgres"),
    ):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            query(make_url(url).set(database=database), "SELECT 1")
    for user in ("replica_reader", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            query(make_url(urls.source_url).set(username=user, password="guess"), "SELECT 1")


def test_passwords_stay_in_files_of_their_owner(shared: EmbeddedStack) -> None:
    record = InstanceRecord.load(shared.home)
    assert record is not None
    assert shared.valkey is not None
    assert shared.postgres is not None
    pids = (shared.valkey.pid, shared.postgres.pid)
    files = [Path(f"/proc/{pid}/cmdline") for pid in pids] + list(shared.home.glob("*.log"))
    seen = [repr(shared.urls), str(shared.urls), repr(record)]
    seen += [path.read_text() for path in files]
    assert not [text for text in seen for secret in record.passwords.values() if secret in text]
    for name in ("instance.json", "valkey/valkey.conf", "postgresql.log", "valkey.log"):
        assert stat.S_IMODE((shared.home / name).stat().st_mode) == 0o600


def test_servers_listen_on_loopback_only(shared: EmbeddedStack) -> None:
    assert shared.valkey is not None
    assert shared.postgres is not None
    for port in (shared.valkey.port, shared.postgres.port):
        rows = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        ]
        listening = {row[1] for row in rows if row[3] == "0A"}
        assert {at for at in listening if at.endswith(f":{port:04X}")} == {f"0100007F:{port:04X}"}


def test_opened_again_it_has_its_rows_and_urls(open_root: Path) -> None:
    home = new_home(open_root)
    with EmbeddedStack.open(home) as stack:
        first = stack.urls
        query(first.target_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedStack.open(home, remove_on_close=True) as stack:
        assert stack.urls == first
        assert query(stack.urls.target_url, "SELECT answer FROM kept") == [(42,)]
    assert not home.exists()


def test_a_port_taken_meanwhile_is_left_to_its_owner(open_root: Path) -> None:
    home = new_home(open_root)
    with EmbeddedStack.open(home) as stack:
        assert stack.valkey is not None
        assert stack.postgres is not None
        ports = [stack.valkey.port, stack.postgres.port]
    with (
        socket.create_server(("127.0.0.1", ports[0])),
        socket.create_server(("127.0.0.1", ports[1])),
        EmbeddedStack.open(home) as stack,
    ):
        assert broker_answers(stack.urls)
        assert query(stack.urls.source_url, "SELECT 1") == [(1,)]


def test_a_port_taken_after_it_was_chosen_is_given_up(open_root: Path) -> None:
    with EmbeddedStack.open(new_home(open_root)) as stack:
        for server in (stack.valkey, stack.postgres):
            assert server is not None
            server.stop()
            with socket.socket() as squatter:
                squatter.bind(("127.0.0.1", 0))
                server.port = taken = squatter.getsockname()[1]
                server.wait_ready(timeout=30)
            assert server.port != taken
            assert server.answers()


def test_a_second_command_attaches_and_leaves_the_servers_running(open_root: Path) -> None:
    with EmbeddedStack.open(new_home(open_root)) as stack:
        program = (
            "import sys, pathlib\n"
            "from replica_worker.embedded import EmbeddedStack\n"
            "with EmbeddedStack.open(pathlib.Path(sys.argv[1]), remove_on_close=True) as stack:\n"
            "    print(stack.is_owner, stack.urls.target_url)\n"
        )
        said = subprocess.check_output(
            [sys.executable, "-c", program, str(stack.home)], text=True, timeout=60
        )
        assert said.split() == ["False", stack.urls.target_url]
        assert query(stack.urls.target_url, "SELECT 1") == [(1,)]
        assert broker_answers(stack.urls)


def test_two_instances_at_once_know_nothing_of_each_other(open_root: Path) -> None:
    with (
        EmbeddedStack.open(new_home(open_root)) as one,
        EmbeddedStack.open(new_home(open_root)) as other,
    ):
        query(one.urls.target_url, "CREATE TABLE only_here (id int)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            query(other.urls.target_url, "TABLE only_here")
        assert one.urls.broker_url != other.urls.broker_url


def test_commands_that_open_one_home_together_share_one_instance(open_root: Path) -> None:
    home = new_home(open_root)
    stacks: list[EmbeddedStack] = []
    threads = [
        threading.Thread(target=lambda: stacks.append(EmbeddedStack.open(home))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert [stack.is_owner for stack in stacks].count(True) == 1
        assert len({stack.urls for stack in stacks}) == 1
        # The thread that started the servers has ended: they must not have ended with it.
        assert query(stacks[0].urls.target_url, "SELECT 1") == [(1,)]
        assert broker_answers(stacks[0].urls)
    finally:
        for stack in stacks:
            stack.close()
