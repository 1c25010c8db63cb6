"""Every value of every SQL type arrives as it was, or is refused by its column's name."""

from __future__ import annotations

from typing import Any

import pytest
from support.engines import Bench
from support.postgres_values import MATRIX, MISFITS, UNLIKE, Misfit
from support.specs import columns

from replica_worker.engines.values import RowSelection, Side
from replica_worker.errors import ReplicaError, SchemaMismatchError
from replica_worker.model.digests import DigestKind
from replica_worker.model.specs import TableSpec


def table_of(sql_type: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "VALUES",
        "strategy": "snapshot",
        "key": ["ID"],
        "columns": columns(ID="int!", V=sql_type),
        **more,
    }


@pytest.mark.parametrize("sql_type", MATRIX)
def test_value_arrives_as_it_was_and_only_a_change_is_written(bench: Bench, sql_type: str) -> None:
    (table,) = bench.make(table_of(sql_type))
    literals = ["NULL", *bench.dialect.matrix[sql_type]]
    bench.fill(table, *[(str(number), literal) for number, literal in enumerate(literals)])
    assert bench.copy(table).inserted == len(literals)
    bench.assert_equal(table)
    assert_digests_are_equal(bench, table)
    name = bench.dialect.name(table, Side.SOURCE)
    bench.dialect.run_at_source(f'UPDATE {name} SET "V" = NULL WHERE "ID" < 2')
    with bench.snapshot(Side.WAREHOUSE) as target:
        assert target.require_table(table, Side.WAREHOUSE)
    assert bench.copy(table).changed == 1, "the row that became NULL, and no other"
    bench.assert_equal(table)


def assert_digests_are_equal(bench: Bench, table: TableSpec) -> None:
    rows = RowSelection(table=table, side=Side.SOURCE)
    with bench.snapshot(Side.SOURCE) as source, bench.connect() as connection:
        assert source.digest(rows, DigestKind.CONTENT) == bench.warehouse.digest(
            connection, rows.on(Side.WAREHOUSE), DigestKind.CONTENT
        )


@pytest.mark.parametrize("misfit", MISFITS, ids=str)
def test_value_that_does_not_fit_is_refused_by_column(bench: Bench, misfit: Misfit) -> None:
    (table,) = bench.make(table_of(misfit.sql_type), types={"V": misfit.live_type})
    bench.fill(table, ("1", "NULL"), ("2", misfit.literal))
    with pytest.raises(ReplicaError, match=r"column V\b") as refusal:
        bench.copy(table)
    assert not refusal.value.retryable
    assert bench.dialect.texts(table, Side.WAREHOUSE) == []


def test_null_in_a_column_that_takes_none_is_refused_by_column(bench: Bench) -> None:
    (table,) = bench.make(table_of("varchar(10)!"))
    name = bench.dialect.name(table, Side.SOURCE)
    bench.dialect.run_at_source(f'ALTER TABLE {name} ALTER COLUMN "V" DROP NOT NULL')
    bench.fill(table, ("1", "NULL"))
    with pytest.raises(SchemaMismatchError, match="column V: it holds NULL"):
        bench.copy(table)


@pytest.mark.parametrize(
    ("sql_type", "live_type", "literal"),
    [
        ("decimal(16,4)", "numeric", "1.5"),
        ("decimal(16,4)", "numeric", "999999999999.99990000"),
        ("decimal(16,4)", "numeric(18,2)", "-1.5"),
        ("decimal(16,4)", "integer", "42"),
        ("decimal(38,10)", "numeric", "1234567890123456789012345678.0000000001"),
        ("money", "numeric(10,2)", "1.5"),
        ("bigint", "integer", "-1"),
        ("int", "bigint", "2147483647"),
        ("float", "real", "1.5"),
        ("varchar(5)", "text", "'fives'"),
        ("char(5)", "varchar(9)", "'abc'"),
        ("datetime", "timestamp", "'2026-03-14 00:00:00.5'"),
        ("datetime2(7)", "timestamp(0)", "'2026-03-14 00:00:00'"),
        ("date", "date", "'2026-03-14'"),
        ("xml", "text", "'<a/>'"),
    ],
)
def test_other_live_type_that_holds_the_value_is_exact(
    bench: Bench, sql_type: str, live_type: str, literal: str
) -> None:
    (table,) = bench.make(table_of(sql_type), types={"V": live_type})
    bench.fill(table, ("1", literal))
    bench.copy(table)
    assert_digests_are_equal(bench, table)
    column = bench.dialect.quoted("V")
    bench.dialect.run_at_target(
        f"DO $$ BEGIN ASSERT (SELECT {column} = {literal} "
        f"FROM {bench.dialect.name(table, Side.WAREHOUSE)}); END $$"
    )


@pytest.mark.parametrize("sql_type", UNLIKE)
def test_column_of_another_kind_is_named_with_both_types(bench: Bench, sql_type: str) -> None:
    (table,) = bench.make(table_of(sql_type), types={"V": bench.dialect.unlike[sql_type]})
    with (
        bench.snapshot(Side.SOURCE) as snapshot,
        pytest.raises(SchemaMismatchError, match=r"column V is .* the spec says") as refusal,
    ):
        snapshot.require_table(table, Side.SOURCE)
    assert "VALUES" in str(refusal.value)


def test_missing_column_is_named(bench: Bench) -> None:
    (table,) = bench.make(table_of("int"))
    name = bench.dialect.name(table, Side.SOURCE)
    bench.dialect.run_at_source(f'ALTER TABLE {name} DROP COLUMN "V"')
    with (
        bench.snapshot(Side.SOURCE) as snapshot,
        pytest.raises(SchemaMismatchError, match="column V of the spec is not in"),
    ):
        snapshot.require_table(table, Side.SOURCE)


def test_missing_table_is_told(bench: Bench) -> None:
    (table,) = bench.make(table_of("int"))
    bench.dialect.run_at_source(f"DROP TABLE {bench.dialect.name(table, Side.SOURCE)}")
    with bench.snapshot(Side.SOURCE) as snapshot:
        assert not snapshot.require_table(table, Side.SOURCE)


def test_more_columns_than_a_function_takes_arguments(bench: Bench) -> None:
    wide = columns(ID="int!", **{f"C{number}": "varchar(20)" for number in range(400)})
    (table,) = bench.make(table_of("int", columns=wide))
    bench.fill(table, ("1", *["'x'"] * 399, "NULL"), ("2", *["NULL"] * 400))
    bench.copy(table)
    bench.assert_equal(table)
