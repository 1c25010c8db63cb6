"""Which rows of a chunk differ, found without reading the rows.

day differs → digests of key buckets → (key, hash) of the rows in the buckets that differ, joined
in Arrow. What is read of the source grows with what changed, not with the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.engines.interface import ROW_HASHES, KeyList, Side, Snapshot
from replica_worker.model.digests import KEY_BUCKETS, Digest, DigestKind
from replica_worker.usecases.chunk_work import ChunkWork
from replica_worker.usecases.deployment import Deployment

KEYS_PER_LIST = 5000
_FEW_ROWS = 20_000  # up to so many, KEY_BUCKETS are fine enough
_MANY_BUCKETS = 4096  # beyond: one changed row in a hundred would touch every one of KEY_BUCKETS


@dataclass(frozen=True, kw_only=True)
class DifferingRows:
    """Keys of a chunk's rows that are not the same on both sides, in bounded lists."""

    wanted: tuple[KeyList, ...]  # at the source; missing or different in the warehouse
    surplus: tuple[KeyList, ...]  # only in the warehouse

    @property
    def count(self) -> int:
        """Number of rows that differ."""
        return sum(keys.count for keys in (*self.wanted, *self.surplus))


def find_differing_rows(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, source: Digest
) -> DifferingRows:
    """The rows of the chunk that differ, by hashes of the kind that `source` has."""
    kind = source.kind
    of = KEY_BUCKETS if source.rows <= _FEW_ROWS else _MANY_BUCKETS
    buckets = _differing_buckets(deployment, snapshot, work, kind, of)
    theirs = _table(snapshot.row_hashes(work.source_rows, kind, buckets, of))
    ours = _table(
        deployment.warehouse.row_hashes(
            work.connection, work.source_rows.on(Side.WAREHOUSE), kind, buckets, of
        )
    )
    work.connection.commit()
    joined = theirs.rename_columns(["key", "theirs"]).join(
        ours.rename_columns(["key", "ours"]), keys="key", join_type="full outer"
    )
    is_surplus = pc.is_null(joined["theirs"])
    is_wanted = pc.and_(
        pc.invert(is_surplus),
        pc.fill_null(pc.not_equal(joined["theirs"], joined["ours"]), True),
    )
    return DifferingRows(
        wanted=tuple(list_keys(joined.filter(is_wanted)["key"])),
        surplus=tuple(list_keys(joined.filter(is_surplus)["key"])),
    )


def list_keys(keys: pa.ChunkedArray) -> Iterator[KeyList]:
    """The keys, each a JSON object, in JSON lists of at most KEYS_PER_LIST."""
    for start in range(0, len(keys), KEYS_PER_LIST):
        part = keys.slice(start, KEYS_PER_LIST).to_pylist()
        yield KeyList(json=f"[{','.join(part)}]", count=len(part))


def _differing_buckets(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, kind: DigestKind, of: int
) -> frozenset[int]:
    theirs = snapshot.digest_buckets(work.source_rows, kind, of)
    ours = deployment.warehouse.digest_buckets(
        work.connection, work.source_rows.on(Side.WAREHOUSE), kind, of
    )
    work.connection.commit()
    return frozenset(
        bucket for bucket in theirs.keys() | ours.keys() if theirs.get(bucket) != ours.get(bucket)
    )


def _table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches, schema=ROW_HASHES)
