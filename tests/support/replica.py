"""A deployment over a site, and short words for what tests do with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from replica_worker.ledger.audit import AuditRow
from replica_worker.ledger.chunk_rows import ChunkRow
from replica_worker.ledger.options import RunOptions
from replica_worker.model.chunks import Action, ChunkId, ChunkState, Plan, PlannedChunk, RunKind
from replica_worker.model.specs import TableSpec
from replica_worker.settings import MIGRATIONS_FOLDER, Settings
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.migrate import apply_migrations, migrations_in_force
from replica_worker.usecases.runs import begin_run
from replica_worker.usecases.work import work_on_chunk
from replica_worker.wiring import connect_deployment
from support.databases import Site, connect

DAY = date(2026, 3, 14)
NEXT_DAY = date(2026, 3, 15)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one chunk ended: as the worker says, and as the ledger and the audit say."""

    returned: ChunkState | None
    row: ChunkRow
    audit: list[AuditRow]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Rows inserted, updated and deleted."""
        return (self.row.rows_inserted, self.row.rows_updated, self.row.rows_deleted)

    @property
    def error(self) -> str:
        return self.row.error or ""


class Replica:
    """A migrated warehouse over a source that the test may change."""

    def __init__(
        self,
        deployment: Deployment,
        source: psycopg.Connection[Any],
        target: psycopg.Connection[Any],
        exports: Path,
    ) -> None:
        self.deployment = deployment
        self.spec = deployment.spec
        self.source = source
        self.target = target
        self.exports = exports

    # ------------------------------------------------------------ both sides, without the product

    def make_source(self, *names: str, unlike: dict[str, str] | None = None) -> None:
        """Make the source's tables as their specs say; `unlike` gives columns another type."""
        for table in self.spec.select(names):
            self.source.execute(source_ddl(self.deployment, table))
            for column, sql_type in (unlike or {}).items():
                self.source.execute(
                    sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {}").format(
                        sql.Identifier(table.source_schema, table.name),
                        sql.Identifier(column),
                        sql.SQL(sql_type),
                    )
                )

    def insert(self, name: str, *rows: Sequence[Any]) -> None:
        """Insert rows at the source, values in the spec's order."""
        table = self.spec.table(name)
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table.source_schema, table.name),
            sql.SQL(", ").join(map(sql.Identifier, table.column_names)),
            sql.SQL(", ").join([sql.Placeholder()] * len(table.columns)),
        )
        with self.source.cursor() as cursor:
            cursor.executemany(statement, rows)

    def at_source(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement in which `{}` stands for nothing: tables are named by `"S"."T"`."""
        return _run(self.source, statement, values)

    def at_target(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return _run(self.target, statement, values)

    def source_rows(self, name: str, where: str = "TRUE") -> list[str]:
        """Every row's text, columns in the spec's order, sorted: what a copy must equal."""
        table = self.spec.table(name)
        return _row_texts(self.source, table.source_schema, table.name, table, where)

    def target_rows(self, name: str, where: str = "TRUE") -> list[str]:
        table = self.spec.table(name)
        return _row_texts(self.target, table.target_schema, table.target_name, table, where)

    def row_places(self, name: str) -> dict[str, tuple[str, str]]:
        """By a row's text, where and by which transaction it was written."""
        table = self.spec.table(name)
        query = sql.SQL("SELECT t::text, ctid::text, xmin::text FROM {} t").format(
            sql.Identifier(table.target_schema, table.target_name)
        )
        return {text: (ctid, xmin) for text, ctid, xmin in self.target.execute(query)}

    def staging_tables(self) -> list[str]:
        return [
            name
            for (name,) in self.at_target(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'replica_stage'"
            )
        ]

    # ------------------------------------------------------------ the product at work

    def migrate(self) -> list[str]:
        migrations = migrations_in_force(self.deployment, MIGRATIONS_FOLDER)
        return apply_migrations(self.deployment, migrations)

    def begin(
        self,
        *chunks: tuple[str, date, Action],
        kind: RunKind = RunKind.BACKFILL,
        run_id: str | None = None,
        **options: bool,
    ) -> str:
        """Record a run of these chunks."""
        days = [day for _, day, _ in chunks]
        plan = Plan(
            kind=kind,
            first_day=min(days),
            last_day=max(days),
            chunks=tuple(
                PlannedChunk(table=table, day=day, action=action, wave=0)
                for table, day, action in chunks
            ),
            tables=tuple(dict.fromkeys(table for table, _, _ in chunks)),
        )
        begun = begin_run(
            self.deployment, plan, asked_by="tests", options=RunOptions(**options), run_id=run_id
        )
        assert begun is not None
        return begun

    def load(self, table: str, day: date = DAY, **options: bool) -> Outcome:
        """Load one chunk in a run of its own."""
        return self._work(table, day, Action.LOAD, options)

    def check(self, table: str, day: date = DAY, **options: bool) -> Outcome:
        """Check one chunk in a run of its own."""
        return self._work(table, day, Action.CHECK, options)

    def work(self, chunk: ChunkId, *, worker: str = "worker-1") -> ChunkState | None:
        return work_on_chunk(self.deployment, chunk, worker=worker)

    def end_delays(self) -> None:
        """Let chunks that wait for their next try be due now."""
        self.at_target("UPDATE dbo.etl_progress SET not_before = NULL")

    def row_of(self, chunk: ChunkId) -> ChunkRow:
        (row,) = [
            row for row in self.deployment.ledger.chunks.of_run(chunk.run_id) if row.chunk == chunk
        ]
        return row

    def outcome_of(self, chunk: ChunkId, returned: ChunkState | None = None) -> Outcome:
        audit = [
            row
            for row in self.deployment.ledger.audit.of_run(chunk.run_id)
            if (row.table, row.day) == (chunk.table, chunk.day)
        ]
        return Outcome(returned=returned, row=self.row_of(chunk), audit=audit)

    def with_policy(self, **changes: Any) -> Replica:
        policy = replace(self.deployment.policy, **changes)
        return type(self)(
            replace(self.deployment, policy=policy), self.source, self.target, self.exports
        )

    def _work(self, table: str, day: date, action: Action, options: dict[str, bool]) -> Outcome:
        kind = RunKind.CHECK_FIXES if action is Action.CHECK else RunKind.BACKFILL
        run_id = self.begin((table, day, action), kind=kind, **options)
        chunk = ChunkId(run_id=run_id, table=table, day=day)
        return self.outcome_of(chunk, self.work(chunk))


@contextmanager
def open_replica(
    site: Site, folder: Path, text: str, *, migrate: bool = True, **settings: Any
) -> Iterator[Replica]:
    """A replica over the site; its source holds no table yet."""
    folder.mkdir(parents=True, exist_ok=True)
    deployment = open_deployment(site, folder, text, **settings)
    with connect(site.source_owner_url) as source, connect(site.target_url) as target:
        replica = Replica(deployment, source, target, folder / "exports")
        try:
            if migrate:
                replica.migrate()
            yield replica
        finally:
            deployment.warehouse.sql.dispose()


def open_deployment(site: Site, folder: Path, text: str, **settings: Any) -> Deployment:
    spec_file = folder / "specs.json"
    spec_file.write_text(text, encoding="utf-8")
    return connect_deployment(make_settings(site, spec_file, folder / "exports", **settings))


def make_settings(site: Site, spec_file: Path, exports: Path, **settings: Any) -> Settings:
    """Settings by explicit value; the environment and `.env.local` say nothing of them."""
    return Settings(
        _env_file=None,
        REPLICA_SCHEMA=spec_file,
        source_url=site.source_url,
        target_url=site.target_url,
        broker_url=site.broker_url,
        exports=str(exports),
        **settings,
    )


def source_ddl(deployment: Deployment, table: TableSpec) -> str:
    """The source's table is made as a target table would be, under the source's names."""
    return deployment.target.table_ddl(
        replace(table, target_schema=table.source_schema, target_name=table.name)
    )


def _run(
    connection: psycopg.Connection[Any], statement: str, values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    cursor = connection.execute(statement, values or None)
    return cursor.fetchall() if cursor.description else []


def _row_texts(
    connection: psycopg.Connection[Any], schema: str, name: str, table: TableSpec, where: str
) -> list[str]:
    query = sql.SQL("SELECT ROW({})::text FROM {} t WHERE {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.column_names)),
        sql.Identifier(schema, name),
        sql.SQL(where),
    )
    return sorted(text for (text,) in connection.execute(query))
