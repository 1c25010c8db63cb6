"""The SQL Server engine beside bare loops over its driver: what does our way of using it cost?

`make bench-sqlserver`, with REPLICA_TEST_MSSQL_URL naming a server that speaks T-SQL and a login
that may create databases. Reads are compared with the driver's `arrow_reader` over the same
columns, by CPU of this process; loads with `bulkcopy_arrow` of batches that have the right types
already. Turns are interleaved; medians are printed. REPLICA_MERGE_STYLE counts as everywhere.
"""

from __future__ import annotations

import os
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa

from benchmarks.table import FIRST_DAY, TARGET_SCHEMA, Table, spec_text
from replica_worker.engines.sqlserver import staged
from replica_worker.engines.sqlserver.arrays import staging_schema, to_staging_batch
from replica_worker.engines.sqlserver.connect import open_arrow, open_bulk
from replica_worker.engines.sqlserver.engine import SqlServerEngine
from replica_worker.engines.values import (
    STAGING_SCHEMA,
    ConnectionOptions,
    RowSelection,
    Side,
    StagedChunk,
)
from replica_worker.ledger.tables import metadata_for
from replica_worker.model.specs import ColumnSpec, TableSpec, parse_specs
from replica_worker.settings import Settings

_STAGING = "benchmark"
_ROWS_PER_BATCH = 4096
_TURNS = 5
_SIZES = ((25, 40_000), (184, 6_000))  # columns, rows


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one pass took of this process."""

    seconds: float
    cpu: float


class Bench:
    """A table on the server, and the rows in memory that it holds."""

    def __init__(self, url: str, columns: int, rows: int) -> None:
        self._options = _options(url)
        shape = Table(name="SALES", rows=rows, days=1, columns=columns)
        self._table = parse_specs(spec_text(shape), origin="benchmark").table("SALES")
        self._batches = _make_rows(self._table, rows)
        self._engine = SqlServerEngine(self._options)
        self._warehouse = self._engine.open_warehouse()
        with self._warehouse.sql.begin() as connection:
            for script in (
                self._engine.metadata_ddl(metadata_for(TARGET_SCHEMA), TARGET_SCHEMA),
                self._engine.table_ddl(self._table),
            ):
                self._engine.run_script(connection, script)

    def fill(self) -> None:
        """Give the table its rows."""
        with self._staged() as connection:
            self._warehouse.load_staging(connection, self._table, _STAGING, self._batches)
            chunk = StagedChunk(table=self._table, staging=_STAGING, days=None, is_complete=True)
            self._warehouse.merge(connection, chunk)
            connection.commit()

    def read(self) -> Cost:
        """A snapshot, typed and checked batches, the result proven whole."""
        rows = RowSelection(table=self._table, side=Side.WAREHOUSE)
        with self._engine.open_snapshot() as snapshot:
            return _cost_of(lambda: _drain(snapshot.read(rows)))

    def read_bare(self) -> Cost:
        """The driver's reader over the same columns."""
        columns = ", ".join(f"[{name}]" for name in self._table.column_names)
        statement = f"SELECT {columns} FROM [{TARGET_SCHEMA}].[{self._table.target_name}]"

        def read(cursor: Any) -> None:
            cursor.execute(statement)
            _drain(cursor.arrow_reader(batch_size=_ROWS_PER_BATCH))

        with closing(open_arrow(self._options)) as connection, closing(connection.cursor()) as rows:
            return _cost_of(lambda: read(rows))

    def load(self) -> Cost:
        """The product's loader."""
        with self._staged() as connection:
            return _cost_of(
                lambda: self._warehouse.load_staging(
                    connection, self._table, _STAGING, self._batches
                )
            )

    def load_bare(self) -> Cost:
        """Bulk copy on a connection that is made for it, as the loader's is."""
        schema = staging_schema(self._table)
        ready = [to_staging_batch(batch, schema) for batch in self._batches]

        def copy() -> None:
            with closing(open_bulk(self._options)) as client:
                client.cursor().bulkcopy_arrow(
                    f"[{STAGING_SCHEMA}].[{_STAGING}]",
                    pa.RecordBatchReader.from_batches(schema, ready),
                    timeout=600,
                    column_mappings=staged.staged_names(self._table),
                    keep_nulls=True,
                    table_lock=True,
                )

        with self._staged():
            return _cost_of(copy)

    def close(self) -> None:
        """Leave no session in the database."""
        self._warehouse.sql.dispose()

    @contextmanager
    def _staged(self) -> Iterator[sa.Connection]:
        with self._warehouse.sql.connect() as connection:
            self._warehouse.drop_staging(connection, _STAGING)
            self._warehouse.create_staging(connection, self._table, _STAGING)
            connection.commit()
            yield connection
            self._warehouse.drop_staging(connection, _STAGING)
            connection.commit()


