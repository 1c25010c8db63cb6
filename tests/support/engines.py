"""Benches: an engine on real databases, and the few words of its dialect that tests need.

The engine tests are written once over `engines.interface`; another engine joins them with a
bench of its own and a line in `BENCHES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from psycopg import sql

from replica_worker.archive.archive import Archive, ExtractName, ExtractOrder
from replica_worker.archive.stores import FolderStore
from replica_worker.engines.interface import Engine, Warehouse
from replica_worker.engines.postgresql.engine import PostgresEngine
from replica_worker.engines.values import ConnectionOptions, RowSelection, Side, StagedChunk
from replica_worker.ledger.tables import metadata_for
from replica_worker.model.counts import MergeCounts
from replica_worker.model.days import DayRange
from replica_worker.model.manifest import ExtractKind
from replica_worker.model.specs import TableSpec, parse_specs
from support.databases import Site, connect
from support.postgres_values import HOSTILE_NAMES, KEYS, MATRIX, MISFITS, UNLIKE, Misfit
from support.specs import spec_text

ZONE = ZoneInfo("Asia/Kuala_Lumpur")


class Dialect(Protocol):
    """What differs between engines in a test."""

    source: Engine
    target: Engine
    matrix: dict[str, list[str]]  # SQL type → literals of its edge values
    misfits: list[Misfit]  # values at the source that the spec's type does not hold
    keys: dict[str, tuple[str, str, str]]  # what a key shows → its type and two literals
    unlike: dict[str, str]  # spec's type → a live column's type that is no such thing
    hostile_names: list[str]

    def make_source(self, table: TableSpec, types: dict[str, str]) -> None: ...
    def run_at_source(self, statement: str, *values: Any) -> None: ...
    def run_at_target(self, statement: str, *values: Any) -> None: ...
    def name(self, table: TableSpec, side: Side) -> str: ...
    def quoted(self, name: str) -> str: ...
    def bytes_literal(self, content: bytes) -> str: ...
    def texts(self, table: TableSpec, side: Side) -> list[str]: ...


def postgres_engine(
    url: str, zone: ZoneInfo, *, read_only: bool, statement_seconds: float = 30
) -> Engine:
    return PostgresEngine(
        ConnectionOptions(
            url=url,
            zone=zone,
            connect_timeout=timedelta(seconds=10),
            statement_timeout=timedelta(seconds=statement_seconds),
            batch_bytes=64 * 1024,
            read_only=read_only,
        )
    )


class PostgresDialect:
    """PostgreSQL on both sides."""

    matrix = MATRIX
    misfits = MISFITS
    keys = KEYS
    unlike = UNLIKE
    hostile_names = HOSTILE_NAMES

    def __init__(self, site: Site, zone: ZoneInfo) -> None:
        self.source = postgres_engine(site.source_url, zone, read_only=True)
        self.target = postgres_engine(site.target_url, zone, read_only=False)
        self._owner = connect(site.source_owner_url)
        self._writer = connect(site.target_url)

    def close(self) -> None:
        self._owner.close()
        self._writer.close()

    def make_source(self, table: TableSpec, types: dict[str, str]) -> None:
        as_source = replace(table, target_schema=table.source_schema, target_name=table.name)
        self._owner.execute(self.target.table_ddl(as_source))
        for column, live_type in types.items():
            self._owner.execute(
                f"ALTER TABLE {self.name(table, Side.SOURCE)} "
                f"ALTER COLUMN {self.quoted(column)} TYPE {live_type} "
                f"USING {self.quoted(column)}::text::{live_type}"
            )

    def run_at_source(self, statement: str, *values: Any) -> None:
        self._owner.execute(statement, values or None)

    def run_at_target(self, statement: str, *values: Any) -> None:
        self._writer.execute(statement, values or None)

    def name(self, table: TableSpec, side: Side) -> str:
        selection = RowSelection(table=table, side=side)
        return sql.Identifier(selection.schema_name, selection.table_name).as_string(None)

    def quoted(self, name: str) -> str:
        return sql.Identifier(name).as_string(None)

    def bytes_literal(self, content: bytes) -> str:
        return f"'\\x{content.hex()}'"

    def texts(self, table: TableSpec, side: Side) -> list[str]:
        """Every row, read by a statement that the product does not know, as text."""
        connection = self._owner if side is Side.SOURCE else self._writer
        columns = ", ".join(self.quoted(name) for name in table.column_names)
        query = f"SELECT ROW({columns})::text FROM {self.name(table, side)}"
        return sorted(text for (text,) in connection.execute(query))


@contextmanager
def open_postgresql(site: Site, zone: ZoneInfo) -> Iterator[PostgresDialect]:
    dialect = PostgresDialect(site, zone)
    try:
        yield dialect
    finally:
        dialect.close()


BENCHES = {"postgresql": open_postgresql}


class Bench:
    """Tables on both sides of one engine, and the way of rows between them, step by step."""

    def __init__(self, dialect: Dialect, folder: Path) -> None:
        self.dialect = dialect
        self.warehouse: Warehouse = dialect.target.open_warehouse()
        self.archive = Archive(FolderStore(folder / "exports"))

    def close(self) -> None:
        self.warehouse.sql.dispose()

    def make(
        self, *tables: dict[str, Any], types: dict[str, str] | None = None, **more: Any
    ) -> list[TableSpec]:
        """Make the tables on both sides; `types` gives source columns another type."""
        spec = parse_specs(spec_text(*tables, **more), origin="test")
        metadata = metadata_for(spec.target_schema)
        with self.warehouse.sql.begin() as connection:
            script = self.dialect.target.metadata_ddl(metadata, spec.target_schema)
            self.dialect.target.run_script(connection, script)
            for table in spec.tables:
                self.dialect.make_source(table, types or {})
                self.dialect.target.run_script(connection, self.dialect.target.table_ddl(table))
        return list(spec.tables)

    def fill(self, table: TableSpec, *rows: Sequence[str]) -> None:
        """Insert rows of literals at the source, in the spec's order of columns."""
        columns = ", ".join(self.dialect.quoted(name) for name in table.column_names)
        values = ",\n".join(f"({', '.join(row)})" for row in rows)
        self.dialect.run_at_source(
            f"INSERT INTO {self.dialect.name(table, Side.SOURCE)} ({columns}) VALUES {values}"
        )

    def copy(self, table: TableSpec, days: DayRange | None = None) -> MergeCounts:
        """Source → Parquet → staging → target."""
        name = ExtractName(table=table.name, day=date(2026, 3, 14), run_id="run")
        order = ExtractOrder(
            name=name,
            spec=table,
            kind=ExtractKind.DAY,
            attempt=1,
            started_at=datetime(2026, 3, 15, tzinfo=UTC),
            digest=None,
        )
        with self.dialect.source.open_snapshot() as snapshot:
            assert snapshot.require_table(table, Side.SOURCE)
            rows = snapshot.read(RowSelection(table=table, side=Side.SOURCE, days=days))
            manifest = self.archive.write(order, rows)
        chunk = StagedChunk(table=table, staging="staged", days=days, is_complete=True)
        with self.warehouse.sql.connect() as connection:
            self.warehouse.create_staging(connection, table, chunk.staging)
            connection.commit()  # an engine may load on a connection of its own
            batches = self.archive.read(name, manifest)
            staged = self.warehouse.load_staging(connection, table, chunk.staging, batches)
            assert staged == manifest.rows
            counts = self.warehouse.merge(connection, chunk)
            self.warehouse.drop_staging(connection, chunk.staging)
            connection.commit()
        return counts

    def snapshot(self, side: Side) -> AbstractContextManager[Any]:
        engine = self.dialect.source if side is Side.SOURCE else self.dialect.target
        return engine.open_snapshot()

    def connect(self) -> AbstractContextManager[sa.Connection]:
        return self.warehouse.sql.connect()

    def assert_equal(self, table: TableSpec) -> None:
        assert self.dialect.texts(table, Side.WAREHOUSE) == self.dialect.texts(table, Side.SOURCE)
