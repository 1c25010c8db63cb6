"""Secrets that were planted in every URL, and failures that would like to tell them."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import redis
from celery import Celery
from drive import leaks
from drive.programs import procfile_line, shell_argv, wait_until
from drive.shop import Shop, day
from psycopg import sql

from replica_worker.embedded import EmbeddedStack
from replica_worker.embedded.databases import SOURCE_READER, TARGET_WRITER
from replica_worker.embedded.loopback import free_port
from replica_worker.embedded.valkey import EmbeddedValkey

RANGE = ("--start", day(0), "--end", day(0))
WRONG = "planted wrong/@:%}{'\\ pässword"
FLOWER = "planted-flower-login-8"
BAD_SPECS = '{"version": 1, "tables": [{"name": "planted"}]}'


@pytest.fixture
def planted(shop: Shop, stack: EmbeddedStack, tmp_path: Path) -> dict[str, str]:
    """A password in each URL that needs quoting wherever it goes; the secrets by name."""
    end = secrets.token_hex(4)
    found = {"flower's": FLOWER, "the wrong one": WRONG, "the broker's": f"planted-broker-{end}"}
    for setting, group in (("SOURCE", SOURCE_READER), ("TARGET", TARGET_WRITER)):
        secret = f"planted {setting} /@:%}}{{'\\ ü {end}"
        role = f"planted_{setting.lower()}_{end}"
        assert stack.postgres
        stack.postgres.create_role(role, secret)
        with stack.postgres.connect() as connection:
            names = (sql.Identifier(group), sql.Identifier(role))
            connection.execute(sql.SQL("GRANT {} TO {}").format(*names))
        name = f"REPLICA_{setting}_URL"
        shop.environment[name] = with_login(shop.environment[name], role, secret)
        found[f"the {setting.lower()}'s"] = secret
    return found


def with_login(url: str, role: str, password: str) -> str:
    return f"postgresql+psycopg://{role}:{leaks.quote(password, safe='')}@{url.rpartition('@')[2]}"


def provoke(shop: Shop) -> list[str]:
    """Have commands fail in every way in which a URL may be told; what they said."""
    source = shop.environment["REPLICA_SOURCE_URL"]
    role = source.partition("://")[2].partition(":")[0]
    bad_login = with_login(source, role, WRONG)
    nowhere = with_login("x@127.0.0.1:1/pos", role, WRONG)
    specs = shop.folder / "bad-specs.json"
    specs.write_text(BAD_SPECS, encoding="utf-8")
    backfill = ("backfill", *RANGE, "--inline")
    tries: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (backfill, {"REPLICA_SOURCE_URL": bad_login, "REPLICA_MAX_ATTEMPTS": "1"}),
        (backfill, {"REPLICA_SOURCE_URL": nowhere}),
        (backfill, {"REPLICA_TARGET_URL": nowhere}),
        (backfill, {"REPLICA_TARGET_URL": f"{nowhere}?planted=1"}),
        (backfill, {"REPLICA_TARGET_URL": nowhere.replace(":1/", ":planted/")}),
        (backfill, {"REPLICA_TARGET_URL": nowhere.replace("psycopg", "planted")}),
        (backfill, {"REPLICA_SCHEMA": str(specs)}),
        (backfill, {"REPLICA_EXPORTS": f"s3://planted:{leaks.quote(WRONG, safe='')}@nowhere/x"}),
        (("backfill", *RANGE), {"REPLICA_BROKER_URL": f"redis://:{FLOWER}@127.0.0.1:1/0"}),
        (("doctor",), {"REPLICA_SOURCE_URL": bad_login, "REPLICA_TARGET_URL": nowhere}),
        (("doctor", "--json"), {"REPLICA_BROKER_URL": f"redis://:{FLOWER}@127.0.0.1:1/0"}),
    ]
    said = []
    for words, settings in tries:
        answer = shop.replica(*words, REPLICA_LOG_LEVEL="DEBUG", **settings)
        assert answer.code != 0, (words, settings, answer)
        said.append(str(answer))
    return said


def test_no_planted_secret_is_found_in_anything_that_is_written(
    shop: Shop, planted: dict[str, str], tmp_path: Path
) -> None:
    broker = EmbeddedValkey(tmp_path / "valkey", tmp_path / "valkey.log", planted["the broker's"])
    broker.wait_ready(30)
    shop.environment["REPLICA_BROKER_URL"] = broker.url
    shop.open(days=2)
    worker = shop.start(
        shell_argv(
            procfile_line("-Q backfill").replace("--loglevel INFO", "--loglevel DEBUG"),
            "--concurrency", "1", "--include", "leaky",
        ),
        PYTHONPATH=str(Path(__file__).parent),
    )  # fmt: skip
    port = free_port()
    flower = shop.start(
        shell_argv(procfile_line(" flower ").replace("--port=5555", f"--port={port}")),
        FLOWER_BASIC_AUTH=f"planted:{FLOWER}",
    )
    worker.wait_for(" ready.")
    beat = shop.beat()
    Celery(broker=broker.url).send_task("leaky.fail", queue="backfill")
    worker.wait_for("leaky.fail[", times=2)
    run_id = shop.begin("backfill", *RANGE, "--table", "STORE_DAYS")
    wait_until(lambda: bool(shop.chunks("state = 'failed'")), "the planted error of a chunk")
    shop.wait_closed(run_id)

    said = provoke(shop)
    flower.wait_for("Visit me at")
    shop.must("retry", run_id)
    assert shop.wait_closed(run_id)["status"] == "succeeded"
    client = redis.Redis.from_url(broker.url)
    shop.begin("run", "--date", day(1))  # nobody takes it: messages stay to be looked through
    written = {
        **leaks.keys_of(client),
        **leaks.tables_of(shop),
        **leaks.arguments_of(shop),
        **{f"command {number}": text.encode() for number, text in enumerate(said)},
    }
    for program in (worker, flower, beat):
        assert program.popen.poll() is None, program.said()
        program.end()
    written |= leaks.files_of(shop.folder, but=("valkey",))

    assert leaks.leaks(written, planted) == []
    for planting in ("a task", "a thread", "a chunk", "a log line"):
        assert f"planted in {planting}" in worker.said(), "what is looked through was written"
    assert any(place.endswith(".parquet") for place in written)
    assert {"key daily", "table dbo.etl_progress"} <= set(written)
    broker.stop()


def test_the_search_finds_what_is_there() -> None:
    secret = {"it": "a b/ü"}
    for text in (b"x a b/\xc3\xbc", b"a%20b%2F%C3%BC", b"YSBiL8O8IGlzIGxvbmdlcg==", rb"a b/\u00fc"):
        assert leaks.leaks({"here": text}, secret) == ["it in here"]
    assert leaks.leaks({"here": b"a b"}, secret) == []
