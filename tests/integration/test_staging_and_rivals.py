"""Staging tables are private and go away; rivals for a table or a chunk do each other no harm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import sqlalchemy as sa
from support.databases import Site, database_of
from support.postgres_values import HOSTILE_NAMES
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import SALES, columns, daily, spec_text
from support.waiting import wait_until

from replica_worker.embedded import EmbeddedStack
from replica_worker.engines.postgresql import connect
from replica_worker.engines.values import SlotsOf
from replica_worker.ledger.chunk_rows import Claim
from replica_worker.model.chunks import Action, ChunkId, ChunkState
from replica_worker.model.days import ONE_DAY
from replica_worker.model.specs import parse_specs
from replica_worker.usecases.chunk_work import staging_name
from replica_worker.usecases.leases import LeaseKeeper
from replica_worker.usecases.runs import sweep_leftovers

ONE_SLOT = SlotsOf(name="source", count=1)


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(SALES))
    replica.make_source()
    replica.insert("SALES", *[(n, DAY, n, "note") for n in range(10)])
    return replica


def chunk_of(replica: Replica, day: date = DAY) -> ChunkId:
    run_id = replica.begin(("SALES", day, Action.LOAD))
    return ChunkId(run_id=run_id, table="SALES", day=day)


def is_waiting_for_a_lock(replica: Replica) -> bool:
    return bool(
        replica.at_target(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock' AND application_name = 'replica_worker'"
        )
    )


def test_slot_that_was_taken_twice_by_one_session_is_free_after_both(replica: Replica) -> None:
    warehouse = replica.deployment.warehouse
    with warehouse.sql.connect() as ours, warehouse.sql.connect() as rivals:
        with (
            warehouse.lock_slot(ours, ONE_SLOT) as first,
            warehouse.lock_slot(ours, ONE_SLOT) as again,
        ):
            assert (first, again) == (True, True)
        with warehouse.lock_slot(rivals, ONE_SLOT) as is_free:
            assert is_free


def test_lock_and_slot_that_were_taken_by_reading_are_free_after_the_chunk(
    replica: Replica,
) -> None:
    warehouse = replica.deployment.warehouse
    columns = warehouse.along(replica.spec.table("SALES"), "chunk", ONE_SLOT, sa.true())
    with warehouse.at_once.connect() as ours, warehouse.at_once.connect() as rivals:
        taken = dict(ours.execute(sa.select(*columns.values())).one()._mapping)
        with warehouse.lock_chunk(ours, "chunk", ONE_SLOT, taken) as is_ours:
            assert is_ours
            refused = rivals.execute(sa.select(*columns.values())).one()._mapping
            with warehouse.lock_chunk(rivals, "chunk", ONE_SLOT, refused) as is_theirs:
                assert not is_theirs
                with warehouse.lock_slot(rivals, ONE_SLOT) as is_free:
                    assert not is_free
            with warehouse.lock_slot(ours, ONE_SLOT) as again:
                assert again
        with warehouse.lock_chunk(rivals, "chunk") as is_theirs:
            assert is_theirs
            with warehouse.lock_slot(rivals, ONE_SLOT) as is_free:
                assert is_free


def test_lock_within_a_lock_leaves_the_outer_one(replica: Replica) -> None:
    warehouse = replica.deployment.warehouse
    with (
        warehouse.at_once.connect() as ours,
        warehouse.at_once.connect() as rivals,
        warehouse.lock_chunk(ours, "child"),
        warehouse.lock_slot(ours, ONE_SLOT),
    ):
        with warehouse.lock_chunk(ours, "parent"):
            pass
        with warehouse.lock_chunk(rivals, "parent") as is_free:
            assert is_free
        with warehouse.lock_chunk(rivals, "child") as is_free:
            assert not is_free
        with warehouse.lock_slot(rivals, ONE_SLOT) as is_free:
            assert not is_free


def test_staging_is_gone_after_success(replica: Replica) -> None:
    replica.load("SALES")
    assert replica.staging_tables() == []


def test_staging_is_gone_after_an_error_and_the_target_is_unchanged(replica: Replica) -> None:
    replica.load("SALES")
    replica.at_target('ALTER TABLE dbo."SALES" DROP COLUMN "NOTE"')
    replica.at_source('UPDATE "COM_5013"."SALES" SET "AMOUNT" = 99')
    outcome = replica.load("SALES")
    assert outcome.returned is ChunkState.FAILED
    assert "column NOTE of the spec is not in the warehouse's table" in outcome.error
    assert replica.staging_tables() == []
    assert replica.at_target('SELECT count(*) FROM dbo."SALES" WHERE "AMOUNT" = 99') == [(0,)]


def test_value_the_target_refuses_fails_the_chunk_with_its_column(replica: Replica) -> None:
    replica.at_target('ALTER TABLE dbo."SALES" ADD CONSTRAINT small CHECK ("AMOUNT" < 5)')
    outcome = replica.load("SALES")
    assert outcome.returned is ChunkState.FAILED
    assert "small" in outcome.error
    assert replica.target_rows("SALES") == []
    assert replica.staging_tables() == []


def test_leftover_of_a_crash_is_swept_and_a_living_attempt_s_table_is_not(
    replica: Replica,
) -> None:
    chunk, spec = chunk_of(replica), replica.spec.table("SALES")
    claim = replica.deployment.ledger.chunks.claim(chunk, worker="w", lease_seconds=60)
    assert claim is not None
    warehouse = replica.deployment.warehouse
    dead = Claim(chunk=chunk, action=claim.action, attempt=99, failures=0)
    with warehouse.sql.begin() as connection:
        alive = [staging_name(claim, spec), staging_name(claim, spec, "full")]
        for name in (*alive, staging_name(dead, spec)):
            warehouse.create_staging(connection, spec, name)
    assert sweep_leftovers(replica.deployment) == 1
    assert sorted(replica.staging_tables()) == alive
    replica.at_target("UPDATE dbo.etl_progress SET lease_until = now() - interval '1 day'")
    assert sweep_leftovers(replica.deployment) == 2
    assert replica.staging_tables() == []


def test_staging_is_gone_after_the_target_refused_the_rows(replica: Replica) -> None:
    """A reader in the way of the merge: nothing of the target changes, nothing is left."""
    replica.load("SALES")
    replica.at_source('UPDATE "COM_5013"."SALES" SET "AMOUNT" = 99')
    replica.at_target('CREATE RULE never AS ON UPDATE TO dbo."SALES" DO INSTEAD NOTHING')
    before = replica.row_places("SALES")
    outcome = replica.load("SALES")
    assert outcome.returned in (ChunkState.FAILED, ChunkState.PENDING)
    assert replica.row_places("SALES") == before
    assert replica.staging_tables() == []


def test_staging_names_differ_for_attempts_days_runs_and_look_alike_tables() -> None:
    hostile = [*HOSTILE_NAMES, "A.B", "A_B", "x" * 128, "x" * 127 + "y"]
    tables = [
        daily(name, ["ID"], "DAY", columns=columns(ID="int!", DAY="date")) for name in hostile
    ]
    specs = [
        spec
        for schema in ("dbo", "other", "x" * 128)
        for spec in parse_specs(spec_text(*tables, target_schema=schema), origin="test").tables
    ]
    names = [
        staging_name(
            Claim(
                chunk=ChunkId(run_id=run_id, table=spec.name, day=day),
                action=Action.LOAD,
                attempt=attempt,
                failures=0,
            ),
            spec,
            part,
        )
        for spec in specs
        for run_id in ("r1", "r2")
        for day in (DAY, NEXT_DAY)
        for attempt in (1, 20)
        for part in ("", "full", "again")
    ]
    assert len(set(names)) == len(names)
    assert [name for name in names if len(name.encode()) > 63 or not name.isascii()] == []


def test_worker_that_lost_its_lease_commits_nothing(replica: Replica, site: Site) -> None:
    """The merge waits; meanwhile the chunk becomes another attempt's; then the merge goes on."""
    chunk = chunk_of(replica)
    with ThreadPoolExecutor(1) as pool:
        with replica.target.transaction():
            replica.at_target('LOCK TABLE dbo."SALES" IN ACCESS EXCLUSIVE MODE')
            stalled = pool.submit(replica.work, chunk)
            wait_until(lambda: is_waiting_for_a_lock(replica), "the worker waits")
            with replica.deployment.warehouse.sql.begin() as other:
                other.exec_driver_sql("UPDATE dbo.etl_progress SET attempt = attempt + 1")
        assert stalled.result() is None
    assert replica.target_rows("SALES") == []
    assert replica.staging_tables() == []
    assert replica.row_of(chunk).state is ChunkState.RUNNING


