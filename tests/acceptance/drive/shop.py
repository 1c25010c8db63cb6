"""A small shop: two databases, a spec of its own, commands and workers over them.

What is expected is read by psycopg alone; none of the product's code judges the product.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery
from support.databases import Site, connect
from support.specs import columns, daily, spec_text

from drive.programs import (
    Answer,
    CommandServer,
    Program,
    procfile_line,
    replica_argv,
    shell_argv,
    wait_until,
)

FIRST_DAY = date(2024, 3, 14)
NEVER_COPIED = "pin-never-copied"

_ORDERS = daily(
    "ORDERS",
    ["ID"],
    "ORDERED_AT",
    target_name="SALE_ORDERS",
    rowversion="RV",
    columns=columns(
        ID="bigint!",
        ORDERED_AT="datetime",
        STORE="char(3)",
        NOTE="nvarchar(200)",
        AMOUNT="decimal(16,4)",
        TIP="money",
        IS_VOID="bit",
        COVERS="tinyint",
        RATING="float",
        REF="uniqueidentifier",
        PAYLOAD="varbinary(32)",
        PRINTED_AT="datetime2(6)",
        DUE="date",
        RV="rowversion",
    ),
)
_LINES = {
    "name": "ORDER_LINES",
    "strategy": "daily",
    "key": ["ORDER_ID", "LINE_NO"],
    "day_from": {"table": "ORDERS", "on": {"ORDER_ID": "ID"}},
    "columns": columns(ORDER_ID="bigint!", LINE_NO="int!", ITEM="varchar(50)", QTY="decimal(9,3)"),
}
_STORE_DAYS = daily(
    "STORE_DAYS",
    ["STORE", "DAY"],
    "DAY",
    columns=columns(STORE="varchar(10)!", DAY="date!", CASH="decimal(16,4)"),
)
_ITEMS = {
    "name": "ITEMS",
    "strategy": "snapshot",
    "key": ["CODE"],
    "columns": [
        *columns(CODE="varchar(20)!", NAME="nvarchar(100)", PRICE="decimal(10,2)"),
        {"name": "PIN", "type": "varchar(40)", "replicate": False},
    ],
}
SPEC = spec_text(_ORDERS, _LINES, _STORE_DAYS, _ITEMS)
TABLES = {
    "ORDERS": "SALE_ORDERS",
    "ORDER_LINES": "ORDER_LINES",
    "STORE_DAYS": "STORE_DAYS",
    "ITEMS": "ITEMS",
}
CHUNKS_A_DAY = 3  # the daily tables; ITEMS is one more chunk of a run
STRAYS = "1900-01-01"  # stands for the rows of a daily table that have no day

_SOURCE_TABLES = """
    CREATE SCHEMA "COM_5013";
    CREATE TABLE "COM_5013"."ORDERS" (
        "ID" bigint PRIMARY KEY, "ORDERED_AT" timestamp(3), "STORE" char(3), "NOTE" varchar(200),
        "AMOUNT" numeric(16,4), "TIP" numeric(19,4), "IS_VOID" boolean, "COVERS" smallint,
        "RATING" double precision, "REF" uuid, "PAYLOAD" bytea, "PRINTED_AT" timestamp(6),
        "DUE" date, "RV" bytea);
    CREATE TABLE "COM_5013"."ORDER_LINES" (
        "ORDER_ID" bigint, "LINE_NO" integer, "ITEM" varchar(50), "QTY" numeric(9,3),
        PRIMARY KEY ("ORDER_ID", "LINE_NO"));
    CREATE TABLE "COM_5013"."STORE_DAYS" (
        "STORE" varchar(10), "DAY" date, "CASH" numeric(16,4), PRIMARY KEY ("STORE", "DAY"));
    CREATE TABLE "COM_5013"."ITEMS" (
        "CODE" varchar(20) PRIMARY KEY, "NAME" varchar(100), "PRICE" numeric(10,2),
        "PIN" varchar(40));
