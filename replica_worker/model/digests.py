"""Digests and verdicts: what it means that two copies of a chunk are equal.

A digest is the number of rows and an order-independent hash over them: the sum, as two 64-bit
halves modulo 2^64 each, of the MD5 of every row. What of a row is hashed, and how it is written
down before, is in `encoding`; every engine does the same in its own SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from replica_worker.model.specs import ColumnSpec, TableSpec

KEY_BUCKETS = 64
"""Into so many buckets rows are dealt unless more are asked for.

Which bucket a row lies in the first bits of the MD5 of its key's encoding say, so bucket 5 of 64
is 320 to 383 of 4,096.
"""

_MOST_BUCKETS = 1 << 16
_ROWS_PER_BUCKET = 32  # so that one changed row costs the hashes of few others

_HALF = 1 << 64


class DigestKind(StrEnum):
    """What of a row goes into its hash."""

    VERSION = "version"  # key and rowversion: cheap, and as good where the source keeps one
    CONTENT = "content"  # every replicated column


class Cause(StrEnum):
    """Why two copies differ, told from the digests of both at their last proof and now."""

    SOURCE_EDITED = "source_edited"  # the warehouse is as it was proven; the source is not
    WAREHOUSE_CHANGED = "warehouse_changed"  # the source is as it was; someone changed the copy
    BOTH_CHANGED = "both_changed"
    LOAD_WRONG = "load_wrong"  # both are as they were, and they were not equal then
    NEVER_LOADED = "never_loaded"
    UNKNOWN = "unknown"  # no earlier digest of this kind is on record


class Verdict(StrEnum):
    """What a check found, and did."""

    MATCH = "match"
    REPAIRED = "repaired"
    DIFFERS = "differs"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Row count and hash of a chunk."""

    kind: DigestKind
    rows: int
    hash: str  # 32 hexadecimal digits

    @classmethod
    def from_sums(cls, *, kind: DigestKind, rows: int, high: int, low: int) -> Digest:
        """Make a digest of the two sums, over all rows, of the row hashes' signed halves."""
        return cls(kind=kind, rows=rows, hash=f"{high % _HALF:016x}{low % _HALF:016x}")

    @classmethod
    def total(cls, kind: DigestKind, parts: Iterable[Digest]) -> Digest:
        """The digest of all rows, from those of parts of them that share no row."""
        rows = high = low = 0
        for part in parts:
            rows += part.rows
            high += int(part.hash[:16], 16)
            low += int(part.hash[16:], 16)
        return cls.from_sums(kind=kind, rows=rows, high=high, low=low)

    @classmethod
    def parse(cls, text: str) -> Digest:
        """The digest that was written by `str`; ValueError if it is none."""
        kind, rows, digits = text.split(":")
        return cls(kind=DigestKind(kind), rows=int(rows), hash=digits)

    def __str__(self) -> str:
        return f"{self.kind}:{self.rows}:{self.hash}"


def cheapest_kind(spec: TableSpec, *, deep: bool = False) -> DigestKind:
    """The kind of digest that proves equality of this table at the least cost.

    A rowversion changes with every insert and update of a row, so equal sets of (key,
    rowversion) mean that no row was inserted, updated or deleted. `deep` distrusts the copy's
    other columns as well.
    """
    return DigestKind.VERSION if spec.rowversion and not deep else DigestKind.CONTENT


def bucket_bits(buckets: int) -> int:
    """How many bits number so many buckets: a power of two, of at most 16 bits."""
    if not 1 < buckets <= _MOST_BUCKETS or buckets & (buckets - 1):
        raise ValueError(f"{buckets} is not a power of two from 2 to {_MOST_BUCKETS}")
    return buckets.bit_length() - 1


def hashed_columns(table: TableSpec, kind: DigestKind) -> tuple[ColumnSpec, ...]:
    """The columns that a digest of this kind covers, in the order in which they are encoded."""
    if kind is DigestKind.VERSION and table.rowversion:
        return (*table.key_columns, table.column(table.rowversion))
    return table.columns


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The digests of a chunk on both sides, now and when they were last compared."""

    source: Digest
    target: Digest
    source_then: Digest | None = None  # of the same kind; None: none is on record
    target_then: Digest | None = None  # after what that comparison repaired

    @property
    def is_equal(self) -> bool:
        """Whether the copies are proven equal."""
        return self.source == self.target

    @property
    def cause(self) -> Cause | None:
        """Why the copies differ; None if they do not."""
        if self.is_equal:
            return None
        if self.source_then is None or self.target_then is None:
            return Cause.UNKNOWN if self.target.rows else Cause.NEVER_LOADED
        source_is_as_then = self.source == self.source_then
        target_is_as_then = self.target == self.target_then
        if source_is_as_then:
            return Cause.LOAD_WRONG if target_is_as_then else Cause.WAREHOUSE_CHANGED
        return Cause.SOURCE_EDITED if target_is_as_then else Cause.BOTH_CHANGED


def buckets_for(rows: int) -> int:
    """Into how many buckets the keys of so many rows are dealt: a power of two, few rows each."""
    of = KEY_BUCKETS
    while of < _MOST_BUCKETS and rows > of * _ROWS_PER_BUCKET:
        of *= 2
    return of
