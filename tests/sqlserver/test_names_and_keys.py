"""Names of any kind are names and nothing else; keys of any type find their rows."""

from __future__ import annotations

import mssql_python
import pytest
from integration import test_engine_names_and_keys as every_engine
from support.engines import Bench
from support.sqlserver import SqlServer, SqlServerSite, connect, quoted, run
from support.sqlserver_bench import SqlServerDialect

from replica_worker.model.types import SqlType


def require_name(site: SqlServerSite, name: str) -> None:
    """Skip if the server does not take the name, or tells it as another."""
    with connect(site.source_url) as connection:
        try:
            run(connection, f"CREATE SCHEMA {quoted(name)}")
            run(connection, f"CREATE TABLE {quoted(name)}.{quoted(name)} ({quoted(name)} int)")
            told = run(connection, "SELECT c.name FROM sys.columns c WHERE c.name = ?", (name,))
            run(connection, f"DROP TABLE {quoted(name)}.{quoted(name)}")
            run(connection, f"DROP SCHEMA {quoted(name)}")
        except mssql_python.Error as error:
            pytest.skip(f"the server does not take the name {name}: {error}")
    if [str(found).casefold() for (found,) in told] != [name.casefold()]:
        pytest.skip(f"the server tells the name {name} as {told}")


def require_key(server: SqlServer, what: str) -> None:
    """Skip if the server cannot hold the keys apart, or not tell them as JSON."""
    sql_type, *literals = SqlServerDialect.keys[what]
    if sql_type in ("datetime2(7)", "time(7)") and what != "microseconds":
        if not server.keeps_100_nanoseconds():
            pytest.skip("the server rounds times to a microsecond")
    elif SqlType.parse(sql_type).is_text:
        for literal in literals:
            if not server.returns_from_json(literal):
                pytest.skip(f"{literal} does not come back from the server's JSON as it went in")


@pytest.mark.parametrize("name", SqlServerDialect.hostile_names)
def test_hostile_name_of_schema_table_and_column_is_only_a_name(
    bench: Bench, site: SqlServerSite, name: str
) -> None:
    require_name(site, name)
    every_engine.test_hostile_name_of_schema_table_and_column_is_only_a_name(bench, name)


@pytest.mark.parametrize("what", SqlServerDialect.keys)
def test_key_tells_rows_apart_and_finds_them_again(
    bench: Bench, server: SqlServer, what: str
) -> None:
    require_key(server, what)
    every_engine.test_key_tells_rows_apart_and_finds_them_again(bench, what)
