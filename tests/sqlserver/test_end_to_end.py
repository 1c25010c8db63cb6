"""The seven real tables at full width, from `migrate` to `verify`, by four workers.

Commands and workers are programs of their own; what is expected is read by plain statements.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from acceptance.drive.programs import (
    Answer,
    Program,
    clean_environment,
    procfile_line,
    replica_argv,
    shell_argv,
    wait_until,
)
from support.sqlserver import (
    SqlServer,
    SqlServerSite,
    connect,
    quoted,
    row_texts,
    run,
    run_settings,
)
from support.sqlserver_shop import SHAPE, ShopAtSource

from replica_worker.embedded.valkey import EmbeddedValkey
from replica_worker.model.specs import ReplicaSpec, parse_specs
from replica_worker.settings import DEFAULT_SPEC_FILE

_WORKERS = 4
_LIMIT_SECONDS = 900
_LATE_FIXES = (
    # case only, trailing blank only, NULL to '' and back: what a collation would not see
    """UPDATE TOP (1) COM_5013.APP_4_SALES SET CASHIER = UPPER(CASHIER)
        WHERE DATETIME__SALES_DATE = ? AND CASHIER <> UPPER(CASHIER) COLLATE Latin1_General_BIN2""",
    """UPDATE COM_5013.APP_4_SALES SET BILL_CITY = BILL_CITY + ' '
        WHERE ID = (SELECT MAX(ID) FROM COM_5013.APP_4_SALES WHERE DATETIME__SALES_DATE = ?)""",
    """UPDATE COM_5013.APP_4_SALES SET DELIVERY_TYPE = ''
        WHERE ID = (SELECT MAX(ID) - 1 FROM COM_5013.APP_4_SALES WHERE DATETIME__SALES_DATE = ?)""",
    """UPDATE COM_5013.APP_4_SALESITEM SET DOUBLE_PRICE = DOUBLE_PRICE + 0.0001
        WHERE ID = (SELECT MIN(ID) FROM COM_5013.APP_4_SALESITEM
                     WHERE DATETIME__SALES_DATE = ?)""",
    """DELETE FROM COM_5013.APP_4_PAYMENT
        WHERE ID = (SELECT MIN(ID) FROM COM_5013.APP_4_PAYMENT WHERE DATETIME__DATE = ?)""",
    """UPDATE COM_5013.APP_4_SALES SET DATETIME__SALES_DATE = DATEADD(day, -1, DATETIME__SALES_DATE)
        WHERE ID = (SELECT MIN(ID) FROM COM_5013.APP_4_SALES WHERE DATETIME__SALES_DATE = ?)""",
)
_REFERENCE_FIX = "UPDATE COM_5013.APP_4_ITEM SET ITEM_NAME = ITEM_NAME + ' (new)' WHERE ID = ?"


class Deployment:
    """Settings and programs over the site."""

    def __init__(self, site: SqlServerSite, folder: Path, bytecode: Path, broker_url: str) -> None:
        self.site = site
        self.folder = folder
        self.environment = clean_environment(
            bytecode,
            **run_settings(),
            REPLICA_SOURCE_URL=site.source_url,
            REPLICA_TARGET_URL=site.target_url,
            REPLICA_BROKER_URL=broker_url,
            REPLICA_EXPORTS=str(folder / "exports"),
            REPLICA_SOURCE_CONNECTIONS=str(_WORKERS),
        )
        self._programs: list[Program] = []

    def start(self, argv: list[str]) -> Program:
        log = self.folder / f"program-{len(self._programs)}.log"
        program = Program(argv, environment=self.environment, folder=self.folder, log=log)
        self._programs.append(program)
        return program

    def replica(self, *words: str) -> Answer:
        program = self.start(replica_argv(*words))
        code = program.popen.wait(_LIMIT_SECONDS)
        return Answer(code, program.said(), "")

    def must(self, *words: str) -> Answer:
        answer = self.replica(*words)
        assert answer.code == 0, f"replica {' '.join(words)}: {answer}"
        return answer

    def close(self) -> None:
        for program in reversed(self._programs):
            program.destroy()


@pytest.fixture
def deployed(site: SqlServerSite, tmp_path: Path) -> Iterator[Deployment]:
    bytecode = tmp_path / "bytecode"
    broker = EmbeddedValkey(tmp_path / "valkey", tmp_path / "valkey.log", "broker-Secret-7")
    broker.wait_ready(30)
    deployment = Deployment(site, tmp_path, bytecode, broker.url)
    try:
        yield deployment
    finally:
        deployment.close()
        broker.stop()


def start_workers(deployed: Deployment) -> list[Program]:
    line = procfile_line("-Q backfill").replace("-Q backfill", "-Q backfill,daily")
    workers = [deployed.start(shell_argv(line, "--concurrency", "1")) for _ in range(_WORKERS)]
    for worker in workers:
        wait_until(lambda worker=worker: " ready." in worker.said(), "a worker", _LIMIT_SECONDS)
    return workers


def expect_equal(site: SqlServerSite, spec: ReplicaSpec, tables: list[str]) -> dict[str, int]:
    """Every row of both sides is the same, in every column; how many there are.

    Of a daily table those of the days that were asked for: a payment may come a day later.
    """
    counts = {}
    with connect(site.source_url) as source, connect(site.target_url) as target:
        for name in tables:
            table = spec.table(name)
            wanted = f"{quoted(table.day_column)} < '{SHAPE.end}'" if table.day_column else "1 = 1"
            expected = row_texts(source, table.source_schema, table.name, table, wanted)
            found = row_texts(target, table.target_schema, table.target_name, table)
            assert len(found) == len(expected), name
            for one, other in zip(found, expected, strict=True):
                assert one == other, name
            counts[name] = len(expected)
    return counts


@pytest.mark.timeout(3600)
def test_seven_tables_at_full_width_are_copied_mended_and_proven_equal(
    deployed: Deployment, server: SqlServer
) -> None:
    spec_json = json.loads(DEFAULT_SPEC_FILE.read_text(encoding="utf-8"))
    spec = parse_specs(json.dumps(spec_json), origin="the default")
    shop = ShopAtSource(deployed.site.source_url, spec_json, server)
    tables = shop.build()
    assert len(tables) == 7
    first, last = SHAPE.first_day, SHAPE.end - timedelta(days=1)
    days = ("--start", first.isoformat(), "--end", last.isoformat())

    for _ in ("makes", "finds all made"):
        deployed.must("migrate")
    start_workers(deployed)
    deployed.must("backfill", *days, "--wait")
    copied = expect_equal(deployed.site, spec, tables)
    assert all(copied.values()), copied

    make_late_fixes(deployed.site, last)
    checked = last.isoformat()
    deployed.must("check-fixes", "--date", checked, "--wait")
    assert figures(deployed.site, last) == {
        "APP_4_SALES": ("repaired", 0, 4, 0),
        "APP_4_SALESITEM": ("repaired", 0, 1, 0),
        "APP_4_PAYMENT": ("repaired", 0, 0, 1),
    }
    expect_equal(deployed.site, spec, tables)
    deployed.must("verify", *days)


def make_late_fixes(site: SqlServerSite, day: date) -> None:
    with connect(site.source_url) as source:
        for statement in _LATE_FIXES:
            run(source, statement, (day,))
        ((item,),) = run(source, "SELECT MIN(ID) FROM COM_5013.APP_4_ITEM")
        run(source, _REFERENCE_FIX, (item,))


def figures(site: SqlServerSite, day: date) -> dict[str, tuple[str, int, int, int]]:
    """Of the newest run's chunks of daily tables: verdict and rows changed."""
    with connect(site.target_url) as target:
        rows = run(
            target,
            """
            SELECT p.table_name, p.verdict, p.rows_inserted, p.rows_updated, p.rows_deleted
              FROM dbo.etl_progress p
             WHERE p.run_id = (SELECT TOP (1) h.run_id FROM dbo.replica_run_history h
                                ORDER BY h.started_at DESC)
               AND p.day = ? AND p.table_name IN
                   ('APP_4_SALES', 'APP_4_SALESITEM', 'APP_4_PAYMENT')
            """,
            (day,),
        )
    return {
        str(name): (str(verdict), inserted, updated, deleted)
        for name, verdict, inserted, updated, deleted in rows
    }
