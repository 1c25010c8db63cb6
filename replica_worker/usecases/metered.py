"""A snapshot that counts what is asked through it: statements, rows, bytes, and time.

Where the source is capped, whoever reads rows waits for a share of them.

Bytes are counted as they lie in Arrow, digests and counts as what travels for them. Bytes on the
wire differ by the driver's encoding; as a measure of what is asked of the source they are good
enough, and the same for every engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Protocol

import pyarrow as pa

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import DayChanges, KeyList, RowSelection, Side
from replica_worker.model.digests import KEY_BUCKETS, Digest, DigestKind
from replica_worker.model.live import LiveTable
from replica_worker.model.source_use import SourceUse
from replica_worker.model.specs import TableSpec

_DIGEST_BYTES = 64  # a count and two sums as text, and what they are of
_COUNT_BYTES = 16  # a day and its count


class Pace(Protocol):
    """Holds back who reads faster than is allowed."""

    def wait(self) -> None:
        """Return when more may be read."""
        ...

    def spend(self, rows: int, size: int) -> None:
        """Count what was read."""
        ...


class MeteredSnapshot:
    """Implements `interface.Snapshot` over another one."""

    def __init__(self, snapshot: Snapshot, use: SourceUse, pace: Pace | None = None) -> None:
        """`use`: a tally of longer life than the snapshot, which grows as well."""
        self._snapshot = snapshot
        self._use = use
        self._pace = pace
        self.rows = 0  # that came through this snapshot, whole or as hashes
        self.bytes = 0

    def require_table(self, table: TableSpec, side: Side) -> bool:
        """As the snapshot does."""
        with self._asking():
            return self._snapshot.require_table(table, side)

    def describe(self, schema: str, name: str) -> LiveTable | None:
        """As the snapshot does."""
        with self._asking():
            return self._snapshot.describe(schema, name)

    def read(self, selection: RowSelection) -> Iterator[pa.RecordBatch]:
        """As the snapshot does."""
        return self._metered(self._snapshot.read(selection))

    def read_by_key(
        self, table: TableSpec, side: Side, keys: Sequence[KeyList], *, dateless: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """As the snapshot does."""
        found = self._snapshot.read_by_key(table, side, keys, dateless=dateless)
        return self._metered(found, statements=len(keys))

    def digest(self, selection: RowSelection, kind: DigestKind) -> Digest:
        """As the snapshot does."""
        with self._asking():
            digest = self._snapshot.digest(selection, kind)
        self._count(0, _DIGEST_BYTES)
        return digest

    def digest_days(self, selection: RowSelection, kind: DigestKind) -> dict[date | None, Digest]:
        """As the snapshot does."""
        with self._asking():
            digests = self._snapshot.digest_days(selection, kind)
        self._count(0, _DIGEST_BYTES * len(digests))
        return digests

    def changed_days(self, selection: RowSelection) -> dict[date | None, DayChanges]:
        """As the snapshot does."""
        with self._asking():
            changes = self._snapshot.changed_days(selection)
        self._count(0, _DIGEST_BYTES * len(changes))
        return changes

    def count_days(self, selection: RowSelection) -> dict[date | None, int]:
        """As the snapshot does."""
        with self._asking():
            counts = self._snapshot.count_days(selection)
        self._count(0, _COUNT_BYTES * len(counts))
        return counts

    def key_bounds(self, selection: RowSelection, rows_apart: int) -> list[str]:
        """As the snapshot does."""
        with self._asking():
            bounds = self._snapshot.key_bounds(selection, rows_apart)
        self._count(0, sum(map(len, bounds)))
        return bounds

    def safe_rowversion(self) -> bytes | None:
        """As the snapshot does."""
        with self._asking():
            return self._snapshot.safe_rowversion()

    def digest_buckets(
        self, selection: RowSelection, kind: DigestKind, of: int = KEY_BUCKETS
    ) -> dict[int, Digest]:
        """As the snapshot does."""
        with self._asking():
            digests = self._snapshot.digest_buckets(selection, kind, of)
        self._count(0, _DIGEST_BYTES * len(digests))
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

    def _metered(
        self, batches: Iterable[pa.RecordBatch], *, statements: int = 1
    ) -> Iterator[pa.RecordBatch]:
        """The batches; only the time in which they are waited for is the source's."""
        remaining = iter(batches)
        while True:
            if self._pace:
                self._pace.wait()
            with self._asking(statements):
                batch = next(remaining, None)
            if batch is None:
                return
            statements = 0
            self._count(batch.num_rows, batch.nbytes)
            yield batch

    @contextmanager
    def _asking(self, statements: int = 1) -> Iterator[None]:
        started = time.monotonic()
        self._use.statements += statements
        try:
            yield
        finally:
            self._use.seconds += time.monotonic() - started

    def _count(self, rows: int, size: int) -> None:
        self.rows += rows
        self.bytes += size
        self._use.rows += rows
        self._use.bytes += size
        if self._pace:
            self._pace.spend(rows, size)
