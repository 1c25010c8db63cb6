"""Apply one migration file to the warehouse, once.

    run_migration.py migrations/postgresql/110_create_replica_metadata_tables.sql

On SQL Server the file is split into batches at its GO lines; `GO 3` runs a batch three times.

The file is recorded under its name with its hash, in the same transaction. A file that was
applied before is left alone; one that was edited since is refused. The record is one of the
metadata tables, so in a new warehouse these are made first. `replica migrate` applies all that
the product ships; this door is for a file of one's own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from replica_worker.cli.session import open_session
from replica_worker.cli.setup import FOLDERS
from replica_worker.errors import (
    DatabaseUnreachableError,
    ReplicaError,
    SettingsError,
    SpecError,
    UsageError,
)
from replica_worker.settings import MIGRATIONS_FOLDER
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.migrate import (
    METADATA_MIGRATION,
    Migration,
    apply_migrations,
    migrations_in_force,
)

DONE, FAILED, WRONG = 0, 1, 2
WRONG_ERRORS = (UsageError, SettingsError, SpecError, DatabaseUnreachableError)


def read_migration(path: Path) -> Migration:
    """The migration in a file; UsageError if there is none."""
    operation, next_step = f"read {path}", "Name a migration file"
    try:
        script = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            operation=operation, cause="it is not UTF-8 text", next_step=next_step
        ) from None
    except OSError as error:
        raise UsageError(
            operation=operation, cause=error.strerror or str(error), next_step=next_step
        ) from None
    if not script.strip():
        raise UsageError(operation=operation, cause="it is empty", next_step=next_step)
    return Migration(name=path.name, script=script)


def with_record(deployment: Deployment, migration: Migration) -> list[Migration]:
    """The migration, after the one that makes the record if the warehouse has none yet."""
    record = deployment.ledger.metadata.tables[f"{deployment.spec.target_schema}.replica_migration"]
    if sa.inspect(deployment.warehouse.sql).has_table(record.name, schema=record.schema):
        return [migration]
    folder = MIGRATIONS_FOLDER / FOLDERS[deployment.target.dialect]
    migrations = migrations_in_force(deployment, folder)
    metadata = next(one for one in migrations if one.name.startswith(METADATA_MIGRATION))
    return [migration] if metadata.name == migration.name else [metadata, migration]


def apply_file(path: Path) -> list[str]:
    """Apply the file; the names of what was applied."""
    migration = read_migration(path)
    with open_session() as session:
        deployment = session.deployment
        return apply_migrations(deployment, with_record(deployment, migration))


def main(arguments: Sequence[str] | None = None) -> int:
    """Apply the file that is named; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["-h"], ["--help"]):
        print(__doc__)
        return DONE
    if len(words) != 1 or words[0].startswith("-"):
        print("run_migration.py: name one migration file: run_migration.py FILE", file=sys.stderr)
        return WRONG
    try:
        applied = apply_file(Path(words[0]))
    except ReplicaError as error:
        print(f"run_migration.py: {error}", file=sys.stderr)
        return WRONG if isinstance(error, WRONG_ERRORS) else FAILED
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print(f"nothing to do: {Path(words[0]).name} was applied before")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
