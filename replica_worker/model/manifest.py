"""The manifest: what is known of a Parquet file, written beside it and last.

Owns the JSON form, and the rule which of a chunk's extracts are in force. Does not write files
(`archive`). It holds no URL and no secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from replica_worker.model.digests import DigestKind


class ExtractKind(StrEnum):
    """Which of a chunk's rows a Parquet file holds."""

    DAY = "day"  # all rows of the day
    SNAPSHOT = "snapshot"  # all rows of the table
    INCREMENT = "increment"  # rows above a rowversion
    FIX = "fix"  # some rows of the day, found by their keys
    GONE = "gone"  # last images of rows that left the chunk
    REPLACED = "replaced"  # last images of rows that were overwritten

    @property
    def is_complete(self) -> bool:
        """Whether the file holds all rows of its chunk, so that others are not of it."""
        return self in (ExtractKind.DAY, ExtractKind.SNAPSHOT)


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ManifestColumn(_Document):
    """One column of the file."""

    name: str
    sql_type: str
    arrow_type: str
    nullable: bool


class ManifestDigest(_Document):
    """The source's digest in the very snapshot that the rows were read from."""

    kind: DigestKind
    rows: int
    hash: str


class Manifest(_Document):
    """What a Parquet file of the archive holds and how to prove that it is whole."""

    manifest_version: int = 1
    product_version: str
    run_id: str
    attempt: int
    source_schema: str
    table: str
    day: date
    kind: ExtractKind
    file: str  # name of the Parquet file, in the same folder
    rows: int
    bytes: int
    sha256: str
    columns: tuple[ManifestColumn, ...]
    digest: ManifestDigest | None  # None where the file does not stand for a whole chunk
    started_at: AwareDatetime  # UTC, by the warehouse's clock: it tells which extract is newer
    finished_at: AwareDatetime  # UTC


def in_force(extracts: Iterable[Manifest]) -> list[Manifest]:
    """Those of a chunk's extracts that make up its newest state, newest first.

    They are the newest complete one and whatever parts came after it. A row that several of them
    hold is as the first of them says: it is gone if that holds its last image.
    """
    newest_first = sorted(
        (manifest for manifest in extracts if manifest.kind is not ExtractKind.REPLACED),
        key=lambda manifest: manifest.started_at,
        reverse=True,
    )
    for number, manifest in enumerate(newest_first, start=1):
        if manifest.kind.is_complete:
            return newest_first[:number]
    return newest_first
