"""Databases that restart or crash and connections that are cut, in the middle of a chunk."""

from __future__ import annotations

import os
import signal

import pytest
from drive.holder import Holder
from drive.programs import wait_until
from drive.shop import Shop, day
from drive.witness import expect_right_end, expect_success
from support.databases import connect
from support.proxy import open_proxy_of

from replica_worker.checkpoints import Checkpoint
from replica_worker.embedded import EmbeddedStack

DAYS = ("--start", day(0), "--end", day(1))
MANY_DAYS = 100  # so small that they are grouped
GROUP = "replica.replicate_group"
START_SECONDS = 60
CUT_BYTES, BIG_DAY_BYTES = 400_000, 700_000  # the rest of the shop is far smaller than the cut

_BIG_DAY = """
    INSERT INTO "COM_5013"."STORE_DAYS"
    SELECT 'B' || n, %s::date, n * 1.5 FROM generate_series(1, 20000) n
"""


def test_both_databases_crash_in_the_middle_of_a_group(
    impatient: Shop, holder: Holder, stack: EmbeddedStack
) -> None:
    words = impatient.open_small_days(MANY_DAYS)
    worker = holder.start(Checkpoint.MERGING, HELD_TASK=GROUP)
    run_id = impatient.begin(*words)
    holder.wait()
    server = stack.postgres
    assert server is not None
    assert server.pid is not None
    try:
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        holder.let_go()
        worker.wait_for("Connection refused")
    finally:
        server.wait_ready(START_SECONDS)
    impatient.source = connect(impatient.site.source_owner_url)
    impatient.target = connect(impatient.site.target_url)
    impatient.worker("daily")
    impatient.beat()  # its sweep brings the group back

    assert impatient.wait_closed(run_id)["status"] == "succeeded"
    expect_right_end(impatient, "STORE_DAYS")
    assert {chunk["failures"] for chunk in impatient.chunks()} == {0}


@pytest.mark.parametrize(
    ("point", "is_crash"), [(Checkpoint.EXTRACTED, False), (Checkpoint.MERGING, True)]
)
def test_both_databases_go_and_come_back(
    impatient: Shop, holder: Holder, stack: EmbeddedStack, point: Checkpoint, is_crash: bool
) -> None:
    impatient.open(days=2)
    worker = holder.start(point)
    run_id = impatient.begin("backfill", *DAYS)
    holder.wait()
    server = stack.postgres
    assert server is not None
    assert server.pid is not None
    port = server.port
    try:
        if is_crash:
            os.kill(server.pid, signal.SIGKILL)
        server.stop()
        holder.let_go()
        worker.wait_for("Connection refused")
    finally:
        server.wait_ready(START_SECONDS)
    assert server.port == port
    impatient.source = connect(impatient.site.source_owner_url)
    impatient.target = connect(impatient.site.target_url)
    impatient.worker("daily")
    impatient.beat()  # its sweep brings the chunk back

    assert impatient.wait_closed(run_id)["status"] == "succeeded"
    expect_right_end(impatient)


def test_the_source_cut_in_the_middle_of_an_extract(impatient: Shop) -> None:
    impatient.open(days=2)
    impatient.source.execute(_BIG_DAY, [day(0)])
    with open_proxy_of(impatient.site.source_url) as proxy:
        through = proxy.in_front_of(impatient.site.source_url)
        impatient.worker("backfill", REPLICA_SOURCE_URL=through)
        proxy.cut_after(CUT_BYTES)
        expect_success(impatient.start_replica("backfill", *DAYS, "--wait"))
        assert proxy.bytes_to_clients > BIG_DAY_BYTES

    expect_right_end(impatient)
    assert sum(chunk["outages"] for chunk in impatient.chunks("table_name = 'STORE_DAYS'")) == 1


def test_the_warehouse_cut_in_the_middle_of_a_merge(impatient: Shop, holder: Holder) -> None:
    impatient.open(days=2)
    with open_proxy_of(impatient.site.target_url) as proxy:
        holder.start(
            Checkpoint.MERGING,
            REPLICA_TARGET_URL=proxy.in_front_of(impatient.site.target_url),
        )
        waiting = impatient.start_replica("backfill", *DAYS, "--wait")
        holder.wait()
        proxy.cut()
        holder.let_go()
        expect_success(waiting)

    expect_right_end(impatient)
    assert sum(chunk["outages"] for chunk in impatient.chunks()) == 1


def test_the_warehouse_cut_in_the_middle_of_a_group_s_merge(
    impatient: Shop, holder: Holder
) -> None:
    words = impatient.open_small_days(MANY_DAYS)
    with open_proxy_of(impatient.site.target_url) as proxy:
        through = proxy.in_front_of(impatient.site.target_url)
        holder.start(Checkpoint.MERGING, HELD_TASK=GROUP, REPLICA_TARGET_URL=through)
        waiting = impatient.start_replica(*words, "--wait")
        holder.wait()
        proxy.cut()
        holder.let_go()
        expect_success(waiting)

    expect_right_end(impatient, "STORE_DAYS")
    expect_one_cut_group(impatient)


def test_the_source_cut_in_the_middle_of_a_group(impatient: Shop, holder: Holder) -> None:
    words = impatient.open_small_days(MANY_DAYS)
    with open_proxy_of(impatient.site.source_url) as proxy:
        through = proxy.in_front_of(impatient.site.source_url)
        holder.start(Checkpoint.CLAIMED, HELD_TASK=GROUP, REPLICA_SOURCE_URL=through)
        waiting = impatient.start_replica(*words, "--wait")
        holder.wait()
        with impatient.blocked("STORE_DAYS"):
            holder.let_go()
            wait_until(lambda: is_asked(impatient), "a question to the source")
            proxy.cut()
        expect_success(waiting)

    expect_right_end(impatient, "STORE_DAYS")
    expect_one_cut_group(impatient)


def expect_one_cut_group(shop: Shop) -> None:
    """It was an outage for each of its days, and they stayed together."""
    cut = shop.chunks("outages > 0")
    assert {(chunk["outages"], chunk["attempt"]) for chunk in cut} == {(1, 2)}
    first = cut[0]["day"]
    assert cut == shop.chunks(f"group_day = '{first}'")
    assert len(cut) > 1


def is_asked(shop: Shop) -> bool:
    """Whether somebody waits for a table of the source."""
    return shop.source.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None
