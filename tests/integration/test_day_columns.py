"""Where a day begins and ends, for every type that a day column may have."""

from __future__ import annotations

from datetime import date

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import columns, daily, spec_text

from replica_worker.model.chunks import ChunkState


def dated(sql_type: str) -> str:
    return spec_text(daily("T", ["ID"], "AT", columns=columns(ID="int!", AT=sql_type)))


EDGES = {
    "date": (("2026-03-14",), ("2026-03-13", "2026-03-15")),
    "datetime": (
        ("2026-03-14 00:00:00", "2026-03-14 23:59:59.997"),
        ("2026-03-13 23:59:59.997", "2026-03-15 00:00:00"),
    ),
    "smalldatetime": (
        ("2026-03-14 00:00:00", "2026-03-14 23:59:00"),
        ("2026-03-13 23:59:00", "2026-03-15 00:00:00"),
    ),
    "datetime2(3)": (
        ("2026-03-14 00:00:00", "2026-03-14 23:59:59.999"),
        ("2026-03-13 23:59:59.999", "2026-03-15 00:00:00"),
    ),
    "datetime2(7)": (
        ("2026-03-14 00:00:00", "2026-03-14 23:59:59.999999"),
        ("2026-03-13 23:59:59.999999", "2026-03-15 00:00:00"),
    ),
    # The zone is Asia/Kuala_Lumpur: its days begin at 16:00 UTC.
    "datetimeoffset(7)": (
        (
            "2026-03-13 16:00:00+00",
            "2026-03-14 15:59:59.999999+00",
            "2026-03-14 00:00:00+08",
            "2026-03-13 11:00:00-05",
        ),
        ("2026-03-13 15:59:59.999999+00", "2026-03-14 16:00:00+00", "2026-03-15 00:00:00+08"),
    ),
}


@pytest.mark.parametrize("sql_type", EDGES)
def test_day_is_half_open(make_replica, sql_type: str) -> None:
    replica = make_replica(dated(sql_type))
    replica.make_source()
    inside, outside = EDGES[sql_type]
    replica.insert("T", *enumerate(inside), *enumerate(outside, start=100), (999, None))
    assert replica.load("T", DAY).counts == (len(inside), 0, 0)
    assert replica.target_rows("T") == replica.source_rows("T", '"ID" < 100')


@pytest.mark.parametrize("sql_type", EDGES)
def test_row_moved_over_midnight_is_found_under_its_new_day(make_replica, sql_type: str) -> None:
    replica = make_replica(dated(sql_type))
    replica.make_source()
    inside, outside = EDGES[sql_type]
    replica.insert("T", *enumerate(inside))
    replica.load("T", DAY)
    replica.at_source('UPDATE "COM_5013"."T" SET "AT" = %s WHERE "ID" = 0', outside[-1])
    outcome = replica.load("T", DAY)
    assert (outcome.returned, outcome.row.rows_moved) == (ChunkState.MERGED, 1)
    assert replica.target_rows("T") == replica.source_rows("T")
    fixes = list((replica.exports / "T" / str(NEXT_DAY)).glob("*.fix.parquet"))
    assert len(fixes) == 1


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Kuala_Lumpur", date(2026, 3, 8), 24),
        ("America/New_York", date(2026, 3, 8), 23),  # clocks go forward
        ("America/New_York", date(2026, 11, 1), 25),  # clocks go back
        ("America/Havana", date(2023, 11, 5), 25),  # midnight itself comes twice
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # there is no midnight
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
    ],
)
def test_days_of_a_zone_have_no_gap_and_no_overlap(
    make_replica, zone: str, day: date, hours: float
) -> None:
    """A row every half hour over four days: each is loaded with exactly one day."""
    replica: Replica = make_replica(dated("datetimeoffset(0)"), timezone=zone)
    replica.make_source()
    replica.at_source(
        'INSERT INTO "COM_5013"."T" SELECT n, (%s::date - 1)::timestamp AT TIME ZONE \'UTC\' '
        "+ n * interval '30 minutes' FROM generate_series(0, 191) n",
        day,
    )
    by_day = {
        number: replica.load("T", date.fromordinal(day.toordinal() + number)).counts[0]
        for number in range(-2, 4)
    }
    assert by_day[0] == hours * 2
    assert sum(by_day.values()) == 192
    assert replica.target_rows("T") == replica.source_rows("T")
