"""Applying migrations: in order, once, recorded with their hash, refused when edited later.

The migrations: the target tables of the spec file in force, the metadata tables (one that came
later has a migration of its own), and for those who read the warehouse covering indexes, views of
the dates and one of what is proven. For the spec file that the product ships their text lies in
`migrations/`; for another one it is made from that file, table by table, so that adding a table to
it is a new migration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from replica_worker import __version__
from replica_worker.engines.values import Side
from replica_worker.errors import MigrationError, ReplicaError
from replica_worker.ledger.certified import VIEW_NAME, select_certified
from replica_worker.ledger.clock import utc_now
from replica_worker.ledger.tables import (
    HAND_OUT_MIGRATION,
    LATER_MIGRATIONS,
    MADE_LATER,
    WATERMARKS,
    added_columns,
    handing_out,
    metadata_as_made,
)
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.deployment import Deployment

TABLES_MIGRATION = "100_create_replica_tables.sql"
METADATA_MIGRATION = "110_create_replica_metadata_tables.sql"
INDEXES_MIGRATION = "120_create_covering_indexes.sql"
VIEWS_MIGRATION = "130_create_date_views.sql"
CERTIFIED_MIGRATION = "140_create_certified_view.sql"
WATERMARKS_MIGRATION = MADE_LATER[WATERMARKS]


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One script and the name under which it is recorded."""

    name: str
    script: str
    table: TableSpec | None = None  # the table that it makes, where it makes just one
    repeatable: bool = False  # made from one's own spec file: run again when its text changes

    @property
    def sha256(self) -> str:
        """Hash of the script, line endings aside."""
        return hashlib.sha256(self.script.replace("\r\n", "\n").encode()).hexdigest()


def generated_migrations(deployment: Deployment) -> list[Migration]:
    """The texts of the shipped migrations, made from specs and metadata, in their order."""
    target, tables = deployment.target, deployment.spec.tables
    made = [
        Migration(name=TABLES_MIGRATION, script=_joined(map(target.table_ddl, tables))),
        Migration(name=METADATA_MIGRATION, script=_metadata_script(deployment)),
        Migration(name=INDEXES_MIGRATION, script=_joined(map(target.index_ddl, tables))),
        Migration(name=VIEWS_MIGRATION, script=_joined(map(target.view_ddl, tables))),
        Migration(name=CERTIFIED_MIGRATION, script=_certified_script(deployment)),
        Migration(
            name=WATERMARKS_MIGRATION, script=_tables_script(deployment, WATERMARKS_MIGRATION)
        ),
        *(
            Migration(name=name, script=_later_script(deployment, name))
            for name in LATER_MIGRATIONS
        ),
        Migration(name=HAND_OUT_MIGRATION, script=_hand_out_script(deployment)),
    ]
    return sorted(made, key=lambda migration: migration.name)


def _joined(scripts: Iterable[str]) -> str:
    return "\n".join(script for script in scripts if script)


def _metadata_script(deployment: Deployment) -> str:
    """The metadata tables that a warehouse has from the beginning."""
    return _metadata_ddl(deployment, lambda name: name not in MADE_LATER)


def _tables_script(deployment: Deployment, migration: str) -> str:
    """The metadata tables that the migration makes."""
    return _metadata_ddl(deployment, lambda name: MADE_LATER.get(name) == migration)


def _metadata_ddl(deployment: Deployment, is_meant: Callable[[str], bool]) -> str:
    schema = deployment.spec.target_schema
    some = sa.MetaData(schema=schema)
    for table in metadata_as_made(schema).sorted_tables:
        if is_meant(table.name):
            table.to_metadata(some)
    return deployment.target.metadata_ddl(some, schema)


def _later_script(deployment: Deployment, migration: str) -> str:
    """The columns that metadata tables are given later, and the tables that come with them."""
    schema = deployment.spec.target_schema
    columns = deployment.target.add_columns_ddl(added_columns(schema, migration), schema)
    if migration not in MADE_LATER.values():
        return columns
    return "\n".join((columns, _tables_script(deployment, migration)))


def _hand_out_script(deployment: Deployment) -> str:
    return deployment.target.add_indexes_ddl(handing_out(deployment.spec.target_schema))


def _certified_script(deployment: Deployment) -> str:
    """The view that says how far each table is proven."""
    daily = [table.name for table in deployment.spec.tables if table.is_daily]
    select = select_certified(deployment.ledger.metadata, daily)
    return deployment.target.select_view_ddl(deployment.spec.target_schema, VIEW_NAME, select)


def migrations_in_force(deployment: Deployment, folder: Path) -> list[Migration]:
    """What `replica migrate` applies: the files, or for another spec file the made texts."""
    if deployment.spec_is_default:
        return read_migrations(folder)
    return [
        *_own_tables(deployment),
        *_own_metadata(deployment),
        *_own_readings(deployment),
        Migration(
            name=f"{CERTIFIED_MIGRATION}:{deployment.spec.target_schema}",
            script=_certified_script(deployment),
            repeatable=True,
        ),
    ]


def _own_tables(deployment: Deployment) -> list[Migration]:
    return [
        Migration(
            name=_named(TABLES_MIGRATION, table),
            script=deployment.target.table_ddl(table),
            table=table,
        )
        for table in deployment.spec.tables
    ]


