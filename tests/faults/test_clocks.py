"""No worker's clock decides anything: the warehouse's does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from celery import Celery
from drive.programs import procfile_line, shell_argv, wait_until
from drive.shop import Shop


def test_a_worker_whose_clock_jumped_begins_last_night_and_ends_it(staffed: Shop) -> None:
    staffed.open(days=1)
    worker = staffed.start(
        shell_argv(procfile_line("-Q daily"), "--concurrency", "1", "--include", "wrong_clock"),
        PYTHONPATH=str(Path(__file__).parent),
    )
    worker.wait_for(" ready.")
    url = staffed.environment["REPLICA_BROKER_URL"]
    before = datetime.now(UTC)
    with Celery(broker=url).connection_for_write() as connection:
        Celery(broker=url).send_task("replica.start_nightly", queue="daily", connection=connection)
    wait_until(lambda: bool(staffed.runs()), "the night's run")
    after = datetime.now(UTC)

    run = staffed.wait_closed(staffed.only_run()["run_id"])

    zone = ZoneInfo("Asia/Kuala_Lumpur")
    nights = {(moment.astimezone(zone) - timedelta(days=1)).date() for moment in (before, after)}
    assert run["status"] == "succeeded"
    assert run["last_day"] in nights
    assert abs(run["ended_at"].replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(days=1)
