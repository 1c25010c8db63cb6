"""The demo as people start it: two at once in one folder, and one that is interrupted."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from drive.programs import (
    Program,
    clean_environment,
    programs_with,
    replica_argv,
    run_replica,
    wait_until,
)
from support.databases import libpq_url

from replica_worker.demo.source import PLANTED_MARK
from replica_worker.embedded import EmbeddedStack, remove_unused_homes

SMALL = ("demo", "--days", "2", "--sales-per-day", "40", "--workers", "1")


@dataclass(frozen=True)
class Played:
    """Two demos that were played at once, in one folder."""

    folder: Path
    environment: dict[str, str]
    programs: list[Program]

    @property
    def homes(self) -> list[Path]:
        return homes_in(self.folder)


def homes_in(folder: Path) -> list[Path]:
    return sorted(path.parent for path in (folder / "home").glob("*/instance.json"))


def places_of(home: Path) -> list[str]:
    """Where an instance's programs work."""
    record = json.loads((home / "instance.json").read_text())
    return [str(home), str(record["postgres_folder"])]


def expect_no_program(folder: Path) -> None:
    places = [str(folder), *(place for home in homes_in(folder) for place in places_of(home))]
    wait_until(
        lambda: not any(programs_with(place) for place in places), "the end of all programs", 10
    )


def start_demo(folder: Path, environment: dict[str, str], name: str) -> Program:
    return Program(
        replica_argv(*SMALL), environment=environment, folder=folder, log=folder / f"{name}.log"
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, bytecode: Path) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("demo")
    environment = clean_environment(bytecode, REPLICA_HOME=str(folder / "home"))
    programs = [start_demo(folder, environment, name) for name in ("one", "two")]
    for program in programs:
        program.popen.wait(150)
    yield Played(folder, environment, programs)
    remove_unused_homes(folder / "home")


def test_two_demos_at_once_prove_what_they_show(played: Played) -> None:
    for program in played.programs:
        assert program.popen.returncode == 0, program.said()
        said = program.said()
        assert "differing rows equal" in said
        assert "of 3" not in said, "some table was not equal"
        for command in (
            "$ replica migrate",
            "$ replica backfill",
            "$ replica run",
            "$ replica v",
            "$ replica a",
        ):
            assert command in said
        assert "Traceback" not in said
    assert len(played.homes) == 2


def test_a_demo_leaves_no_program_behind(played: Played) -> None:
    expect_no_program(played.folder)


def test_history_works_on_what_the_demo_left(played: Played) -> None:
    answer = run_replica("history", "--json", environment=played.environment, folder=played.folder)

    assert answer.code == 0, answer
    runs = json.loads(answer.out)
    assert [(run["kind"], run["status"]) for run in runs] == [
        ("nightly", "succeeded"),
        ("backfill", "succeeded"),
    ]
    expect_no_program(played.folder)


def test_books_of_the_demo_balance(played: Played) -> None:
    runs = run_replica("history", "--json", environment=played.environment, folder=played.folder)
    backfill = json.loads(runs.out)[-1]
    nightly = json.loads(runs.out)[0]
    days = ("--start", backfill["first_day"], "--end", nightly["last_day"])

    answer = run_replica(
        "audit", *days, "--json", environment=played.environment, folder=played.folder
    )

    assert answer.code == 0, answer
    told = json.loads(answer.out)
    assert told["unbalanced"] == []
    looked_at = {(page["table"], page["day"]) for page in told["days"] if page["headers"]}
    assert len(looked_at) == 3 + 2, "the last day's payments may come a day later"
    assert all("books do not balance" not in program.said() for program in played.programs)


def test_no_password_is_said_or_written_but_in_the_record(played: Played) -> None:
    secrets = [PLANTED_MARK]
    for home in played.homes:
        record = json.loads((home / "instance.json").read_text())
        secrets += record["passwords"].values()
    assert len(secrets) == 11
    allowed = ("instance.json", "valkey.conf")

    seen = 0
    for path in played.folder.rglob("*"):
        in_cluster = any(str(path).startswith(place) for place in clusters_of(played))
        if path.is_file() and path.name not in allowed and not in_cluster:
            content = path.read_bytes()
            seen += 1
            for secret in secrets:
                assert secret.encode() not in content, path
    assert seen > 100, "exports and logs were looked at"


def clusters_of(played: Played) -> list[str]:
    return [places_of(home)[1] for home in played.homes]


def test_planted_secrets_are_in_no_extract(played: Played) -> None:
    files = list(played.folder.rglob("*.parquet"))

    assert files
    for file in files:
        table = pq.read_table(file)
        assert not set(table.column_names) & {"PASSWORD", "API_PASSWORD"}
        for column in table.columns:
            if pa.types.is_string(column.type):
                found = pc.any(pc.match_substring(column, PLANTED_MARK)).as_py()
                assert not found, f"{file}"


def test_planted_secrets_stay_at_the_source(played: Played) -> None:
    with EmbeddedStack.open(played.homes[0]) as stack:
        assert tables_with_mark(stack.urls.source_owner_url), "the source has them"
        assert tables_with_mark(stack.urls.target_url) == []
    expect_no_program(played.folder)


def tables_with_mark(url: str) -> list[str]:
    """The tables of a database in any of whose rows a planted secret is found."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 5
        return [name for schema, name in tables if has_mark(connection, schema, name)]


def has_mark(connection: psycopg.Connection[Any], schema: str, name: str) -> bool:
    query = f'SELECT count(*) FROM "{schema}"."{name}" t WHERE t::text LIKE %s'
    row = connection.execute(query, [f"%{PLANTED_MARK}%"]).fetchone()
    return bool(row and row[0])


@pytest.fixture
def stop_at_end() -> Iterator[Callable[[Program], Program]]:
    started: list[Program] = []
    yield lambda program: started.append(program) or program
    for program in started:
        program.destroy()


def test_ctrl_c_ends_everything(
    tmp_path: Path, clean: dict[str, str], stop_at_end: Callable[[Program], Program]
) -> None:
    environment = {**clean, "REPLICA_HOME": str(tmp_path / "home")}
    demo = stop_at_end(start_demo(tmp_path, environment, "one"))
    demo.wait_for("$ replica backfill")
    wait_until(lambda: "working" in demo.said() or "chunks" in demo.said(), "work")

    os.killpg(demo.popen.pid, signal.SIGINT)  # as a terminal does: the whole foreground group

    assert demo.popen.wait(40) not in (0, None)
    assert "Traceback" not in demo.said()
    expect_no_program(tmp_path)
    remove_unused_homes(tmp_path / "home")