def _own_metadata(deployment: Deployment) -> list[Migration]:
    """The metadata tables of a spec file of one's own."""
    return [
        Migration(name=f"{name}:{deployment.spec.target_schema}", script=script)
        for name, script in (
            (METADATA_MIGRATION, _metadata_script(deployment)),
            (WATERMARKS_MIGRATION, _tables_script(deployment, WATERMARKS_MIGRATION)),
            *((name, _later_script(deployment, name)) for name in LATER_MIGRATIONS),
            (HAND_OUT_MIGRATION, _hand_out_script(deployment)),
        )
    ]


def _own_readings(deployment: Deployment) -> list[Migration]:
    """Indexes and views of the tables that ask for some."""
    made = [
        (name, table, script_of(table))
        for name, script_of in (
            (INDEXES_MIGRATION, deployment.target.index_ddl),
            (VIEWS_MIGRATION, deployment.target.view_ddl),
        )
        for table in deployment.spec.tables
    ]
    return [
        Migration(name=_named(name, table), script=script, repeatable=True)
        for name, table, script in made
        if script
    ]


def _named(migration: str, table: TableSpec) -> str:
    return f"{migration}:{table.target_schema}.{table.target_name}"


def read_migrations(folder: Path) -> list[Migration]:
    """The migration files of a folder, by name."""
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise MigrationError(
            operation="read the migrations",
            cause=f"no .sql file in {folder}",
            next_step="Run the command from a complete checkout",
        )
    return [Migration(name=file.name, script=file.read_text(encoding="utf-8")) for file in files]


def apply_migrations(deployment: Deployment, migrations: Sequence[Migration]) -> list[str]:
    """Apply those that are new or to be repeated, in one transaction; the names of the applied.

    MigrationError if another command is at it.
    """
    table = deployment.ledger.metadata.tables[f"{deployment.spec.target_schema}.replica_migration"]
    applied = []
    lock = f"migrate {deployment.spec.target_schema}"
    with (
        deployment.warehouse.sql.connect() as connection,
        deployment.warehouse.lock_chunk(connection, lock) as is_ours,
        connection.begin(),
    ):
        if not is_ours:
            raise MigrationError(
                operation="apply the migrations",
                cause="another command is applying them",
                next_step="Wait for it, and try again",
            )
        recorded = _recorded(connection, table)
        changed = [
            migration
            for migration in migrations
            if recorded.get(migration.name, migration.sha256) != migration.sha256
        ]
        _refuse_edited(deployment, [one for one in changed if not one.repeatable])
        for migration in migrations:
            if migration.name not in recorded or (migration in changed and migration.repeatable):
                _run(deployment, connection, migration)
                applied.append(migration)
        for migration in changed:
            connection.execute(sa.delete(table).where(table.c.name == migration.name))
        for migration in dict.fromkeys((*applied, *changed)):
            connection.execute(
                sa.insert(table).values(
                    name=migration.name,
                    sha256=migration.sha256,
                    applied_at=utc_now(),
                    product_version=__version__,
                )
            )
    return [migration.name for migration in applied]


def find_unapplied(
    deployment: Deployment, migrations: Sequence[Migration]
) -> tuple[list[str], list[str]]:
    """Names of the migrations that `migrate` would run, and of those that were edited since."""
    table = deployment.ledger.metadata.tables[f"{deployment.spec.target_schema}.replica_migration"]
    with deployment.warehouse.sql.connect() as connection:
        recorded = _recorded(connection, table)
    changed = [one for one in migrations if recorded.get(one.name, one.sha256) != one.sha256]
    missing = [
        one.name
        for one in migrations
        if one.name not in recorded or (one.repeatable and one in changed)
    ]
    return missing, [one.name for one in changed if not one.repeatable]


def _recorded(connection: sa.Connection, table: sa.Table) -> dict[str, str]:
    if not sa.inspect(connection).has_table(table.name, schema=table.schema):
        return {}
    return {row.name: row.sha256 for row in connection.execute(sa.select(table))}


def _refuse_edited(deployment: Deployment, changed: Sequence[Migration]) -> None:
    """MigrationError for an edited file; a changed spec must fit the live table by now.

    The product never alters a table: who changes a spec alters the table by a migration of
    their own, and the next `migrate` sees that both agree.
    """
    for migration in changed:
        if migration.table is None:
            raise MigrationError(
                operation=f"apply {migration.name}",
                cause="it was edited after it was applied to this warehouse",
                next_step="Restore its text, and put the change into a migration of its own",
            )
        with deployment.target.open_snapshot() as snapshot:
            if not snapshot.require_table(migration.table, Side.WAREHOUSE):
                raise MigrationError(
                    operation=f"apply {migration.name}",
                    cause="the table was made before and is gone",
                    next_step="Remove its row from replica_migration to have it made again",
                )


def _run(deployment: Deployment, connection: sa.Connection, migration: Migration) -> None:
    try:
        deployment.target.run_script(connection, migration.script)
    except Exception as error:
        translated = deployment.target.translate_error(error, operation=f"run {migration.name}")
        if isinstance(translated, ReplicaError) and not translated.retryable:
            raise MigrationError(
                operation=translated.operation,
                cause=translated.cause,
                next_step="Nothing was applied; correct the script or the login's rights",
            ) from None
        raise translated from None
