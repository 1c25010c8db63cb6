"""Parquet files and their manifests: written as a stream, proven by sha256, read as a stream.

`exports/<table>/<day>/<run_id>.parquet` and `<run_id>.json` beside it, written last. Owns names,
row groups and hashes; where files lie is the `stores`' matter.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq

from replica_worker import __version__
from replica_worker.archive.stores import Store, storage_errors
from replica_worker.checkpoints import Checkpoint, passed
from replica_worker.errors import ArchiveDamageError, ArchiveError, LeaseLostError
from replica_worker.model.digests import Digest
from replica_worker.model.manifest import (
    ExtractKind,
    Manifest,
    ManifestColumn,
    ManifestDigest,
)
from replica_worker.model.specs import TableSpec
from replica_worker.pulse import give_sign

_ROW_GROUP_BYTES = 8 * 1024 * 1024  # in Arrow; two of them are in memory while a file is written
_READ_ROWS = 16_384
_HASH_BLOCK = 1024 * 1024
_MANIFEST = ".json"
_OF_OTHERS = ("again", "from-")  # parts: a child's chunk brought them, or another day's
_UNMERGED = ".unmerged"  # in place of `.json`: an extract that was not merged


def _file_name(name: str) -> str:
    """The name without what would lead out of its folder or hide it."""
    return quote(name, safe=" ").replace(".", "%2E")


@dataclass(frozen=True, kw_only=True)
class ExtractName:
    """Names one extract of a chunk in the archive."""

    table: str
    day: date
    run_id: str
    part: str = ""  # tells several extracts of one chunk and run apart: "full", "fix"

    @property
    def is_own(self) -> bool:
        """Whether the chunk's own attempts bring it, and not those of another one."""
        return not self.part.startswith(_OF_OTHERS)

    @property
    def folder(self) -> str:
        """`<table>/<day>`; a table's name may hold characters that a path may not."""
        return f"{_file_name(self.table)}/{self.day.isoformat()}"

    @property
    def stem(self) -> str:
        """The files' name without its ending."""
        run = _file_name(self.run_id)
        return f"{run}.{self.part}" if self.part else run

    @property
    def parquet(self) -> str:
        """The Parquet file's name in the archive."""
        return f"{self.folder}/{self.stem}.parquet"

    @property
    def manifest(self) -> str:
        """The manifest's name in the archive."""
        return f"{self.folder}/{self.stem}{_MANIFEST}"

    @property
    def unmerged(self) -> str:
        """The manifest's name in the archive when the extract was not merged."""
        return f"{self.folder}/{self.stem}{_UNMERGED}"


@dataclass(frozen=True, kw_only=True)
class ExtractOrder:
    """What to write of an extract beside its rows."""

    name: ExtractName
    spec: TableSpec
    kind: ExtractKind
    attempt: int
    started_at: datetime  # UTC, by the warehouse's clock
    digest: Digest | None  # of the source, in the snapshot that the rows come from


class Archive:
    """The extracts below `REPLICA_EXPORTS`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, order: ExtractOrder, batches: Iterable[pa.RecordBatch]) -> Manifest:
        """Stream the batches into a Parquet file and put its manifest beside it.

        An earlier attempt's manifest is removed first, set aside or not, so that none ever stands
        beside a file it does not describe. LeaseLostError if a later attempt's is there: a worker
        that lost its chunk without a word must not put its own in that place.
        """
        started = time.monotonic()
        with storage_errors(f"write {order.name.parquet}"):
            self._require_newest(order)
            self._store.remove(order.name.manifest)
            self._store.remove(order.name.unmerged)
            with self._store.create(order.name.parquet) as file:
                sink = _HashingSink(file)
                rows = _write_parquet(sink, order.spec.arrow_schema, batches)
                self._require_newest(order)
            passed(Checkpoint.FILE_NAMED)
            seconds = time.monotonic() - started
            manifest = _describe(order, rows=rows, sink=sink, seconds=seconds)
            self._require_newest(order)
            with self._store.create(order.name.manifest) as file:
                file.write(manifest.model_dump_json(indent=1).encode())
        return manifest

    def _require_newest(self, order: ExtractOrder) -> None:
        """LeaseLostError if the manifest that is there is a later attempt's."""
        found = self.find_manifest(order.name)
        if found is None or found.attempt <= order.attempt:
            return
        # Attempts of several chunks do not compare; the lock of the day lets one write at a time.
        if order.name.is_own or found.started_at > order.started_at:
            raise LeaseLostError(
                operation=f"write {order.name.parquet}",
                cause=f"attempt {found.attempt} has written it since attempt {order.attempt} began",
                next_step="Nothing: that attempt has the chunk",
            )

    def read(self, name: ExtractName, manifest: Manifest) -> Iterator[pa.RecordBatch]:
        """The file's rows, after its sha256 was compared with the manifest's."""
        with storage_errors(f"read {name.parquet}"):
            try:
                file = self._store.open(name.parquet)
            except FileNotFoundError:
                raise _broken(name, "the file is gone") from None
            with file:
                if _sha256(file) != manifest.sha256:
                    raise _broken(name, "its sha256 is not the manifest's")
                file.seek(0)
                parquet = pq.ParquetFile(file)
                # Group by group: a batch that gathers rows of several would grow with their width.
                for group in range(parquet.num_row_groups):
                    yield from parquet.iter_batches(batch_size=_READ_ROWS, row_groups=[group])

    def find_manifest(self, name: ExtractName) -> Manifest | None:
        """The manifest of an extract; None if there is none, or none that can be read."""
        with storage_errors(f"read {name.manifest}"):
            try:
                with self._store.open(name.manifest) as file:
                    return Manifest.model_validate_json(file.read())
            except (FileNotFoundError, ValueError):
                return None

    def read_manifest(self, name: ExtractName) -> Manifest:
        """The manifest of an extract."""
        with storage_errors(f"read {name.manifest}"), self._store.open(name.manifest) as file:
            content = file.read()
        try:
            manifest = Manifest.model_validate_json(content)
        except ValueError:
            raise _broken(name, "its manifest is not one that this product wrote") from None
        named = (manifest.table, manifest.day, manifest.run_id, manifest.file)
        if named != (name.table, name.day, name.run_id, f"{name.stem}.parquet"):
            raise _broken(name, "its manifest is another file's")
        return manifest

    def set_aside(self, name: ExtractName) -> None:
        """Let the extract count for nothing, as it was not merged; its files stay for people."""
        with storage_errors(f"set {name.manifest} aside"):
            self._store.rename(name.manifest, name.unmerged)

    def days(self, table: str) -> list[date]:
        """Days of which the archive may hold extracts of the table, in order."""
        with storage_errors(f"list the extracts of table {table}"):
            folders = self._store.names(_file_name(table))
        return sorted(day for day in map(_day_named, folders) if day)

    def extracts(self, table: str, day: date) -> list[tuple[ExtractName, Manifest]]:
        """What the archive holds of the table under that day; set-aside extracts are left out."""
        folder = ExtractName(table=table, day=day, run_id="").folder
        with storage_errors(f"list {folder}"):
            files = self._store.names(folder)
        names = [
            _extract_named(table, day, file.removesuffix(_MANIFEST))
            for file in files
            if file.endswith(_MANIFEST) and not file.startswith(".")
        ]
        return [(name, self.read_manifest(name)) for name in names]

    def try_out(self) -> int | None:
        """Write a small file, read it back, remove it; the bytes left, where they are known.

        ArchiveError if files cannot be kept there.
        """
        name, text = f"doctor-{secrets.token_hex(8)}.txt", b"replica doctor tries the exports\n"
        operation = "write to the exports"
        with storage_errors(operation):
            with self._store.create(name) as file:
                file.write(text)
            try:
                with self._store.open(name) as file:
                    came_back = file.read() == text
            finally:
                self._store.remove(name)
            if not came_back:
                raise ArchiveError(
                    operation=operation,
                    cause="a file did not come back as it was written",
                    next_step="Check the disk or the object store below REPLICA_EXPORTS",
                )
            return self._store.free_bytes()

    def sweep_leftovers(self, *, older_than_seconds: float, now: float) -> int:
        """Remove what crashed writers left behind; the number of files removed."""
        with storage_errors("sweep the exports folder"):
            return self._store.sweep_leftovers(older_than_seconds=older_than_seconds, now=now)


