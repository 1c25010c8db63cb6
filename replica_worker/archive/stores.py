"""Where files lie: a folder of this machine, or an object store that pyarrow can open.

Both promise the same: a file at its final name is complete. A folder gets it by temp name →
flush → fsync → rename; object stores show an object only once it is closed.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
from pyarrow import fs

from replica_worker.errors import ArchiveError, SettingsError

_TEMPORARY = ".tmp"
_OWNER_ONLY_FILE = 0o600
_OWNER_ONLY_FOLDER = 0o700

_ADVICE = {
    errno.ENOSPC: ("Free disk space below the exports folder; the work goes on then", True),
    errno.EDQUOT: ("Raise the quota of the exports folder; the work goes on then", True),
    errno.EFBIG: ("Raise the limit on file sizes of the worker's process (`ulimit -f`)", False),
    errno.EACCES: ("Give this user the right to write to the exports folder", False),
    errno.EPERM: ("Give this user the right to write to the exports folder", False),
    errno.ENAMETOOLONG: ("Give the table a shorter name in the spec file", False),
    errno.ENOTDIR: ("Set REPLICA_EXPORTS to a folder; a file is in its way", False),
    errno.EROFS: ("Mount the exports folder writable, or set REPLICA_EXPORTS elsewhere", False),
}


class Store(Protocol):
    """Named files, written whole or not at all. Names are relative, with `/` between parts."""

    def create(self, name: str) -> Any:
        """Context manager: a binary file that appears under `name` when the block succeeds."""
        ...

    def open(self, name: str) -> Any:
        """A seekable binary file for reading; FileNotFoundError if there is none."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        ...

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another name in its folder, if it is there."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names of the files and folders in a folder, in order; none if it is not there."""
        ...

    def sweep_leftovers(self, *, older_than_seconds: float, now: float) -> int:
        """Remove what crashed writers left behind; the number of files removed."""
        ...

    def free_bytes(self) -> int | None:
        """How much may still be written; None where nobody knows."""
        ...


class FolderStore:
    """Files below a folder of this machine, readable by their owner only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """A temp file beside the final name, fsynced and renamed when the block succeeds.

        A name has one living writer, by the lock of its chunk: temp files of that name were left
        by writers that were killed, and go.
        """
        final = self.root / name
        _make_folders(final.parent, self.root)
        for left in final.parent.glob(f".{escape(final.name)}.*{_TEMPORARY}"):
            left.unlink(missing_ok=True)
        temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}{_TEMPORARY}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY_FILE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(final)
            _fsync_folder(final.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def open(self, name: str) -> BinaryIO:
        """Open for reading."""
        return (self.root / name).open("rb")

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        (self.root / name).unlink(missing_ok=True)

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another name, if it is there."""
        with suppress(FileNotFoundError):
            (self.root / name).rename(self.root / new_name)

    def names(self, folder: str) -> list[str]:
        """Names of the files and folders in a folder."""
        try:
            return sorted(os.listdir(self.root / folder))  # noqa: PTH208 - names are all we need
        except FileNotFoundError:
            return []

    def sweep_leftovers(self, *, older_than_seconds: float, now: float) -> int:
        """Remove temp files that no living writer can still be writing."""
        removed = 0
        for path in self.root.glob(f"*/*/.*{_TEMPORARY}"):
            try:
                if now - path.stat().st_mtime > older_than_seconds:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # renamed by its writer, or removed by another sweep, at this moment
        return removed

    def free_bytes(self) -> int | None:
        """What this user may still write to the folder's disk."""
        return shutil.disk_usage(self.root).free


class ObjectStore:
    """Objects of a pyarrow filesystem (S3, GCS, Azure, …); an object appears when it is closed."""

    def __init__(self, filesystem: fs.FileSystem, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")

    @contextmanager
    def create(self, name: str) -> Iterator[Any]:
        """A multipart upload that completes when the block succeeds."""
        path = self._path(name)
        self._filesystem.create_dir(path.rsplit("/", 1)[0], recursive=True)
        stream = self._filesystem.open_output_stream(path)
        try:
            yield stream
        except BaseException:
            stream.abort() if hasattr(stream, "abort") else stream.close()
            self.remove(name)
            raise
        stream.close()

    def open(self, name: str) -> Any:
        """Open for reading."""
        return self._filesystem.open_input_file(self._path(name))

    def remove(self, name: str) -> None:
        """Remove an object if it is there."""
        if self._filesystem.get_file_info(self._path(name)).type != fs.FileType.NotFound:
            self._filesystem.delete_file(self._path(name))

    def rename(self, name: str, new_name: str) -> None:
        """Give an object another name, if it is there."""
        if self._filesystem.get_file_info(self._path(name)).type != fs.FileType.NotFound:
            self._filesystem.move(self._path(name), self._path(new_name))

    def names(self, folder: str) -> list[str]:
        """Names of the objects and folders in a folder."""
        selector = fs.FileSelector(self._path(folder), allow_not_found=True)
        return sorted(found.base_name for found in self._filesystem.get_file_info(selector))

    def sweep_leftovers(self, *, older_than_seconds: float, now: float) -> int:
        """Nothing to do: an upload that did not complete left no object."""
        del older_than_seconds, now
        return 0

    def free_bytes(self) -> int | None:
        """Object stores do not tell."""
        return None

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def open_store(location: str) -> Store:
    """The store for `REPLICA_EXPORTS`: a path, or a URL with a scheme."""
    if "://" not in location:
        return FolderStore(Path(location).expanduser().absolute())
    if location.startswith("file://"):
        return FolderStore(Path(location.removeprefix("file://")))
    try:
        filesystem, root = fs.FileSystem.from_uri(location)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise SettingsError(
            operation="open REPLICA_EXPORTS",
            cause=f"pyarrow cannot open it ({type(error).__name__})",  # its words hold the URL
            next_step="Write a path, or a URL such as s3://bucket/folder",
        ) from None
    return ObjectStore(filesystem, root)


@contextmanager
def storage_errors(operation: str) -> Iterator[None]:
    """Turn the operating system's errors of the block into ArchiveErrors with advice."""
    try:
        yield
    except OSError as error:
        advice, retryable = _ADVICE.get(
            error.errno or 0, ("Check that REPLICA_EXPORTS can be read and written", True)
        )
        raise ArchiveError(
            operation=operation,
            cause=error.strerror or str(error).splitlines()[0],
            next_step=advice,
            retryable=retryable,
        ) from None


def _make_folders(folder: Path, root: Path) -> None:
    """Make the folder and those of its parents that lie below `root`, for the owner only."""
    missing = [
        path
        for path in (folder, *folder.parents)
        if not path.exists() and (path == root or root in path.parents)
    ]
    root.parent.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        path.mkdir(mode=_OWNER_ONLY_FOLDER, exist_ok=True)


def _fsync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
