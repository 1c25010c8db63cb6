"""Exports that fill up, cannot be written, or are altered behind a worker's back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drive.holder import Holder
from drive.programs import procfile_line, wait_until
from drive.shop import TABLES, Shop, day
from drive.witness import expect_nothing_left, expect_right_end, expect_success

from replica_worker.checkpoints import Checkpoint

DAYS = ("--start", day(0), "--end", day(1))
MOST_BLOCKS = 200  # of 512 bytes; the big day's file has more

_BIG_DAY = """
    INSERT INTO "COM_5013"."STORE_DAYS"
    SELECT 'B' || n, %s::date, n * 1.5 FROM generate_series(1, 20000) n
"""


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (truncate, "its sha256 is not the manifest's"),
        (Path.unlink, "the file is gone"),
    ],
)
def test_a_file_harmed_before_it_is_loaded_is_extracted_again(
    impatient: Shop, holder: Holder, harm: Callable[[Path], object], told: str
) -> None:
    impatient.open(days=2)
    worker = holder.start(Checkpoint.EXTRACTED)
    waiting = impatient.start_replica("backfill", *DAYS, "--wait")
    holder.wait()
    (file,) = (impatient.folder / "exports").rglob("*.parquet")
    harm(file)
    holder.let_go()

    expect_success(waiting)
    assert worker.said().count(told) == 1
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


def test_exports_that_become_read_only_fail_their_chunks_with_advice(
    impatient: Shop, small_disk: Path
) -> None:
    impatient.environment["REPLICA_EXPORTS"] = str(small_disk / "exports")
    impatient.open(days=2)
    impatient.worker("backfill")
    remount(small_disk, "ro")
    run_id = impatient.begin("backfill", *DAYS)

    assert impatient.wait_closed(run_id)["status"] == "failed"
    failed = impatient.chunks("state = 'failed'")
    assert {chunk["table_name"] for chunk in failed} == set(TABLES)
    for chunk in failed:
        assert "Mount the exports folder writable" in chunk["error"]
        assert chunk["attempt"] == 1, "trying again would not have helped"
    remount(small_disk, "rw")
    expect_success(impatient.start_replica("retry", run_id, "--wait"))
    expect_right_end(impatient)


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["/bin/mount", "-o", f"remount,{mode}", str(folder)], check=True)


def test_a_file_that_grows_over_the_limit_of_its_process_fails_with_advice(
    impatient: Shop,
) -> None:
    impatient.open(days=2)
    impatient.source.execute(_BIG_DAY, [day(0)])
    command = procfile_line("-Q backfill")
    limited = impatient.start(
        ["/bin/sh", "-c", f"ulimit -f {MOST_BLOCKS} && exec {command} --concurrency 1"]
    )
    limited.wait_for(" ready.")
    run_id = impatient.begin("backfill", *DAYS)

    assert impatient.wait_closed(run_id)["status"] == "failed"
    (failed,) = impatient.chunks("state = 'failed'")
    assert (failed["table_name"], str(failed["day"])) == ("STORE_DAYS", day(0))
    assert "ulimit -f" in failed["error"]
    expect_nothing_left(impatient)
    limited.end()
    impatient.worker("backfill")
    expect_success(impatient.start_replica("retry", run_id, "--wait"))
    expect_right_end(impatient)


def fill(path: Path) -> None:
    """Write until the disk has no room left."""
    with pytest.raises(OSError, match="No space left"):
        pour_into(path)


def pour_into(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
