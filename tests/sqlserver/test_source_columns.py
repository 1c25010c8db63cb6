"""Columns as real sources have them: made by the server, folded by collation, or never to copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from support.engines import Bench
from support.replica import DAY
from support.specs import columns, daily, spec_text
from support.sqlserver import SqlServer
from support.sqlserver_replica import SqlServerReplica

from replica_worker.engines.values import Side
from replica_worker.errors import SpecError
from replica_worker.model.chunks import ChunkState
from replica_worker.model.days import DayRange
from replica_worker.model.digests import DigestKind

_FOLDS_CASE = "COLLATE Latin1_General_CI_AS"


def require(server: SqlServer, statement: str, what: str) -> None:
    objection = server.objection_to(statement)
    if objection:
        pytest.skip(f"the server has no {what}: {objection}")


def test_rowversion_column_of_the_server_arrives_as_its_eight_bytes(
    make_replica: Callable[..., SqlServerReplica], server: SqlServer
) -> None:
    require(server, "CREATE TABLE #probe (id int, version rowversion)", "rowversion")
    table = daily(
        "VERSIONED",
        ["ID"],
        "DAY",
        rowversion="RV",
        columns=columns(ID="int!", DAY="date", NOTE="varchar(20)", RV="rowversion"),
    )
    replica = make_replica(spec_text(table))
    replica.make_source(unlike={"RV": "rowversion"})
    add = 'INSERT INTO "COM_5013"."VERSIONED" ("ID", "DAY", "NOTE") VALUES (%s, %s, %s)'
    for number in range(5):
        replica.at_source(add, number, DAY, "note")
    assert replica.load("VERSIONED").counts == (5, 0, 0)
    assert replica.target_rows("VERSIONED") == replica.source_rows("VERSIONED")
    assert replica.check("VERSIONED").row.verdict == "match"
    replica.at_source('UPDATE "COM_5013"."VERSIONED" SET "NOTE" = UPPER("NOTE") WHERE "ID" = 3')
    outcome = replica.check("VERSIONED")
    assert (outcome.row.verdict, outcome.counts) == ("repaired", (0, 1, 0))
    assert str(outcome.row.digest).startswith(DigestKind.VERSION.value)
    assert replica.target_rows("VERSIONED") == replica.source_rows("VERSIONED")


def test_computed_and_identity_columns_are_copied_as_plain_values(
    make_replica: Callable[..., SqlServerReplica],
) -> None:
    spec = daily(
        "MADE", ["ID"], "DAY", columns=columns(ID="int!", DAY="date", PRICE="int", TWICE="int")
    )
    replica = make_replica(spec_text(spec))
    replica.at_source('CREATE SCHEMA "COM_5013"')
    replica.at_source(
        'CREATE TABLE "COM_5013"."MADE" ("ID" int IDENTITY(7, 3), "DAY" date, "PRICE" int, '
        '"TWICE" AS ("PRICE" * 2) PERSISTED)'
    )
    for price in (1, 2):
        replica.at_source(
            'INSERT INTO "COM_5013"."MADE" ("DAY", "PRICE") VALUES (%s, %s)', DAY, price
        )
    assert replica.load("MADE").counts == (2, 0, 0)
    assert replica.at_target('SELECT "ID", "TWICE" FROM dbo."MADE" ORDER BY "ID"') == [
        (7, 2),
        (10, 4),
    ]


def test_keys_that_the_source_s_collation_takes_for_one_stay_two_rows(bench: Bench) -> None:
    spec = daily(
        "CODES", ["CODE"], "DAY", columns=columns(CODE="varchar(20)!", DAY="date", NOTE="int")
    )
    (table,) = bench.make(spec, types={"CODE": f"varchar(20) {_FOLDS_CASE}"})
    bench.fill(table, ("'gpo10'", "'2026-03-14'", "1"), ("'GPO10'", "'2026-03-14'", "2"))
    days = DayRange.one(date(2026, 3, 14))
    assert bench.copy(table, days).inserted == 2
    bench.assert_equal(table)
    name = bench.dialect.name(table, Side.SOURCE)
    bench.dialect.run_at_source(f"UPDATE {name} SET NOTE = 3 WHERE NOTE = 2")
    counts = bench.copy(table, days)
    assert (counts.inserted, counts.updated, counts.deleted) == (0, 1, 0)
    bench.dialect.run_at_source(f"DELETE FROM {name} WHERE NOTE = 1")
    counts = bench.copy(table, days)
    assert (counts.inserted, counts.updated, counts.deleted) == (0, 0, 1)
    bench.assert_equal(table)


@pytest.mark.parametrize("sql_type", ["sql_variant", "geography", "geometry", "hierarchyid"])
def test_type_that_cannot_be_copied_is_refused_by_name_when_the_spec_is_read(
    make_replica: Callable[..., SqlServerReplica], sql_type: str
) -> None:
    spec: dict[str, Any] = daily(
        "ODD", ["ID"], "DAY", columns=columns(ID="int!", DAY="date", V=sql_type)
    )
    with pytest.raises(SpecError, match=f"type {sql_type} cannot be replicated: .* view"):
        make_replica(spec_text(spec))


def test_one_tick_of_a_datetime_is_a_change(make_replica: Callable[..., SqlServerReplica]) -> None:
    spec = daily("TICKS", ["ID"], "DAY", columns=columns(ID="int!", DAY="date", AT="datetime"))
    replica = make_replica(spec_text(spec))
    replica.make_source()
    for number, tick in enumerate(("000", "003", "007", "997")):
        replica.insert("TICKS", (number, DAY, f"2026-03-14T15:09:26.{tick}"))
    assert replica.load("TICKS").counts == (4, 0, 0)
    assert replica.target_rows("TICKS") == replica.source_rows("TICKS")
    before = replica.row_places("TICKS")
    replica.at_source(
        'UPDATE "COM_5013"."TICKS" SET "AT" = \'2026-03-14T15:09:26.007\' WHERE "ID" = 1'
    )
    assert replica.check("TICKS").counts == (0, 1, 0)
    assert replica.target_rows("TICKS") == replica.source_rows("TICKS")
    after = replica.row_places("TICKS")
    assert len(after.items() & before.items()) == 3


@pytest.mark.parametrize("sql_type", ["varchar(max)", "nvarchar(max)", "varbinary(max)"])
def test_many_long_values_among_short_ones_arrive_whole(
    make_replica: Callable[..., SqlServerReplica], sql_type: str
) -> None:
    spec = daily(
        "LONG", ["ID"], "DAY", columns=columns(ID="int!", DAY="date", A=sql_type, B=sql_type)
    )
    replica = make_replica(spec_text(spec), batch_bytes=64 * 1024)
    replica.make_source()
    lengths = [8001, 200_000, 0, 7999, 8000, 4000, 4001, *[9000 + n for n in range(60)]]
    one = f"CAST(REPLICATE(CAST(? AS varchar(max)), ?) AS {sql_type})"
    for number, length in enumerate(lengths):
        replica.at_source(
            f'INSERT INTO "COM_5013"."LONG" ("ID", "DAY", "A", "B") VALUES (?, ?, {one}, {one})',
            *(number, DAY, "x", length, "y", 10 if number % 2 else length),
        )
    outcome = replica.load("LONG")
    assert outcome.returned is ChunkState.MERGED, outcome.error
    assert outcome.counts == (len(lengths), 0, 0)
    assert replica.target_rows("LONG") == replica.source_rows("LONG")
    assert replica.load("LONG").counts == (0, 0, 0)
