"""Every value of every SQL type arrives as it was, or is refused by its column's name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from integration import test_engine_values as every_engine
from integration.test_engine_values import (
    test_missing_column_is_named,
    test_missing_table_is_told,
    test_more_columns_than_a_function_takes_arguments,
)
from support.engines import Bench
from support.postgres_values import MATRIX, Misfit
from support.specs import column, columns
from support.sqlserver import SqlServer
from support.sqlserver_bench import SqlServerDialect
from support.sqlserver_values import PADDED_PAIR

from replica_worker.engines.values import Side
from replica_worker.errors import MergeError
from replica_worker.model.specs import TableSpec
from replica_worker.model.types import SqlType

__all__ = [
    "test_missing_column_is_named",
    "test_missing_table_is_told",
    "test_more_columns_than_a_function_takes_arguments",
]

TYPES = SqlServerDialect.matrix


def _short_texts(sql_type: SqlType) -> bool:
    return sql_type.is_text and sql_type.base != "xml" and (sql_type.length or -1) > 0


FAMILIES: dict[str, Callable[[SqlType], bool]] = {
    "whole numbers": lambda t: t.base in ("bigint", "int", "smallint", "tinyint", "bit"),
    "decimals": lambda t: t.base in ("decimal", "money", "smallmoney"),
    "floats": lambda t: t.base in ("float", "real"),
    "dates and times": lambda t: t.base in ("date", "time", "datetime", "smalldatetime"),
    "datetime2": lambda t: t.base == "datetime2",
    "datetimeoffset": lambda t: t.base == "datetimeoffset",
    "short texts": _short_texts,
    "long texts": lambda t: t.is_text and t.base != "xml" and not _short_texts(t),
    "xml": lambda t: t.base == "xml",
    "bytes": lambda t: t.base in ("binary", "varbinary", "image", "rowversion"),
    "identifiers": lambda t: t.base == "uniqueidentifier",
}


def members(family: str) -> list[str]:
    return [name for name in TYPES if FAMILIES[family](SqlType.parse(name))]


def the_server_has(server: SqlServer, sql_type: str) -> str | None:
    return server.objection_to(f"SELECT CAST(NULL AS {sql_type})")


SEVENTH = re.compile(r"\.\d{7}")  # digit of a second


def test_server_keeps_100_nanoseconds(server: SqlServer) -> None:
    if not server.keeps_100_nanoseconds():
        pytest.skip("the server rounds times to a microsecond")


def test_server_pads_by_units(server: SqlServer) -> None:
    if not server.pads_by_units():
        pytest.skip("the server fills nchar(10) up to ten characters, not to ten units")


def is_kept(server: SqlServer) -> Callable[[str], bool]:
    """Tells the literals that the server holds as SQL Server does; the others are left out."""
    has_ticks, has_units = server.keeps_100_nanoseconds(), server.pads_by_units()
    return lambda text: (
        (has_ticks or not SEVENTH.search(text)) and (has_units or text != PADDED_PAIR)
    )


def test_matrix_has_every_type_that_every_engine_shows() -> None:
    assert MATRIX.keys() <= TYPES.keys()
    assert sorted(name for family in FAMILIES for name in members(family)) == sorted(TYPES)


@pytest.mark.parametrize("sql_type", sorted({SqlType.parse(name).base for name in TYPES}))
def test_server_has_the_type(server: SqlServer, sql_type: str) -> None:
    """What is skipped here is left out below."""
    objection = the_server_has(server, sql_type)
    if objection:
        pytest.skip(f"the server has no {sql_type}: {objection}")


@pytest.mark.parametrize("family", FAMILIES)
def test_values_arrive_as_they_were_and_only_a_change_is_written(
    bench: Bench, server: SqlServer, family: str
) -> None:
    """A column for each type, named like it; as many rows as the longest list of values."""
    names = [name for name in members(family) if not the_server_has(server, name)]
    if not names:
        pytest.skip("the server has none of these types")
    (table,) = bench.make(table_of(names))
    values = {name: ["NULL", *filter(is_kept(server), TYPES[name])] for name in names}
    count = max(map(len, values.values()))
    rows = [
        (str(number), *(values[name][number % len(values[name])] for name in names))
        for number in range(count)
    ]
    for row in rows:
        bench.fill(table, row)
    assert bench.copy(table).inserted == count
    assert_equal(bench, table)
    every_engine.assert_digests_are_equal(bench, table)
    changes = ", ".join(f"{bench.dialect.quoted(name)} = NULL" for name in names)
    source = bench.dialect.name(table, Side.SOURCE)
    bench.dialect.run_at_source(f"UPDATE {source} SET {changes} WHERE ID < 2")
    assert bench.copy(table).changed == 1, "the row that became NULL, and no other"
    assert_equal(bench, table)


def table_of(names: list[str]) -> dict[str, Any]:
    return {
        "name": "VALUES",
        "strategy": "snapshot",
        "key": ["ID"],
        "columns": [*columns(ID="int!"), *(column(name, name) for name in names)],
    }


def assert_equal(bench: Bench, table: TableSpec) -> None:
    target = bench.dialect.texts(table, Side.WAREHOUSE)
    for one, other in zip(bench.dialect.texts(table, Side.SOURCE), target, strict=True):
        assert one == other


@pytest.mark.parametrize("misfit", SqlServerDialect.misfits, ids=str)
def test_value_that_does_not_fit_is_refused_by_column(bench: Bench, misfit: Misfit) -> None:
    every_engine.test_value_that_does_not_fit_is_refused_by_column(bench, misfit)


def test_character_outside_the_target_s_code_page_is_refused(
    bench: Bench, server: SqlServer
) -> None:
    """SQL Server would put a question mark in its place without a word."""
    if server.objection_to("SELECT 1 / CHARINDEX('?', CAST(N'\u4e2d' AS varchar(5)))"):
        pytest.skip("the server's varchar holds every character")
    (table,) = bench.make(every_engine.table_of("varchar(5)"), types={"V": "nvarchar(5)"})
    bench.fill(table, ("1", "N'\u4e2d'"))
    with pytest.raises(MergeError, match="code page"):
        bench.copy(table)


@pytest.mark.parametrize("sql_type", SqlServerDialect.unlike)
def test_column_of_another_kind_is_named_with_both_types(bench: Bench, sql_type: str) -> None:
    every_engine.test_column_of_another_kind_is_named_with_both_types(bench, sql_type)
