"""A claimed chunk on its way, and the values that its steps hand on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from replica_worker.archive.archive import ExtractName
from replica_worker.engines.values import KeyList, RowSelection, Side, StagedChunk
from replica_worker.ledger.chunk_rows import Claim
from replica_worker.model.counts import MergeCounts
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.manifest import ExtractKind, Manifest
from replica_worker.model.specs import TableSpec

SOURCE_FAILURES = "source_failures"
"""Names, of what is asked along with a claim, the failures to connect to the source in a row."""

Record = Callable[[sa.Connection, "Replicated"], None]
"""Writes ledger and audit rows in the transaction of the merge."""


@dataclass(frozen=True, kw_only=True)
class ChunkWork:
    """A claimed chunk on its way: whose it is and the connection it is merged on."""

    claim: Claim
    spec: TableSpec
    connection: sa.Connection  # the warehouse's; holds the chunk's lock
    strays_of: DayRange | None = None  # the days that are no strays; set for the chunk of strays

    def now(self) -> datetime:
        """The warehouse's instant now, aware."""
        if self.claim.began is None:
            raise ValueError("this claim is another's")
        return self.claim.began.now()

    @property
    def is_strays(self) -> bool:
        """Whether the chunk stands for the table's rows of no day or an impossible one."""
        return self.strays_of is not None

    @property
    def days(self) -> DayRange | None:
        """The days whose rows the chunk stands for; None for the whole table, and for strays."""
        if not self.spec.is_daily or self.is_strays:
            return None
        return DayRange.one(self.claim.chunk.day)

    @property
    def lock_name(self) -> str:
        """Names the chunk among all runs."""
        return lock_name(self.spec, self.claim.chunk.day)

    @property
    def seen_failures(self) -> int | None:
        """Failures to connect to the source, as the claim saw them; None: it did not look."""
        if SOURCE_FAILURES not in self.claim.along:
            return None
        return self.claim.along[SOURCE_FAILURES] or 0

    @property
    def source_rows(self) -> RowSelection:
        """The chunk's rows at the source."""
        return RowSelection(
            table=self.spec,
            side=Side.SOURCE,
            days=self.days,
            outside=self.strays_of,
            dateless=self.is_strays,
        )

    def staged(
        self, part: str = "", *, is_complete: bool, gone: tuple[KeyList, ...] = ()
    ) -> StagedChunk:
        """The chunk as it is staged by this attempt."""
        return StagedChunk(
            table=self.spec,
            staging=staging_name(self.claim, self.spec, part),
            days=self.days,
            outside=self.strays_of,
            dateless=self.is_strays,
            is_complete=is_complete,
            gone=gone,
        )


@dataclass(frozen=True, kw_only=True)
class ExtractRequest:
    """Which of a chunk's rows to bring over."""

    rows: RowSelection
    kind: ExtractKind
    part: str = ""
    digest_kind: DigestKind | None = None  # None: the cheapest that proves equality

    @property
    def is_complete(self) -> bool:
        """All rows of the chunk are asked for, so the target's others may be deleted."""
        return self.kind.is_complete


@dataclass(frozen=True, kw_only=True)
class Replicated:
    """What was brought over and what it changed."""

    name: ExtractName
    manifest: Manifest
    digest: Digest | None
    counts: MergeCounts
    moved: int = 0  # rows found at the source on another day than the target had them
    seconds: dict[str, float] = field(default_factory=dict)  # by step

    def figures(self) -> dict[str, object]:
        """The ledger's columns for a chunk."""
        return {
            "rows_extracted": self.manifest.rows,
            "rows_inserted": self.counts.inserted,
            "rows_updated": self.counts.updated,
            "rows_deleted": self.counts.deleted,
            "rows_moved": self.moved,
            "file": self.name.parquet,
            "sha256": self.manifest.sha256,
            "bytes": self.manifest.bytes,
            "digest": str(self.digest) if self.digest else None,
            "extract_seconds": self.seconds.get("extract"),
            "stage_seconds": self.seconds.get("stage"),
            "merge_seconds": self.seconds.get("merge"),
        }


def lock_name(spec: TableSpec, day: date) -> str:
    """Names a chunk among all runs; a whole table is one, whatever day it is as of."""
    return f"{spec.target_schema}.{spec.target_name}|{day if spec.is_daily else 'all'}"


def staging_prefix(schema: str) -> str:
    """How the names of all staging tables of a target schema begin.

    Several deployments may share a warehouse; each sweeps its own staging tables only.
    """
    return f"s{hashlib.sha256(schema.encode()).hexdigest()[:6]}_"


def staging_name(claim: Claim, spec: TableSpec, part: str = "") -> str:
    """The staging table of an attempt: readable in the middle, unique behind.

    In lower case, as which some servers tell the names of their tables whatever they were.
    """
    chunk = claim.chunk
    readable = "".join(
        letter if letter.isascii() and letter.isalnum() else "_"
        for letter in spec.target_name.lower()
    )[:16]
    unique = hashlib.sha256(f"{chunk.run_id}|{spec.name}|{chunk.day}".encode()).hexdigest()[:12]
    prefix = staging_prefix(spec.target_schema)
    return f"{prefix}{readable}_{chunk.day:%Y%m%d}_{unique}_{claim.attempt}{part and '_' + part}"


def whole_chunk(
    work: ChunkWork, part: str = "", digest_kind: DigestKind | None = None
) -> ExtractRequest:
    """Ask for all rows of the chunk."""
    kind = ExtractKind.DAY if work.spec.is_daily else ExtractKind.SNAPSHOT
    return ExtractRequest(rows=work.source_rows, kind=kind, part=part, digest_kind=digest_kind)
