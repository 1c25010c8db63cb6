"""What goes wrong in a database leaves the engine as an error that says so, and no secret."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from support.databases import Site, database_of
from support.engines import ZONE, Bench, postgres_engine
from support.specs import columns

from replica_worker.embedded import EmbeddedStack
from replica_worker.engines.values import RowSelection, Side
from replica_worker.errors import DatabaseError, DatabaseUnreachableError, ReplicaError
from replica_worker.model.specs import TableSpec

WIDE = {
    "name": "WIDE",
    "strategy": "snapshot",
    "key": ["ID"],
    "columns": columns(ID="int!", TEXT="varchar(max)"),
}
CHANGES: dict[str, Callable[[sa.URL], sa.URL]] = {
    "password": lambda url: url.set(password="wrong-Secret"),
    "user": lambda url: url.set(username="nobody_at_all"),
    "database": lambda url: url.set(database="no_such_database"),
}


def engine_errors(url: sa.URL) -> list[ReplicaError]:
    """What both ways into a database say."""
    text = url.render_as_string(hide_password=False)
    engine = postgres_engine(text, ZONE, read_only=True)
    errors = []
    with pytest.raises(ReplicaError) as refusal, engine.open_snapshot():
        pass
    errors.append(refusal.value)
    warehouse = engine.open_warehouse()
    with pytest.raises(sa.exc.OperationalError) as driver_error:
        warehouse.sql.connect()
    translated = engine.translate_error(driver_error.value, operation="connect")
    assert isinstance(translated, ReplicaError)
    return [*errors, translated]


@pytest.mark.parametrize("wrong", CHANGES)
def test_refused_login_is_final_and_says_what_to_check(site: Site, wrong: str) -> None:
    for error in engine_errors(CHANGES[wrong](sa.make_url(site.source_url))):
        assert isinstance(error, DatabaseError)
        assert not error.retryable
        assert "Check user, password and database in the URL" in str(error)
        assert "wrong-Secret" not in repr(error) + str(error)


def test_server_that_does_not_answer_is_tried_again(site: Site) -> None:
    for error in engine_errors(sa.make_url(site.source_url).set(port=1)):
        assert isinstance(error, DatabaseUnreachableError)
        assert error.retryable
        assert "VPN" in error.next_step


def fill_wide(bench: Bench) -> TableSpec:
    (table,) = bench.make(WIDE)
    name = bench.dialect.name(table, Side.SOURCE)
    bench.dialect.run_at_source(
        f"INSERT INTO {name} SELECT n, repeat(md5(n::text), 100) FROM generate_series(1, 20000) n"
    )
    return table


def test_connection_lost_in_mid_stream_is_told_as_such(
    bench: Bench, site: Site, stack: EmbeddedStack
) -> None:
    table = fill_wide(bench)
    with bench.snapshot(Side.SOURCE) as source:
        batches = source.read(RowSelection(table=table, side=Side.SOURCE))
        next(batches)
        assert stack.postgres is not None
        with stack.postgres.connect() as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s AND application_name = 'replica_worker'",
                [database_of(site.source_url)],
            )
        with pytest.raises(DatabaseUnreachableError) as lost:
            list(batches)
    assert lost.value.retryable
    assert "read table WIDE" in str(lost.value)


def test_error_of_the_database_in_mid_stream_is_not_blamed_on_the_archive(bench: Bench) -> None:
    """The archive consumes the stream; the error is still the database's."""
    table = fill_wide(bench)
    source_name = bench.dialect.name(table, Side.SOURCE)
    bench.dialect.run_at_source(f"ALTER TABLE {source_name} RENAME TO hidden")
    schema = source_name.split(".")[0]
    bench.dialect.run_at_source(
        f'CREATE VIEW {source_name} AS SELECT "ID", '
        f'CASE WHEN "ID" = 19999 THEN (1 / ("ID" - 19999))::text ELSE "TEXT" END AS "TEXT" '
        f"FROM {schema}.hidden"
    )
    with pytest.raises(ReplicaError) as failure:
        bench.copy(table)
    assert "division by zero" in str(failure.value)
    assert "EXPORTS" not in str(failure.value)


def test_statement_over_its_time_limit_says_which_setting(bench: Bench, site: Site) -> None:
    (table,) = bench.make(WIDE)
    name = bench.dialect.name(table, Side.SOURCE)
    bench.dialect.run_at_source(f"DROP TABLE {name}")
    bench.dialect.run_at_source(
        f'CREATE VIEW {name} AS SELECT 1 AS "ID", pg_sleep(60)::text AS "TEXT"'
    )
    engine = postgres_engine(site.source_url, ZONE, read_only=True, statement_seconds=0.5)
    with (
        pytest.raises(DatabaseError, match="REPLICA_STATEMENT_TIMEOUT") as cancelled,
        engine.open_snapshot() as snapshot,
    ):
        list(snapshot.read(RowSelection(table=table, side=Side.SOURCE)))
    assert cancelled.value.retryable


def test_no_password_is_shown_by_an_engine_s_options(site: Site) -> None:
    engine = postgres_engine(site.source_url, ZONE, read_only=True)
    password = sa.make_url(site.source_url).password
    assert password
    assert not [name for name, value in vars(engine).items() if str(password) in repr(value)]
