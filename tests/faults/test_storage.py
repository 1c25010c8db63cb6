"""Exports that fill up, or are altered behind a worker's back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from drive.holder import Holder
from drive.programs import wait_until
from drive.shop import Shop, day
from drive.witness import expect_right_end, expect_success

from replica_worker.checkpoints import Checkpoint

DAYS = ("--start", day(0), "--end", day(1))


def test_a_file_altered_before_it_is_loaded_is_extracted_again(
    impatient: Shop, holder: Holder
) -> None:
    impatient.open(days=2)
    worker = holder.start(Checkpoint.EXTRACTED)
    waiting = impatient.start_replica("backfill", *DAYS, "--wait")
    holder.wait()
    (file,) = (impatient.folder / "exports").rglob("*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    holder.let_go()

    expect_success(waiting)
    assert worker.said().count("its sha256 is not the manifest's") == 1
    expect_right_end(impatient)
    assert sorted(chunk["failures"] for chunk in impatient.chunks())[-2:] == [0, 1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["/bin/umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_the_work_goes_on_when_there_is_room(
    impatient: Shop, small_disk: Path
) -> None:
    exports = small_disk / "exports"
    impatient.environment["REPLICA_EXPORTS"] = str(exports)
    impatient.open(days=2)
    filler = small_disk / "filler"
    fill(filler)
    impatient.worker("backfill")
    waiting = impatient.start_replica("backfill", *DAYS, "--wait")
    wait_until(
        lambda: bool(impatient.chunks("error LIKE '%Free disk space%'")), "a chunk without room"
    )
    filler.unlink()

    expect_success(waiting)
    expect_right_end(impatient)


def fill(path: Path) -> None:
    """Write until the disk has no room left."""
    with pytest.raises(OSError, match="No space left"):
        pour_into(path)


def pour_into(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
