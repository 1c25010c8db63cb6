"""Write the shipped migrations from the shipped specs: run after changing either.

The files are a snapshot of what the specs and the metadata tables produce; a test holds them
equal.
"""

from __future__ import annotations

import sys
from pathlib import Path

from replica_worker.cli.setup import FOLDERS
from replica_worker.settings import MIGRATIONS_FOLDER, Settings
from replica_worker.usecases.migrate import generated_migrations
from replica_worker.wiring import connect_deployment

URLS = {  # never connected
    "postgresql": "postgresql+psycopg://nobody@localhost/nothing",
    "mssql": "mssql+mssqlpython://nobody@localhost/nothing",
}


def main() -> int:
    """Write every engine's migrations."""
    for dialect, folder in FOLDERS.items():
        url = URLS[dialect]
        settings = Settings(source_url=url, target_url=url)
        for migration in generated_migrations(connect_deployment(settings)):
            path = Path(MIGRATIONS_FOLDER, folder, migration.name)
            path.write_text(migration.script, encoding="utf-8")
            sys.stdout.write(f"wrote {path.name} for {folder}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
