"""What has to be true when a run has ended, whatever died on the way."""

from __future__ import annotations

import hashlib
import json

from drive.programs import Program, wait_until
from drive.shop import Shop

MOST_ATTEMPTS = 5  # the default of REPLICA_MAX_ATTEMPTS

_NOTE_MERGES = """
    CREATE TABLE "dbo".merges (run_id text, table_name text, day date);
    CREATE FUNCTION "dbo".note_merge() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO "dbo".merges VALUES (NEW.run_id, NEW.table_name, NEW.day);
        RETURN NEW;
    END $$;
    CREATE TRIGGER note_merge AFTER UPDATE ON "dbo"."etl_progress" FOR EACH ROW
      WHEN (NEW.state = 'merged' AND OLD.state <> 'merged') EXECUTE FUNCTION "dbo".note_merge();
"""


def note_merges(shop: Shop) -> None:
    """Have the warehouse count, by a trigger, how often each chunk is merged."""
    shop.target.execute(_NOTE_MERGES)


def expect_right_end(shop: Shop, *tables: str, most_attempts: int | None = MOST_ATTEMPTS) -> None:
    """One history row, every chunk done once, equal rows, whole files, and nothing left over."""
    run = shop.only_run()
    assert (run["status"], run["chunks_done"]) == ("succeeded", run["chunks"])
    loads = len(shop.chunks("action = 'load'"))
    assert merges(shop) == (loads, loads), "each chunk was merged once"
    shop.expect_equal(*tables)
    if most_attempts is not None:
        assert max(chunk["attempt"] for chunk in shop.chunks()) <= most_attempts
    expect_nothing_left(shop)
    expect_whole_files(shop)
    expect_extracts_in_force(shop)


def merges(shop: Shop) -> tuple[object, ...]:
    """How many merges there were, and of how many chunks."""
    row = shop.target.execute(
        'SELECT count(*), count(DISTINCT (run_id, table_name, day)) FROM "dbo".merges'
    ).fetchone()
    assert row
    return row


def expect_nothing_left(shop: Shop) -> None:
    """The sweep may come a moment after the run's end."""

    def is_swept() -> bool:
        found = "SELECT 1 FROM pg_tables WHERE schemaname = 'replica_stage'"
        return shop.target.execute(found).fetchone() is None

    wait_until(is_swept, "the sweep of staging tables")
    assert list((shop.folder / "exports").rglob(".*.tmp")) == []


def expect_whole_files(shop: Shop) -> None:
    """Every manifest's sha256 is its file's."""
    for path in (shop.folder / "exports").rglob("*.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        content = path.with_name(manifest["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == manifest["sha256"], path


def expect_extracts_in_force(shop: Shop) -> None:
    """What was merged is what a replay would merge: the manifest of that very attempt is there."""
    for chunk in shop.chunks("sha256 IS NOT NULL"):
        path = (shop.folder / "exports" / chunk["file"]).with_suffix(".json")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found = (manifest["sha256"], manifest["attempt"], manifest["rows"])
        assert found == (chunk["sha256"], chunk["attempt"], chunk["rows_extracted"]), path


def expect_success(waiting: Program, limit_seconds: float = 90) -> None:
    """A command that waits for its run ends well."""
    assert waiting.popen.wait(limit_seconds) == 0, waiting.said()
