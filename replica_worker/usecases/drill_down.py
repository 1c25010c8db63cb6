"""Which rows of a chunk differ, found without reading the rows.

chunk differs → digests of key buckets → (key, hash) of the rows in the buckets that differ, joined
in Arrow. What is read of the source grows with what changed, not with the chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import KEYS_PER_LIST, ROW_HASHES, KeyList, Side
from replica_worker.model.digests import Digest, DigestKind, buckets_for
from replica_worker.usecases.chunk_work import ChunkWork
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.side_by_side import ask_both

_HASHES_AT_ONCE = 200_000  # some 20 MB a side


@dataclass(frozen=True, kw_only=True)
class DifferingRows:
    """Keys of a chunk's rows that are not the same on both sides, in bounded lists."""

    wanted: tuple[KeyList, ...] = ()  # at the source; missing or different in the warehouse
    surplus: tuple[KeyList, ...] = ()  # only in the warehouse

    @property
    def count(self) -> int:
        """Number of rows that differ."""
        return sum(keys.count for keys in (*self.wanted, *self.surplus))

    def __add__(self, other: DifferingRows) -> DifferingRows:
        """The rows of both."""
        return DifferingRows(
            wanted=(*self.wanted, *other.wanted), surplus=(*self.surplus, *other.surplus)
        )


@dataclass(frozen=True, kw_only=True)
class BucketDigests:
    """The digests of a chunk's key buckets on both sides."""

    kind: DigestKind
    of: int  # how many buckets there are; empty ones are left out
    source: dict[int, Digest]
    target: dict[int, Digest]

    @property
    def totals(self) -> tuple[Digest, Digest]:
        """The digests of the whole chunk, source and target."""
        return (
            Digest.total(self.kind, self.source.values()),
            Digest.total(self.kind, self.target.values()),
        )


def is_worth_a_drill(deployment: Deployment, rows: int, other_rows: int) -> bool:
    """Whether a chunk of so many rows on the two sides is too large to be brought over whole."""
    return min(rows, other_rows) >= deployment.policy.fewest_rows_to_drill


def slices_of_buckets(
    source: Mapping[int, Digest], target: Mapping[int, Digest]
) -> Iterator[frozenset[int]]:
    """The buckets that differ, as many at a time as hold a bounded number of rows."""
    slice_: list[int] = []
    rows = 0
    for bucket in sorted({*source, *target}):
        pair = (source.get(bucket), target.get(bucket))
        if pair[0] == pair[1]:
            continue
        size = max(digest.rows for digest in pair if digest)
        if slice_ and rows + size > _HASHES_AT_ONCE:
            yield frozenset(slice_)
            slice_, rows = [], 0
        slice_.append(bucket)
        rows += size
    if slice_:
        yield frozenset(slice_)


def digest_buckets(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, kind: DigestKind, rows: int
) -> BucketDigests:
    """Both sides' digests by key bucket, in as many as about so many rows ask for."""
    of = buckets_for(rows)
    asked = work.source_rows
    source, target = ask_both(
        lambda: snapshot.digest_buckets(asked, kind, of),
        lambda: deployment.warehouse.digest_buckets(
            work.connection, asked.on(Side.WAREHOUSE), kind, of
        ),
    )
    work.connection.commit()
    return BucketDigests(kind=kind, of=of, source=source, target=target)


def find_differing_rows(
    deployment: Deployment, snapshot: Snapshot, work: ChunkWork, buckets: BucketDigests
) -> DifferingRows | None:
    """The rows that differ, by the hashes of those in the buckets that do.

    None as soon as there are too many: then it is cheaper to bring the chunk over whole. Memory
    holds their keys, and the hashes of a bounded number of rows.
    """
    most = buckets.totals[0].rows * deployment.policy.largest_share_to_drill
    found = DifferingRows()
    for some in slices_of_buckets(buckets.source, buckets.target):
        found = found + _compare_hashes(deployment, snapshot, work, buckets, some)
        if found.count > most:
            return None
    return found


def _compare_hashes(
    deployment: Deployment,
    snapshot: Snapshot,
    work: ChunkWork,
    buckets: BucketDigests,
    some: frozenset[int],
) -> DifferingRows:
    kind, of, asked = buckets.kind, buckets.of, work.source_rows
    theirs, ours = ask_both(
        lambda: _table(snapshot.row_hashes(asked, kind, some, of)),
        lambda: _table(
            deployment.warehouse.row_hashes(
                work.connection, asked.on(Side.WAREHOUSE), kind, some, of
            )
        ),
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


def _table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches, schema=ROW_HASHES)
