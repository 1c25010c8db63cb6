"""kill -9 of a worker's child at every step of a chunk: the run ends right, by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from drive.programs import procfile_line, shell_argv, wait_until
from drive.shop import Shop, day

from replica_worker.checkpoints import Checkpoint

STEPS = [*(point.value for point in Checkpoint), "before ack"]
MOST_ATTEMPTS = 5


@pytest.fixture
def merges(staffed: Shop) -> Shop:
    """A shop whose warehouse counts, by a trigger, how often each chunk was merged."""
    staffed.environment.update(REPLICA_LEASE="2", REPLICA_LOST_AFTER="2")
    staffed.open(days=2)
    staffed.target.execute(
        """
        CREATE TABLE "dbo".merges (run_id text, table_name text, day date);
        CREATE FUNCTION "dbo".note_merge() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO "dbo".merges VALUES (NEW.run_id, NEW.table_name, NEW.day);
            RETURN NEW;
        END $$;
        CREATE TRIGGER note_merge AFTER UPDATE ON "dbo"."etl_progress" FOR EACH ROW
          WHEN (NEW.state = 'merged' AND OLD.state <> 'merged') EXECUTE FUNCTION "dbo".note_merge();
        """
    )
    return staffed


def start_fatal_worker(shop: Shop, step: str, mark: Path) -> None:
    worker = shop.start(
        shell_argv(procfile_line("-Q backfill"), "--concurrency", "1", "--include", "fatal"),
        PYTHONPATH=str(Path(__file__).parent),
        FATAL_POINT=step,
        FATAL_MARK=str(mark),
    )
    worker.wait_for(" ready.")


@pytest.mark.parametrize("step", STEPS)
def test_a_child_that_is_killed_costs_nothing_but_time(
    merges: Shop, step: str, tmp_path: Path
) -> None:
    mark = tmp_path / "killed"
    start_fatal_worker(merges, step, mark)

    waiting = merges.start_replica("backfill", "--start", day(0), "--end", day(1), "--wait")

    assert waiting.popen.wait(60) == 0, waiting.said()
    wait_until(mark.exists, f"a death at {step!r}")
    run = merges.only_run()
    assert (run["status"], run["chunks_done"]) == ("succeeded", run["chunks"])
    merges.expect_equal()
    merged = merges.target.execute(
        "SELECT count(*), count(DISTINCT (run_id, table_name, day)) FROM dbo.merges"
    ).fetchone()
    assert merged == (run["chunks"], run["chunks"]), "each chunk was merged once"
    attempts = [chunk["attempt"] for chunk in merges.chunks()]
    assert max(attempts) <= MOST_ATTEMPTS
    assert_nothing_left(merges)


def assert_nothing_left(shop: Shop) -> None:
    staging = shop.target.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'replica_stage'"
    ).fetchall()
    assert staging == []
    assert list((shop.folder / "exports").rglob(".*.tmp")) == []
