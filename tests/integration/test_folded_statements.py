"""PostgreSQL: statements that travel together still are the transactions that were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy as sa
from support.databases import Site, connect
from support.engines import ZONE, open_postgresql
from support.proxy import Proxy, open_proxy_of

from replica_worker.engines import pools
from replica_worker.engines.interface import Warehouse
from replica_worker.engines.postgresql.connect import cursor_of
from replica_worker.trips import DEFERRED

T = sa.table("noted", sa.column("word", sa.Text), schema="folded")


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    with open_proxy_of(site.target_url) as proxy:
        yield proxy


@pytest.fixture
def warehouse(site: Site, proxy: Proxy) -> Iterator[Warehouse]:
    with connect(site.target_url) as owner:
        owner.execute("CREATE SCHEMA folded CREATE TABLE noted (word text UNIQUE)")
    behind = replace(site, target_url=proxy.in_front_of(site.target_url))
    with open_postgresql(behind, ZONE) as dialect:
        warehouse = dialect.target.open_warehouse()
        yield warehouse
        warehouse.sql.dispose()


def note(connection: sa.Connection, word: str, *, deferred: bool = False) -> None:
    connection.execute(sa.insert(T).values(word=word), execution_options={DEFERRED: deferred})


@contextmanager
def undone(warehouse: Warehouse, connection: sa.Connection) -> Iterator[None]:
    """A transaction that is rolled back by an error."""
    with pytest.raises(ZeroDivisionError), warehouse.transaction(connection):  # noqa: PT012
        yield
        raise ZeroDivisionError


def words(warehouse: Warehouse) -> list[str]:
    with warehouse.at_once.connect() as connection:
        return sorted(connection.scalars(sa.select(T.c.word)))


def test_single_statement_commits_by_itself_in_one_trip(warehouse: Warehouse, proxy: Proxy) -> None:
    assert words(warehouse) == []  # connects
    before = proxy.round_trips
    with warehouse.at_once.begin() as connection:
        note(connection, "one")
    assert proxy.round_trips - before == 1
    assert words(warehouse) == ["one"]


@pytest.mark.parametrize("kind", ["sql", "at_once"])
def test_transaction_is_undone_as_a_whole(warehouse: Warehouse, kind: str) -> None:
    engine: sa.Engine = getattr(warehouse, kind)
    with (
        engine.connect() as connection,
        undone(warehouse, connection),
    ):
        note(connection, "first")
        note(connection, "second", deferred=True)
        note(connection, "third")
    assert words(warehouse) == []


def test_transaction_with_deferred_statements_takes_two_trips(
    warehouse: Warehouse, proxy: Proxy
) -> None:
    assert words(warehouse) == []
    before = proxy.round_trips
    with warehouse.at_once.connect() as connection, warehouse.transaction(connection):
        note(connection, "50 %s of %(word)s", deferred=True)
        note(connection, "it's; -- %", deferred=True)
        note(connection, "last")
    assert proxy.round_trips - before == 2
    assert words(warehouse) == sorted(["50 %s of %(word)s", "it's; -- %", "last"])


def test_statement_that_is_deferred_last_goes_with_the_commit(warehouse: Warehouse) -> None:
    with warehouse.at_once.connect() as connection, warehouse.transaction(connection):
        note(connection, "one", deferred=True)
        note(connection, "two", deferred=True)
    assert words(warehouse) == ["one", "two"]


def test_error_of_a_deferred_statement_undoes_the_transaction(warehouse: Warehouse) -> None:
    for is_last in (True, False):
        with warehouse.at_once.connect() as connection:
            with (  # noqa: PT012
                pytest.raises((sa.exc.IntegrityError, psycopg.errors.UniqueViolation)),
                warehouse.transaction(connection),
            ):
                note(connection, "one")
                note(connection, "one", deferred=True)
                if not is_last:
                    note(connection, "two")
            note(connection, "after")  # the connection is as good as before
            connection.execute(sa.delete(T))
        assert words(warehouse) == []


def test_copy_belongs_to_the_transaction_that_it_begins(warehouse: Warehouse) -> None:
    with (
        warehouse.at_once.connect() as connection,
        undone(warehouse, connection),
        cursor_of(connection) as cursor,
        cursor.copy("COPY folded.noted FROM STDIN") as copy,
    ):
        copy.write("copied\n")
    assert words(warehouse) == []


def test_result_behind_deferred_statements_is_the_statements_own(warehouse: Warehouse) -> None:
    with warehouse.at_once.connect() as connection, warehouse.transaction(connection):
        note(connection, "a", deferred=True)
        note(connection, "b", deferred=True)
        changed = connection.execute(sa.update(T).where(T.c.word == "a").values(word="c"))
        assert changed.rowcount == 1
        note(connection, "d", deferred=True)
        assert connection.scalar(sa.select(sa.func.count()).select_from(T)) == 3


def test_broken_connection_that_rested_is_replaced_unseen(
    warehouse: Warehouse, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_RESTED_SECONDS", 0.0)
    assert words(warehouse) == []
    proxy.cut()
    assert words(warehouse) == []
