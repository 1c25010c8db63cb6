"""What migrations make on the server: scripts that can run again, dates read as everywhere."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.date_texts import EMPTY, FORMATS, READ, UNPARSABLE
from support.engines import Bench
from support.specs import SALES, column, columns, daily

from replica_worker.engines.values import RowSelection, Side
from replica_worker.errors import SchemaMismatchError
from replica_worker.model.specs import TableSpec

DATED = daily(
    "DATED",
    ["ID"],
    "DAY",
    indexes=[{"on": ["DAY"], "include": ["ISO"]}, {"on": ["TILL", "ID"]}],
    columns=[
        *columns(ID="int!", DAY="date"),
        *(column(name, "varchar(50)", date_formats=used) for name, used in FORMATS.items()),
    ],
)


def run(bench: Bench, script: str) -> None:
    with bench.connect() as connection, connection.begin():
        bench.dialect.target.run_script(connection, script)


def query(bench: Bench, statement: str) -> list[tuple[object, ...]]:
    with bench.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def write(bench: Bench, texts: list[tuple[str, str]]) -> None:
    rows = [
        f"INSERT INTO dbo.DATED (ID, [{name}]) VALUES ({number}, '{text}');"
        for number, (name, text) in enumerate(texts)
    ]
    run(bench, "\n".join(rows))


@pytest.fixture
def dated(bench: Bench) -> TableSpec:
    """A table of texts that are dates, with its indexes and its view; nothing is in it yet."""
    (table,) = bench.make(DATED)
    target = bench.dialect.target
    for _ in range(2):  # every script may run again on what it made
        run(bench, target.table_ddl(table) + target.index_ddl(table) + target.view_ddl(table))
    return table


def test_texts_are_read_as_in_every_engine(bench: Bench, dated: TableSpec) -> None:
    write(bench, [(name, text) for name, text, _ in READ])
    named = ", ".join(FORMATS)
    seen = query(
        bench, f"SELECT CONVERT(varchar(23), COALESCE({named}), 121) FROM dbo.v_DATED ORDER BY ID"
    )
    assert [text for (text,) in seen] == [expected for _, _, expected in READ]


def test_texts_that_are_no_dates_are_null_and_counted(bench: Bench, dated: TableSpec) -> None:
    write(bench, [*UNPARSABLE, *EMPTY])
    named = ", ".join(FORMATS)
    assert query(bench, f"SELECT ID FROM dbo.v_DATED WHERE COALESCE({named}) IS NOT NULL") == []
    with bench.connect() as connection:
        everything = RowSelection(table=dated, side=Side.WAREHOUSE)
        counted = bench.warehouse.count_unparsable_dates(connection, everything)
    assert counted == len(UNPARSABLE)


def test_error_of_a_batch_s_later_statement_fails_the_script(bench: Bench) -> None:
    with pytest.raises(Exception, match=r"(?i)divide|division"):
        run(bench, "CREATE TABLE dbo.own (x int);\nGO\nINSERT dbo.own VALUES (1); SELECT 1 / 0;")
    assert query(bench, "SELECT OBJECT_ID('dbo.own')") == [(None,)]


def test_column_that_cannot_hold_the_spec_is_refused(bench: Bench) -> None:
    (table,) = bench.make(SALES)
    run(bench, "ALTER TABLE dbo.SALES ALTER COLUMN NOTE varchar(20)")
    with (
        bench.connect() as connection,
        pytest.raises(SchemaMismatchError, match=r"NOTE is varchar\(20\).*narrower"),
    ):
        bench.warehouse.require_table(connection, table)
