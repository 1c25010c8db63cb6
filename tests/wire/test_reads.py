"""The driver and a TDS server, on the wire: logins, TLS, Arrow, errors, broken connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pysqlbridge.tds.result import QueryError
from support.proxy import Proxy, open_proxy
from support.specs import columns, daily, spec_text
from support.tds_server import PASSWORD, TdsServer, serve_sales

from replica_worker.archive.archive import Archive, ExtractName, ExtractOrder
from replica_worker.archive.stores import FolderStore
from replica_worker.engines.sqlserver.engine import SqlServerEngine
from replica_worker.engines.values import ConnectionOptions, RowSelection, Side
from replica_worker.errors import DatabaseError, DatabaseUnreachableError, ReplicaError
from replica_worker.model.days import DayRange
from replica_worker.model.manifest import ExtractKind
from replica_worker.model.specs import TableSpec, parse_specs
from replica_worker.pulse import watched

DAY, NEXT_DAY = date(2026, 3, 14), date(2026, 3, 15)
ROWS = 12_000


def note(number: int) -> str | None:
    return None if number % 7 == 0 else f"note {number} é" + "x" * 40


def sales() -> str:
    lines = [f"{n},{DAY if n <= ROWS else NEXT_DAY},{note(n) or ''}" for n in range(1, ROWS + 101)]
    return "\n".join(["ID,DAY,NOTE", *lines])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TdsServer]:
    with serve_sales(tmp_path_factory.mktemp("tds"), sales()) as started:
        yield started


@pytest.fixture
def server(running: TdsServer) -> Iterator[TdsServer]:
    yield running
    running.objection = None
    running.may_answer.set()


@pytest.fixture
def proxy(server: TdsServer) -> Iterator[Proxy]:
    with open_proxy("127.0.0.1", server.port) as opened:
        yield opened


@pytest.fixture
def table() -> TableSpec:
    shape = columns(ID="bigint!", DAY="date", NOTE="varchar(60)")
    text = spec_text(daily("SALES", ["ID"], "DAY", columns=shape))
    return parse_specs(text, origin="spec.json").table("SALES")


def engine(
    port: int,
    *,
    password: str = PASSWORD,
    query: str = "?TrustServerCertificate=yes",
    connect_seconds: float = 10,
    statement_seconds: float = 30,
) -> SqlServerEngine:
    return SqlServerEngine(
        ConnectionOptions(
            url=f"mssql+mssqlpython://reader:{quote(password, safe='')}@127.0.0.1:{port}/D{query}",
            zone=ZoneInfo("Asia/Kuala_Lumpur"),
            connect_timeout=timedelta(seconds=connect_seconds),
            statement_timeout=timedelta(seconds=statement_seconds),
            batch_bytes=64 * 1024,
            read_only=True,
            max_dop=1,
        )
    )


def one_day(table: TableSpec) -> RowSelection:
    return RowSelection(table=table, side=Side.SOURCE, days=DayRange.one(DAY))


def read(source: SqlServerEngine, table: TableSpec) -> pa.Table:
    with source.open_snapshot() as snapshot:
        batches = list(snapshot.read(one_day(table)))
    return pa.Table.from_batches(batches, schema=table.arrow_schema)


def failure(source: SqlServerEngine, table: TableSpec) -> ReplicaError:
    with pytest.raises(ReplicaError) as caught:
        read(source, table)
    message = str(caught.value)
    assert "\n" not in message
    assert PASSWORD not in message
    return caught.value


def test_a_day_is_read_whole_and_exactly_over_tls(server: TdsServer, table: TableSpec) -> None:
    found = read(engine(server.port), table).sort_by("ID")
    assert found.column("ID").to_pylist() == list(range(1, ROWS + 1))
    assert set(found.column("DAY").to_pylist()) == {DAY}
    assert found.column("NOTE").to_pylist() == [note(n) for n in range(1, ROWS + 1)]


def test_batches_are_bounded_by_the_declared_width(server: TdsServer, table: TableSpec) -> None:
    with engine(server.port).open_snapshot() as snapshot:
        sizes = [batch.num_rows for batch in snapshot.read(one_day(table))]
    assert sum(sizes) == ROWS
    assert max(sizes) * (8 + 8 + 2 * 60 + 2) <= 8 * 64 * 1024


def test_wrong_password_is_refused_for_good(server: TdsServer, table: TableSpec) -> None:
    error = failure(engine(server.port, password="wrong"), table)
    assert type(error) is DatabaseError
    assert not error.retryable
    assert "wrong" not in str(error)


def test_unknown_certificate_is_refused_with_advice(server: TdsServer, table: TableSpec) -> None:
    error = failure(engine(server.port, query=""), table)
    assert isinstance(error, DatabaseUnreachableError)
    assert not error.retryable
    assert "TrustServerCertificate" in error.next_step


@pytest.mark.parametrize(
    ("number", "message", "kind", "retryable"),
    [
        (1205, "Transaction (Process ID 55) was deadlocked on lock resources", DatabaseError, True),
        (1222, "Lock request time out period exceeded.", DatabaseError, True),
        (3960, "Snapshot isolation transaction aborted due to update conflict.", DatabaseError,
         True),
        (40613, "Database 'D' on server 'S' is not currently available.",
         DatabaseUnreachableError, True),
        (229, "The SELECT permission was denied on the object 'SALES'", DatabaseError, False),
        (208, "Invalid object name 'SALES'.", DatabaseError, False),
    ],
)  # fmt: skip
def test_server_s_errors_arrive_as_what_they_mean(
    server: TdsServer, table: TableSpec, number: int, message: str, kind: type, retryable: bool
) -> None:
    server.objection = QueryError(message, number=number)
    error = failure(engine(server.port), table)
    assert (type(error), error.retryable) == (kind, retryable)
    assert message.rstrip(".") in error.cause


def test_statement_that_takes_too_long_ends(server: TdsServer, table: TableSpec) -> None:
    server.may_answer.clear()
    error = failure(engine(server.port, statement_seconds=1), table)
    assert error.retryable
    assert "REPLICA_STATEMENT_TIMEOUT" in error.next_step


def test_server_that_says_nothing_is_given_up(proxy: Proxy, table: TableSpec) -> None:
    proxy.hang()
    error = failure(engine(proxy.port, connect_seconds=1), table)
    assert isinstance(error, DatabaseUnreachableError)
    assert error.retryable


def test_server_that_falls_silent_in_a_result_is_noticed_by_another_thread(
    proxy: Proxy, table: TableSpec
) -> None:
    noticed = threading.Event()

    def read_on() -> None:
        with (
            suppress(ReplicaError),
            engine(proxy.port, statement_seconds=1).open_snapshot() as snapshot,
            watched(4, lambda _: noticed.set()),  # longer than a busy machine stands still
        ):
            proxy.freeze_after(100_000)
            for _ in snapshot.read(one_day(table)):
                pass

    threading.Thread(target=read_on, daemon=True).start()
    assert noticed.wait(60)
    assert proxy.frozen_links == 1


def test_server_that_is_not_there_is_unreachable(proxy: Proxy, table: TableSpec) -> None:
    proxy.go_away()
    error = failure(engine(proxy.port, connect_seconds=1), table)
    assert isinstance(error, DatabaseUnreachableError)
    assert error.retryable


@pytest.mark.parametrize("passed", [2_000, 100_000, 400_000, 900_000])
def test_connection_that_drops_leaves_no_half_file(
    proxy: Proxy, table: TableSpec, tmp_path: Path, passed: int
) -> None:
    archive = Archive(FolderStore(tmp_path / "exports"))
    name = ExtractName(table=table.name, day=DAY, run_id="run")
    order = ExtractOrder(
        name=name,
        spec=table,
        kind=ExtractKind.DAY,
        attempt=1,
        started_at=datetime(2026, 3, 15, tzinfo=UTC),
        digest=None,
    )
    source = engine(proxy.port)

    def extract() -> int:
        with source.open_snapshot() as snapshot:
            return archive.write(order, snapshot.read(one_day(table))).rows

    with source.open_snapshot() as snapshot:
        rows = snapshot.read(one_day(table))
        proxy.cut_after(passed)
        with pytest.raises(DatabaseUnreachableError) as caught:
            archive.write(order, rows)
    assert caught.value.retryable
    assert [path for path in (tmp_path / "exports").rglob("*") if path.is_file()] == []
    assert extract() == ROWS
