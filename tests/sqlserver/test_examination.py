"""What `doctor` and `schema` find on a SQL Server, asked by logins of more and of less rights."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import mssql_python
import pytest
import sqlalchemy as sa
from support.engines import ZONE
from support.specs import SALES, VERSIONED, spec_text
from support.sqlserver import SqlServer, SqlServerSite, connect, run
from support.sqlserver_bench import open_sqlserver
from support.sqlserver_replica import SqlServerReplica, open_sqlserver_replica

from replica_worker.engines.interface import Engine
from replica_worker.engines.values import Side
from replica_worker.model.findings import Finding, Mark
from replica_worker.settings import MIGRATIONS_FOLDER
from replica_worker.usecases.examine import examine_source, examine_warehouse
from replica_worker.usecases.schema import WantedTable, find_drift, pull_specs

Make = Callable[..., SqlServerReplica]


def by_what(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


@pytest.fixture
def replica(make_replica: Make) -> SqlServerReplica:
    made = make_replica(spec_text(SALES))
    made.make_source("SALES")
    return made


def test_the_source_is_examined(replica: SqlServerReplica) -> None:
    found = by_what(examine_source(replica.deployment))

    for what in (
        "reachable",
        "driver",
        "TLS",
        "server version",
        "clock",
        "right to read",
        "tables",
    ):
        assert found[what].mark is Mark.OK, found[what]
    assert found["tables"].found.startswith("1 fit")


def test_the_warehouse_is_examined(replica: SqlServerReplica) -> None:
    found = by_what(examine_warehouse(replica.deployment, MIGRATIONS_FOLDER / "schema_tables"))

    for what in (
        "can be written",
        "right to make tables",
        "right to write",
        "migrations",
        "tables",
    ):
        assert found[what].mark is Mark.OK, found[what]
    assert found["staging"].found == "a row was loaded and its table dropped"
    assert replica.staging_tables() == []


def test_a_missing_table_is_named_on_both_sides(replica: SqlServerReplica) -> None:
    replica.at_source("DROP TABLE COM_5013.SALES")
    replica.at_target("DROP TABLE dbo.SALES")

    source = by_what(examine_source(replica.deployment))
    warehouse = by_what(examine_warehouse(replica.deployment, MIGRATIONS_FOLDER / "schema_tables"))

    assert source["table SALES"].mark is Mark.REFUSED
    assert warehouse["table SALES"].mark is Mark.REFUSED
    assert "replica migrate" in warehouse["table SALES"].advice


@pytest.fixture
def reader_url(replica: SqlServerReplica, site: SqlServerSite) -> Iterator[str]:
    """A login that may select from the source's schema, and nothing else."""
    name, password = f"reader_{secrets.token_hex(4)}", f"Aa1_{secrets.token_hex(8)}"
    with connect(site.source_url) as owner:
        run(owner, f"CREATE LOGIN {name} WITH PASSWORD = '{password}'")
        try:
            run(owner, f"CREATE USER {name} FOR LOGIN {name}")
            run(owner, f"GRANT SELECT ON SCHEMA::COM_5013 TO {name}")
            url = sa.make_url(site.source_url).set(username=name, password=password)
            yield url.render_as_string(hide_password=False)
        finally:
            with suppress(mssql_python.Error):
                run(owner, f"DROP USER {name}")
            with suppress(mssql_python.Error):  # a session of it may live on for a moment
                run(owner, f"DROP LOGIN {name}")


def engine_of(site: SqlServerSite, url: str) -> Engine:
    with open_sqlserver(replace(site, source_url=url), ZONE) as dialect:
        return dialect.source


def test_a_login_that_may_only_read_is_what_the_source_wants(
    replica: SqlServerReplica, site: SqlServerSite, reader_url: str
) -> None:
    engine = engine_of(site, reader_url)

    found = by_what(engine.examine(Side.SOURCE, replica.deployment.spec.tables))

    assert found["right to read"].mark is Mark.OK
    assert found["no right to write"].found == "the login may only read"
    assert found["TLS"].mark is Mark.OK


def test_a_login_that_could_write_is_a_warning(
    replica: SqlServerReplica, site: SqlServerSite, reader_url: str
) -> None:
    name = sa.make_url(reader_url).username
    replica.at_source(f"GRANT INSERT ON SCHEMA::COM_5013 TO {name}")
    engine = engine_of(site, reader_url)

    found = by_what(engine.examine(Side.SOURCE, replica.deployment.spec.tables))

    assert found["no right to write"].mark is Mark.WARNING
    assert "SALES" in found["no right to write"].found.upper()


