"""The SQL Server under test, with a fresh pair of databases, and the bench of every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.engines import ZONE, Bench
from support.sqlserver import Pairs, SqlServer, SqlServerSite, server_url
from support.sqlserver_bench import open_sqlserver
from support.sqlserver_replica import SqlServerReplica, open_sqlserver_replica


@pytest.fixture(scope="session")
def server() -> SqlServer:
    url = server_url()
    assert url, "tests that need the server are left out where there is none"
    return SqlServer(url)


@pytest.fixture(scope="session")
def pairs(server: SqlServer) -> Iterator[Pairs]:
    """The session's databases, dropped at its end."""
    made = Pairs(server)
    yield made
    made.drop()


@pytest.fixture
def site(pairs: Pairs) -> SqlServerSite:
    """An empty source and an empty warehouse."""
    return pairs.lend()


@pytest.fixture
def bench(site: SqlServerSite, tmp_path: Path) -> Iterator[Bench]:
    with open_sqlserver(site, ZONE) as dialect:
        made = Bench(dialect, tmp_path)
        yield made
        made.close()


@pytest.fixture
def london(site: SqlServerSite, tmp_path: Path) -> Iterator[Bench]:
    """A bench of a business whose clocks are put forward in summer."""
    with open_sqlserver(site, ZoneInfo("Europe/London")) as dialect:
        made = Bench(dialect, tmp_path)
        yield made
        made.close()


@pytest.fixture
def make_replica(site: SqlServerSite, tmp_path: Path) -> Iterator[Callable[..., SqlServerReplica]]:
    """Make replicas over the site: `make_replica(spec_text)`; the warehouse is migrated."""
    with ExitStack() as cleanup:

        def make(text: str, **settings: Any) -> SqlServerReplica:
            return cleanup.enter_context(open_sqlserver_replica(site, tmp_path, text, **settings))

        yield make
