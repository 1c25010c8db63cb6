"""Digests are equal exactly when the rows are; a snapshot is one instant, and only reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from psycopg import sql
from support.engines import ZONE, Bench
from support.specs import columns

from replica_worker.engines.postgresql import digests
from replica_worker.engines.values import RowSelection, Side
from replica_worker.errors import DatabaseError
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.specs import TableSpec

TABLE = {
    "name": "D",
    "strategy": "snapshot",
    "key": ["ID"],
    "rowversion": "RV",
    "columns": columns(ID="int!", A="varchar(50)", B="varchar(50)", RV="binary(8)"),
}
PAIRS: list[tuple[list[tuple[str, ...]], list[tuple[str, ...]]]] = [
    ([("1", "NULL", "'x'")], [("1", "''", "'x'")]),
    ([("1", "'a'", "'bc'")], [("1", "'ab'", "'c'")]),
    ([("1", "NULL", "'x'")], [("1", "'x'", "NULL")]),
    ([("1", "'N'", "'x'")], [("1", "NULL", "'x'")]),
    ([("1", "'1:a'", "''")], [("1", "''", "'1:a'")]),
    ([("1", "'a'", "'x'"), ("2", "'b'", "'x'")], [("1", "'b'", "'x'"), ("2", "'a'", "'x'")]),
    ([("1", "'a'", "'x'")], [("2", "'a'", "'x'")]),
    ([("1", "'a'", "'x'")], [("1", "'A'", "'x'")]),
    ([("1", "'a'", "'x'")], [("1", "'a '", "'x'")]),
    ([("1", "'a'", "'x'")], [("1", "'a'", "'x'"), ("2", "'a'", "'x'")]),
    ([], [("1", "NULL", "NULL")]),
    ([("1", "'a'", "'x'"), ("2", "'a'", "'x'")], [("1", "'b'", "'x'"), ("2", "'b'", "'x'")]),
    ([("1", "'5'", "NULL"), ("2", "'7'", "NULL")], [("1", "'6'", "NULL"), ("2", "'6'", "NULL")]),
    ([("1", "'a'", "NULL"), ("2", "NULL", "'x'")], [("1", "NULL", "'x'"), ("2", "'a'", "NULL")]),
]


def digest_of(bench: Bench, table: TableSpec, rows: list[tuple[str, ...]]) -> Digest:
    bench.dialect.run_at_source(f"DELETE FROM {bench.dialect.name(table, Side.SOURCE)}")
    if rows:
        bench.fill(table, *[(*row, "NULL") for row in rows])
    with bench.snapshot(Side.SOURCE) as source:
        return source.digest(RowSelection(table=table, side=Side.SOURCE), DigestKind.CONTENT)


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=str)
def test_digests_of_unequal_rows_differ(bench: Bench, one: Any, other: Any) -> None:
    (table,) = bench.make(TABLE)
    assert digest_of(bench, table, one) != digest_of(bench, table, other)


def test_digest_does_not_know_the_order_of_rows(bench: Bench) -> None:
    (table,) = bench.make(TABLE)
    rows = [(str(number), f"'{number}'", "NULL") for number in range(100)]
    assert digest_of(bench, table, rows) == digest_of(bench, table, rows[::-1])


def test_version_digest_knows_key_and_rowversion_only(bench: Bench) -> None:
    (table,) = bench.make(TABLE)
    name = bench.dialect.name(table, Side.SOURCE)
    bench.fill(table, ("1", "'a'", "'b'", _version(bench, 1)))
    digests = []
    for change in (None, "\"A\" = 'changed'", f'"RV" = {_version(bench, 2)}'):
        if change:
            bench.dialect.run_at_source(f"UPDATE {name} SET {change}")
        with bench.snapshot(Side.SOURCE) as source:
            rows = RowSelection(table=table, side=Side.SOURCE)
            digests.append(source.digest(rows, DigestKind.VERSION))
    assert digests[0] == digests[1] != digests[2]


def test_row_hashes_tell_which_rows_differ(bench: Bench) -> None:
    (table,) = bench.make(TABLE)
    bench.fill(table, *[(str(n), "'a'", "NULL", "NULL") for n in range(20)])
    bench.copy(table)
    name = bench.dialect.name(table, Side.WAREHOUSE)
    bench.dialect.run_at_target(f'UPDATE {name} SET "A" = \'\' WHERE "ID" = 7')
    hashes = {}
    for side in Side:
        with bench.snapshot(side) as snapshot:
            batches = list(
                snapshot.row_hashes(RowSelection(table=table, side=side), DigestKind.CONTENT)
            )
        rows = pa.Table.from_batches(batches).to_pylist()
        hashes[side] = {row["key"]: row["hash"] for row in rows}
    source, target = hashes[Side.SOURCE], hashes[Side.WAREHOUSE]
    assert source.keys() == target.keys()
    assert [key for key in source if source[key] != target[key]] == ['{"k0": "7"}']


@pytest.mark.parametrize("side", Side)
def test_snapshot_is_one_instant_for_all_its_calls(bench: Bench, side: Side) -> None:
    (table,) = bench.make(TABLE)
    bench.fill(table, ("1", "'a'", "NULL", "NULL"))
    bench.copy(table)
    rows = RowSelection(table=table, side=side)
    run = bench.dialect.run_at_source if side is Side.SOURCE else bench.dialect.run_at_target
    with bench.snapshot(side) as snapshot:
        before = snapshot.digest(rows, DigestKind.CONTENT)
        run(f"UPDATE {bench.dialect.name(table, side)} SET \"A\" = 'changed'")
        assert snapshot.digest(rows, DigestKind.CONTENT) == before
        read = pa.Table.from_batches(list(snapshot.read(rows)))
    assert read.column("A").to_pylist() == ["a"]


@pytest.mark.parametrize("side", Side)
def test_snapshot_cannot_write(bench: Bench, side: Side) -> None:
    """Whatever rights the role has: the session itself refuses."""
    with bench.snapshot(side) as snapshot, pytest.raises(DatabaseError, match="read-only"):
        list(snapshot._stream(sql.SQL("CREATE TEMP TABLE x (y int)"), "write"))


def test_batches_carry_the_spec_s_schema_even_if_there_is_no_row(bench: Bench) -> None:
    (table,) = bench.make(TABLE)
    with bench.snapshot(Side.SOURCE) as source:
        for batch in source.read(RowSelection(table=table, side=Side.SOURCE)):
            assert batch.schema.equals(table.arrow_schema, check_metadata=True)
    assert bench.copy(table).changed == 0


def test_rows_above_a_rowversion_are_read_alone(bench: Bench) -> None:
    (table,) = bench.make(TABLE)
    bench.fill(table, *[(str(n), "NULL", "NULL", _version(bench, n)) for n in (1, 2, 3)])
    rows = RowSelection(table=table, side=Side.SOURCE).above(bytes([0] * 7 + [2]))
    with bench.snapshot(Side.SOURCE) as source:
        read = [value for batch in source.read(rows) for value in batch.column(0).to_pylist()]
    assert read == [3]
    assert _highest(bench, table) is None
    bench.copy(table)
    assert _highest(bench, table) == bytes([0] * 7 + [3])


def _version(bench: Bench, number: int) -> str:
    return bench.dialect.bytes_literal(number.to_bytes(8, "big"))


def _highest(bench: Bench, table: TableSpec) -> bytes | None:
    with bench.connect() as connection:
        return bench.warehouse.highest_rowversion(connection, table)


@pytest.mark.parametrize("kind", list(DigestKind))
def test_older_servers_add_the_halves_up_to_the_same(bench: Bench, kind: DigestKind) -> None:
    """They cut them from bits, newer ones from bytes; a new server knows both ways."""
    (table,) = bench.make(TABLE)
    bench.fill(table, *[(str(n), f"'{n}'", "NULL", "'\\x0102030405060708'") for n in range(99)])
    rows = RowSelection(table=table, side=Side.SOURCE)
    made = {
        version: digests.digest_rows(rows, kind, digests.Terms(zone=ZONE, server_version=version))
        for version in (150_004, 180_000)
    }
    with bench.snapshot(Side.SOURCE) as source:
        older, newer = (source._fetch(statement, "digest") for statement in made.values())
    assert older == newer
    assert made[150_004] != made[180_000]
