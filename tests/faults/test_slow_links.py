"""A slow way to the source costs time, and nothing else."""

from __future__ import annotations

from drive.shop import Shop, day
from drive.witness import expect_right_end, expect_success
from support.proxy import open_proxy_of

DAYS = ("--start", day(0), "--end", day(0), "--table", "STORE_DAYS")
LIMITS = {"REPLICA_STATEMENT_TIMEOUT": "2", "REPLICA_CONNECT_TIMEOUT": "1"}
SMALL_BATCHES = {"REPLICA_BATCH_BYTES": "65536"}
BYTES_PER_SECOND = 150_000

_BIG_DAY = """
    INSERT INTO "COM_5013"."STORE_DAYS"
    SELECT 'B' || n, %s::date, n * 1.5 FROM generate_series(1, 20000) n
"""


def test_a_chunk_over_a_slow_link_keeps_its_lease(impatient: Shop) -> None:
    impatient.open(days=1)
    impatient.source.execute(_BIG_DAY, [day(0)])
    impatient.environment.update(LIMITS | SMALL_BATCHES)
    with open_proxy_of(impatient.site.source_url) as proxy:
        through = proxy.in_front_of(impatient.site.source_url)
        impatient.worker("backfill", REPLICA_SOURCE_URL=through)
        proxy.bytes_per_second = BYTES_PER_SECOND
        expect_success(impatient.start_replica("backfill", *DAYS, "--wait"))

    expect_right_end(impatient, "STORE_DAYS")
    (big,) = impatient.chunks(f"table_name = 'STORE_DAYS' AND day = '{day(0)}'")
    assert big["extract_seconds"] > 3, "longer than lease and silence may be"
    tries = {(chunk["attempt"], chunk["outages"]) for chunk in impatient.chunks()}
    assert tries == {(1, 0)}
