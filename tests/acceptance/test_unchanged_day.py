"""A large day that did not change costs a look, not a write."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from drive.shop import FIRST_DAY, Shop, day
from support.databases import connect
from support.replica import Replica
from support.specs import columns, daily, spec_text

ROWS = 66_667
_TYPES = {
    "ID": "bigint!", "SOLD_AT": "datetime", "SHOP": "varchar(10)", "NOTE": "nvarchar(80)",
    "PAID": "bit", "RATING": "float", "REF": "uniqueidentifier", "DUE": "date", "RAW": "binary(16)",
    **{f"AMOUNT_{number}": "decimal(16,4)" for number in range(8)},
    **{f"COUNT_{number}": "int" for number in range(8)},
}  # fmt: skip
_WIDE = spec_text(daily("WIDE", ["ID"], "SOLD_AT", columns=columns(**_TYPES)))
_FILL = f"""
    INSERT INTO "COM_5013"."WIDE"
    SELECT n, '{day(0)}'::timestamp + n * interval '1.29 seconds', 'S' || n % 90, 'note ' || n,
        n % 2 = 0, n / 7.0::float8, md5(n::text)::uuid, '{day(0)}'::date,
        decode(md5(n::text), 'hex'),
        {", ".join(["n / 8.0"] * 8)}, {", ".join(["n"] * 8)}
    FROM generate_series(1, {ROWS}) n
"""
_PLACES = """
    SELECT count(*), count(DISTINCT xmin::text),
           md5(string_agg(ctid::text || xmin::text, ',' ORDER BY "ID")) FROM "dbo"."WIDE"
"""


@pytest.fixture
def wide(new_shop: Shop, make_replica: Callable[[str], Replica]) -> Shop:
    """A copied day of many wide rows."""
    assert len(_TYPES) == 25
    replica = make_replica(_WIDE)
    (new_shop.folder / "specs.json").write_text(_WIDE, encoding="utf-8")
    replica.make_source("WIDE")
    with connect(new_shop.site.source_owner_url) as source:
        source.execute(_FILL)
    new_shop.must("backfill", "--start", day(0), "--end", day(0), "--inline")
    return new_shop


def test_a_check_of_an_unchanged_day_writes_no_row(wide: Shop) -> None:
    before = wide.target.execute(_PLACES).fetchone()

    answer = wide.must("check-fixes", "--date", str(FIRST_DAY), "--inline")

    assert before is not None
    assert before[0] == ROWS
    assert wide.target.execute(_PLACES).fetchone() == before
    run = json.loads(wide.must("history", "--json").out)[0]
    assert run["kind"] == "check_fixes"
    assert (run["rows_inserted"], run["rows_updated"], run["rows_deleted"]) == (0, 0, 0)
    assert "match" in answer.out
    whole, check = bytes_read(wide, "load"), bytes_read(wide, "fixes")
    assert check * 200 <= whole


def test_a_check_of_a_day_in_which_little_changed_reads_little(wide: Shop) -> None:
    wide.source.execute(
        'UPDATE "COM_5013"."WIDE" SET "NOTE" = upper("NOTE") WHERE "ID" % 100 = 7 AND "ID" < 66700'
    )

    wide.must("check-fixes", "--date", str(FIRST_DAY), "--inline")

    run = json.loads(wide.must("history", "--json").out)[0]
    assert (run["rows_inserted"], run["rows_updated"], run["rows_deleted"]) == (0, 667, 0)
    whole, check = bytes_read(wide, "load"), bytes_read(wide, "fixes")
    assert check * 10 <= whole
    differing = wide.source.execute('SELECT count(*) FROM "COM_5013"."WIDE"').fetchone()
    assert differing == wide.target.execute('SELECT count(*) FROM "dbo"."WIDE"').fetchone()


def bytes_read(shop: Shop, check: str) -> int:
    """What the source was asked for, for the day, by a load or by a check."""
    query = (
        "SELECT source_bytes_read FROM dbo.dimension_refresh_audit "
        "WHERE table_name = 'WIDE' AND check_name = %s AND day > '1900-01-01'"
    )
    (read,) = shop.target.execute(query, [check]).fetchone()
    return int(read)
