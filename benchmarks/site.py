"""The servers, the filled source and the empty targets of a benchmark."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.table import SCHEMA, TARGET_SCHEMA, Table, spec_text
from replica_worker.embedded import EmbeddedStack


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where to read and write, and the environment that tells the programs so."""

    source: str
    target: str
    environment: dict[str, str]

    def empty_targets(self) -> None:
        """Give every tool a target without rows."""
        with psycopg.connect(self.target, autocommit=True) as connection:
            connection.execute(f'TRUNCATE "{TARGET_SCHEMA}"."SALES"')
            for schema in ("sling", "dlt_bench", "dlt_bench_staging"):
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            connection.execute("CREATE SCHEMA sling")
            connection.execute("CREATE SCHEMA IF NOT EXISTS plain")
            connection.execute(
                f'CREATE TABLE IF NOT EXISTS plain."SALES" '
                f'(LIKE "{TARGET_SCHEMA}"."SALES" INCLUDING ALL)'
            )
            connection.execute("CHECKPOINT")

    def empty_target(self, table: str) -> None:
        """Give the product a target without rows of one table."""
        with psycopg.connect(self.target, autocommit=True) as connection:
            connection.execute(f'TRUNCATE "{TARGET_SCHEMA}"."{table}"')

    def delete_day(self, day: str) -> None:
        """Take a day away from the product's target."""
        with psycopg.connect(self.target, autocommit=True) as connection:
            connection.execute(
                f'DELETE FROM "{TARGET_SCHEMA}"."SALES" WHERE "SALES_DATE"::date = %s', [day]
            )


@contextmanager
def open_site(*tables: Table) -> Iterator[Site]:
    """Servers of the benchmark's own, with the tables filled; gone when it is over."""
    # The account that runs PostgreSQL must pass through.
    folder = Path(tempfile.mkdtemp(prefix="replica-benchmark-"))
    folder.chmod(0o711)
    try:
        with EmbeddedStack.open(folder / "home", remove_on_close=True) as stack:
            urls = stack.urls
            if stack.postgres is None:
                raise RuntimeError("the benchmark starts its own servers")
            with stack.postgres.connect() as connection:
                connection.execute("GRANT pg_checkpoint TO replica_writer")
            (folder / "spec.json").write_text(spec_text(*tables), encoding="utf-8")
            with psycopg.connect(_plain(urls.source_owner_url), autocommit=True) as owner:
                owner.execute(f'CREATE SCHEMA IF NOT EXISTS "{SCHEMA}"')
                for table in tables:
                    for statement in table.fill():
                        owner.execute(statement)
            source, target = _plain(urls.source_url), _plain(urls.target_url)
            environment = {
                **_without_bytecode_ban(),
                "REPLICA_SOURCE_URL": urls.source_url,
                "REPLICA_TARGET_URL": urls.target_url,
                "REPLICA_BROKER_URL": urls.broker_url,
                "REPLICA_EXPORTS": str(folder / "exports"),
                "REPLICA_SCHEMA": str(folder / "spec.json"),
                "BENCH_SOURCE": source,
                "BENCH_TARGET": target,
                "BENCH_TABLE": tables[0].name,
                "RUNTIME__DLTHUB_TELEMETRY": "false",
            }
            subprocess.run(
                [sys.executable, "-m", "replica_worker", "migrate"], check=True, env=environment
            )
            yield Site(source=source, target=target, environment=environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _without_bytecode_ban() -> dict[str, str]:
    """Programs start as installed ones do, with their bytecode kept from the run before."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")