def test_chunk_that_another_session_is_at_waits_its_turn(replica: Replica) -> None:
    chunk, rival = chunk_of(replica), chunk_of(replica)
    with ThreadPoolExecutor(1) as pool:
        with replica.target.transaction():
            replica.at_target('LOCK TABLE dbo."SALES" IN ACCESS EXCLUSIVE MODE')
            first = pool.submit(replica.work, chunk)
            wait_until(lambda: is_waiting_for_a_lock(replica), "the first worker waits")
            assert replica.work(rival) is ChunkState.PENDING
        assert first.result() is ChunkState.MERGED
    assert replica.row_of(rival).error is None
    replica.end_delays()
    assert replica.work(rival) is ChunkState.MERGED
    assert replica.outcome_of(rival).counts == (0, 0, 0)


def test_worker_that_cannot_keep_its_lease_keeps_no_lock_either(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pooled session lives on, and with it the locks that the claim took."""

    def refuse(_: LeaseKeeper) -> LeaseKeeper:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(LeaseKeeper, "__enter__", refuse)
        assert replica.work(chunk_of(replica)) is ChunkState.FAILED
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = {}"
    ours = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    assert replica.at_target(locks.format(ours)) == [(0,)]


def test_older_copy_of_a_row_does_not_take_it_back_from_its_new_day(replica: Replica) -> None:
    """After this chunk was extracted the row moves at the source, and its new day is copied."""
    chunk = chunk_of(replica)
    with ThreadPoolExecutor(1) as pool:
        with replica.target.transaction():
            replica.at_target('LOCK TABLE dbo."SALES" IN ACCESS EXCLUSIVE MODE')
            older = pool.submit(replica.work, chunk)
            wait_until(lambda: is_waiting_for_a_lock(replica), "the worker has extracted")
            move = ' SET "DAY" = %s, "NOTE" = %s WHERE "ID" = 1'
            replica.at_source(f'UPDATE "COM_5013"."SALES" {move}', NEXT_DAY, "newer")
            replica.at_target('INSERT INTO dbo."SALES" VALUES (1, %s, 1, %s)', NEXT_DAY, "newer")
        assert older.result() is ChunkState.MERGED
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_chunk_that_waits_for_the_table_s_moves_uses_up_no_try(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, make_replica
) -> None:
    """A load of another day may take longer than a lock is waited for."""
    replica.load("SALES")
    replica.at_source('UPDATE "COM_5013"."SALES" SET "DAY" = %s WHERE "ID" = 1', NEXT_DAY)
    monkeypatch.setattr(connect, "_LOCK_TIMEOUT_MS", 200)
    hurried = make_replica(spec_text(SALES), max_attempts=1)
    chunk = chunk_of(hurried, NEXT_DAY)
    warehouse = hurried.deployment.warehouse
    with warehouse.sql.begin() as other:
        warehouse.share_moves(other, hurried.spec.table("SALES"))
        assert hurried.work(chunk) is ChunkState.PENDING
    hurried.end_delays()
    assert hurried.work(chunk) is ChunkState.MERGED
    assert hurried.target_rows("SALES") == hurried.source_rows("SALES")


def test_file_that_was_damaged_before_its_rows_were_loaded_is_extracted_again(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    chunk = chunk_of(replica)
    with ThreadPoolExecutor(1) as pool:
        with replica.target.transaction():
            replica.at_target('LOCK TABLE dbo."SALES" IN ACCESS EXCLUSIVE MODE')
            first = pool.submit(replica.work, chunk)
            wait_until(lambda: is_waiting_for_a_lock(replica), "the worker has extracted")
            (file,) = replica.exports.rglob("*.parquet")
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
        assert first.result() is ChunkState.PENDING
    assert "sha256" in (replica.row_of(chunk).error or "")
    assert "transaction tried again" not in caplog.text, "a damaged file stays damaged"
    assert replica.target_rows("SALES") == []
    replica.end_delays()
    assert replica.work(chunk) is ChunkState.MERGED
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_merges_of_many_days_at_once_give_the_right_rows(replica: Replica) -> None:
    """Rows move in a ring of days, so that every merge touches what its neighbours touch."""
    days = [DAY + n * ONE_DAY for n in range(4)]
    replica.at_source(
        'INSERT INTO "COM_5013"."SALES" SELECT n, %s::date + (n %% 4)::int, n, NULL '
        "FROM generate_series(100, 499) n",
        DAY,
    )
    for day in days:
        replica.load("SALES", day)
    replica.at_source(
        'UPDATE "COM_5013"."SALES" SET "DAY" = %s::date + (("ID" + 1) %% 4)::int '
        'WHERE "ID" >= 100 AND "ID" %% 5 = 0',
        DAY,
    )
    patient = replica.with_policy(first_delay_seconds=0, most_attempts=50)
    with ThreadPoolExecutor(4) as pool:
        open_chunks = [chunk_of(replica, day) for day in days]
        while open_chunks:
            states = list(pool.map(patient.work, open_chunks))
            assert set(states) <= {ChunkState.MERGED, ChunkState.PENDING}
            open_chunks = [
                chunk
                for chunk, state in zip(open_chunks, states, strict=True)
                if state is ChunkState.PENDING
            ]
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_worker_whose_connection_breaks_gives_the_chunk_back(
    replica: Replica, site: Site, stack: EmbeddedStack
) -> None:
    chunk = chunk_of(replica)
    with ThreadPoolExecutor(1) as pool:
        with replica.target.transaction():
            replica.at_target('LOCK TABLE dbo."SALES" IN ACCESS EXCLUSIVE MODE')
            struck = pool.submit(replica.work, chunk)
            wait_until(lambda: is_waiting_for_a_lock(replica), "the worker waits")
            assert stack.postgres is not None
            with stack.postgres.connect() as superuser:
                superuser.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s "
                    "AND application_name = 'replica_worker'",
                    [database_of(site.target_url)],
                )
        assert struck.result() is ChunkState.PENDING
    assert replica.target_rows("SALES") == []
    replica.end_delays()
    assert replica.work(chunk) is ChunkState.MERGED
    assert replica.target_rows("SALES") == replica.source_rows("SALES")
    sweep_leftovers(replica.deployment)
    assert replica.staging_tables() == []
