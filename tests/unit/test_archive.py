"""The archive: a file at its final name is complete, is ours alone, and lies where it should."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import fs
from support.specs import SALES, spec_text

from replica_worker.archive.archive import Archive, ExtractName, ExtractOrder
from replica_worker.archive.stores import FolderStore, ObjectStore, open_store
from replica_worker.errors import ArchiveError, SettingsError
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.manifest import ExtractKind
from replica_worker.model.specs import parse_specs

(TABLE,) = parse_specs(spec_text(SALES), origin="test").tables
DAY = date(2026, 3, 14)
NAME = ExtractName(table="SALES", day=DAY, run_id="run")
ORDER = ExtractOrder(
    name=NAME,
    spec=TABLE,
    kind=ExtractKind.DAY,
    attempt=1,
    started_at=datetime(2026, 3, 15, 2, tzinfo=UTC),
    digest=Digest(kind=DigestKind.CONTENT, rows=3, hash="0" * 32),
)


def batch(*ids: int) -> pa.RecordBatch:
    rows = [
        {"ID": number, "DAY": DAY, "AMOUNT": None, "NOTE": f"\u4e2d {number}"} for number in ids
    ]
    return pa.RecordBatch.from_pylist(rows, schema=TABLE.arrow_schema)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "ex ports"


@pytest.fixture
def archive(root: Path) -> Archive:
    return Archive(FolderStore(root))


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_rows_come_back_as_they_were_written(archive: Archive, root: Path) -> None:
    manifest = archive.write(ORDER, [batch(1, 2), batch(), batch(3)])
    assert (manifest.rows, manifest.kind, manifest.attempt) == (3, ExtractKind.DAY, 1)
    read = pa.Table.from_batches(archive.read(NAME, manifest))
    assert read.equals(pa.Table.from_batches([batch(1, 2), batch(3)]))
    assert read.schema.equals(TABLE.arrow_schema, check_metadata=True)
    assert archive.read_manifest(NAME) == manifest
    assert manifest.bytes == (root / NAME.parquet).stat().st_size
    assert files(root) == [f"SALES/{DAY}/run.json", f"SALES/{DAY}/run.parquet"]


def test_extract_without_rows_is_a_file_with_the_schema(archive: Archive) -> None:
    manifest = archive.write(ORDER, [])
    assert manifest.rows == 0
    assert list(archive.read(NAME, manifest)) == []


def test_failure_in_mid_stream_leaves_no_file(archive: Archive, root: Path) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield batch(1)
        raise ConnectionError("the line went dead")

    with pytest.raises(ArchiveError):
        archive.write(ORDER, broken())
    assert files(root) == []


def test_failed_second_attempt_leaves_no_manifest_beside_the_first_one_s_file(
    archive: Archive, root: Path
) -> None:
    """The old file is whole; its manifest is gone, so nothing vouches for a mixed pair."""
    archive.write(ORDER, [batch(1)])
    with pytest.raises(RuntimeError, match="stop"):
        archive.write(ORDER, _raising(RuntimeError("stop")))
    assert files(root) == [NAME.parquet]


def _raising(error: Exception) -> Iterator[pa.RecordBatch]:
    yield batch(1)
    raise error


def test_files_are_invisible_until_they_are_whole(archive: Archive, root: Path) -> None:
    seen: list[list[str]] = []

    def watched() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            seen.append(files(root))
            yield batch(number)

    archive.write(ORDER, watched())
    names = {Path(name).name for look in seen for name in look}
    assert all(name.startswith(".run.parquet.") and name.endswith(".tmp") for name in names)


def test_files_and_folders_are_their_owner_s_only(archive: Archive, root: Path) -> None:
    before = os.umask(0)
    try:
        archive.write(ORDER, [batch(1)])
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()}
    assert modes == {0o600}
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


@pytest.mark.parametrize("damage", ["changed", "truncated", "emptied", "gone"])
def test_damaged_file_is_refused_before_a_row_is_read(
    archive: Archive, root: Path, damage: str
) -> None:
    manifest = archive.write(ORDER, [batch(1, 2, 3)])
    path = root / NAME.parquet
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"changed": flipped, "truncated": content[:-1], "emptied": b""}[damage])
    with pytest.raises(ArchiveError, match="gone" if damage == "gone" else "sha256") as refusal:
        next(archive.read(NAME, manifest))
    assert refusal.value.retryable


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"manifest_version": 1}', b"\xff\xfe"])
def test_missing_or_broken_manifest_is_told(
    archive: Archive, root: Path, content: bytes | None
) -> None:
    archive.write(ORDER, [batch(1)])
    if content is None:
        (root / NAME.manifest).unlink()
    else:
        (root / NAME.manifest).write_bytes(content)
    with pytest.raises(ArchiveError, match="SALES"):
        archive.read_manifest(NAME)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc",
        "..",
        ".",
        ".hidden",
        "a/b",
        "/abs",
        "a\\b",
        "\u4e2d\U0001f35f",
        "%2E%2E",
        "~",
        "a b",
    ],
)
@pytest.mark.parametrize("what", ["table", "run_id"])
def test_any_name_lies_two_folders_below_the_root(
    archive: Archive, root: Path, name: str, what: str
) -> None:
    extract = replace(NAME, **{what: name})
    manifest = archive.write(replace(ORDER, name=extract), [batch(1)])
    assert [len(Path(path).parts) for path in files(root)] == [3, 3]
    assert not any(part.startswith(".") for path in files(root) for part in Path(path).parts)
    assert sum(read.num_rows for read in archive.read(extract, manifest)) == 1
    assert sorted(path.name for path in root.parent.iterdir()) == [root.name]


def test_different_names_never_share_a_file() -> None:
    names = ["a/b", "a%2Fb", "a_b", "a b", "A b", "a.b", "a%2Eb"]
    folders = {replace(NAME, table=name).folder for name in names}
    assert len(folders) == len(names)
    assert replace(NAME, part="fix").stem != replace(NAME, run_id="run.fix").stem


def test_sweep_removes_old_temp_files_only(archive: Archive, root: Path) -> None:
    archive.write(ORDER, [batch(1)])
    folder = (root / NAME.parquet).parent
    old, young = folder / ".x.parquet.1a2b.tmp", folder / ".y.parquet.1a2b.tmp"
    for path, age in ((old, 5000), (young, 10)):
        path.touch()
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    kept = files(root)
    kept.remove(str(old.relative_to(root)))
    assert archive.sweep_leftovers(older_than_seconds=3600, now=1_000_000) == 1
    assert files(root) == kept


def test_sweep_survives_a_temp_file_that_vanishes_meanwhile(archive: Archive, root: Path) -> None:
    """A link to nothing is what a file that its writer just renamed looks like."""
    folder = root / "SALES" / str(DAY)
    folder.mkdir(parents=True)
    (folder / ".x.parquet.1a2b.tmp").symlink_to("nothing")
    assert archive.sweep_leftovers(older_than_seconds=0, now=2_000_000_000) == 0


def test_sweep_of_a_folder_that_is_not_there_finds_nothing(archive: Archive) -> None:
    assert archive.sweep_leftovers(older_than_seconds=0, now=2_000_000_000) == 0


def test_a_new_try_removes_what_a_killed_writer_of_the_file_left(
    archive: Archive, root: Path
) -> None:
    folder = root / NAME.folder
    folder.mkdir(parents=True)
    (folder / ".run.parquet.1a2b3c4d.tmp").write_text("half a file")
    (folder / ".other.parquet.1a2b3c4d.tmp").write_text("another's")

    archive.write(ORDER, [batch(1)])

    assert sorted(path.name for path in folder.glob(".*")) == [".other.parquet.1a2b3c4d.tmp"]


def test_folder_that_cannot_be_made_is_told_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="REPLICA_EXPORTS") as refusal:
        Archive(FolderStore(tmp_path / "file" / "exports")).write(ORDER, [batch(1)])
    assert "SALES" in str(refusal.value)


def test_disk_without_room_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk."""
    import resource

    root = tmp_path / "exports"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        with pytest.raises(ArchiveError, match="write SALES"):
            Archive(FolderStore(root)).write(ORDER, [batch(*range(2000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(root) == []


def test_location_says_which_store(tmp_path: Path) -> None:
    for location in (str(tmp_path), f"file://{tmp_path}"):
        store = open_store(location)
        assert isinstance(store, FolderStore)
        assert store.root == tmp_path
    assert isinstance(open_store("mock://bucket"), ObjectStore)
    with pytest.raises(SettingsError, match="REPLICA_EXPORTS"):
        open_store("nonsense://bucket/folder")


def test_object_store_keeps_the_same_promises(tmp_path: Path) -> None:
    archive = Archive(ObjectStore(fs.LocalFileSystem(), str(tmp_path / "bucket")))
    manifest = archive.write(ORDER, [batch(1, 2)])
    assert sum(read.num_rows for read in archive.read(NAME, manifest)) == 2
    assert archive.read_manifest(NAME) == manifest
    with pytest.raises(RuntimeError, match="stop"):
        archive.write(ORDER, _raising(RuntimeError("stop")))
    assert not [name for name in files(tmp_path) if name.endswith(".json")]
    with pytest.raises(ArchiveError, match="gone"):
        next(archive.read(NAME, manifest))
