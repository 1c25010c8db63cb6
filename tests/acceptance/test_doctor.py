"""`replica doctor` finds what would make the work fail, and what one end hides hides no other."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from drive.programs import Answer
from drive.shop import Shop, loads, password_of

from replica_worker.embedded.valkey import EmbeddedValkey

Findings = dict[tuple[str, str], dict[str, str]]


def findings_of(answer: Answer) -> Findings:
    assert answer.err == "", answer
    return {(line["part"], line["what"]): line for line in loads(answer.out)}


def examine(shop: Shop, *, code: int, **settings: str) -> Findings:
    answer = shop.replica("doctor", "--json", **settings)
    assert answer.code == code, answer
    for url in (shop.site.source_url, shop.site.target_url, *settings.values()):
        if "@" in url:
            assert password_of(url) not in answer.out, answer
    return findings_of(answer)


def marks_of(found: Findings, part: str) -> dict[str, str]:
    return {what: line["mark"] for (where, what), line in found.items() if where == part}


@pytest.fixture
def healthy(shop: Shop) -> Shop:
    shop.open(days=1)
    return shop


def test_all_is_well_with_both_ends(healthy: Shop) -> None:
    found = examine(healthy, code=0)

    for part in ("settings", "source", "warehouse", "exports"):
        assert set(marks_of(found, part).values()) == {"ok"}, found
    assert found["source", "tables"]["found"].startswith("4 fit")
    assert "PostgreSQL" in found["source", "server version"]["found"]
    assert "read-only" in found["source", "read-only"]["found"]
    assert found["warehouse", "staging"]["found"] == "a row was loaded and its table dropped"
    assert found["broker", "reachable"]["mark"] == "warning"


def test_nothing_of_the_examination_stays(healthy: Shop) -> None:
    examine(healthy, code=0)

    staged = healthy.target.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'replica_stage'"
    ).fetchall()
    assert staged == []
    assert list((healthy.folder / "exports").rglob("*")) == []


def test_people_get_marks_and_advice(healthy: Shop) -> None:
    healthy.source.execute('DROP TABLE "COM_5013"."ITEMS"')

    answer = healthy.replica("doctor")

    assert answer.code == 1, answer
    (line,) = [line for line in answer.out.splitlines() if "COM_5013.ITEMS" in line]
    assert line.startswith("refused")
    assert "→ Grant SELECT on it" in answer.out


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Something takes connections and never says a word, as behind a broken VPN."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql+psycopg://w:pw-silent@127.0.0.1:{server.getsockname()[1]}/pos"


def test_an_end_that_says_nothing_hides_no_other(healthy: Shop, silent_url: str) -> None:
    found = examine(healthy, code=1, REPLICA_SOURCE_URL=silent_url, REPLICA_CONNECT_TIMEOUT="2")

    assert marks_of(found, "source") == {"reachable": "refused"}
    assert "server runs" in found["source", "reachable"]["advice"]
    assert set(marks_of(found, "warehouse").values()) == {"ok"}


def test_a_warehouse_that_lets_us_not_in_hides_not_the_source(healthy: Shop) -> None:
    login, _, place = healthy.site.target_url.rpartition("@")
    url = f"{login.rpartition(':')[0]}:pw-wrong@{place}"

    found = examine(healthy, code=1, REPLICA_TARGET_URL=url)

    assert marks_of(found, "warehouse") == {"reachable": "refused"}
    assert set(marks_of(found, "source").values()) == {"ok"}


def test_a_source_login_that_could_write_is_a_warning(healthy: Shop) -> None:
    found = examine(healthy, code=0, REPLICA_SOURCE_URL=healthy.site.source_owner_url)

    finding = found["source", "no right to write"]
    assert finding["mark"] == "warning"
    assert "COM_5013.ITEMS" in finding["found"]


def test_a_table_that_may_not_be_read_is_named(healthy: Shop) -> None:
    reader = healthy.source.execute(
        "SELECT DISTINCT grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a "
        "WHERE c.relname = 'ITEMS' AND grantee <> c.relowner"
    ).fetchone()
    assert reader is not None
    healthy.source.execute(f'REVOKE SELECT ON "COM_5013"."ITEMS" FROM {reader[0]}')

    found = examine(healthy, code=1)

    assert found["source", "right to read"]["mark"] == "refused"
    assert "COM_5013.ITEMS" in found["source", "right to read"]["found"]


def test_a_column_that_the_source_lost_is_named(healthy: Shop) -> None:
    healthy.source.execute('ALTER TABLE "COM_5013"."ORDERS" DROP COLUMN "TIP"')

    found = examine(healthy, code=1)

    assert "TIP" in found["source", "table ORDERS"]["found"]
    assert found["source", "tables"]["found"].startswith("3 fit")


def test_a_warehouse_that_was_never_migrated_asks_for_it(new_shop: Shop) -> None:
    new_shop.open(days=1)

    found = examine(new_shop, code=1)

    assert "replica migrate" in found["warehouse", "migrations"]["advice"]
    assert "replica migrate" in found["warehouse", "table ORDERS"]["advice"]
    assert found["warehouse", "right to make tables"]["mark"] == "ok"
    assert found["warehouse", "staging"]["mark"] == "refused"


def test_a_warehouse_whose_sessions_cannot_write_is_refused(healthy: Shop) -> None:
    url = f"{healthy.site.target_url}?options=-c%20default_transaction_read_only%3Don"

    found = examine(healthy, code=1, REPLICA_TARGET_URL=url)

    assert found["warehouse", "can be written"]["mark"] == "refused"


def test_a_warehouse_login_without_rights_is_refused(healthy: Shop) -> None:
    for revoked in ('INSERT ON "dbo"."ITEMS"', "CREATE ON SCHEMA replica_stage"):
        healthy.target.execute(f"REVOKE {revoked} FROM current_user")

    found = examine(healthy, code=1)

    assert found["warehouse", "right to write"]["mark"] == "refused"
    assert "INSERT on dbo.ITEMS" in found["warehouse", "right to write"]["found"]
    assert "replica_stage" in found["warehouse", "right to make tables"]["advice"]
    assert found["warehouse", "staging"]["mark"] == "refused"


def test_exports_that_cannot_be_written_are_refused(healthy: Shop) -> None:
    (healthy.folder / "in-the-way").write_text("a file")

    found = examine(healthy, code=1, REPLICA_EXPORTS=str(healthy.folder / "in-the-way" / "x"))

    assert marks_of(found, "exports") == {"writable": "refused"}
    assert set(marks_of(found, "source").values()) == {"ok"}


def test_the_broker_and_its_workers_are_seen(staffed: Shop) -> None:
    staffed.open(days=1)
    staffed.worker("daily")

    found = examine(staffed, code=0)

    assert marks_of(found, "broker") == {
        "reachable": "ok",
        "TLS": "ok",
        "password": "ok",
        "maxmemory-policy": "ok",
        "workers for nightly runs": "ok",
        "workers for backfills": "warning",
    }
    assert "1 on queue daily" in found["broker", "workers for nightly runs"]["found"]


def test_a_broker_with_another_password_is_refused(healthy: Shop, broker: EmbeddedValkey) -> None:
    login, _, place = broker.url.rpartition("@")
    url = f"{login.rpartition(':')[0]}:pw-wrong@{place}"

    found = examine(healthy, code=1, REPLICA_BROKER_URL=url)

    assert marks_of(found, "broker") == {"reachable": "refused"}