class _HashingSink(io.RawIOBase):
    """A file for writing that counts and hashes what goes through it."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self._file.write(block)
        give_sign()
        self._hash.update(block)
        self.size += len(block)
        return len(block)

    def tell(self) -> int:
        return self.size

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def _write_parquet(sink: _HashingSink, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """One row group is encoded in a thread while the next one arrives; how many rows there were."""
    rows = 0
    with (
        pq.ParquetWriter(sink, schema, compression="snappy") as writer,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet") as encoder,
    ):
        under_way: Future[None] | None = None
        for group in _row_groups(batches):
            rows += group.num_rows
            if under_way:
                under_way.result()
            under_way = encoder.submit(writer.write_table, group, row_group_size=group.num_rows)
        if under_way:
            under_way.result()
    return rows


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Gather batches until they are worth a row group; bounded by bytes, not rows."""
    gathered: list[pa.RecordBatch] = []
    gathered_bytes = 0
    for batch in batches:
        if batch.num_rows == 0:
            continue
        gathered.append(batch)
        gathered_bytes += batch.nbytes
        if gathered_bytes >= _ROW_GROUP_BYTES:
            yield pa.Table.from_batches(gathered)
            gathered, gathered_bytes = [], 0
    if gathered:
        yield pa.Table.from_batches(gathered)


def _describe(order: ExtractOrder, *, rows: int, sink: _HashingSink, seconds: float) -> Manifest:
    digest = order.digest
    return Manifest(
        product_version=__version__,
        run_id=order.name.run_id,
        attempt=order.attempt,
        source_schema=order.spec.source_schema,
        table=order.spec.name,
        day=order.name.day,
        kind=order.kind,
        file=f"{order.name.stem}.parquet",
        rows=rows,
        bytes=sink.size,
        sha256=sink.sha256,
        columns=tuple(
            ManifestColumn(
                name=column.name,
                sql_type=str(column.type),
                arrow_type=str(column.type.arrow),
                nullable=column.nullable,
            )
            for column in order.spec.columns
        ),
        digest=ManifestDigest(kind=digest.kind, rows=digest.rows, hash=digest.hash)
        if digest
        else None,
        started_at=order.started_at,
        finished_at=order.started_at + timedelta(seconds=seconds),
    )


def _day_named(folder: str) -> date | None:
    try:
        return date.fromisoformat(folder)
    except ValueError:
        return None  # somebody else's folder


def _extract_named(table: str, day: date, stem: str) -> ExtractName:
    run, _, part = stem.partition(".")  # a run's own dots are escaped
    return ExtractName(table=table, day=day, run_id=unquote(run), part=part)


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(_HASH_BLOCK):
        digest.update(block)
        give_sign()
    return digest.hexdigest()


def _broken(name: ExtractName, cause: str) -> ArchiveDamageError:
    return ArchiveDamageError(
        operation=f"read {name.parquet}",
        cause=cause,
        next_step="It is extracted again; if that repeats, check the disk",
        retryable=True,
    )
