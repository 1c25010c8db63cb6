"""A snapshot that counts what is read through it: rows, and bytes as they lie in Arrow.

Digests count as what travels for them. Bytes on the wire differ from Arrow's by the driver's
encoding; as a measure of what a check asks of the source they are good enough, and the same for
every engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import pyarrow as pa

from replica_worker.engines.interface import DayChanges, KeyList, RowSelection, Side, Snapshot
from replica_worker.model.digests import KEY_BUCKETS, Digest, DigestKind
from replica_worker.model.live import LiveTable
from replica_worker.model.specs import TableSpec

_DIGEST_BYTES = 64  # a count and two sums as text, and what they are of
_COUNT_BYTES = 16  # a day and its count


class MeteredSnapshot:
    """Implements `interface.Snapshot` over another one."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.rows = 0  # of the table, whole or as hashes
        self.bytes = 0

    def require_table(self, table: TableSpec, side: Side) -> bool:
        """As the snapshot does."""
        return self._snapshot.require_table(table, side)

    def describe(self, schema: str, name: str) -> LiveTable | None:
        """As the snapshot does."""
        return self._snapshot.describe(schema, name)

    def read(self, selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """As the snapshot does."""
        return self._metered(self._snapshot.read(selection))

    def read_by_key(
        self, table: TableSpec, side: Side, keys: Sequence[KeyList], *, dateless: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """As the snapshot does."""
        return self._metered(self._snapshot.read_by_key(table, side, keys, dateless=dateless))

    def digest(self, selection: RowSelection, kind: DigestKind) -> Digest:
        """As the snapshot does."""
        self.bytes += _DIGEST_BYTES
        return self._snapshot.digest(selection, kind)

    def digest_days(self, selection: RowSelection, kind: DigestKind) -> dict[date | None, Digest]:
        """As the snapshot does."""
        digests = self._snapshot.digest_days(selection, kind)
        self.bytes += _DIGEST_BYTES * len(digests)
        return digests

    def changed_days(self, selection: RowSelection) -> dict[date | None, DayChanges]:
        """As the snapshot does."""
        changes = self._snapshot.changed_days(selection)
        self.bytes += _DIGEST_BYTES * len(changes)
        return changes

    def count_days(self, selection: RowSelection) -> dict[date | None, int]:
        """As the snapshot does."""
        counts = self._snapshot.count_days(selection)
        self.bytes += _COUNT_BYTES * len(counts)
        return counts

    def safe_rowversion(self) -> bytes | None:
        """As the snapshot does."""
        return self._snapshot.safe_rowversion()

    def digest_buckets(
        self, selection: RowSelection, kind: DigestKind, of: int = KEY_BUCKETS
    ) -> dict[int, Digest]:
        """As the snapshot does."""
        digests = self._snapshot.digest_buckets(selection, kind, of)
        self.bytes += _DIGEST_BYTES * len(digests)
        return digests

    def row_hashes(
        self,
        selection: RowSelection,
        kind: DigestKind,
        buckets: frozenset[int] | None = None,
        of: int = KEY_BUCKETS,
    ) -> Iterator[pa.RecordBatch]:
        """As the snapshot does."""
        return self._metered(self._snapshot.row_hashes(selection, kind, buckets, of))

    def _metered(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            yield batch
