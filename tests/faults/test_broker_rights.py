"""A broker that speaks TLS and grants no more than what how-to/run-in-production.md says."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from drive.fixtures import BROKER_PASSWORD
from drive.programs import CHECKOUT, procfile_line, shell_argv
from drive.shop import Shop, day
from drive.witness import expect_right_end, note_merges
from support.tls import Tls, tls_in_front_of

from replica_worker.embedded.loopback import free_port
from replica_worker.embedded.valkey import EmbeddedValkey

MANUAL = CHECKOUT / "docs" / "how-to" / "run-in-production.md"
PASSWORD = f"acl-{secrets.token_hex(8)}"


def manual_s_rule() -> str:
    """The line of the manual that makes the broker's user, as an ACL file would hold it."""
    lines = MANUAL.read_text(encoding="utf-8").splitlines()
    (line,) = [line.strip() for line in lines if line.strip().startswith("user replica on ")]
    assert ">PASSWORD" in line
    return line.replace(">PASSWORD", f">{PASSWORD}")


@pytest.fixture
def owner(broker: EmbeddedValkey) -> redis.Redis:
    """Who may do everything at the broker."""
    client = redis.Redis(port=broker.port, password=BROKER_PASSWORD)
    client.execute_command("ACL", "SETUSER", *manual_s_rule().split()[1:])
    return client


@pytest.fixture
def tls(broker: EmbeddedValkey, tmp_path: Path) -> Iterator[Tls]:
    """The embedded server is built without TLS, so it is put in front of it."""
    with tls_in_front_of("127.0.0.1", broker.port, tmp_path) as opened:
        yield opened


def url_of(tls: Tls) -> str:
    return f"rediss://replica:{PASSWORD}@127.0.0.1:{tls.port}/0"


def test_a_night_over_tls_with_no_more_rights_than_the_manual_gives(
    shop: Shop, tls: Tls, owner: redis.Redis
) -> None:
    note_merges(shop)
    shop.environment["REPLICA_BROKER_URL"] = f"{url_of(tls)}?ssl_ca_certs={tls.authority}"
    shop.open(days=2)
    flower = shop.start(
        shell_argv(procfile_line(" flower ").replace("--port=5555", f"--port={free_port()}")),
        FLOWER_BASIC_AUTH="reader:secret-9",
    )
    worker, beat = shop.worker("daily"), shop.beat()
    shop.must("run", "--date", day(1), "--wait")
    flower.wait_for("Visit me at")
    beat.wait_for("Sending due task sweep")

    expect_right_end(shop)
    denied = [entry for entry in owner.acl_log() if entry["username"] == "replica"]
    assert denied == [], "the manual's line forgets something"
    for program in (worker, beat, flower):
        assert program.popen.poll() is None, program.said()
        program.end()
        assert PASSWORD not in program.said()


@pytest.mark.parametrize(
    "words",
    ["FLUSHALL", "CONFIG GET *", "KEYS *", "GET other", "SET other 1", "ACL LIST", "SHUTDOWN"],
)
def test_the_manual_s_user_may_do_nothing_else(
    broker: EmbeddedValkey, owner: redis.Redis, words: str
) -> None:
    assert owner.ping()
    client = redis.Redis(port=broker.port, username="replica", password=PASSWORD)
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*words.split())


def test_a_broker_whose_certificate_nobody_vouches_for_is_refused(
    shop: Shop, tls: Tls, owner: redis.Redis
) -> None:
    assert owner.ping()
    answer = shop.replica("backfill", "--start", day(0), "--end", day(0),
                          REPLICA_BROKER_URL=url_of(tls))  # fmt: skip

    assert answer.code == 2, answer
    assert len(answer.err.splitlines()) == 1, answer
    assert "CERTIFICATE_VERIFY_FAILED" in answer.err
    assert PASSWORD not in str(answer)
    assert shop.runs() == []
