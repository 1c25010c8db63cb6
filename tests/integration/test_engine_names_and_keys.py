"""Names of any kind are names and nothing else; keys of any comparable type find their rows."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from support.engines import Bench
from support.postgres_values import HOSTILE_NAMES, KEYS
from support.specs import columns, daily

from replica_worker.engines.values import DAY_FIELD, RowSelection, Side, StagedChunk
from replica_worker.errors import SpecError
from replica_worker.model.days import DayRange
from replica_worker.model.digests import DigestKind
from replica_worker.model.specs import TableSpec

DAY = DayRange.one(date(2026, 3, 14))


def table_named(name: str) -> dict[str, Any]:
    return daily(
        name,
        [name, "second key"],
        "day",
        columns=[
            {"name": name, "type": "int", "nullable": False},
            {"name": "second key", "type": "varchar(20)", "nullable": False},
            {"name": "day", "type": "date"},
        ],
    )


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_name_of_schema_table_and_column_is_only_a_name(bench: Bench, name: str) -> None:
    (table,) = bench.make(table_named(name), source_schema=name, target_schema=name)
    bench.fill(table, ("1", "'a'", "'2026-03-14'"), ("2", "'%s'", "'2026-03-14'"))
    assert bench.copy(table, DAY).inserted == 2
    bench.assert_equal(table)
    source_name = bench.dialect.name(table, Side.SOURCE)
    quoted = bench.dialect.quoted(name)
    bench.dialect.run_at_source(f"DELETE FROM {source_name} WHERE {quoted} = 1")
    bench.dialect.run_at_source(f"UPDATE {source_name} SET day = '2026-03-15'")
    assert bench.copy(table, DAY).deleted == 2
    rows = RowSelection(table=table, side=Side.SOURCE)
    with bench.snapshot(Side.SOURCE) as source:
        assert source.digest(rows, DigestKind.CONTENT).rows == 1
        assert sum(batch.num_rows for batch in source.row_hashes(rows, DigestKind.CONTENT)) == 1


def test_name_too_long_for_the_warehouse_is_refused_before_it_is_cut(bench: Bench) -> None:
    with pytest.raises(SpecError, match="longer than"):
        bench.make(table_named("n" * 64))


@pytest.mark.parametrize("what", KEYS)
def test_key_tells_rows_apart_and_finds_them_again(bench: Bench, what: str) -> None:
    if what not in bench.dialect.keys:
        pytest.skip(f"the engine holds two keys for one that differ by {what} alone")
    sql_type, one, other = bench.dialect.keys[what]
    (table,) = bench.make(
        daily("K", ["A", "B"], "DAY", columns=columns(A="int!", B=f"{sql_type}!", DAY="date"))
    )
    bench.fill(table, ("1", one, "'2026-03-14'"), ("1", other, "'2026-03-14'"))
    assert bench.copy(table, DAY).inserted == 2
    assert bench.copy(table, DAY).changed == 0
    bench.assert_equal(table)
    surplus = keys_that_are_not_staged(bench, table)
    assert sum(keys.count for keys in surplus) == 2
    with bench.snapshot(Side.SOURCE) as source:
        found = list(source.read_by_key(table, Side.SOURCE, surplus))
    found_rows = pa.Table.from_batches(found)
    assert found_rows.num_rows == 2
    assert found_rows.column(DAY_FIELD).unique().to_pylist() == [date(2026, 3, 14)]
    assert len(found_rows.column("B").unique()) == 2, "each key finds its own row"


def keys_that_are_not_staged(bench: Bench, table: TableSpec) -> list[Any]:
    with bench.warehouse.sql.begin() as connection:
        bench.warehouse.create_staging(connection, table, "empty")
        chunk = StagedChunk(table=table, staging="empty", days=DAY, is_complete=True)
        assert bench.warehouse.count_present(connection, chunk) == 2
        return bench.warehouse.surplus_keys(connection, chunk)
