"""Wrong words and wrong settings: one line that says what to do, exit 2, and no secret in it."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from drive.programs import Answer, CommandServer, Program, run_replica
from drive.shop import SPEC, Shop, day
from support.databases import Site

from replica_worker.embedded.loopback import free_port
from replica_worker.embedded.valkey import EmbeddedValkey

SECRET = "pw-Secret-9"
NOWHERE = f"postgresql+psycopg://reader:{SECRET}@127.0.0.1:1/pos"
RANGE = ("--start", day(0), "--end", day(1))
Run = Callable[..., Answer]


@pytest.fixture
def run(commands: CommandServer, clean: dict[str, str], tmp_path: Path) -> Run:
    """Run a command with URLs that lead nowhere, and other settings as the test wants them."""
    (tmp_path / "specs.json").write_text(SPEC, encoding="utf-8")
    usual = {
        "REPLICA_SOURCE_URL": NOWHERE,
        "REPLICA_TARGET_URL": NOWHERE,
        "REPLICA_SCHEMA": str(tmp_path / "specs.json"),
    }

    def run_with(*words: str, **settings: str) -> Answer:
        return commands.run(*words, environment={**clean, **usual, **settings}, folder=tmp_path)

    return run_with


def expect_complaint(answer: Answer, *words: str, code: int = 2) -> None:
    """Exactly one line on stderr that holds these words, the exit code, nothing else."""
    assert answer.code == code, answer
    assert answer.err.endswith("\n"), answer
    assert len(answer.err.splitlines()) == 1, answer
    assert answer.out == "", answer
    for word in words:
        assert word in answer.err, answer
    for leak in (SECRET, "Traceback", "SELECT", "sqlalche.me", "psycopg."):
        assert leak not in answer.err, answer


NONSENSE: dict[str, list[str]] = {
    "backfill --start 2024-02-30 --end 2024-03-01": ["2024-02-30", "not a date"],
    "backfill --start 14.03.2024 --end 2024-03-15": ["14.03.2024", "write it like"],
    "run --date yesterday": ["yesterday", "not a date"],
    "backfill --start 2024-03-15 --end 2024-03-14": ["--end 2024-03-14", "before"],
    "verify --start 2024-03-15 --end 2024-03-14": ["--end 2024-03-14", "before"],
    "backfill --start 2024-03-14": ["--end"],
    "verify --end 2024-03-14": ["--start"],
    "backfil --start 2024-03-14 --end 2024-03-14": ["backfil", "replica --help"],
    "run --fast": ["--fast", "replica run --help"],
    "history --limit 0": ["--limit"],
    "status one two": ["two"],
    "run --date 2024-03-14 --table ORDRES": ["ORDRES", "did you mean ORDERS?"],
    "verify --start 2024-03-14 --end 2024-03-14 --table order_lines": ["ORDER_LINES?"],
    "check-fixes --date 2024-03-14 --table items": ["did you mean ITEMS?"],
}


def test_words_that_make_no_sense(run: Run) -> None:
    for words, complaint in NONSENSE.items():
        expect_complaint(run(*words.split()), *complaint)


def test_a_day_in_the_future_is_refused(run: Run) -> None:
    # Two days on it is the future in every time zone.
    future = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    commands = (
        ["run", "--date", future],
        ["check-fixes", "--date", future],
        ["backfill", "--start", day(0), "--end", future],
        ["verify", "--start", day(0), "--end", future],
    )

    for words in commands:
        expect_complaint(run(*words), future, "future", "Asia/Kuala_Lumpur")


UNUSABLE: list[tuple[str, str, list[str]]] = [
    ("REPLICA_SOURCE_URL", "", ["REPLICA_SOURCE_URL", "not set"]),
    ("REPLICA_TARGET_URL", "", ["REPLICA_TARGET_URL", "not set"]),
    ("REPLICA_SOURCE_URL", f"reader:{SECRET} at pos", ["REPLICA_SOURCE_URL", "not a database"]),
    ("REPLICA_TARGET_URL", f"oracle://w:{SECRET}@h/d", ["REPLICA_TARGET_URL", "'oracle'"]),
    ("REPLICA_TIMEZONE", "Asia/Kuala_Lumpa", ["REPLICA_TIMEZONE", "Asia/Kuala_Lumpur"]),
    ("REPLICA_LEASE", "soon", ["REPLICA_LEASE"]),
    ("REPLICA_DELETE_SHARE", "1.5", ["REPLICA_DELETE_SHARE"]),
    ("REPLICA_LOG_LEVEL", "LOUD", ["REPLICA_LOG_LEVEL", "DEBUG"]),
    ("REPLICA_SCHEMA", "nowhere.json", ["nowhere.json", "REPLICA_SCHEMA"]),
    ("REPLICA_EXPORTS", "nostore://bucket", ["REPLICA_EXPORTS"]),
]


def test_settings_that_cannot_be_used(run: Run) -> None:
    for name, value, complaint in UNUSABLE:
        for command in ("history", "doctor"):
            expect_complaint(run(command, **{name: value}), *complaint)


def test_a_url_whose_port_is_no_number(run: Run) -> None:
    answer = run("history", REPLICA_TARGET_URL=f"postgresql+psycopg://w:{SECRET}@h:port/d")

    expect_complaint(answer, "REPLICA_TARGET_URL")


def test_no_setting_at_all_names_both_urls_and_the_demo(
    clean: dict[str, str], tmp_path: Path
) -> None:
    answer = run_replica("history", environment=clean, folder=tmp_path)

    expect_complaint(answer, "REPLICA_SOURCE_URL", "REPLICA_TARGET_URL", "replica demo")


BROKEN_SPECS: dict[str, tuple[str, list[str]]] = {
    "cut.json": (SPEC[:-3], ["JSON"]),
    "type.json": (SPEC.replace("decimal(16,4)", "decimals(16,4)", 1), ["ORDERS", "AMOUNT"]),
    "version.json": (SPEC.replace('"version": 1', '"version": 2'), ["version"]),
    "bytes.json": ("\xff\xfe", ["UTF-8"]),
}


def test_spec_files_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    for name, (text, complaint) in BROKEN_SPECS.items():
        (tmp_path / name).write_bytes(text.encode("latin-1"))

        expect_complaint(run("history", REPLICA_SCHEMA=name), name, *complaint)


def test_a_server_that_is_not_there(run: Run) -> None:
    commands = (["history"], ["migrate"], ["verify", *RANGE])
    started = time.monotonic()

    for words in commands:
        expect_complaint(run(*words), "refused", "Check that the server runs")

    assert time.monotonic() - started < 15


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something takes connections and never says a word, as behind a broken VPN."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_says_nothing_is_given_up(run: Run, silent_port: int) -> None:
    url = f"postgresql+psycopg://w:{SECRET}@127.0.0.1:{silent_port}/pos"

    answer = run("history", REPLICA_TARGET_URL=url, REPLICA_CONNECT_TIMEOUT="2")

    expect_complaint(answer, "Check that the server runs")


def with_password(url: str, password: str) -> str:
    login, _, place = url.rpartition("@")
    return f"{login.rpartition(':')[0]}:{password}@{place}"


def with_database(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.mark.parametrize(
    ("change", "cause"), [(with_password, "password"), (with_database, "does not exist")]
)
def test_a_warehouse_that_lets_us_not_in(
    run: Run, site: Site, change: Callable[[str, str], str], cause: str
) -> None:
    url = change(site.target_url, "none-such")

    for command in ("history", "migrate"):
        answer = run(command, REPLICA_TARGET_URL=url)

        expect_complaint(answer, cause, "in the URL")
        assert "none-such" not in answer.err or change is with_database


def test_a_source_that_lets_us_not_in(shop: Shop) -> None:
    url = with_password(shop.site.source_url, SECRET)
    commands = (["verify", *RANGE], ["backfill", *RANGE, "--inline"])

    for words in commands:
        answer = shop.replica(*words, REPLICA_SOURCE_URL=url)
        expect_complaint(answer, "password", "in the URL")
    assert shop.runs() == []


def test_a_warehouse_that_was_never_migrated(new_shop: Shop) -> None:
    new_shop.open(days=1)
    commands = (
        ["history"],
        ["status", "--json"],
        ["backfill", *RANGE, "--inline"],
        ["backfill", *RANGE, "--missing", "--dry-run"],
        ["check-fixes", "--inline"],
        ["verify", *RANGE],
    )

    for words in commands:
        expect_complaint(new_shop.replica(*words), "replica migrate")


def test_a_run_that_the_ledger_does_not_know(shop: Shop) -> None:
    expect_complaint(shop.replica("status", "20240314T-none"), "20240314T-none", "replica history")


def test_work_without_a_broker_names_the_setting_and_inline(shop: Shop) -> None:
    answer = shop.replica("backfill", *RANGE)

    expect_complaint(answer, "REPLICA_BROKER_URL", "--inline")
    assert shop.runs() == []


def test_a_broker_that_cannot_be_used(shop: Shop, broker: EmbeddedValkey, silent_port: int) -> None:
    urls = [
        f"redis://:{SECRET}@127.0.0.1:{silent_port}/0",
        f"redis://:{SECRET}@127.0.0.1:{free_port()}/0",
        f"broker with {SECRET}",
        with_password(broker.url, SECRET),
    ]
    started = time.monotonic()

    for url in urls:
        answer = shop.replica("run", "--date", day(0), REPLICA_BROKER_URL=url)
        expect_complaint(answer, "REPLICA_BROKER_URL")

    assert time.monotonic() - started < 15
    assert shop.runs() == []


def test_an_exports_folder_that_cannot_be_written(shop: Shop) -> None:
    shop.open(days=1)
    in_the_way = shop.folder / "in-the-way"
    in_the_way.write_text("a file")

    answer = shop.replica(
        "backfill", "--start", day(0), "--end", day(0), "--inline",
        REPLICA_EXPORTS=str(in_the_way / "exports"),
    )  # fmt: skip

    expect_complaint(answer, "exports")
    assert shop.runs() == []


def test_env_local_is_read_and_the_environment_wins_over_it(shop: Shop) -> None:
    elsewhere = {
        name: shop.environment.pop(name)
        for name in list(shop.environment)
        if name.startswith("REPLICA_")
    }
    lines = [f"{name}={value}" for name, value in elsewhere.items()]
    (shop.folder / ".env.local").write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert json.loads(shop.must("history", "--json").out) == []
    expect_complaint(shop.replica("history", REPLICA_TARGET_URL=NOWHERE), "refused")


COMMANDS = (
    "migrate", "run", "backfill", "check-fixes", "status", "history", "verify", "doctor",
    "schema", "schema pull", "schema diff", "schema ddl", "demo",
)  # fmt: skip


def test_help_needs_no_settings(
    commands: CommandServer, clean: dict[str, str], tmp_path: Path
) -> None:
    for command in ("", *COMMANDS):
        answer = commands.run(*command.split(), "--help", environment=clean, folder=tmp_path)
        assert (answer.code, answer.err) == (0, ""), answer
        assert answer.out.startswith(f"Usage: replica {command}".rstrip())


@pytest.mark.parametrize("program", [["replica"], [sys.executable, "-m", "replica_worker"]])
def test_both_ways_to_call_it_say_the_same(
    program: list[str],
    commands: CommandServer,
    clean: dict[str, str],
    start_program: Callable[..., Program],
    tmp_path: Path,
) -> None:
    words = ["run", "--date", "yesterday"]

    alone = start_program([*program, *words], environment=clean, folder=tmp_path)

    expected = commands.run(*words, environment=clean, folder=tmp_path)
    assert alone.popen.wait(30) == expected.code == 2
    assert alone.said() == expected.err
