"""Shops with servers of their own, and programs that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from support.databases import Site
from support.replica import Replica

from drive.programs import CommandServer, Program, clean_environment
from drive.shop import SPEC, Shop, day, password_of
from replica_worker.embedded.valkey import EmbeddedValkey

BROKER_PASSWORD = "broker-Secret-7"


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture(scope="session")
def commands(bytecode: Path) -> Iterator[CommandServer]:
    server = CommandServer(clean_environment(bytecode), bytecode / "commands.log")
    yield server
    server.close()


@pytest.fixture
def clean(bytecode: Path) -> dict[str, str]:
    """An environment without any setting."""
    return clean_environment(bytecode)


@pytest.fixture
def start_program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start programs that are ended with the test, newest first."""
    numbers = count(1)
    with ExitStack() as cleanup:

        def start(argv: list[str], **options: object) -> Program:
            log = tmp_path / f"program-{next(numbers)}.log"
            program = Program(argv, log=log, **options)  # type: ignore[arg-type]
            cleanup.callback(program.destroy)
            return program

        yield start


@pytest.fixture
def new_shop(
    site: Site,
    tmp_path: Path,
    clean: dict[str, str],
    commands: CommandServer,
    start_program: Callable[..., Program],
) -> Iterator[Shop]:
    """A shop whose databases are empty, without a broker."""
    shop = Shop(site, tmp_path, clean, commands, start_program)
    yield shop
    shop.close()


@pytest.fixture
def shop(make_replica: Callable[[str], Replica], new_shop: Shop) -> Shop:
    """A shop whose warehouse is migrated; its source has no table yet."""
    make_replica(SPEC)
    return new_shop


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A broker of the test's own."""
    server = EmbeddedValkey(tmp_path / "valkey", tmp_path / "valkey.log", BROKER_PASSWORD)
    server.wait_ready(30)
    yield server
    server.stop()


@pytest.fixture
def copied(shop: Shop) -> Shop:
    """A shop of which three days were copied."""
    shop.open(days=3)
    shop.must("backfill", "--start", day(0), "--end", day(2), "--inline")
    return shop


@pytest.fixture
def staffed(shop: Shop, broker: EmbeddedValkey) -> Iterator[Shop]:
    """A migrated shop with a broker, whose programs must not have said or written a password."""
    shop.environment["REPLICA_BROKER_URL"] = broker.url
    yield shop
    written = [shop.runs(), shop.chunks()]
    written += [path.read_bytes() for path in shop.folder.glob("*.log")]
    written += [path.read_bytes() for path in (shop.folder / "exports").rglob("*.json")]
    for url in (shop.site.source_url, shop.site.target_url, broker.url):
        assert not any(password_of(url) in str(text) for text in written)
