"""A real PostgreSQL for the demo's source: the session's server, one database per test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.databases import Databases, libpq_url

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


@pytest.fixture(scope="session")
def make_pos_database(databases: Databases) -> Iterator[Callable[[], str]]:
    """Yield a function that lends an empty database and returns its owner's URL."""
    with ExitStack() as lent:

        def make() -> str:
            return libpq_url(lent.enter_context(databases.lend()).source_owner_url)

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