def main() -> None:
    """Measure both widths, and print a row for each."""
    url = os.environ.get("REPLICA_TEST_MSSQL_URL")
    if not url:
        raise SystemExit("Set REPLICA_TEST_MSSQL_URL to a server that speaks T-SQL")
    print("| columns | rows | read: CPU ÷ bare | load: seconds ÷ bare | load: CPU ÷ bare |")
    print("|---|---|---|---|---|")
    for columns, rows in _SIZES:
        with _database(url) as database_url:
            print(_measure(database_url, columns, rows), flush=True)


def _options(url: str) -> ConnectionOptions:
    settings = Settings()
    return ConnectionOptions(
        url=url,
        zone=ZoneInfo("Asia/Kuala_Lumpur"),
        connect_timeout=timedelta(seconds=10),
        statement_timeout=timedelta(seconds=600),
        batch_bytes=settings.batch_bytes,
        read_only=False,
        merge_style=settings.merge_style,
        digest_encoding=settings.digest_encoding,
    )


def _measure(url: str, columns: int, rows: int) -> str:
    with closing(Bench(url, columns, rows)) as bench:
        bench.fill()
        ways = (bench.read, bench.read_bare, bench.load, bench.load_bare)
        for way in ways:
            way()
        costs = [[way() for way in ways] for _ in range(_TURNS)]
    reads, bare_reads, loads, bare_loads = zip(*costs, strict=True)
    ratios = (
        _cpu(reads) / _cpu(bare_reads),
        _seconds(loads) / _seconds(bare_loads),
        _cpu(loads) / _cpu(bare_loads),
    )
    return f"| {columns} | {rows:,} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |"


def _seconds(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.seconds for cost in costs)


def _cpu(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.cpu for cost in costs)


def _cost_of(step: Callable[[], object]) -> Cost:
    started, cpu = time.perf_counter(), time.process_time()
    step()
    return Cost(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu)


def _drain(batches: Iterator[pa.RecordBatch]) -> None:
    for _ in batches:
        pass


@contextmanager
def _database(url: str) -> Iterator[str]:
    """A database of the benchmark's own; gone when it is over."""
    name = f"replica_bench_{uuid.uuid4().hex[:8]}"
    _execute(url, f"CREATE DATABASE [{name}]")
    try:
        yield sa.make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(url, f"DROP DATABASE [{name}]")


def _execute(url: str, statement: str) -> None:
    master = sa.make_url(url).set(database="master").render_as_string(hide_password=False)
    with closing(open_arrow(_options(master))) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


def _make_rows(table: TableSpec, rows: int) -> list[pa.RecordBatch]:
    numbers = range(1, rows + 1)
    whole = pa.Table.from_arrays(
        [_values(column, numbers) for column in table.columns], schema=table.arrow_schema
    )
    batches: list[pa.RecordBatch] = whole.to_batches(max_chunksize=_ROWS_PER_BATCH)
    return batches


def _values(column: ColumnSpec, numbers: range) -> pa.Array:
    """Plain values of the column's type, some of them NULL where it may be."""
    day = datetime.combine(FIRST_DAY, datetime.min.time())
    made: dict[str, Callable[[int], object]] = {
        "date": lambda n: date(2026, 1, 1 + n % 28),
        "datetime": lambda n: day + timedelta(seconds=n % 80_000),
        "decimal": lambda n: Decimal(n % 20_000).scaleb(-2),
        "varchar": lambda n: f"text {n % 700}"[: column.type.length or 1],
        "rowversion": lambda n: n.to_bytes(8, "big"),
        "bit": lambda n: n % 97 == 0,
        "smallint": lambda n: n % 400,
    }
    value = made.get(column.type.base, _number_itself)
    return pa.array(
        [None if column.nullable and n % 11 == 0 else value(n) for n in numbers], column.type.arrow
    )


def _number_itself(number: int) -> object:
    return number


if __name__ == "__main__":
    main()