"""
_SELL = """
    INSERT INTO "COM_5013"."ORDERS"
    SELECT %(first)s + n, %(day)s::timestamp + n * interval '1789.123 seconds', 'S' || n %% 7,
        CASE n %% 9 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE E'Ayam \\u2014 \\U0001F357 ' || n END,
        n * 1.2345, -n / 3.0, n %% 2 = 0, n %% 256, sqrt(n), md5(n::text)::uuid,
        decode(md5('payload' || n), 'hex'), %(day)s::timestamp + n * interval '0.000001 seconds',
        CASE WHEN n %% 5 > 0 THEN %(day)s::date + n::int END,
        decode(lpad(to_hex(%(first)s + n), 16, '0'), 'hex')
    FROM generate_series(1, %(orders)s) n;
"""
_SELL_LINES = """
    INSERT INTO "COM_5013"."ORDER_LINES"
    SELECT %(first)s + n, line, 'item ' || line, n / 8.0
    FROM generate_series(1, %(orders)s) n, generate_series(1, 3) line
"""
_COUNT_CASH = """
    INSERT INTO "COM_5013"."STORE_DAYS"
    SELECT 'S' || n, %(day)s::date, n * 100.5 FROM generate_series(1, 5) n
"""
_COUNT_CASH_DAILY = """
    INSERT INTO "COM_5013"."STORE_DAYS"
    SELECT 'S' || store, %s::date + number, number * 1.5
    FROM generate_series(0, %s) number, generate_series(1, 3) store
"""
_LIST_ITEMS = """
    INSERT INTO "COM_5013"."ITEMS"
    SELECT 'i' || n, 'Item ' || n, n / 4.0, %s FROM generate_series(1, 40) n
