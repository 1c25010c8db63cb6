"""Loads by both loaders, and merges that lose their transaction or their connection half-way."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from support.engines import ZONE
from support.proxy import Proxy, open_proxy_of
from support.specs import columns, daily, spec_text
from support.sqlserver import SqlServerSite, connect, run

from replica_worker.engines.interface import Warehouse
from replica_worker.engines.sqlserver.engine import SqlServerEngine
from replica_worker.engines.sqlserver.errors import translate
from replica_worker.engines.values import ConnectionOptions, StagedChunk
from replica_worker.errors import DatabaseError, DatabaseUnreachableError, MergeError
from replica_worker.ledger.tables import metadata_for
from replica_worker.model.specs import TableSpec, parse_specs
from replica_worker.settings import Settings

SHAPE = columns(
    ID="bigint!",
    DAY="date",
    NOTE="nvarchar(20)",
    LONG="nvarchar(max)",
    RAW="varbinary(max)",
    SUM="decimal(38,20)",
    RATIO="float",
    YES="bit",
    AT="datetime",
)
STAGING = "loaded"
LOADERS = ["bulk", "arrays"]


@pytest.fixture
def table() -> TableSpec:
    spec = spec_text(daily("SALES", ["ID"], "DAY", columns=SHAPE))
    return parse_specs(spec, origin="spec.json").table("SALES")


def options(url: str, **more: Any) -> ConnectionOptions:
    return ConnectionOptions(
        url=url,
        zone=ZONE,
        connect_timeout=timedelta(seconds=10),
        statement_timeout=timedelta(seconds=60),
        read_only=False,
        merge_style=Settings(_env_file=None).merge_style,
        **{"batch_bytes": 256 * 1024, **more},
    )


@pytest.fixture
def proxy(site: SqlServerSite) -> Iterator[Proxy]:
    with open_proxy_of(site.target_url) as opened:
        yield opened


@pytest.fixture
def warehouse(site: SqlServerSite, table: TableSpec) -> Iterator[Warehouse]:
    made = migrated(SqlServerEngine(options(site.target_url)), table)
    yield made
    made.sql.dispose()


def migrated(engine: SqlServerEngine, table: TableSpec) -> Warehouse:
    warehouse = engine.open_warehouse()
    with warehouse.sql.begin() as connection:
        engine.run_script(connection, engine.metadata_ddl(metadata_for("dbo"), "dbo"))
        engine.run_script(connection, engine.table_ddl(table))
        warehouse.create_staging(connection, table, STAGING)
    return warehouse


def batch_of(table: TableSpec, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    """Rows of an id and a note; the other columns hold what such loads get wrong."""
    count = len(rows)
    values: dict[str, list[Any]] = {
        "ID": [row[0] for row in rows],
        "DAY": [date(2026, 3, 14)] * count,
        "NOTE": [row[1] for row in rows],
        "LONG": [["", 'a"b\\c \n\t ', None, "é😀" * 3000][row[0] % 4] for row in rows],
        "RAW": [[b"", b"\x00\xff\x00", None, b"\x01" * 9000][row[0] % 4] for row in rows],
        "SUM": [None] * count,
        "RATIO": [[0.1, 1e-300, None, -1.7976931348623157e308][row[0] % 4] for row in rows],
        "YES": [[True, False, None, True][row[0] % 4] for row in rows],
        "AT": [None] * count,
    }
    return pa.RecordBatch.from_pydict(values, schema=table.arrow_schema)


def load(warehouse: Warehouse, table: TableSpec, batches: list[pa.RecordBatch]) -> int:
    with warehouse.sql.connect() as connection:
        return warehouse.load_staging(connection, table, STAGING, batches)


def staged(
    site: SqlServerSite, columns_of: str = "c0, c2, c3, c4, c6, c7"
) -> list[tuple[Any, ...]]:
    with connect(site.target_url) as connection:
        query = f"SELECT {columns_of} FROM replica_stage.{STAGING} ORDER BY c0"
        return run(connection, query)


def end_transaction(connection: sa.Connection) -> None:
    """What the server may do by itself, unseen by SQLAlchemy and by the driver."""
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor()
    cursor.execute("ROLLBACK; SELECT @@TRANCOUNT")
    assert cursor.fetchone()[0] == 0
    cursor.close()


def chunk(table: TableSpec) -> StagedChunk:
    return StagedChunk(table=table, staging=STAGING, days=None, is_complete=False)


@pytest.mark.parametrize("loader", LOADERS)
def test_loader_keeps_every_value(site: SqlServerSite, table: TableSpec, loader: str) -> None:
    warehouse = migrated(SqlServerEngine(options(site.target_url, loader=loader)), table)
    notes = ["", "  both  ", "😀é", None, 'q"\\', "x" * 20]
    batch = batch_of(table, [(n, notes[n % 6]) for n in range(24)])
    empty = batch.slice(0, 0)
    try:
        assert load(warehouse, table, [empty, batch.slice(0, 10), empty, batch.slice(10)]) == 24
    finally:
        warehouse.sql.dispose()
    names = ["ID", "NOTE", "LONG", "RAW", "RATIO", "YES"]
    assert staged(site) == list(zip(*(batch[name].to_pylist() for name in names), strict=True))


@pytest.mark.parametrize("loader", LOADERS)
def test_nothing_to_load_is_no_row(site: SqlServerSite, table: TableSpec, loader: str) -> None:
    warehouse = migrated(SqlServerEngine(options(site.target_url, loader=loader)), table)
    try:
        assert load(warehouse, table, [batch_of(table, [])]) == 0
        assert load(warehouse, table, []) == 0
    finally:
        warehouse.sql.dispose()
    assert staged(site) == []


@pytest.mark.parametrize("loader", LOADERS)
def test_text_that_is_too_long_is_refused_not_cut(
    site: SqlServerSite, table: TableSpec, loader: str
) -> None:
    warehouse = migrated(SqlServerEngine(options(site.target_url, loader=loader)), table)
    try:
        with pytest.raises(MergeError) as caught:
            load(warehouse, table, [batch_of(table, [(1, "x" * 21)])])
    finally:
        warehouse.sql.dispose()
    assert not caught.value.retryable


@pytest.mark.parametrize("loader", LOADERS)
def test_fault_of_the_file_arrives_as_itself(
    site: SqlServerSite, table: TableSpec, loader: str
) -> None:
    warehouse = migrated(SqlServerEngine(options(site.target_url, loader=loader)), table)

    def batches() -> Iterator[pa.RecordBatch]:
        yield batch_of(table, [(1, "a")])
        raise KeyError("the file is broken")

    try:
        with warehouse.sql.connect() as connection, pytest.raises(KeyError, match="is broken"):
            warehouse.load_staging(connection, table, STAGING, batches())
    finally:
        warehouse.sql.dispose()


@pytest.mark.parametrize("loader", LOADERS)
def test_connection_that_drops_while_loading_is_tried_again(
    proxy: Proxy, site: SqlServerSite, table: TableSpec, loader: str
) -> None:
    through = options(proxy.in_front_of(site.target_url), loader=loader)
    warehouse = migrated(SqlServerEngine(through), table)

    def batches() -> Iterator[pa.RecordBatch]:
        for index in range(20):
            if index == 10:
                proxy.cut()
            yield batch_of(table, [(1000 * index + n, "x") for n in range(200)])

    try:
        with (
            warehouse.sql.connect() as connection,
            pytest.raises(DatabaseUnreachableError) as caught,
        ):
            warehouse.load_staging(connection, table, STAGING, batches())
    finally:
        warehouse.sql.dispose()
    assert caught.value.retryable


def test_merge_whose_transaction_was_ended_is_not_committed(
    site: SqlServerSite, table: TableSpec, warehouse: Warehouse
) -> None:
    load(warehouse, table, [batch_of(table, [(1, "a"), (2, "b")])])
    with warehouse.sql.connect() as connection:
        with pytest.raises(sa.exc.DBAPIError) as caught, connection.begin():  # noqa: PT012
            warehouse.merge(connection, chunk(table))
            end_transaction(connection)
            connection.exec_driver_sql("CREATE TABLE dbo.written_after (id int)")
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM dbo.SALES").scalar() == 0
    meant = translate(caught.value, operation="record the chunk")
    assert isinstance(meant, DatabaseUnreachableError)
    assert meant.retryable
    with warehouse.sql.connect() as connection:
        assert not sa.inspect(connection).has_table("written_after", schema="dbo")


def test_lock_that_was_lost_with_its_transaction_stops_the_merge(
    table: TableSpec, warehouse: Warehouse
) -> None:
    load(warehouse, table, [batch_of(table, [(1, "a")])])
    with warehouse.sql.connect() as connection:
        with pytest.raises(DatabaseError), connection.begin():  # noqa: PT012
            warehouse.share_moves(connection, table)
            end_transaction(connection)
            warehouse.merge(connection, chunk(table))
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM dbo.SALES").scalar() == 0


def test_merge_runs_again_after_its_transaction_was_ended(
    table: TableSpec, warehouse: Warehouse
) -> None:
    load(warehouse, table, [batch_of(table, [(1, "a")])])
    with warehouse.sql.connect() as connection:
        with pytest.raises(DatabaseError), connection.begin():  # noqa: PT012
            warehouse.merge(connection, chunk(table))
            end_transaction(connection)
        with connection.begin():
            assert warehouse.merge(connection, chunk(table)).inserted == 1
    with warehouse.sql.begin() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM dbo.SALES").scalar() == 1


def test_connection_that_drops_in_a_merge_leaves_no_trace(
    proxy: Proxy, site: SqlServerSite, table: TableSpec, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the target, nor in what people read: the pool would write a traceback."""
    warehouse = migrated(SqlServerEngine(options(proxy.in_front_of(site.target_url))), table)
    load(warehouse, table, [batch_of(table, [(1, "a")])])
    try:
        with warehouse.sql.connect() as connection:
            with pytest.raises(DatabaseUnreachableError) as caught, connection.begin():  # noqa: PT012
                warehouse.merge(connection, chunk(table))
                proxy.cut()
                warehouse.count_present(connection, chunk(table))
            assert caught.value.retryable
        with warehouse.sql.begin() as connection:
            assert warehouse.merge(connection, chunk(table)).inserted == 1
    finally:
        warehouse.sql.dispose()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_settings_of_the_session_hold_for_every_statement(warehouse: Warehouse) -> None:
    with warehouse.sql.connect() as connection:
        values = connection.exec_driver_sql("SELECT @@OPTIONS & 16384, @@LOCK_TIMEOUT").one()
    assert tuple(values) == (16384, 30_000)
