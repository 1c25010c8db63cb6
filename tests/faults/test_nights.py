"""Nights that nobody began, as no beat was running, are begun when one is back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from drive.programs import procfile_line, wait_until
from drive.shop import Shop
from drive.witness import expect_nothing_left, expect_whole_files

_SELL = """
    INSERT INTO "COM_5013"."STORE_DAYS"
    SELECT 'S' || store, day, 1.5 * store
    FROM unnest(%s::date[]) day, generate_series(1, 3) store
"""
_BEGUN_BEFORE = """
    INSERT INTO "dbo".replica_run_history
      (run_id, kind, first_day, last_day, tables, options, status, chunks, started_at, ended_at,
       asked_by, product_version)
    VALUES (%s, 'nightly', %s, %s, '["STORE_DAYS"]', '{}', 'succeeded', 0, now(), now(), 'beat',
            '0')
"""


def today() -> date:
    return datetime.now(UTC).astimezone(ZoneInfo("Asia/Kuala_Lumpur")).date()


def test_a_missed_weekend_is_made_up_once_by_two_beats(impatient: Shop) -> None:
    days = [today() - timedelta(days=number) for number in range(5, 0, -1)]
    impatient.open(days=0)
    impatient.source.execute(_SELL, [days])
    before, *missed = (f"nightly-{day}" for day in days)
    impatient.target.execute(_BEGUN_BEFORE, [before, days[0], days[0]])
    impatient.worker("daily")
    impatient.beat()
    impatient.start([*procfile_line(" beat ").split(), "--schedule", "second"])

    def ended() -> set[str]:
        return {run["run_id"] for run in impatient.runs() if run["status"] == "succeeded"}

    wait_until(lambda: set(missed[:3]) <= ended(), "the nights that were missed")

    # Last night is missed from three in the morning on, or begun by its own tick at two.
    assert {before, *missed[:3]} <= {run["run_id"] for run in impatient.runs()} <= {before, *missed}
    impatient.expect_equal("STORE_DAYS", where=f"\"DAY\" BETWEEN '{days[1]}' AND '{days[3]}'")
    expect_nothing_left(impatient)
    expect_whole_files(impatient)
