"""Proving that copies are equal, by content, without changing anything.

For each chunk of a range both sides are digested over every replicated column. Where the digests
differ, the key and hash of every row are read from both sides and joined in Arrow: what is
reported is which rows differ, not only that some do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.engines.interface import ROW_HASHES, RowSelection, Side, Snapshot
from replica_worker.errors import SchemaMismatchError
from replica_worker.model.chunks import STRAYS
from replica_worker.model.days import DayRange, dated_days
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.deployment import Deployment, read_today


@dataclass(frozen=True, kw_only=True)
class RowDifference:
    """A row that is not the same on both sides."""

    key: str  # a JSON object of the key's columns, all text
    what: str  # "missing in the warehouse", "only in the warehouse", "differs"


@dataclass(frozen=True, kw_only=True)
class ChunkProof:
    """What was found of one chunk."""

    table: str
    day: date | None  # None: the whole table; STRAYS: a daily table's strays
    source: Digest | None  # None: the source does not expose the table
    target: Digest | None
    differences: tuple[RowDifference, ...] = ()  # the first of them
    difference_count: int = 0

    @property
    def is_strays(self) -> bool:
        """Whether the chunk is a daily table's strays."""
        return self.day == STRAYS

    @property
    def is_equal(self) -> bool:
        """Whether both sides are proven equal (a table not exposed has nothing to compare)."""
        return self.source is None or self.source == self.target


def verify_range(
    deployment: Deployment,
    *,
    tables: Sequence[str],
    days: DayRange,
    most_differences: int = 20,
) -> Iterator[ChunkProof]:
    """Compare every chunk of the range, table by table, and its strays; one proof a chunk."""
    today = read_today(deployment)
    for spec in deployment.spec.select(tables):
        with (
            deployment.source.open_snapshot() as source,
            deployment.target.open_snapshot() as target,
        ):
            if not _is_comparable(spec, source, target):
                yield ChunkProof(table=spec.name, day=None, source=None, target=None)
                continue
            whole = RowSelection(table=spec, side=Side.SOURCE)
            for day in days if spec.is_daily else [None]:
                rows = whole.within(DayRange.one(day) if day else None)
                yield _compare_chunk(source, target, rows, day, most_differences)
            if spec.is_daily:
                strays = replace(whole, outside=dated_days(today), dateless=True)
                yield _compare_chunk(source, target, strays, STRAYS, most_differences)


def count_chunks(deployment: Deployment, *, tables: Sequence[str], days: DayRange) -> int:
    """How many chunks a verification of the range compares."""
    specs = deployment.spec.select(tables)
    return sum(len(days) + 1 if spec.is_daily else 1 for spec in specs)


def _is_comparable(spec: TableSpec, source: Snapshot, target: Snapshot) -> bool:
    if not source.require_table(spec, Side.SOURCE):
        if spec.if_exposed:
            return False
        where, advice = "at the source", "Grant SELECT on it, or mark it `if_exposed`"
    elif not target.require_table(spec, Side.WAREHOUSE):
        where, advice = "in the warehouse", "Run `replica migrate`"
    else:
        return True
    raise SchemaMismatchError(
        operation="compare the copies",
        cause=f"table {spec.name} is not {where}",
        next_step=advice,
    )


def _compare_chunk(
    source: Snapshot, target: Snapshot, rows: RowSelection, day: date | None, most: int
) -> ChunkProof:
    ours = rows.on(Side.WAREHOUSE)
    digests = (
        source.digest(rows, DigestKind.CONTENT),
        target.digest(ours, DigestKind.CONTENT),
    )
    differences: tuple[RowDifference, ...] = ()
    count = 0
    if digests[0] != digests[1]:
        differences, count = _differing_rows(source, target, rows, most)
    return ChunkProof(
        table=rows.table.name,
        day=day,
        source=digests[0],
        target=digests[1],
        differences=differences,
        difference_count=count,
    )


def _differing_rows(
    source: Snapshot, target: Snapshot, rows: RowSelection, most: int
) -> tuple[tuple[RowDifference, ...], int]:
    """The first rows that differ, and how many do: keys and hashes joined in Arrow."""
    theirs = _hashes(source, rows).rename_columns(["key", "source_hash"])
    ours = _hashes(target, rows.on(Side.WAREHOUSE)).rename_columns(["key", "target_hash"])
    joined = theirs.join(ours, keys="key", join_type="full outer")
    differing = joined.filter(
        pc.fill_null(pc.not_equal(joined["source_hash"], joined["target_hash"]), True)
    ).sort_by("key")
    first = tuple(
        RowDifference(
            key=_named(rows.table, row["key"]),
            what=_what(row["source_hash"], row["target_hash"]),
        )
        for row in differing.slice(0, most).to_pylist()
    )
    return first, differing.num_rows


def _named(table: TableSpec, key: str) -> str:
    """The key with its columns' names in place of k0, k1…"""
    members = json.loads(key)
    return json.dumps(
        {name: members[f"k{index}"] for index, name in enumerate(table.key)}, ensure_ascii=False
    )


def _hashes(snapshot: Snapshot, rows: RowSelection) -> pa.Table:
    return pa.Table.from_batches(snapshot.row_hashes(rows, DigestKind.CONTENT), schema=ROW_HASHES)


def _what(source_hash: str | None, target_hash: str | None) -> str:
    if target_hash is None:
        return "missing in the warehouse"
    return "only in the warehouse" if source_hash is None else "differs"
