"""The SQL Server under test, with a fresh pair of databases, and the bench of every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.engines import ZONE, Bench
from support.sqlserver import SqlServer, SqlServerSite, empty_database, server_url
from support.sqlserver_bench import open_sqlserver
from support.sqlserver_replica import SqlServerReplica, open_sqlserver_replica


@pytest.fixture(scope="session")
def server() -> SqlServer:
    url = server_url()
    assert url, "tests that need the server are left out where there is none"
    return SqlServer(url)


@pytest.fixture(scope="session")
def pair(server: SqlServer) -> Iterator[SqlServerSite]:
    """The session's databases; `site` lends them empty."""
    with server.lend_pair() as made:
        yield made


@pytest.fixture
def site(pair: SqlServerSite) -> SqlServerSite:
    for url in (pair.source_url, pair.target_url):
        empty_database(url)
    return pair


@pytest.fixture
def bench(site: SqlServerSite, tmp_path: Path) -> Iterator[Bench]:
    with open_sqlserver(site, ZONE) as dialect:
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
