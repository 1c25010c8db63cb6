"""SQL Server on both sides of a bench, for the engine tests that every engine passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from replica_worker.engines.interface import Engine
from replica_worker.engines.sqlserver.engine import SqlServerEngine
from replica_worker.engines.values import ConnectionOptions, RowSelection, Side
from replica_worker.model.specs import TableSpec
from replica_worker.settings import Settings
from support.sqlserver import (
    SqlServerSite,
    create_table,
    open_connection,
    quoted,
    row_texts,
    run,
)
from support.sqlserver_values import HOSTILE_NAMES, KEYS, MATRIX, MISFITS, MORE_TYPES, UNLIKE


def sqlserver_engine(
    url: str, zone: ZoneInfo, *, read_only: bool, statement_seconds: float = 60
) -> Engine:
    """The engine with the ways of merging and loading that the run's settings name."""
    settings = Settings(_env_file=None)
    return SqlServerEngine(
        ConnectionOptions(
            url=url,
            zone=zone,
            connect_timeout=timedelta(seconds=10),
            statement_timeout=timedelta(seconds=statement_seconds),
            batch_bytes=64 * 1024,
            read_only=read_only,
            merge_style=settings.merge_style,
            loader=settings.loader,
            digest_encoding=settings.digest_encoding,
        )
    )


class SqlServerDialect:
    """T-SQL on both sides."""

    matrix: ClassVar[dict[str, list[str]]] = {**MATRIX, **MORE_TYPES}
    misfits = MISFITS
    keys = KEYS
    unlike = UNLIKE
    hostile_names = HOSTILE_NAMES

    def __init__(self, site: SqlServerSite, zone: ZoneInfo) -> None:
        self.source = sqlserver_engine(site.source_url, zone, read_only=True)
        self.target = sqlserver_engine(site.target_url, zone, read_only=False)
        self._owner = open_connection(site.source_url)
        self._writer = open_connection(site.target_url)

    def close(self) -> None:
        self._owner.close()
        self._writer.close()

    def make_source(self, table: TableSpec, types: dict[str, str]) -> None:
        for statement in create_table(table.source_schema, table.name, table, types):
            run(self._owner, statement)

    def run_at_source(self, statement: str, *values: Any) -> None:
        run(self._owner, statement, values)

    def run_at_target(self, statement: str, *values: Any) -> None:
        run(self._writer, statement, values)

    def name(self, table: TableSpec, side: Side) -> str:
        selection = RowSelection(table=table, side=side)
        return f"{quoted(selection.schema_name)}.{quoted(selection.table_name)}"

    def quoted(self, name: str) -> str:
        return quoted(name)

    def bytes_literal(self, content: bytes) -> str:
        return f"0x{content.hex()}"

    def texts(self, table: TableSpec, side: Side) -> list[str]:
        """Every row, read by a statement that the product does not know, as text."""
        selection = RowSelection(table=table, side=side)
        connection = self._owner if side is Side.SOURCE else self._writer
        return row_texts(connection, selection.schema_name, selection.table_name, table)


@contextmanager
def open_sqlserver(site: SqlServerSite, zone: ZoneInfo) -> Iterator[SqlServerDialect]:
    dialect = SqlServerDialect(site, zone)
    try:
        yield dialect
    finally:
        dialect.close()
