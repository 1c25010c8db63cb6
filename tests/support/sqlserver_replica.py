"""A replica on SQL Server, with the same short words as the one on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from replica_worker.model.specs import ColumnSpec
from support.databases import Site
from support.replica import Replica, open_deployment
from support.sqlserver import SqlServerSite, connect, create_table, quoted, row_texts, run

_WITNESS = "replica_test_witness"


class SqlServerReplica(Replica):
    """Statements are those of the PostgreSQL tests: double quotes, `%s` for a value."""

    def make_source(self, *names: str, unlike: dict[str, str] | None = None) -> None:
        for table in self.spec.select(names):
            for statement in create_table(table.source_schema, table.name, table, unlike or {}):
                run(self.source, statement)

    def insert(self, name: str, *rows: Sequence[Any]) -> None:
        table = self.spec.table(name)
        columns = ", ".join(quoted(column) for column in table.column_names)
        values = ", ".join(f"CAST(? AS {_parameter(column)})" for column in table.columns)
        target = f"{quoted(table.source_schema)}.{quoted(table.name)}"
        for row in rows:
            # The driver takes no date before 1753; every date has a text.
            texts = [str(cell) if type(cell) is date else cell for cell in row]
            run(self.source, f"INSERT INTO {target} ({columns}) VALUES ({values})", texts)

    def at_source(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return run(self.source, _in_tsql(statement), values)

    def at_target(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return run(self.target, _in_tsql(statement), values)

    def source_rows(self, name: str, where: str = "1 = 1") -> list[str]:
        table = self.spec.table(name)
        return row_texts(self.source, table.source_schema, table.name, table, where)

    def target_rows(self, name: str, where: str = "1 = 1") -> list[str]:
        table = self.spec.table(name)
        return row_texts(self.target, table.target_schema, table.target_name, table, where)

    def row_places(self, name: str) -> dict[str, tuple[str, str]]:
        """By a row's text, the version that the server gave it when it was last written."""
        table = self.spec.table(name)
        versions = {}
        target = f"{quoted(table.target_schema)}.{quoted(table.target_name)}"
        columns = ", ".join(quoted(column) for column in table.column_names)
        for *row, version in run(self.target, f"SELECT {columns}, {_WITNESS} FROM {target}"):
            versions[repr(row)] = ("", bytes(version).hex())
        return versions

    def staging_tables(self) -> list[str]:
        listed = "SELECT t.name FROM sys.tables t WHERE SCHEMA_NAME(t.schema_id) = 'replica_stage'"
        return [str(name) for (name,) in run(self.target, listed)]

    def migrate(self) -> list[str]:
        """As `replica migrate`, and a column that shows which rows were written since."""
        applied = super().migrate()
        for table in self.spec.tables if applied else ():
            target = f"{quoted(table.target_schema)}.{quoted(table.target_name)}"
            run(self.target, f"ALTER TABLE {target} ADD {_WITNESS} rowversion")
        return applied


def _parameter(column: ColumnSpec) -> str:
    return "binary(8)" if column.type.base == "rowversion" else str(column.type)


def _in_tsql(statement: str) -> str:
    return statement.replace("%s", "?").replace("%%", "%").replace("TRUE", "1 = 1")


@contextmanager
def open_sqlserver_replica(
    site: SqlServerSite, folder: Path, text: str, **settings: Any
) -> Iterator[SqlServerReplica]:
    """A migrated replica over the site; its source holds no table yet."""
    folder.mkdir(parents=True, exist_ok=True)
    urls = Site(
        source_url=settings.pop("source_url", site.source_url),
        source_owner_url=site.source_url,
        target_url=settings.pop("target_url", site.target_url),
        broker_url=site.broker_url,
    )
    deployment = open_deployment(urls, folder, text, **settings)
    with connect(site.source_url) as source, connect(site.target_url) as target:
        replica = SqlServerReplica(deployment, source, target, folder / "exports")
        try:
            replica.migrate()
            yield replica
        finally:
            deployment.warehouse.sql.dispose()
