"""Migrations: applied once, recorded, refused when edited, made anew for another spec file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.databases import Site
from support.replica import Replica, open_replica
from support.specs import ITEMS, SALES, STAFF, spec_text

from replica_worker.engines.values import Side
from replica_worker.errors import MigrationError, SchemaMismatchError
from replica_worker.ledger.tables import HAND_OUT_MIGRATION, LATER_MIGRATIONS, added_columns
from replica_worker.model.chunks import ChunkState
from replica_worker.model.source_use import SourceUse
from replica_worker.settings import DEFAULT_SPEC_FILE, MIGRATIONS_FOLDER
from replica_worker.usecases.migrate import (
    CERTIFIED_MIGRATION,
    METADATA_MIGRATION,
    TABLES_MIGRATION,
    WATERMARKS_MIGRATION,
    Migration,
    apply_migrations,
    migrations_in_force,
    read_migrations,
)

NOWHERE = Path("/nowhere")


def recorded(replica: Replica) -> list[str]:
    rows = replica.at_target("SELECT name FROM dbo.replica_migration ORDER BY name")
    return [str(name) for (name,) in rows]


def test_migrations_are_applied_once(make_replica) -> None:
    replica = make_replica(spec_text(SALES, ITEMS), migrate=False)
    expected = [
        f"{TABLES_MIGRATION}:dbo.SALES",
        f"{TABLES_MIGRATION}:dbo.ITEMS",
        f"{METADATA_MIGRATION}:dbo",
        f"{WATERMARKS_MIGRATION}:dbo",
        *(f"{name}:dbo" for name in LATER_MIGRATIONS),
        f"{HAND_OUT_MIGRATION}:dbo",
        f"{CERTIFIED_MIGRATION}:dbo",
    ]
    assert replica.migrate() == expected
    assert replica.migrate() == []
    assert recorded(replica) == sorted(expected)


def test_scripts_may_run_again_on_what_they_made(make_replica) -> None:
    """The record of them may be lost: a warehouse restored from elsewhere."""
    replica = make_replica(spec_text(SALES))
    replica.make_source()
    replica.insert("SALES", (1, "2026-03-14", 1, "kept"))
    replica.load("SALES")
    replica.at_target("DELETE FROM dbo.replica_migration")
    assert len(replica.migrate()) == 5 + len(LATER_MIGRATIONS)
    assert replica.target_rows("SALES") == replica.source_rows("SALES")


def test_edited_migration_is_refused_and_nothing_is_applied(make_replica) -> None:
    replica = make_replica(spec_text(SALES))
    applied = migrations_in_force(replica.deployment, NOWHERE)
    (watermarks,) = [one for one in applied if one.name.startswith(WATERMARKS_MIGRATION)]
    edited = replace(watermarks, script=watermarks.script + "\n-- a word more\n")
    new = Migration(name="120_new.sql", script="CREATE TABLE dbo.fresh (x int)")
    with pytest.raises(MigrationError, match=rf"{WATERMARKS_MIGRATION}.*edited"):
        apply_migrations(replica.deployment, [new, edited])
    assert replica.at_target("SELECT to_regclass('dbo.fresh') IS NULL") == [(True,)]


def test_line_endings_are_no_edit(make_replica) -> None:
    replica = make_replica(spec_text(SALES))
    applied = migrations_in_force(replica.deployment, NOWHERE)
    windows = [replace(one, script=one.script.replace("\n", "\r\n")) for one in applied]
    assert apply_migrations(replica.deployment, windows) == []


def test_failing_script_leaves_no_trace_and_is_named(make_replica) -> None:
    replica = make_replica(spec_text(SALES))
    good = Migration(name="120_good.sql", script="CREATE TABLE dbo.fresh (x int);")
    bad = Migration(name="130_bad.sql", script="CREATE TABLE dbo.fresh (x int);")
    with pytest.raises(Exception, match=r"130_bad\.sql.*already exists"):
        apply_migrations(replica.deployment, [good, bad])
    assert replica.at_target("SELECT to_regclass('dbo.fresh') IS NULL") == [(True,)]
    assert "120_good.sql" not in recorded(replica)


def test_table_added_to_the_spec_file_is_a_migration_of_its_own(
    make_replica, site: Site, tmp_path: Path
) -> None:
    replica = make_replica(spec_text(SALES))
    replica.make_source()
    replica.insert("SALES", (1, "2026-03-14", 1, "kept"))
    replica.load("SALES")
    with open_replica(site, tmp_path / "more", spec_text(SALES, STAFF), migrate=False) as more:
        assert more.migrate() == [f"{TABLES_MIGRATION}:dbo.STAFF"]
        assert more.target_rows("SALES") == replica.source_rows("SALES")
        assert more.target_rows("STAFF") == []


@pytest.mark.parametrize(
    ("column", "alteration"),
    [
        ({"name": "MORE", "type": "int"}, 'ADD COLUMN "MORE" integer'),
        ({"name": "NOTE", "type": "varchar(300)"}, 'ALTER "NOTE" TYPE varchar(300)'),
        ({"name": "AMOUNT", "type": "decimal(18,6)"}, 'ALTER "AMOUNT" TYPE numeric(18,6)'),
    ],
)
def test_changed_spec_is_refused_until_the_live_table_fits(
    make_replica, site: Site, tmp_path: Path, column: dict[str, str], alteration: str
) -> None:
    make_replica(spec_text(SALES))
    kept = [old for old in SALES["columns"] if old["name"] != column["name"]]
    text = spec_text({**SALES, "columns": [*kept, column]})
    with open_replica(site, tmp_path / "changed", text, migrate=False) as replica:
        with pytest.raises(SchemaMismatchError, match=f"column {column['name']}"):
            replica.migrate()
        replica.at_target(f'ALTER TABLE dbo."SALES" {alteration}')
        assert replica.migrate() == []
        assert replica.migrate() == []


def test_spec_files_with_schemas_of_their_own_live_side_by_side(
    make_replica, site: Site, tmp_path: Path
) -> None:
    one = make_replica(spec_text(SALES))
    text = spec_text(SALES, target_schema="other schema")
    with open_replica(site, tmp_path / "other", text) as other:
        assert other.spec.target_schema == "other schema"
        assert one.migrate() == []
        other.make_source()
        other.insert("SALES", (1, "2026-03-14", 1, "x"))
        assert other.load("SALES").counts == (1, 0, 0)
        assert one.target_rows("SALES") == []


def test_folder_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=r"no \.sql file"):
        read_migrations(tmp_path)


def test_shipped_migrations_make_a_warehouse_for_the_shipped_specs(make_deployment) -> None:
    deployment = make_deployment(DEFAULT_SPEC_FILE.read_text(encoding="utf-8"))
    migrations = read_migrations(MIGRATIONS_FOLDER / "postgresql")
    assert apply_migrations(deployment, migrations) == [one.name for one in migrations]
    assert apply_migrations(deployment, migrations) == []
    with deployment.target.open_snapshot() as warehouse:
        assert all(
            warehouse.require_table(table, Side.WAREHOUSE) for table in deployment.spec.tables
        )


def test_warehouse_that_is_older_than_the_watermarks_is_given_them(make_replica) -> None:
    replica = make_replica(spec_text(SALES))
    replica.at_target("DROP TABLE dbo.replica_watermark")
    replica.at_target(
        f"DELETE FROM dbo.replica_migration WHERE name LIKE '{WATERMARKS_MIGRATION}%'"
    )
    assert replica.migrate() == [f"{WATERMARKS_MIGRATION}:dbo"]
    assert replica.at_target("SELECT count(*) FROM dbo.replica_watermark") == [(0,)]


def test_warehouse_with_runs_of_its_own_is_given_the_columns_that_came_later(make_replica) -> None:
    replica = make_replica(spec_text(SALES))
    replica.make_source()
    replica.insert("SALES", (1, "2026-03-14", 1, "kept"))
    before = replica.load("SALES").row
    for migration in LATER_MIGRATIONS:
        for table in added_columns("dbo", migration).sorted_tables:
            for column in table.columns:
                replica.at_target(f"ALTER TABLE dbo.{table.name} DROP COLUMN {column.name}")
        replica.at_target(f"DELETE FROM dbo.replica_migration WHERE name LIKE '{migration}%'")
    assert replica.migrate() == [f"{name}:dbo" for name in LATER_MIGRATIONS]
    assert replica.row_of(before.chunk) == replace(before, source_use=SourceUse())
    assert replica.load("SALES").returned is ChunkState.MERGED


def test_warehouse_of_before_is_given_the_index_that_came_later(make_replica) -> None:
    replica = make_replica(spec_text(SALES))
    replica.at_target("DROP INDEX dbo.ix_etl_progress__hand_out")
    replica.at_target(f"DELETE FROM dbo.replica_migration WHERE name LIKE '{HAND_OUT_MIGRATION}%'")
    assert replica.migrate() == [f"{HAND_OUT_MIGRATION}:dbo"]
    assert replica.at_target(
        "SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_etl_progress__hand_out'"
    ) == [(1,)]
