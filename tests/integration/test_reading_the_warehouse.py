"""What the warehouse offers its readers: dates made of texts, covering indexes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.databases import Site
from support.date_texts import EMPTY, FORMATS, READ, UNPARSABLE
from support.replica import DAY, NEXT_DAY, Replica, open_replica
from support.specs import SALES, column, columns, daily, spec_text

from replica_worker.engines.values import RowSelection, Side
from replica_worker.model.days import DayRange
from replica_worker.usecases.migrate import INDEXES_MIGRATION, VIEWS_MIGRATION

DATED = daily(
    "DATED",
    ["ID"],
    "DAY",
    columns=[
        *columns(ID="int!", DAY="date"),
        *(column(name, "varchar(50)", date_formats=used) for name, used in FORMATS.items()),
    ],
)


@pytest.fixture
def dated(make_replica) -> Replica:
    """A migrated warehouse with a table of texts that are dates; nothing is in it yet."""
    return make_replica(spec_text(DATED))


def write(replica: Replica, texts: list[tuple[str, str]], *, day: date = DAY) -> None:
    """One row for each text at the target, numbered from 0."""
    for number, (name, text) in enumerate(texts):
        replica.at_target(
            f'INSERT INTO dbo."DATED" ("ID", "DAY", "{name}") VALUES (%s, %s, %s)',
            number,
            day,
            text,
        )


def count(replica: Replica, days: DayRange | None) -> int:
    warehouse = replica.deployment.warehouse
    selection = RowSelection(table=replica.spec.table("DATED"), side=Side.WAREHOUSE, days=days)
    with warehouse.sql.connect() as connection:
        return warehouse.count_unparsable_dates(connection, selection)


def test_view_shows_texts_as_instants(dated: Replica) -> None:
    write(dated, [(name, text) for name, text, _ in READ])
    named = ", ".join(f'"{name}"' for name in FORMATS)
    seen = dated.at_target(
        f"SELECT to_char(coalesce({named}), 'YYYY-MM-DD HH24:MI:SS.MS') FROM dbo.\"v_DATED\" "
        'ORDER BY "ID"'
    )
    assert [text for (text,) in seen] == [expected for _, _, expected in READ]
    assert count(dated, None) == 0


def test_view_shows_null_for_what_is_no_date(dated: Replica) -> None:
    write(dated, [*UNPARSABLE, *EMPTY])
    named = ", ".join(f'"{name}"' for name in FORMATS)
    seen = dated.at_target(f'SELECT "ID" FROM dbo."v_DATED" WHERE num_nonnulls({named}) > 0')
    assert seen == []


def test_unparsable_texts_of_a_day_are_counted_and_empty_ones_are_not(dated: Replica) -> None:
    write(dated, [*UNPARSABLE, *EMPTY])
    dated.at_target('UPDATE dbo."DATED" SET "DAY" = %s WHERE "ID" < 4', NEXT_DAY)
    assert count(dated, DayRange.one(NEXT_DAY)) == 4
    assert count(dated, DayRange.one(DAY)) == len(UNPARSABLE) - 4
    assert count(dated, None) == len(UNPARSABLE)


def test_view_has_the_table_s_columns_in_order(dated: Replica) -> None:
    query = (
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = 'dbo' AND table_name = %s ORDER BY ordinal_position"
    )
    assert dated.at_target(query, "v_DATED") == dated.at_target(query, "DATED")


def indexes_of(replica: Replica, name: str) -> list[str]:
    rows = replica.at_target(
        "SELECT regexp_replace(indexdef, '^.* USING btree ', '') FROM pg_indexes "
        "WHERE schemaname = 'dbo' AND tablename = %s ORDER BY 1",
        name,
    )
    return [str(text) for (text,) in rows]


def test_covering_indexes_hold_the_key_and_replace_the_day_s(make_replica) -> None:
    indexes = [{"on": ["DAY", "AMOUNT"], "include": ["NOTE"]}, {"on": ["NOTE"]}]
    replica = make_replica(spec_text({**SALES, "indexes": indexes}))
    assert indexes_of(replica, "SALES") == [
        '("DAY", "AMOUNT") INCLUDE ("NOTE", "ID")',
        '("ID")',
        '("NOTE") INCLUDE ("ID")',
    ]


def test_changed_formats_make_the_view_anew(make_replica, site: Site, tmp_path: Path) -> None:
    def noting(*formats: str) -> str:
        note = column("NOTE", "varchar(200)", date_formats=list(formats))
        return spec_text({**SALES, "columns": [*columns(ID="bigint!", DAY="date"), note]})

    replica = make_replica(noting("DD/MM/YYYY"))
    replica.at_target("""INSERT INTO dbo."SALES" VALUES (1, %s, '03/04/2026')""", DAY)
    seen = 'SELECT "NOTE"::date FROM dbo."v_SALES"'
    assert replica.at_target(seen) == [(date(2026, 4, 3),)]
    with open_replica(site, tmp_path / "new", noting("MM/DD/YYYY"), migrate=False) as changed:
        assert changed.migrate() == [f"{VIEWS_MIGRATION}:dbo.SALES"]
        assert changed.migrate() == []
    assert replica.at_target(seen) == [(date(2026, 3, 4),)]


def test_index_added_to_the_spec_file_is_made(make_replica, site: Site, tmp_path: Path) -> None:
    replica = make_replica(spec_text({**SALES, "indexes": [{"on": ["AMOUNT"]}]}))
    text = spec_text({**SALES, "indexes": [{"on": ["AMOUNT"]}, {"on": ["NOTE"]}]})
    with open_replica(site, tmp_path / "new", text, migrate=False) as changed:
        assert changed.migrate() == [f"{INDEXES_MIGRATION}:dbo.SALES"]
        assert changed.migrate() == []
    assert '("NOTE") INCLUDE ("ID")' in indexes_of(replica, "SALES")


def test_load_tells_the_audit_how_many_texts_are_no_dates(make_replica) -> None:
    replica = make_replica(spec_text(DATED, SALES))
    replica.make_source()
    values = dict.fromkeys(FORMATS) | {"TILL": "TBC", "ISO": ""}
    replica.insert("DATED", (1, DAY, *values.values()), (2, NEXT_DAY, *values.values()))
    outcome = replica.load("DATED")
    assert [row.unparsable_dates for row in outcome.audit] == [1]
    assert replica.target_rows("DATED", f"\"DAY\" = '{DAY}'") == replica.source_rows(
        "DATED", f"\"DAY\" = '{DAY}'"
    )
    assert [row.unparsable_dates for row in replica.load("SALES").audit] == [None]
