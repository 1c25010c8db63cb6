"""Which rows of a chunk differ, and in which columns: drilled down to, not read through.

The chunk's keys are dealt into buckets; only the rows of buckets that differ are hashed one by
one, a bounded number at a time, and only the first rows that differ are read whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import DAY_FIELD, ROW_HASHES, KeyList, RowSelection, Side
from replica_worker.model.digests import DigestKind, buckets_for
from replica_worker.model.encoding import encode_rows
from replica_worker.model.specs import ColumnSpec, TableSpec
from replica_worker.usecases.drill_down import slices_of_buckets
from replica_worker.usecases.side_by_side import ask_both

Answer = TypeVar("Answer")

MASK = "•••"
MISSING, SURPLUS, DIFFERS = "missing in the warehouse", "only in the warehouse", "differs"
ELSEWHERE = "on another day in the warehouse"
ELSEWHERE_AT_SOURCE = "on another day at the source"
CHANGED_MEANWHILE = "changed while it was compared"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A column in which a row differs. Values as text; None is NULL; sensitive ones masked."""

    column: str
    source: str | None
    target: str | None


@dataclass(frozen=True, kw_only=True)
class RowDifference:
    """A row that is not the same on both sides."""

    key: str  # a JSON object of the key's columns, all text
    what: str  # one of the words above
    cells: tuple[Cell, ...] = ()  # where both sides have the row


@dataclass(frozen=True, kw_only=True)
class Both:
    """The snapshots of both sides."""

    source: Snapshot
    target: Snapshot

    def of(self, side: Side) -> Snapshot:
        """The snapshot of one side."""
        return self.source if side is Side.SOURCE else self.target

    def ask(self, question: Callable[[Snapshot, Side], Answer]) -> tuple[Answer, Answer]:
        """Both sides' answers, the source's first; asked at once."""
        return ask_both(
            lambda: question(self.source, Side.SOURCE),
            lambda: question(self.target, Side.WAREHOUSE),
        )


def report_rows(
    both: Both, rows: RowSelection, *, row_count: int, most: int
) -> tuple[tuple[RowDifference, ...], int]:
    """The first `most` rows that differ, and how many do; `row_count` is of the larger side."""
    found: list[RowDifference] = []
    count = 0
    of = buckets_for(row_count)
    digests = both.ask(
        lambda snapshot, side: snapshot.digest_buckets(rows.on(side), DigestKind.CONTENT, of)
    )
    for buckets in slices_of_buckets(*digests):
        differing = _differing_keys(both, rows, buckets, of)
        first = differing.slice(0, most - len(found)).to_pylist()
        found.extend(_report_row(both, rows.table, row) for row in first)
        count += differing.num_rows
    return tuple(found), count


def _differing_keys(both: Both, rows: RowSelection, buckets: frozenset[int], of: int) -> pa.Table:
    """(key, source_hash, target_hash) of the buckets' rows that differ, by key."""

    def hashes(snapshot: Snapshot, side: Side) -> pa.Table:
        batches = snapshot.row_hashes(rows.on(side), DigestKind.CONTENT, buckets, of)
        made = pa.Table.from_batches(batches, schema=ROW_HASHES)
        return made.rename_columns(["key", f"{side}_hash"])

    theirs, ours = both.ask(hashes)
    joined = theirs.join(ours, keys="key", join_type="full outer")
    unequal = pc.not_equal(joined["source_hash"], joined["warehouse_hash"])
    return joined.filter(pc.fill_null(unequal, True)).sort_by("key")


def _report_row(both: Both, table: TableSpec, row: Mapping[str, Any]) -> RowDifference:
    keys = [KeyList(json=f"[{row['key']}]", count=1)]
    theirs, ours = (_read_row(both.of(side), table, side, keys) for side in Side)
    cells: tuple[Cell, ...] = ()
    if theirs and ours:
        cells = tuple(_differing_cells(table, theirs, ours))
    return RowDifference(
        key=_named(table, row["key"]),
        what=_what(row, theirs, ours, cells),
        cells=cells,
    )


def _read_row(
    snapshot: Snapshot, table: TableSpec, side: Side, keys: list[KeyList]
) -> pa.RecordBatch | None:
    """The row of that key, on whatever day it lies."""
    batches = list(snapshot.read_by_key(table, side, keys, dateless=True))
    return next((batch for batch in batches if batch.num_rows), None)


def _what(
    row: Mapping[str, Any],
    theirs: pa.RecordBatch | None,
    ours: pa.RecordBatch | None,
    cells: tuple[Cell, ...],
) -> str:
    if row["warehouse_hash"] is None:
        return ELSEWHERE if ours else MISSING
    if row["source_hash"] is None:
        return ELSEWHERE_AT_SOURCE if theirs else SURPLUS
    return DIFFERS if cells else CHANGED_MEANWHILE


def _differing_cells(
    table: TableSpec, theirs: pa.RecordBatch, ours: pa.RecordBatch
) -> Iterator[Cell]:
    for column in table.columns:
        encoded = [next(encode_rows(batch, [column])) for batch in (theirs, ours)]
        if encoded[0] != encoded[1]:
            values = [_shown(column, batch.column(column.name)[0]) for batch in (theirs, ours)]
            yield Cell(column=column.name, source=values[0], target=values[1])
    days = [str(batch.column(DAY_FIELD)[0].as_py() or "none") for batch in (theirs, ours)]
    if table.day_from and days[0] != days[1]:
        yield Cell(column="(day, from the parent)", source=days[0], target=days[1])


def _shown(column: ColumnSpec, value: pa.Scalar) -> str | None:
    """The value for people; that a masked one is NULL is told."""
    if not value.is_valid:
        return None
    if column.sensitive:
        return MASK
    plain = value.as_py() if not pa.types.is_time64(value.type) else value
    return plain.hex() if isinstance(plain, bytes) else str(plain)


def _named(table: TableSpec, key: str) -> str:
    """The key with its columns' names in place of k0, k1…; sensitive ones masked."""
    members = json.loads(key)
    named = {
        column.name: MASK if column.sensitive else members[f"k{index}"]
        for index, column in enumerate(table.key_columns)
    }
    return json.dumps(named, ensure_ascii=False)
