"""Groups: small neighbouring days loaded together leave what loading each alone leaves."""

from __future__ import annotations

import pytest
from support.grouped import (
    ALONE,
    DAYS,
    STAMPS,
    TIMES,
    backfill,
    begin,
    day_at,
    expect_copy,
    fill,
    finish,
    hand_out,
    plan,
    work_on_first_group,
)
from support.replica import DAY, Replica
from support.specs import SALES, VERSIONED, spec_text

from replica_worker.checkpoints import Checkpoint, watch
from replica_worker.errors import LeaseLostError
from replica_worker.model.chunks import STRAYS, Action, ChunkId, ChunkState, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.model.grouping import MOST_DAYS, GroupRules
from replica_worker.usecases.chunk_work import lock_name
from replica_worker.usecases.group_work import work_on
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import begin_run

INSERT = 'INSERT INTO dbo."SALES" ("ID", "DAY", "AMOUNT", "NOTE")'
LONG_AGO = "2020-01-01 00:00:00"


@pytest.fixture
def replica(make_replica) -> Replica:
    return fill(make_replica(spec_text(SALES, VERSIONED, TIMES, STAMPS)))


def account(replica: Replica, run_id: str) -> list[tuple[object, ...]]:
    """What the ledger, the audit and the archive say of a run's chunks, but for time and ids."""
    said: list[tuple[object, ...]] = []
    audit = {(row.table, row.day): row for row in replica.deployment.ledger.audit.of_run(run_id)}
    for row in replica.deployment.ledger.chunks.of_run(run_id):
        chunk = row.chunk
        counts = (row.rows_extracted, row.rows_inserted, row.rows_updated, row.rows_deleted)
        proof = audit[chunk.table, chunk.day]
        files = [
            (manifest.kind, manifest.rows, manifest.sha256, manifest.digest)
            for name, manifest in replica.deployment.archive.extracts(chunk.table, chunk.day)
            if name.run_id == run_id
        ]
        said.append(
            (
                *(chunk.table, chunk.day, row.state, row.verdict, row.digest, *counts),
                *(proof.verdict, proof.source_rows, proof.target_rows, proof.inserted),
                *(proof.method, proof.source_rows_read, proof.unparsable_dates, files),
            )
        )
    return said


def test_neighbouring_small_days_of_a_table_are_handed_out_together(replica: Replica) -> None:
    run_id = begin(replica, "SALES")

    given = hand_out(replica, run_id)

    assert [(one.chunk.day, one.is_group) for one in given] == [
        (STRAYS, False),
        (DAY, True),
        (day_at(5), True),
        (day_at(10), True),
    ]
    outlook = replica.deployment.ledger.handing_out.outlook(run_id)
    assert outlook
    assert (outlook.under_way, outlook.has_pending) == (4, False), "a group counts as one"


def test_window_has_room_for_so_many_groups(replica: Replica) -> None:
    narrow = replica.with_policy(window=3)
    run_id = begin(narrow, "SALES")
    assert [one.chunk.day for one in hand_out(narrow, run_id)] == [STRAYS, DAY, day_at(5)]
    assert hand_out(narrow, run_id) == []


def test_window_may_be_wider_than_what_one_statement_names(make_replica) -> None:
    replica = make_replica(spec_text(SALES)).with_policy(window=2_500)
    replica.make_source()
    days = DayRange(first=DAY, end=day_at(2_400))
    run_id = begin_run(
        replica.deployment, plan(replica, "SALES", rules=ALONE, days=days), asked_by="t"
    )
    assert run_id
    assert len(hand_out(replica, run_id)) == 2_401
    assert hand_out(replica, run_id) == []
    states = {row.state for row in replica.deployment.ledger.chunks.of_run(run_id)}
    assert states == {ChunkState.QUEUED}


