"""`replica migrate`: bring the warehouse's tables up to the spec file."""

from __future__ import annotations

import click

from replica_worker.cli.session import open_session
from replica_worker.settings import MIGRATIONS_FOLDER
from replica_worker.usecases.migrate import apply_migrations, migrations_in_force

FOLDERS = {"postgresql": "postgresql", "mssql": "schema_tables"}
"""The folder below `migrations/` for each engine."""


@click.command()
def migrate() -> None:
    """Make the target and metadata tables that are not there yet."""
    with open_session() as session:
        folder = MIGRATIONS_FOLDER / FOLDERS[session.deployment.target.dialect]
        applied = apply_migrations(
            session.deployment, migrations_in_force(session.deployment, folder)
        )
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("nothing to do: every migration was applied before")
