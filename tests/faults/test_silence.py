"""Servers that keep their connections and say nothing: no time limit of TCP ever ends that."""

from __future__ import annotations

from drive.holder import Holder
from drive.programs import wait_until
from drive.shop import Shop, day
from drive.witness import expect_right_end, expect_success
from support.proxy import open_proxy_of

from replica_worker.checkpoints import Checkpoint

DAYS = ("--start", day(0), "--end", day(1))
LIMITS = {"REPLICA_STATEMENT_TIMEOUT": "2", "REPLICA_CONNECT_TIMEOUT": "2"}
FREEZE_BYTES = 400_000  # the rest of the shop is far smaller

_BIG_DAY = """
    INSERT INTO "COM_5013"."STORE_DAYS"
    SELECT 'B' || n, %s::date, n * 1.5 FROM generate_series(1, 20000) n
"""
REPLACED = "this process ends and is replaced"
GIVEN_UP = "error LIKE '%gave no sign for 4 s%'"


def test_a_source_that_falls_silent_in_the_middle_of_an_extract(impatient: Shop) -> None:
    impatient.open(days=2)
    impatient.source.execute(_BIG_DAY, [day(0)])
    impatient.environment.update(LIMITS)
    with open_proxy_of(impatient.site.source_url) as proxy:
        through = proxy.in_front_of(impatient.site.source_url)
        worker = impatient.worker("backfill", REPLICA_SOURCE_URL=through)
        proxy.freeze_after(FREEZE_BYTES)
        waiting = impatient.start_replica("backfill", *DAYS, "--wait")
        wait_until(lambda: proxy.frozen_links > 0, "a silent source")
        wait_until(lambda: bool(impatient.chunks(GIVEN_UP)), "a chunk that is given back")
        expect_success(waiting)

    expect_right_end(impatient)
    assert worker.said().count(REPLACED) == 1
    assert worker.popen.poll() is None, "the worker lives on"
    (given_back,) = impatient.chunks("outages > 0")
    assert (given_back["outages"], given_back["failures"]) == (1, 0)


def test_a_command_that_works_by_itself_ends_with_one_line(impatient: Shop) -> None:
    impatient.open(days=2)
    impatient.source.execute(_BIG_DAY, [day(0)])
    impatient.environment.update(LIMITS)
    with open_proxy_of(impatient.site.source_url) as proxy:
        through = proxy.in_front_of(impatient.site.source_url)
        proxy.freeze_after(FREEZE_BYTES)
        answer = impatient.replica("backfill", *DAYS, "--inline", REPLICA_SOURCE_URL=through)

    assert answer.code == 1, answer
    assert answer.err.splitlines()[-1].startswith("replica: no server gave a sign for 6 s")


def test_a_warehouse_that_falls_silent_in_the_middle_of_a_merge(
    impatient: Shop, holder: Holder
) -> None:
    impatient.open(days=2)
    impatient.environment.update(LIMITS)
    with open_proxy_of(impatient.site.target_url) as proxy:
        worker = holder.start(
            Checkpoint.MERGING, REPLICA_TARGET_URL=proxy.in_front_of(impatient.site.target_url)
        )
        waiting = impatient.start_replica("backfill", *DAYS, "--wait")
        holder.wait()
        proxy.freeze()
        holder.let_go()
        expect_success(waiting)

    expect_right_end(impatient)
    assert worker.said().count(REPLACED) == 1
    assert worker.popen.poll() is None, "the worker lives on"