def test_longest_group_is_loaded_at_once(make_replica) -> None:
    replica = make_replica(spec_text(SALES))
    replica.make_source()
    for at in (0, 100, MOST_DAYS - 1):
        replica.insert("SALES", (at, day_at(at), at, f"sale {at}"))
    days = DayRange(first=DAY, end=day_at(MOST_DAYS))
    longest = GroupRules(most_days=MOST_DAYS, fewest_hand_outs=1)
    run_id = begin_run(
        replica.deployment, plan(replica, "SALES", rules=longest, days=days), asked_by="t"
    )
    assert run_id
    assert work_on_first_group(replica, run_id) is ChunkState.MERGED
    expect_copy(replica, "SALES")
    rows = replica.deployment.ledger.chunks.of_run(run_id)
    merged = [row.chunk.day for row in rows if row.state is ChunkState.MERGED]
    assert merged == list(days)


def test_grouped_days_leave_what_days_alone_leave(replica: Replica, make_replica) -> None:
    tables = ("SALES", "VERSIONED", "TIMES", "STAMPS")
    grouped = account(replica, backfill(replica, *tables))
    expect_copy(replica, *tables)
    for table in tables:
        replica.at_target(f'DELETE FROM dbo."{table}"')

    alone = account(replica, backfill(replica, *tables, rules=ALONE))

    assert grouped == alone
    assert {row[2] for row in grouped} == {ChunkState.MERGED}


def test_days_that_the_warehouse_has_are_not_touched(replica: Replica) -> None:
    backfill(replica, "SALES")
    before = replica.row_places("SALES")

    again = backfill(replica, "SALES")

    assert replica.row_places("SALES") == before
    rows = replica.deployment.ledger.chunks.of_run(again)
    assert {row.attempt for row in rows} == {1}, "they went together"
    assert {(row.rows_inserted, row.rows_updated, row.rows_deleted) for row in rows} == {(0, 0, 0)}


@pytest.mark.parametrize(
    "change",
    [
        'UPDATE dbo."SALES" SET "NOTE" = \'edited\' WHERE "ID" = 31',
        'DELETE FROM dbo."SALES" WHERE "ID" = 31',
        f"{INSERT} VALUES (999, '{day_at(3)}', 0, 'is not at the source')",
        f'UPDATE dbo."SALES" SET "DAY" = \'{day_at(2)}\' WHERE "ID" = 31',
        f'UPDATE dbo."SALES" SET "DAY" = \'{day_at(-30)}\' WHERE "ID" = 31',
    ],
    ids=["edited", "gone", "surplus", "on another day of the group", "on another day"],
)
def test_days_that_differ_are_taken_apart_and_mended(replica: Replica, change: str) -> None:
    backfill(replica, "SALES")
    replica.at_target(change)
    run_id = begin(replica, "SALES")

    assert work_on_first_group(replica, run_id) is ChunkState.PENDING

    states = {row.chunk.day: row.state for row in replica.deployment.ledger.chunks.of_run(run_id)}
    assert [states[day_at(at)] for at in range(5)] == [ChunkState.PENDING] * 5
    assert [one.is_group for one in hand_out(replica, run_id)] == [False] * 5
    replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
    finish(replica, run_id)
    expect_copy(replica, "SALES")


def test_a_row_of_another_day_in_an_empty_stretch_is_moved(replica: Replica) -> None:
    replica.at_target(f"{INSERT} VALUES (31, '{day_at(-30)}', 0, 'before')")
    run_id = begin(replica, "SALES")
    assert work_on_first_group(replica, run_id) is ChunkState.PENDING
    replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
    finish(replica, run_id)
    expect_copy(replica, "SALES")


def test_a_bad_row_fails_its_own_day_only(make_replica) -> None:
    replica = make_replica(spec_text(SALES))
    replica.make_source("SALES", unlike={"NOTE": "varchar(400)"})
    for at, day in enumerate(DAYS):
        replica.insert("SALES", (at, day, at, "short enough"))
    replica.at_source('UPDATE "COM_5013"."SALES" SET "NOTE" = %s WHERE "ID" = 7', "x" * 300)
    run_id = begin(replica, "SALES")
    run = work_inline(replica.deployment, run_id, worker="w", on_progress=lambda: None)
    assert run.status is RunStatus.FAILED
    failed = [
        row.chunk.day
        for row in replica.deployment.ledger.chunks.of_run(run_id)
        if row.state is not ChunkState.MERGED
    ]
    assert failed == [day_at(7)]
    assert replica.target_rows("SALES") == replica.source_rows("SALES", '"ID" <> 7')


