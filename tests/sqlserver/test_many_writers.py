"""Eight writers on one table over thirty days: every chunk is merged, and the rows are equal."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from support.replica import DAY
from support.specs import SALES, spec_text
from support.sqlserver import numbers
from support.sqlserver_replica import SqlServerReplica

from replica_worker.model.chunks import Action, ChunkId, ChunkState

_WRITERS, _DAYS, _ROWS_A_DAY = 8, 30, 40


def fill(replica: SqlServerReplica) -> None:
    replica.at_source(
        f"""
        INSERT INTO "COM_5013"."SALES" ("ID", "DAY", "AMOUNT", "NOTE")
        SELECT n, DATEADD(day, CAST(n % {_DAYS} AS int), CAST(? AS date)), n / 8.0,
               CONCAT('note ', n)
          FROM {numbers(_DAYS * _ROWS_A_DAY)}
        """,
        DAY,
    )


def work_on_all(replicas: list[SqlServerReplica]) -> list[ChunkId]:
    """All days' chunks, handed to whichever writer is free, until none is open."""
    days = [DAY + timedelta(days=number) for number in range(_DAYS)]
    run_id = replicas[0].begin(*(("SALES", day, Action.LOAD) for day in days))
    chunks = [ChunkId(run_id=run_id, table="SALES", day=day) for day in days]
    waiting = list(chunks)

    def write(replica: SqlServerReplica) -> None:
        while waiting:
            try:
                chunk = waiting.pop(0)
            except IndexError:
                return
            state = replica.work(chunk)
            assert state in (ChunkState.MERGED, ChunkState.PENDING), replica.row_of(chunk).error
            if state is ChunkState.PENDING:
                waiting.append(chunk)

    with ThreadPoolExecutor(_WRITERS) as pool:
        for done in [pool.submit(write, replica) for replica in replicas]:
            done.result()
    return chunks


@pytest.mark.timeout(1800)
def test_eight_writers_on_one_table_finish_without_a_failed_chunk(
    make_replica: Callable[..., SqlServerReplica],
) -> None:
    # With slots enough, none is asked for twice: a server may take ill to many refused locks.
    settings = {"source_connections": 1000}
    first = make_replica(spec_text(SALES), **settings)
    first.make_source()
    fill(first)
    writers = [first, *(make_replica(spec_text(SALES), **settings) for _ in range(_WRITERS - 1))]
    replicas = [writer.with_policy(first_delay_seconds=0, most_attempts=50) for writer in writers]
    loaded = [first.row_of(chunk) for chunk in work_on_all(replicas)]
    assert {row.state for row in loaded} == {ChunkState.MERGED}
    assert sum(row.rows_inserted for row in loaded) == _DAYS * _ROWS_A_DAY
    assert first.target_rows("SALES") == first.source_rows("SALES")

    before = first.row_places("SALES")
    first.at_source(
        f"""
        UPDATE "COM_5013"."SALES"
           SET "DAY" = DATEADD(day, CAST(("ID" + 1) % {_DAYS} AS int), CAST(? AS date))
         WHERE "ID" / {_DAYS} % 10 = 0
        """,
        DAY,
    )
    first.at_source(
        f'UPDATE "COM_5013"."SALES" SET "NOTE" = UPPER("NOTE") WHERE "ID" / {_DAYS} % 10 = 1'
    )
    first.at_source(f'DELETE FROM "COM_5013"."SALES" WHERE "ID" / {_DAYS} % 10 = 2')
    again = [first.row_of(chunk) for chunk in work_on_all(replicas)]
    assert {row.state for row in again} == {ChunkState.MERGED}
    assert first.target_rows("SALES") == first.source_rows("SALES")
    after = first.row_places("SALES")
    untouched = [text for text in before if text in after]
    assert len(untouched) == _DAYS * _ROWS_A_DAY * 7 // 10
    assert [text for text in untouched if after[text] != before[text]] == []
    assert first.staging_tables() == []
