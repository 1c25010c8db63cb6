"""One step of the product, or one limit of the machine, in a process of its own.

`python -m benchmarks.steps NAME DAYS`: the first pass, on another day, warms up connections and
caches; the second is timed. The last line of the output is `{"seconds": …}`.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from psycopg import sql

from benchmarks.table import DAY_COLUMN, FIRST_DAY, SCHEMA, TARGET_SCHEMA
from replica_worker.archive.archive import ExtractName, ExtractOrder
from replica_worker.engines.values import RowSelection, Side, StagedChunk
from replica_worker.model.chunks import (
    Action,
    ChunkId,
    ChunkState,
    Plan,
    PlannedChunk,
    RunKind,
)
from replica_worker.model.days import DayRange
from replica_worker.model.digests import cheapest_kind
from replica_worker.model.manifest import ExtractKind
from replica_worker.model.specs import TableSpec
from replica_worker.settings import load_settings
from replica_worker.usecases.runs import begin_run
from replica_worker.usecases.work import work_on_chunk
from replica_worker.wiring import connect_deployment

_STAGING = "benchmark"
_EMPTY_CHUNKS = 200


class Steps:
    """The steps, over one table and the first `days` of its days."""

    def __init__(self, table: str, days: int) -> None:
        self.deployment = connect_deployment(load_settings())
        self.table: TableSpec = self.deployment.spec.table(table)
        self.days = DayRange.inclusive(FIRST_DAY, FIRST_DAY + timedelta(days=days - 1))
        self.rows = RowSelection(table=self.table, side=Side.SOURCE, days=self.days)
        self.chunk = StagedChunk(
            table=self.table, staging=_STAGING, days=self.days, is_complete=True
        )

    def copy_binary(self) -> float:
        """COPY (SELECT …) TO STDOUT (FORMAT binary), thrown away by libpq's own reader."""
        statement = sql.SQL(
            "COPY (SELECT * FROM {} WHERE {c} >= {first} AND {c} < {end}) TO STDOUT (FORMAT binary)"
        ).format(
            sql.Identifier(SCHEMA, self.table.name),
            c=sql.Identifier(DAY_COLUMN),
            first=sql.Literal(self.days.first),
            end=sql.Literal(self.days.end),
        )
        url = os.environ["REPLICA_SOURCE_URL"].replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            text = statement.as_string(connection).encode()

            def copy() -> None:
                connection.pgconn.exec_(text)
                while connection.pgconn.get_copy_data(0)[0] > 0:
                    pass
                while connection.pgconn.get_result():
                    pass

            return _warm_then_timed(copy)

    def extract(self) -> float:
        """Digest, rows and catalogue from one snapshot into Parquet with its manifest."""
        return _warm_then_timed(self.extract_once)

    def parquet_write(self) -> float:
        """Rows that are in memory into a Parquet file that is in memory."""
        rows = pa.Table.from_batches(self._batches())
        return _warm_then_timed(
            lambda: pq.write_table(rows, io.BytesIO(), compression="snappy", row_group_size=100_000)
        )

    def insert_select(self) -> float:
        """The server's own INSERT … SELECT of the staged rows into a table made like the target."""
        with self._staged() as connection:
            names = {
                "limit": sql.Identifier("replica_stage", "limit_target"),
                "target": sql.Identifier(TARGET_SCHEMA, self.table.target_name),
                "staging": sql.Identifier("replica_stage", _STAGING),
            }
            driver: Any = connection.connection.driver_connection
            make = (
                "DROP TABLE IF EXISTS {limit}; CREATE TABLE {limit} (LIKE {target} INCLUDING ALL)"
            )
            took = 0.0
            for _ in range(2):
                driver.execute(sql.SQL(make).format(**names).as_string(None))
                driver.commit()
                started = time.perf_counter()
                columns = sql.SQL(", ").join(map(sql.Identifier, self.table.column_names))
                insert = sql.SQL("INSERT INTO {limit} ({c}) SELECT {c} FROM {staging}")
                driver.execute(insert.format(c=columns, **names).as_string(None))
                driver.commit()
                took = time.perf_counter() - started
            driver.execute(sql.SQL("DROP TABLE {limit}").format(**names).as_string(None))
            driver.commit()
            return took

    def load(self) -> float:
        """Rows that are in memory into a staging table."""
        batches, warehouse = self._batches(), self.deployment.warehouse
        with warehouse.sql.connect() as connection:

            def stage() -> None:
                warehouse.drop_staging(connection, _STAGING)
                warehouse.create_staging(connection, self.table, _STAGING)
                connection.commit()
                warehouse.load_staging(connection, self.table, _STAGING, batches)
                connection.commit()

            took = _warm_then_timed(stage)
            warehouse.drop_staging(connection, _STAGING)
            connection.commit()
        return took

    def load_new(self) -> float:
        """Rows that are in memory into a target that has none of their days, and the proof."""
        batches, warehouse = self._batches(), self.deployment.warehouse

        def load() -> None:
            if warehouse.holds_rows(connection, self.chunk):
                raise RuntimeError("the target has rows of a day that should be new")
            connection.commit()
            warehouse.share_moves(connection, self.table)
            warehouse.append(connection, self.chunk, batches)
            self._prove(connection)

        with warehouse.sql.connect() as connection:
            for _ in range(2):
                self._delete_days(connection)
                took = timed(load)
        return took

    def merge_unchanged(self) -> float:
        """Comparison and proof of days that the target has as they are staged."""

        def compare() -> None:
            if not self.deployment.warehouse.holds_exactly(connection, self.chunk):
                raise RuntimeError("the target differs from what is staged")
            connection.commit()
            self._prove(connection)

        with self._staged() as connection:
            return _warm_then_timed(compare)

    def merge_changed(self) -> float:
        """Merge and proof of days of which every hundredth row is staged otherwise."""
        with self._staged() as connection:
            change = sql.SQL("UPDATE {} SET {c} = 'changed' WHERE {key} % 100 = 0").format(
                sql.Identifier("replica_stage", _STAGING),
                c=sql.Identifier("STATUS"),
                key=sql.Identifier(self.table.key[0]),
            )
            self._merge(connection)
            driver: Any = connection.connection.driver_connection
            driver.execute(change.as_string(None))
            connection.commit()
            return timed(lambda: self._merge(connection))

    def empty_chunks(self) -> float:
        """Median of claim to done of chunks whose day has no rows."""
        first = date(2000, 1, 1)
        return self.work(Action.LOAD, [first + timedelta(days=at) for at in range(_EMPTY_CHUNKS)])

    def chunk_new(self) -> float:
        """Claim to done of days that the target has not, in a worker that runs: median of each."""
        with self.deployment.warehouse.sql.connect() as connection:
            self._delete_days(connection)
        return self.work(Action.LOAD, list(self.days))

    def chunk_again(self) -> float:
        """Claim to done of days that the target has, loaded again by a worker that runs."""
        return self.work(Action.LOAD, list(self.days))

    def chunk_checked(self) -> float:
        """Claim to done of days that the target has, checked by a worker that runs."""
        return self.work(Action.CHECK, list(self.days))

    def work(self, action: Action, days: list[date] | None = None) -> float:
        """Median of claim to done of chunks that a worker that runs works on."""
        days = days or list(self.days)
        name = self.table.name
        plan = Plan(
            kind=RunKind.BACKFILL if action is Action.LOAD else RunKind.CHECK_FIXES,
            first_day=days[0],
            last_day=days[-1],
            chunks=tuple(PlannedChunk(table=name, day=day, action=action, wave=0) for day in days),
            tables=(name,),
        )
        run_id = begin_run(self.deployment, plan, asked_by="benchmark") or ""
        took = []
        for day in days:
            chunk = ChunkId(run_id=run_id, table=name, day=day)
            started = time.perf_counter()
            state = work_on_chunk(self.deployment, chunk, worker="benchmark")
            took.append(time.perf_counter() - started)
            if state not in (ChunkState.MERGED, ChunkState.CHECKED):
                raise RuntimeError(f"a chunk ended {state}")
        self.deployment.ledger.chunks.cancel_open(run_id)
        return statistics.median(took)

    def _delete_days(self, connection: sa.Connection) -> None:
        """Let the target have none of the days, and no dead rows of them."""
        target = sql.Identifier(TARGET_SCHEMA, self.table.target_name)
        delete = sql.SQL("DELETE FROM {} WHERE {c} >= {first} AND {c} < {end}").format(
            target,
            c=sql.Identifier(DAY_COLUMN),
            first=sql.Literal(self.days.first),
            end=sql.Literal(self.days.end),
        )
        driver: Any = connection.connection.driver_connection
        driver.execute(delete.as_string(None))
        driver.commit()
        driver.autocommit = True
        driver.execute(sql.SQL("VACUUM {}").format(target).as_string(None))
        driver.autocommit = False

    def _prove(self, connection: sa.Connection) -> None:
        self.deployment.warehouse.digest(
            connection, self.rows.on(Side.WAREHOUSE), cheapest_kind(self.table)
        )
        connection.commit()

    def _batches(self) -> list[pa.RecordBatch]:
        with self.deployment.source.open_snapshot() as snapshot:
            return list(snapshot.read(self.rows))

    def extract_once(self) -> None:
        """Digest, rows and catalogue from one snapshot into Parquet with its manifest."""
        with self.deployment.source.open_snapshot() as snapshot:
            snapshot.require_table(self.table, Side.SOURCE)
            digest = snapshot.digest(self.rows, cheapest_kind(self.table))
            name = ExtractName(table=self.table.name, day=self.days.first, run_id="benchmark")
            order = ExtractOrder(
                name=name,
                spec=self.table,
                kind=ExtractKind.DAY,
                attempt=1,
                started_at=datetime.now(UTC),
                digest=digest,
            )
            self.deployment.archive.write(order, snapshot.read(self.rows))

    @contextmanager
    def _staged(self) -> Iterator[sa.Connection]:
        warehouse = self.deployment.warehouse
        with warehouse.sql.connect() as connection:
            warehouse.drop_staging(connection, _STAGING)
            warehouse.create_staging(connection, self.table, _STAGING)
            connection.commit()
            warehouse.load_staging(connection, self.table, _STAGING, self._batches())
            connection.commit()
            try:
                yield connection
            finally:
                connection.rollback()
                warehouse.drop_staging(connection, _STAGING)
                connection.commit()

    def _merge(self, connection: sa.Connection) -> None:
        warehouse = self.deployment.warehouse
        if not warehouse.holds_exactly(connection, self.chunk):
            warehouse.surplus_keys(connection, self.chunk)
            warehouse.replaced_keys(connection, self.chunk)
            connection.commit()
            warehouse.share_moves(connection, self.table)
            warehouse.merge(connection, self.chunk, may_move=False)
        self._prove(connection)


def timed(step: Callable[[], object]) -> float:
    """Seconds that the step took."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _warm_then_timed(step: Callable[[], object]) -> float:
    step()
    return timed(step)


if __name__ == "__main__":
    _, step_name, table_name, day_count = sys.argv
    steps = Steps(table_name, int(day_count))
    print(json.dumps({"seconds": getattr(steps, step_name)()}))
