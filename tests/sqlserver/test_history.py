"""Days long loaded, on SQL Server: found by the server's own rowversion, and proven in turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from integration.test_history import added as checks_added
from integration.test_history import ago, load, night, proven, status
from sqlserver.test_source_columns import require
from support.replica import DAY
from support.specs import SALES, VERSIONED, spec_text
from support.sqlserver import SqlServer, SqlServerSite, open_connection, run
from support.sqlserver_replica import SqlServerReplica

from replica_worker.ledger.certified import read_certificates
from replica_worker.model.chunks import RunStatus
from replica_worker.model.digests import Verdict

_AGES = range(2, 8)
_ADD = 'INSERT INTO "COM_5013"."VERSIONED" ("ID", "DAY", "NOTE") VALUES (%s, %s, %s)'

Make = Callable[..., SqlServerReplica]


@pytest.fixture
def versioned(make_replica: Make, server: SqlServer) -> SqlServerReplica:
    """A row a day, its number the day's age; all days loaded, and one night's watermark."""
    require(server, "CREATE TABLE #probe (id int, version rowversion)", "rowversion")
    replica = make_replica(spec_text(VERSIONED), recheck_nights=3650)
    replica.make_source(unlike={"RV": "rowversion"})
    for age in _AGES:
        replica.at_source(_ADD, age, ago(age), "note")
    load(replica, ago(max(_AGES)), ago(min(_AGES)))
    night(replica, ago(1))
    return replica


def is_copied(replica: SqlServerReplica) -> bool:
    (table,) = replica.spec.tables
    return replica.target_rows(table.name) == replica.source_rows(table.name)


def test_late_changes_are_found_by_the_server_s_rowversion(versioned: SqlServerReplica) -> None:
    versioned.at_source('UPDATE "COM_5013"."VERSIONED" SET "NOTE" = \'voided\' WHERE "ID" = 6')
    versioned.at_source('UPDATE "COM_5013"."VERSIONED" SET "DAY" = %s WHERE "ID" = 4', ago(3))
    versioned.at_source(_ADD, 100, ago(7), "late")
    run_id = night(versioned)
    assert checks_added(versioned, run_id) == {("VERSIONED", ago(age)) for age in (3, 6, 7)}
    assert status(versioned, run_id) is RunStatus.SUCCEEDED
    assert is_copied(versioned)
    assert checks_added(versioned, night(versioned, DAY + timedelta(days=1))) == set()


def test_change_that_is_committed_after_the_reading_is_found_the_next_night(
    versioned: SqlServerReplica, site: SqlServerSite
) -> None:
    """Its rowversion was given before those that the reading saw."""
    late = open_connection(site.source_url)
    late.autocommit = False
    try:
        run(late, 'UPDATE "COM_5013"."VERSIONED" SET "NOTE" = \'late\' WHERE "ID" = 7')
        versioned.at_source(_ADD, 105, ago(5), "in time")  # an UPDATE would wait for the other
        assert checks_added(versioned, night(versioned)) == {("VERSIONED", ago(5))}
        late.commit()
    finally:
        late.close()
    run_id = night(versioned, DAY + timedelta(days=1))
    assert checks_added(versioned, run_id) == {("VERSIONED", ago(7))}
    assert is_copied(versioned)


def test_every_day_is_proven_in_turn_and_certified(make_replica: Make) -> None:
    """What leaves no rowversion: a row deleted at the source, one changed in the warehouse."""
    replica = make_replica(spec_text(SALES), recheck_nights=3)
    replica.make_source()
    days = [ago(age) for age in _AGES]
    for copy in (0, 100, 200):
        replica.insert("SALES", *[(copy + n, day, 1, "note") for n, day in enumerate(days)])
    load(replica, days[-1], days[0])
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 2')
    replica.at_target('UPDATE dbo."SALES" SET "AMOUNT" = 2 WHERE "ID" = 4')
    nights = [night(replica, ago(1) + timedelta(days=n)) for n in range(3)]
    repaired = {day for run_id in nights for _, day in checks_added(replica, run_id)}
    assert repaired == {days[2], days[4]}
    seen = repaired.union(*(proven(replica, run_id) for run_id in nights))
    assert set(days) - seen <= {days[0]}
    assert is_copied(replica)
    verdicts = {row.verdict for n in nights for row in replica.deployment.ledger.audit.of_run(n)}
    assert verdicts == {Verdict.MATCH, Verdict.REPAIRED}
    warehouse = replica.deployment.warehouse.sql
    found = read_certificates(warehouse, replica.deployment.ledger.metadata, ["SALES"])["SALES"]
    assert (found.first_day, found.certified_through) == (days[-1], DAY + timedelta(days=1))
