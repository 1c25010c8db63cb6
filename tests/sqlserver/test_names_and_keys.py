"""Names of any kind are names and nothing else; keys of any type find their rows."""

from __future__ import annotations

import pytest
from integration import test_engine_names_and_keys as every_engine
from support.engines import Bench
from support.sqlserver_bench import SqlServerDialect


@pytest.mark.parametrize("name", SqlServerDialect.hostile_names)
def test_hostile_name_of_schema_table_and_column_is_only_a_name(bench: Bench, name: str) -> None:
    every_engine.test_hostile_name_of_schema_table_and_column_is_only_a_name(bench, name)


@pytest.mark.parametrize("what", SqlServerDialect.keys)
def test_key_tells_rows_apart_and_finds_them_again(bench: Bench, what: str) -> None:
    every_engine.test_key_tells_rows_apart_and_finds_them_again(bench, what)