"""


class Shop:
    """Source, warehouse and broker of one test, and the programs that work on them."""

    def __init__(
        self,
        site: Site,
        folder: Path,
        environment: dict[str, str],
        commands: CommandServer,
        start: Callable[..., Program],
    ) -> None:
        self.site = site
        self.folder = folder
        self.environment = {
            **environment,
            "REPLICA_SOURCE_URL": site.source_url,
            "REPLICA_TARGET_URL": site.target_url,
            "REPLICA_EXPORTS": str(folder / "exports"),
            "REPLICA_SCHEMA": str(folder / "specs.json"),
        }
        (folder / "specs.json").write_text(SPEC, encoding="utf-8")
        self._commands = commands
        self._start = start
        self.source = connect(site.source_owner_url)
        self.target = connect(site.target_url)

    def close(self) -> None:
        self.source.close()
        self.target.close()

    # ------------------------------------------------------------ the source

    def open(self, days: int, orders_a_day: int = 30) -> None:
        """Make the source's tables and sell for some days from FIRST_DAY on."""
        self.source.execute(_SOURCE_TABLES)
        self.source.execute(_LIST_ITEMS, [NEVER_COPIED])
        for number in range(days):
            values = {
                "first": number * 1000,
                "day": day(number),
                "orders": orders_a_day,
            }
            for statement in (_SELL, _SELL_LINES, _COUNT_CASH):
                self.source.execute(statement, values)

    def open_small_days(self, days: int, first: date = FIRST_DAY) -> tuple[str, ...]:
        """Make the source's tables, with rows of STORE_DAYS alone; the words of its backfill."""
        self.open(days=0)
        self.source.execute(_COUNT_CASH_DAILY, [first, days - 1])
        last = first + timedelta(days=days - 1)
        return (
            *("backfill", "--table", "STORE_DAYS"),
            *("--start", first.isoformat(), "--end", last.isoformat()),
        )

    @contextmanager
    def blocked(self, table: str) -> Iterator[None]:
        """Nobody can read the source's table while the block lasts; no plan waits to count it."""
        before = self.environment
        self.environment = {**before, "REPLICA_COUNT_TIMEOUT": "0"}
        try:
            with connect(self.site.source_owner_url) as holder, holder.transaction():
                holder.execute(f'LOCK TABLE "COM_5013"."{table}" IN ACCESS EXCLUSIVE MODE')
                yield
        finally:
            self.environment = before

    # ------------------------------------------------------------ programs

    def replica(self, *words: str, **settings: str) -> Answer:
        return self._commands.run(
            *words, environment={**self.environment, **settings}, folder=self.folder
        )

    def must(self, *words: str, **settings: str) -> Answer:
        """Run a command that has to succeed."""
        answer = self.replica(*words, **settings)
        assert answer.code == 0, f"replica {' '.join(words)}: {answer}"
        return answer

    def begin(self, *words: str, **settings: str) -> str:
        """Run a command that only enqueues; the run's id."""
        answer = self.must(*words, **settings)
        return answer.out.removeprefix("run ").partition(":")[0]

    def start_replica(self, *words: str, **settings: str) -> Program:
        return self.start(replica_argv(*words), **settings)

    def start(self, argv: list[str], **settings: str) -> Program:
        return self._start(argv, environment={**self.environment, **settings}, folder=self.folder)

    def worker(self, queue: str, **settings: str) -> Program:
        """A worker by the Procfile's command, with one child; returns when it takes work."""
        program = self.start_worker(queue, **settings)
        program.wait_for(" ready.")
        return program

    def start_worker(self, queue: str, **settings: str) -> Program:
        return self.start(
            shell_argv(procfile_line(f"-Q {queue}"), "--concurrency", "1"), **settings
        )

    def beat(self, **settings: str) -> Program:
        return self.start(shell_argv(procfile_line(" beat ")), **settings)

    def send_task(self, name: str) -> None:
        """What beat does when a task is due."""
        url = self.environment["REPLICA_BROKER_URL"]
        with Celery(broker=url).connection_for_write() as connection:
            Celery(broker=url).send_task(name, queue="daily", connection=connection)

    # ------------------------------------------------------------ what is to be seen

    def runs(self) -> list[dict[str, Any]]:
        """Every history row, oldest first."""
        return self._read('SELECT * FROM "dbo"."replica_run_history" ORDER BY started_at')

    def chunks(self, where: str = "TRUE") -> list[dict[str, Any]]:
        return self._read(
            f'SELECT * FROM "dbo"."etl_progress" WHERE {where} ORDER BY day, table_name'
        )

    def forget_runs(self) -> None:
        """Leave the warehouse its rows, and the ledger none."""
        for table in ("replica_run_history", "etl_progress", "dimension_refresh_audit", "merges"):
            self.target.execute(f'DELETE FROM "dbo"."{table}"')

    def only_run(self) -> dict[str, Any]:
        (run,) = self.runs()
        return run

    def wait_closed(self, run_id: str) -> dict[str, Any]:
        """Wait until the run is closed; its history row."""

        def status() -> str:
            return self._run(run_id)["status"]

        wait_until(lambda: status() not in ("running", "cancelling"), f"end of {run_id}")
        return self._run(run_id)

    def wait_running(self, table: str) -> dict[str, Any]:
        """Wait until a worker is at a chunk of the table; the chunk."""
        where = f"table_name = '{table}' AND state = 'running'"
        wait_until(lambda: bool(self.chunks(where)), f"a running chunk of {table}")
        return self.chunks(where)[0]

    def _run(self, run_id: str) -> dict[str, Any]:
        (run,) = [run for run in self.runs() if run["run_id"] == run_id]
        return run

    def _read(self, query: str) -> list[dict[str, Any]]:
        cursor = self.target.execute(query)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def source_rows(self, table: str, where: str = "TRUE") -> list[str]:
        return _row_texts(self.source, "COM_5013", table, table, where)

    def target_rows(self, table: str, where: str = "TRUE") -> list[str]:
        return _row_texts(self.target, "dbo", TABLES[table], table, where)

    def expect_equal(self, *tables: str, where: str = "TRUE") -> None:
        """Every row of both sides is the same, in every column, and there are rows."""
        for table in tables or TABLES:
            expected = self.source_rows(table, where)
            assert expected, f"no row in {table}"
            assert self.target_rows(table, where) == expected, table


def day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number)).isoformat()


def password_of(url: str) -> str:
    return url.rpartition("@")[0].rpartition(":")[2]


def loads(text: str) -> Any:
    """JSON as a program would read it: the whole output, nothing else in it."""
    return json.loads(text)


def _row_texts(
    connection: psycopg.Connection[Any], schema: str, name: str, table: str, where: str
) -> list[str]:
    (spec,) = [spec for spec in json.loads(SPEC)["tables"] if spec["name"] == table]
    names = ", ".join(
        f'"{column["name"]}"' for column in spec["columns"] if column.get("replicate", True)
    )
    query = f'SELECT ROW({names})::text FROM "{schema}"."{name}" WHERE {where}'
    return sorted(text for (text,) in connection.execute(query))
