"""A database and Python write every row down alike, so their digests can be compared."""

from __future__ import annotations

import json
from collections import defaultdict

import pyarrow as pa
import pytest
from support.engines import Bench
from support.specs import columns

from replica_worker.engines.values import RowSelection, Side
from replica_worker.model import encoding
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.specs import TableSpec

KEYED = {
    "name": "KEYED",
    "strategy": "snapshot",
    "key": ["NO", "AT"],
    "rowversion": "RV",
    "columns": columns(NO="varchar(20)!", AT="datetime!", NOTE="nvarchar(50)", RV="rowversion"),
}
KEYS = ["''", "'a'", "'A'", "'a '", "'x,1:y'", r"'\"\\/'"]


def every_value(bench: Bench, matrix: dict[str, list[str]]) -> tuple[TableSpec, dict[str, str]]:
    """A table with a column of every type, each row of which holds one value; (key → what)."""
    types = list(matrix)
    named = {f"C{number}": sql_type for number, sql_type in enumerate(types)}
    (table,) = bench.make(
        {
            "name": "EVERY",
            "strategy": "snapshot",
            "key": ["ID"],
            "columns": columns(ID="int!", **named),
        }
    )
    rows, what = [], {}
    for place, sql_type in enumerate(types):
        for literal in matrix[sql_type]:
            row = ["NULL"] * len(types)
            row[place] = literal
            rows.append([str(len(rows)), *row])
            what[json.dumps({"k0": rows[-1][0]})] = f"{literal[:40]} as {sql_type}"
    for row in rows:
        bench.fill(table, row)
    return table, what


def hashes_of(bench: Bench, table: TableSpec, kind: DigestKind) -> dict[str, str]:
    with bench.snapshot(Side.SOURCE) as source:
        rows = RowSelection(table=table, side=Side.SOURCE)
        found = pa.Table.from_batches(source.row_hashes(rows, kind)).to_pylist()
    return {row["key"]: row["hash"] for row in found}


def read_rows(bench: Bench, table: TableSpec) -> pa.RecordBatch:
    with bench.snapshot(Side.SOURCE) as source:
        batches = list(source.read(RowSelection(table=table, side=Side.SOURCE)))
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def test_every_value_of_every_type_is_written_down_alike(bench: Bench) -> None:
    assert_written_alike(bench, bench.dialect.matrix)


def assert_written_alike(
    bench: Bench, matrix: dict[str, list[str]], by: encoding.Encoding = "utf-8"
) -> None:
    table, what = every_value(bench, matrix)
    read = read_rows(bench, table)
    keys = [json.dumps({"k0": str(number)}) for number in read.column("ID").to_pylist()]
    ours = encoding.row_hashes(table, read, DigestKind.CONTENT, by)
    theirs = hashes_of(bench, table, DigestKind.CONTENT)
    differing = {
        what[key]: (own, theirs[key])
        for key, own in zip(keys, ours, strict=True)
        if own != theirs[key]
    }
    assert differing == {}
    assert len(theirs) == len(what)


@pytest.mark.parametrize("kind", DigestKind)
def test_digests_buckets_and_hashes_are_the_same_numbers(bench: Bench, kind: DigestKind) -> None:
    assert_same_numbers(bench, kind)


def assert_same_numbers(bench: Bench, kind: DigestKind, by: encoding.Encoding = "utf-8") -> None:
    (table,) = bench.make(KEYED)
    version = bench.dialect.bytes_literal(bytes(7) + b"\xff")
    bench.fill(
        table,
        *[
            (key, f"'2026-03-14T10:00:{number:02}'", "NULL", version)
            for key in KEYS
            for number in range(30)
        ],
    )
    read = read_rows(bench, table)
    rows = RowSelection(table=table, side=Side.SOURCE)
    by_bucket: dict[int, list[str]] = defaultdict(list)
    for bucket, own in zip(
        encoding.buckets_of(table, read, encoding=by),
        encoding.row_hashes(table, read, kind, by),
        strict=True,
    ):
        by_bucket[bucket].append(own)
    with bench.snapshot(Side.SOURCE) as source:
        assert source.digest(rows, kind) == encoding.digest_rows(table, [read], kind, by)
        buckets = source.digest_buckets(rows, kind)
        fine = source.digest_buckets(rows, kind, of=4096)
        some = frozenset(list(by_bucket)[:3])
        found = [row for batch in source.row_hashes(rows, kind, some) for row in batch.to_pylist()]
        assert sum(batch.num_rows for batch in source.row_hashes(rows, kind, frozenset())) == 0
    assert buckets == {bucket: _sum(kind, hashes) for bucket, hashes in by_bucket.items()}
    assert {bucket >> 6 for bucket in fine} == buckets.keys()
    assert sorted(fine) == sorted(set(encoding.buckets_of(table, read, 4096, by)))
    assert len(buckets) > 50, "keys that differ little are spread all the same"
    with bench.snapshot(Side.SOURCE) as source:
        one = min(fine)
        few = source.row_hashes(rows, kind, frozenset([one]), of=4096)
        assert sum(batch.num_rows for batch in few) == fine[one].rows
    assert sorted(row["hash"] for row in found) == sorted(
        own for bucket in some for own in by_bucket[bucket]
    )


def _sum(kind: DigestKind, hashes: list[str]) -> Digest:
    halves = [(int(text[:16], 16), int(text[16:], 16)) for text in hashes]
    return Digest.from_sums(
        kind=kind,
        rows=len(hashes),
        high=sum(high for high, _ in halves),
        low=sum(low for _, low in halves),
    )
