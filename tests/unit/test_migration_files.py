"""The shipped migration files are what the shipped specs and the ledger's tables produce."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from replica_worker.cli.setup import FOLDERS
from replica_worker.engines.sqlserver.ddl import metadata_ddl
from replica_worker.ledger.tables import metadata_for
from replica_worker.settings import MIGRATIONS_FOLDER, Settings
from replica_worker.usecases.migrate import generated_migrations, read_migrations
from replica_worker.wiring import connect_deployment

URLS = {  # never connected
    "postgresql": "postgresql+psycopg://nobody@localhost/nothing",
    "mssql": "mssql+mssqlpython://nobody@localhost/nothing",
}


@pytest.mark.parametrize("dialect", FOLDERS)
def test_files_are_what_specs_and_ledger_need(dialect: str) -> None:
    """`scripts/write_migrations.py` makes them anew."""
    url = URLS[dialect]
    settings = Settings(_env_file=None, source_url=url, target_url=url)
    generated = generated_migrations(connect_deployment(settings))
    assert read_migrations(MIGRATIONS_FOLDER / FOLDERS[dialect]) == generated


def test_days_of_the_metadata_tables_are_dates_without_time() -> None:
    metadata = metadata_for("dbo")
    days = [
        column.name
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.Date)
    ]
    script = metadata_ddl(metadata, "dbo")
    assert days
    assert sorted(line.split()[0] for line in script.splitlines() if " DATE " in line) == sorted(
        days
    )
