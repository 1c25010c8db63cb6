"""Pairs of empty databases on the session's server, lent to one test at a time.

Making a database costs ten times what emptying one costs, so a pair that came back is lent again:
its sessions are ended and all its schemas dropped first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import psycopg
from psycopg import sql

from replica_worker.embedded import EmbeddedStack
from replica_worker.embedded.databases import SOURCE_OWNER, SOURCE_READER, TARGET_WRITER

_EMPTY = """
    DO $$
    DECLARE name text;
    BEGIN
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid();
        FOR name IN SELECT nspname FROM pg_namespace
                     WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
        LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', name);
        END LOOP;
    END $$
"""


@dataclass(frozen=True, kw_only=True, repr=False)
class Site:
    """URLs of an empty source and an empty warehouse, and of a broker that several sites share."""

    source_url: str  # a role that may only read
    source_owner_url: str
    target_url: str
    broker_url: str


class Databases:
    """Lends sites; a site that came back is emptied when it is lent again, not before."""

    def __init__(self, stack: EmbeddedStack) -> None:
        assert stack.postgres is not None, "the session's own server is expected"
        self._server = stack.postgres
        self._urls = stack.urls
        self._used: list[Site] = []
        self._numbers = count(1)

    @contextmanager
    def lend(self) -> Iterator[Site]:
        site = self._emptied(self._used.pop()) if self._used else self._make()
        try:
            yield site
        finally:
            self._used.append(site)

    def _emptied(self, site: Site) -> Site:
        for url in (site.source_url, site.target_url):
            with self._server.connect(database_of(url)) as connection:
                connection.execute(_EMPTY)
        return site

    def _make(self) -> Site:
        number = next(self._numbers)
        source, target = f"source_{number}", f"warehouse_{number}"
        self._server.create_database(source, SOURCE_OWNER)
        self._server.create_database(target, TARGET_WRITER)
        names = {
            "database": sql.Identifier(source),
            "owner": sql.Identifier(SOURCE_OWNER),
            "reader": sql.Identifier(SOURCE_READER),
        }
        with self._server.connect(source) as connection:
            for statement in (
                "GRANT CONNECT ON DATABASE {database} TO {reader}",
                "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SCHEMAS TO {reader}",
                "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {reader}",
            ):
                connection.execute(sql.SQL(statement).format(**names))
        return Site(
            source_url=_with_database(self._urls.source_url, source),
            source_owner_url=_with_database(self._urls.source_owner_url, source),
            target_url=_with_database(self._urls.target_url, target),
            broker_url=self._urls.broker_url,
        )


def libpq_url(url: str) -> str:
    """The URL as psycopg takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection that commits every statement, with every type's text exact."""
    return psycopg.connect(libpq_url(url), autocommit=True, options="-c TimeZone=UTC")


def database_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def _with_database(url: str, name: str) -> str:
    return f"{url.rsplit('/', 1)[0]}/{name}"