def test_a_login_without_rights_in_the_warehouse_is_refused(
    replica: SqlServerReplica, site: SqlServerSite, reader_url: str
) -> None:
    """The source's reader, who is nobody in the warehouse but may be a user of it."""
    name = sa.make_url(reader_url).username
    replica.at_target(f"CREATE USER {name} FOR LOGIN {name}")
    database = sa.make_url(site.target_url).database
    engine = engine_of(
        site, sa.make_url(reader_url).set(database=database).render_as_string(hide_password=False)
    )
    try:
        found = by_what(engine.examine(Side.WAREHOUSE, replica.deployment.spec.tables))
    finally:
        replica.at_target(f"DROP USER {name}")

    assert found["right to make tables"].mark is Mark.REFUSED
    assert "GRANT" in found["right to make tables"].advice


def test_merge_is_tried_and_upsert_is_not(
    site: SqlServerSite, tmp_path_factory: pytest.TempPathFactory, server: SqlServer
) -> None:
    """Whether the server takes MERGE is what it says itself."""
    objection = server.objection_to(
        "DECLARE @t TABLE (k int PRIMARY KEY); MERGE @t AS t USING (SELECT 1 AS k) AS s "
        "ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k);"
    )
    found = {}
    for style in ("merge", "upsert"):
        folder = tmp_path_factory.mktemp(style)
        with open_sqlserver_replica(site, folder, spec_text(SALES), merge_style=style) as made:
            tables = made.deployment.spec.tables
            found[style] = by_what(made.deployment.target.examine(Side.WAREHOUSE, tables))
            made.at_target("DROP TABLE dbo.SALES")
            made.at_target("DELETE FROM dbo.replica_migration")

    assert found["upsert"]["merge style"].mark is Mark.OK
    expected = Mark.REFUSED if objection else Mark.OK
    assert found["merge"]["merge style"].mark is expected
    assert ("upsert" in found["merge"]["merge style"].advice) is bool(objection)


@pytest.mark.parametrize("loader", ["bulk", "arrays"])
def test_the_loader_is_told(
    site: SqlServerSite, tmp_path_factory: pytest.TempPathFactory, loader: str
) -> None:
    folder = tmp_path_factory.mktemp(loader)
    with open_sqlserver_replica(site, folder, spec_text(SALES), loader=loader) as made:
        found = by_what(made.deployment.target.examine(Side.WAREHOUSE, made.deployment.spec.tables))
    assert found["loader"].mark is Mark.OK
    assert found["loader"].found.startswith(loader)


def test_a_server_whose_json_changes_keys_is_a_warning(
    replica: SqlServerReplica, server: SqlServer
) -> None:
    literals = ["N'a\"b'", "N'\u00e9'", "NCHAR(9)", "N'a\\b'"]
    has_json = all(server.returns_from_json(literal) for literal in literals)
    for found in (
        examine_source(replica.deployment),
        examine_warehouse(replica.deployment, MIGRATIONS_FOLDER / "schema_tables"),
    ):
        mark = by_what(found)["keys as JSON"].mark
        assert mark is (Mark.OK if has_json else Mark.WARNING)


def test_specs_are_pulled_from_the_catalogue(replica: SqlServerReplica) -> None:
    replica.at_source(
        """
        CREATE TABLE COM_5013.TILLS (
            CODE  nvarchar(45)  NOT NULL CONSTRAINT pk_tills PRIMARY KEY,
            MADE  datetime2(3)  NULL,
            TOTAL decimal(16,4) NULL,
            NOTE  varchar(max)  NULL,
            HASH  binary(16)    NOT NULL)
        """
    )
    wanted = [WantedTable(name="TILLS", day_column="MADE")]

    document, notes = pull_specs(replica.deployment, schema="COM_5013", wanted=wanted)

    (tills,) = document["tables"]
    # A server may fold the case of names; types and keys are the same.
    assert [name.upper() for name in tills["key"]] == ["CODE"]
    assert tills["day_column"].upper() == "MADE"
    assert {one["name"].upper(): one["type"] for one in tills["columns"]} == {
        "CODE": "nvarchar(45)",
        "MADE": "datetime2(3)",
        "TOTAL": "decimal(16,4)",
        "NOTE": "varchar(max)",
        "HASH": "binary(16)",
    }
    assert notes == []


def test_drift_is_told_on_both_sides(make_replica: Make) -> None:
    replica = make_replica(spec_text(VERSIONED))
    replica.make_source("VERSIONED", unlike={"NOTE": "varchar(300)"})
    replica.at_source("ALTER TABLE COM_5013.VERSIONED ADD TAX int NULL")
    replica.at_target("ALTER TABLE dbo.VERSIONED DROP COLUMN NOTE")

    drifts = find_drift(replica.deployment, replica.deployment.spec.tables)
    found = {(drift.side, drift.column.upper()): drift.what for drift in drifts}

    assert "wider" in found[Side.SOURCE, "NOTE"]
    assert "is new" in found[Side.SOURCE, "TAX"]
    assert "unique" in found[Side.SOURCE, ""]  # the table has no key
    assert "not in the warehouse" in found[Side.WAREHOUSE, "NOTE"]
