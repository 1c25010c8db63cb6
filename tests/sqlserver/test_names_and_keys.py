"""Names of any kind are names and nothing else; keys of any type find their rows."""

from __future__ import annotations

import mssql_python
import pytest
from integration import test_engine_names_and_keys as every_engine
from support.engines import Bench
from support.sqlserver import SqlServerSite, connect, quoted, run
from support.sqlserver_bench import SqlServerDialect


def require_name(site: SqlServerSite, name: str) -> None:
    """Skip if the server does not take the name, or tells it as another."""
    with connect(site.source_url) as connection:
        try:
            run(connection, f"CREATE TABLE dbo.{quoted(name)} ({quoted(name)} int)")
            told = run(connection, "SELECT c.name FROM sys.columns c WHERE c.name = ?", (name,))
            run(connection, f"DROP TABLE dbo.{quoted(name)}")
        except mssql_python.Error as error:
            pytest.skip(f"the server does not take the name {name}: {error}")
    if [str(found).casefold() for (found,) in told] != [name.casefold()]:
        pytest.skip(f"the server tells the name {name} as {told}")


@pytest.mark.parametrize("name", SqlServerDialect.hostile_names)
def test_hostile_name_of_schema_table_and_column_is_only_a_name(
    bench: Bench, site: SqlServerSite, name: str
) -> None:
    require_name(site, name)
    every_engine.test_hostile_name_of_schema_table_and_column_is_only_a_name(bench, name)


@pytest.mark.parametrize("what", SqlServerDialect.keys)
def test_key_tells_rows_apart_and_finds_them_again(bench: Bench, what: str) -> None:
    every_engine.test_key_tells_rows_apart_and_finds_them_again(bench, what)
