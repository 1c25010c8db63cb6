"""A pair of databases on the SQL Server that the environment names, lent to one test at a time.

One source and one warehouse a session; a test finds both empty. What is expected of them is read
by plain statements here, none of which the product knows.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import mssql_python
import sqlalchemy as sa
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from replica_worker.model.specs import ColumnSpec, TableSpec

mssql_python.pooling(enabled=False)  # a database that a session is left in cannot be dropped

SERVER_SETTING = "REPLICA_TEST_MSSQL_URL"
_TAKES_SECONDS = 120

_LIST_OBJECTS = """
    SELECT o.type, s.name, o.name
      FROM sys.objects o
      JOIN sys.schemas s ON s.schema_id = o.schema_id
     WHERE o.type IN ('U', 'V')
     ORDER BY o.type DESC
"""
_LIST_SCHEMAS = """
    SELECT s.name
      FROM sys.schemas s
     WHERE s.name NOT IN ('dbo', 'guest', 'sys', 'INFORMATION_SCHEMA') AND s.name NOT LIKE 'db[_]%'
"""


@dataclass(frozen=True, kw_only=True, repr=False)
class SqlServerSite:
    """URLs of an empty source and an empty warehouse on one server."""

    source_url: str
    target_url: str
    broker_url: str = "redis://127.0.0.1:1/0"  # where none listens: most tests need no broker


class SqlServer:
    """The server under test, seen by a login that may create databases."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)

    def make_pair(self) -> SqlServerSite:
        """A new source and a new warehouse."""
        unique = uuid.uuid4().hex[:10]
        names = [f"replica_{role}_{unique}" for role in ("source", "warehouse")]
        with connect(self._at("master")) as connection:
            for name in names:
                _patiently(connection, f"CREATE DATABASE {quoted(name)}")
                with suppress(mssql_python.Error):  # not every server has the setting
                    run(
                        connection,
                        f"ALTER DATABASE {quoted(name)} SET ALLOW_SNAPSHOT_ISOLATION ON",
                    )
        source, target = (self._at(name) for name in names)
        return SqlServerSite(source_url=source, target_url=target)

    def drop_pair(self, site: SqlServerSite) -> None:
        with connect(self._at("master")) as connection:
            for url in (site.source_url, site.target_url):
                self._drop(connection, str(sa.make_url(url).database))

    def objection_to(self, statement: str) -> str | None:
        """What the server says against a statement that shows a capability; None if it has it."""
        with connect(self._at("master")) as connection:
            try:
                run(connection, statement)
            except mssql_python.Error as error:
                return " ".join(str(error).split())[:200]
        return None

    def keeps_100_nanoseconds(self) -> bool:
        shown = "CONVERT(varchar(20), CAST('12:34:56.0000001' AS time(7)), 121)"
        return not self.objection_to(f"SELECT 1 / CHARINDEX('.0000001', {shown})")

    def pads_by_units(self) -> bool:
        """Whether nchar(n) has n units of UTF-16, whatever characters they make."""
        padded = "CAST(N'\U0001f35f' AS nchar(10)) + N'.'"
        blanks = f"LEN({padded}) - LEN(REPLACE({padded}, N' ', N''))"
        return not self.objection_to(f"SELECT 1 / CASE WHEN {blanks} = 8 THEN 1 ELSE 0 END")

    def returns_from_json(self, literal: str) -> bool:
        """Whether a text comes back from JSON as it went in."""
        text = f"CAST({literal} AS nvarchar(100)) COLLATE Latin1_General_100_BIN2"
        document = f"CONCAT(N'[{{\"k\": \"', STRING_ESCAPE({text}, 'json'), N'\"}}]')"
        return not self.objection_to(
            f"SELECT 1 / CASE WHEN j.k COLLATE Latin1_General_100_BIN2 = {text} THEN 1 ELSE 0 END "
            f"FROM OPENJSON({document}) WITH (k nvarchar(100)) AS j"
        )

    def _drop(self, connection: Any, name: str) -> None:
        with suppress(mssql_python.Error):  # not every server knows how to end others' sessions
            run(
                connection,
                f"ALTER DATABASE {quoted(name)} SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
            )
        _patiently(connection, f"DROP DATABASE IF EXISTS {quoted(name)}")

    def _at(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)


@retry(
    retry=retry_if_exception_type(mssql_python.Error),
    stop=stop_after_attempt(20),
    wait=wait_random(0.1, 0.5),
    reraise=True,
)
def _patiently(connection: Any, statement: str) -> None:
    """Sessions that make databases, or are about to end, get in each other's way."""
    run(connection, statement)