def test_days_that_have_grown_since_they_were_counted_are_taken_apart(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    little = replica.with_policy(groups=GroupRules(most_values=8))
    assert work_on_first_group(little, run_id) is ChunkState.PENDING
    replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
    finish(replica, run_id)
    expect_copy(replica, "SALES")


def test_a_group_waits_for_no_day_that_another_run_is_at(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    name = lock_name(replica.spec.table("SALES"), day_at(3))
    warehouse = replica.deployment.warehouse
    with warehouse.sql.connect() as other, warehouse.lock_chunk(other, name) as is_ours:
        assert is_ours
        assert work_on_first_group(replica, run_id) is ChunkState.PENDING
        assert replica.target_rows("SALES") == []
    replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
    finish(replica, run_id)
    expect_copy(replica, "SALES")


def test_locks_of_a_group_are_given_back(replica: Replica) -> None:
    backfill(replica, "SALES")
    warehouse = replica.deployment.warehouse
    names = [lock_name(replica.spec.table("SALES"), day) for day in DAYS]
    with (
        warehouse.sql.connect() as mine,
        warehouse.sql.connect() as theirs,
        warehouse.lock_chunks(mine, names[:5]) as first,
        warehouse.lock_chunks(theirs, names[5:]) as others,
    ):
        assert (first, others) == (True, True)


def test_some_of_many_locks_are_none(replica: Replica) -> None:
    warehouse = replica.deployment.warehouse
    with warehouse.sql.connect() as mine, warehouse.sql.connect() as theirs:
        with warehouse.lock_chunks(mine, ["b"]) as is_mine:
            with warehouse.lock_chunks(theirs, ["a", "b", "c"]) as are_theirs:
                assert (is_mine, are_theirs) == (True, False)
            with warehouse.lock_chunks(theirs, ["a", "c"]) as are_theirs:
                assert are_theirs
        with warehouse.lock_chunks(theirs, ["a", "b", "c"]) as are_theirs:
            assert are_theirs


class StoppedError(BaseException):
    """Ends the work at a checkpoint as a kill would: nothing is done after it."""


@pytest.mark.parametrize(
    "point", [Checkpoint.CLAIMED, Checkpoint.EXTRACTED, Checkpoint.STAGED, Checkpoint.MERGING]
)
def test_a_group_that_ends_half_way_leaves_nothing_half(
    replica: Replica, point: Checkpoint
) -> None:
    run_id = begin(replica, "SALES")

    def stop(reached: Checkpoint) -> None:
        if reached is point:
            raise StoppedError

    watch(stop)
    try:
        with pytest.raises(StoppedError):
            work_on_first_group(replica, run_id)
    finally:
        watch(None)
    assert replica.target_rows("SALES") == []
    assert {row.state for row in replica.deployment.ledger.chunks.of_run(run_id)} == {
        ChunkState.QUEUED,
        ChunkState.RUNNING,
    }
    replica.at_target(
        f"UPDATE dbo.etl_progress SET lease_until = '{LONG_AGO}',"
        " state = CASE state WHEN 'queued' THEN 'pending' ELSE state END"
    )
    finish(replica, run_id)
    expect_copy(replica, "SALES")
    died = [
        row.chunk.day for row in replica.deployment.ledger.chunks.of_run(run_id) if row.attempt == 2
    ]
    assert died == [day_at(at) for at in range(5)]
    assert replica.at_target("SELECT count(*) FROM dbo.etl_progress WHERE group_day = %s", DAY) == [
        (0,)
    ], "each of them was tried alone"


def test_a_group_that_lost_one_lease_commits_nothing(replica: Replica) -> None:
    run_id = begin(replica, "SALES")

    def steal(reached: Checkpoint) -> None:
        if reached is Checkpoint.EXTRACTED:
            replica.at_target(
                "UPDATE dbo.etl_progress SET attempt = attempt + 1 WHERE day = %s", day_at(2)
            )

    watch(steal)
    try:
        assert work_on_first_group(replica, run_id) is None
    finally:
        watch(None)
    assert replica.target_rows("SALES") == []
    states = {row.chunk.day: row.state for row in replica.deployment.ledger.chunks.of_run(run_id)}
    assert [states[day_at(at)] for at in range(5)] == [
        *[ChunkState.PENDING] * 2,
        ChunkState.RUNNING,
        *[ChunkState.PENDING] * 2,
    ], "what was still its own is given back"


def test_leases_of_a_group_are_required_all_together(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    hand_out(replica, run_id)
    ledger, warehouse = replica.deployment.ledger, replica.deployment.warehouse
    with warehouse.sql.connect() as connection:
        claims = ledger.groups.claim(
            ChunkId(run_id=run_id, table="SALES", day=DAY),
            worker="w",
            lease_seconds=60,
            connection=connection,
        )
        assert [claim.chunk.day for claim in claims] == [day_at(at) for at in range(5)]
        assert ledger.groups.keep(claims, lease_seconds=60)
        replica.at_target("UPDATE dbo.etl_progress SET attempt = 7 WHERE day = %s", day_at(4))
        assert not ledger.groups.keep(claims, lease_seconds=60)
        with pytest.raises(LeaseLostError):
            ledger.groups.require_leases(connection, claims)


def test_chunks_of_a_group_come_due_together(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    hand_out(replica, run_id)
    groups, warehouse = replica.deployment.ledger.groups, replica.deployment.warehouse
    first = ChunkId(run_id=run_id, table="SALES", day=DAY)
    with warehouse.sql.connect() as connection:
        claims = groups.claim(first, worker="w", lease_seconds=60, connection=connection)
    leased = "SELECT DISTINCT queued_at, lease_until FROM dbo.etl_progress WHERE state = 'running'"
    assert len(replica.at_target(leased)) == 1
    groups.keep(claims, lease_seconds=90)
    assert len(replica.at_target(leased)) == 1
    groups.give_back(claims, after_seconds=90)
    given_back = "SELECT DISTINCT not_before FROM dbo.etl_progress WHERE state = 'pending'"
    assert len(replica.at_target(given_back)) == 1


def test_a_message_that_comes_again_takes_no_dead_group_over(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    (group,) = [one for one in hand_out(replica, run_id) if one.chunk.day == DAY]
    replica.at_target(
        f"UPDATE dbo.etl_progress SET state = 'running', attempt = 1, lease_until = '{LONG_AGO}'"
        " WHERE group_day = %s",
        DAY,
    )
    assert work_on(replica.deployment, group, worker="w").state is None
    replica.at_target("UPDATE dbo.etl_progress SET state = 'pending' WHERE state = 'queued'")
    finish(replica, run_id)
    expect_copy(replica, "SALES")


def test_members_whose_first_is_over_are_handed_out_alone(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    replica.at_target(
        "UPDATE dbo.etl_progress SET state = 'cancelled' WHERE group_day = day OR day = %s", STRAYS
    )
    given = hand_out(replica, run_id)
    assert [(one.chunk.day, one.is_group) for one in given] == [
        (day_at(at), False) for at in (1, 2, 3, 4, 6, 7, 8, 9, 11)
    ]


def test_a_cancelled_run_hands_out_no_group(replica: Replica) -> None:
    run_id = begin(replica, "SALES")
    given = hand_out(replica, run_id)
    replica.deployment.ledger.runs.cancel(run_id)
    assert [work_on(replica.deployment, one, worker="w").state for one in given] == [None] * 4
    assert replica.target_rows("SALES") == []


def test_days_that_are_not_counted_are_not_grouped(replica: Replica) -> None:
    run_id = replica.begin(*(("SALES", day, Action.LOAD) for day in DAYS))
    assert not any(one.is_group for one in hand_out(replica, run_id))
