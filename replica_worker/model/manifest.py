"""The manifest: what is known of a Parquet file, written beside it and last.

Owns the JSON form. Does not write files (`archive`). It holds no URL and no secret.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from replica_worker.model.digests import DigestKind


class ExtractKind(StrEnum):
    """Which of a chunk's rows a Parquet file holds."""

    DAY = "day"  # all rows of the day
    SNAPSHOT = "snapshot"  # all rows of the table
    INCREMENT = "increment"  # rows above a rowversion
    FIX = "fix"  # some rows of the day, found by their keys


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
    started_at: datetime  # UTC
    finished_at: datetime  # UTC