class Pairs:
    """Lends the session's pair of databases, emptied; a new one where emptying fails."""

    def __init__(self, server: SqlServer) -> None:
        self._server = server
        self._made: list[SqlServerSite] = []

    def lend(self) -> SqlServerSite:
        if self._made:
            with suppress(mssql_python.Error):  # a test may leave names that the server mistells
                empty_database(self._made[-1].source_url)
                empty_database(self._made[-1].target_url)
                return self._made[-1]
        self._made.append(self._server.make_pair())
        return self._made[-1]

    def drop(self) -> None:
        for pair in self._made:
            self._server.drop_pair(pair)


def empty_database(url: str) -> None:
    """Drop all tables, views and schemas."""
    with connect(url) as connection:
        for kind, schema, name in run(connection, _LIST_OBJECTS):
            what = "VIEW" if str(kind).strip() == "V" else "TABLE"
            run(connection, f"DROP {what} {quoted(schema)}.{quoted(name)}")
        for (schema,) in run(connection, _LIST_SCHEMAS):
            run(connection, f"DROP SCHEMA {quoted(schema)}")


@contextmanager
def connect(url: str) -> Iterator[Any]:
    """A connection that commits every statement."""
    connection = open_connection(url)
    try:
        yield connection
    finally:
        connection.close()


def open_connection(url: str) -> Any:
    connection = mssql_python.connect(odbc_text(url), autocommit=True)
    connection.timeout = _TAKES_SECONDS
    return connection


def odbc_text(url: str, **more: object) -> str:
    """The URL as an ODBC connection string."""
    parts = sa.make_url(url)
    fields = {
        "Server": f"{parts.host},{parts.port or 1433}",
        "Database": parts.database or "master",
        "UID": parts.username or "",
        "PWD": str(parts.password or ""),
        "Encrypt": "yes",
        **{name: str(setting) for name, setting in parts.query.items()},
        **{name: str(setting) for name, setting in more.items()},
    }
    return "".join(f"{name}={{{setting.replace('}', '}}')}}};" for name, setting in fields.items())


def run(connection: Any, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement; its rows, if it gives any."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement, tuple(values))
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
    finally:
        cursor.close()


def numbers(count: int) -> str:
    """A table expression of the numbers n = 0 … count - 1."""
    digits = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
    joined = " CROSS JOIN ".join(f"{digits} {alias} (x)" for alias in "abcd")
    return (
        f"(SELECT TOP ({count}) ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) - 1 AS n FROM {joined})"
        " AS numbers"
    )


def quoted(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"


def create_table(schema: str, name: str, table: TableSpec, types: dict[str, str]) -> list[str]:
    """Statements that make a source table without key or index; `types` differ from the spec's."""
    lines = [
        f"{quoted(column.name)} {types.get(column.name) or source_type(column)} "
        f"{'NULL' if column.nullable else 'NOT NULL'}"
        for column in table.columns
    ]
    escaped = quoted(schema).replace("'", "''")
    return [
        f"IF SCHEMA_ID(N'{schema.replace(chr(39), chr(39) * 2)}') IS NULL "
        f"EXEC (N'CREATE SCHEMA {escaped}')",
        f"CREATE TABLE {quoted(schema)}.{quoted(name)} ({', '.join(lines)})",
    ]


def source_type(column: ColumnSpec) -> str:
    """The spec's type; rowversions are plain bytes, so that tests may say what they are."""
    return "binary(8)" if column.type.base == "rowversion" else str(column.type)


def row_texts(
    connection: Any, schema: str, name: str, table: TableSpec, where: str = "1 = 1"
) -> list[str]:
    """Every row as text, columns in the spec's order, sorted."""
    shown = ", ".join(_shown(column) for column in table.columns)
    query = f"SELECT {shown} FROM {quoted(schema)}.{quoted(name)} AS t WHERE {where}"
    return sorted(repr(row) for row in run(connection, query))


def _shown(column: ColumnSpec) -> str:
    """Instants as SQL Server writes them to the last digit: Python's have six."""
    name = quoted(column.name)
    if column.type.base in ("time", "datetime", "smalldatetime", "datetime2", "datetimeoffset"):
        return f"CONVERT(varchar(40), {name}, 121)"
    if column.type.base == "xml":
        return f"CAST({name} AS nvarchar(max))"
    return name


def server_url() -> str | None:
    """The server under test, if the environment names one."""
    return os.environ.get(SERVER_SETTING) or None


def run_settings() -> dict[str, str]:
    """What the environment says of the ways of merging, loading and hashing in this run."""
    return {
        name: os.environ[name]
        for name in ("REPLICA_MERGE_STYLE", "REPLICA_LOADER", "REPLICA_DIGEST_ENCODING")
        if os.environ.get(name)
    }
