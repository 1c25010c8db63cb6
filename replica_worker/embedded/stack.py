"""One home folder, one instance: PostgreSQL and Valkey that are started and stopped together.

Owns the life of an instance: who starts it, who only attaches to it, in what order its servers
start and stop. How each server runs and where files lie is elsewhere.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

import psycopg
from filelock import FileLock

from replica_worker.embedded.databases import create_databases
from replica_worker.embedded.homes import (
    VALKEY_FOLDER,
    make_home,
    postgres_folder,
    remove_home,
    take_home,
)
from replica_worker.embedded.instance import BROKER, InstanceRecord, StackUrls
from replica_worker.embedded.postgres import SUPERUSER, EmbeddedPostgres
from replica_worker.embedded.processes import require_linux
from replica_worker.embedded.valkey import EmbeddedValkey
from replica_worker.errors import EmbeddedServerError

ATTACH_POLL_SECONDS = 0.02
START_SECONDS = 120.0


class EmbeddedStack:
    """Running servers: this program's own, or another's that this one has attached to."""

    def __init__(
        self,
        home: Path,
        record: InstanceRecord,
        *,
        lock: FileLock | None = None,
        servers: tuple[EmbeddedValkey, EmbeddedPostgres] | None = None,
        remove_on_close: bool = False,
    ) -> None:
        self.home = home
        self.urls: StackUrls = record.urls()
        # Of the owner only, so that it can stop one server and launch it again.
        self.valkey: EmbeddedValkey | None = servers[0] if servers else None
        self.postgres: EmbeddedPostgres | None = servers[1] if servers else None
        self._lock = lock
        self._servers = servers
        self._remove_on_close = remove_on_close

    @classmethod
    def open(
        cls, home: Path, *, remove_on_close: bool = False, timeout: float = START_SECONDS
    ) -> EmbeddedStack:
        """Start the instance in `home` (a new one if there is none), or attach if it runs.

        Returns when both servers answer. With `remove_on_close` the owner removes the home when it
        closes; one that only attached never does.
        """
        require_linux()
        home = home.absolute()
        deadline = time.monotonic() + timeout
        while True:
            make_home(home)
            if lock := take_home(home):
                return cls._start(home, lock, remove_on_close, timeout)
            if record := _running_record(home):
                return cls(home, record)
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    operation=f"attaching to the embedded servers in {home}",
                    cause=f"another command holds them, but they did not answer in {timeout:g} s",
                    next_step=f"End that command, or read the log files in {home}",
                )
            time.sleep(ATTACH_POLL_SECONDS)

    @property
    def is_owner(self) -> bool:
        """Whether closing this stops the servers."""
        return self._lock is not None

    def close(self) -> None:
        """Stop the servers if they are this program's own; may be called again."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        try:
            _stop(self._servers)
            if self._remove_on_close:
                remove_home(self.home)
        finally:
            lock.release()

    def __enter__(self) -> EmbeddedStack:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @classmethod
    def _start(
        cls, home: Path, lock: FileLock, remove_on_close: bool, timeout: float
    ) -> EmbeddedStack:
        servers: tuple[EmbeddedValkey, EmbeddedPostgres] | None = None
        try:
            record = InstanceRecord.load(home) or InstanceRecord.new(postgres_folder(home))
            record.save(home)
            servers = _servers(home, record)
            _start_servers(*servers, record, timeout)
            record.valkey_port, record.postgres_port = (server.port for server in servers)
            record.prepared = True
            record.save(home)
        except BaseException as error:
            try:
                _stop(servers)
            finally:
                lock.release()
            if isinstance(error, (OSError, psycopg.Error)):
                raise EmbeddedServerError(
                    operation=f"starting the embedded servers in {home}",
                    cause=" ".join(str(error).split()).rstrip("."),
                    next_step=f"Check the free disk space, and read the log files in {home}",
                ) from error
            raise
        return cls(home, record, lock=lock, servers=servers, remove_on_close=remove_on_close)


def running_urls(home: Path) -> StackUrls | None:
    """The URLs of the instance in `home` if its servers run, else None; starts nothing."""
    record = _running_record(home)
    return record.urls() if record else None


def _running_record(home: Path) -> InstanceRecord | None:
    record = InstanceRecord.load(home)
    return record if record is not None and record.answers() else None


def _servers(home: Path, record: InstanceRecord) -> tuple[EmbeddedValkey, EmbeddedPostgres]:
    valkey = EmbeddedValkey(
        home / VALKEY_FOLDER, home / "valkey.log", record.passwords[BROKER], record.valkey_port
    )
    postgres = EmbeddedPostgres(
        Path(record.postgres_folder),
        home / "postgresql.log",
        record.passwords[SUPERUSER],
        record.postgres_port,
    )
    return valkey, postgres


def _start_servers(
    valkey: EmbeddedValkey, postgres: EmbeddedPostgres, record: InstanceRecord, timeout: float
) -> None:
    """Valkey comes up while PostgreSQL is being made."""
    valkey.launch()
    if not record.prepared:
        postgres.create_cluster()
    postgres.launch()
    postgres.wait_ready(timeout)
    if not record.prepared:
        create_databases(postgres, record.passwords)
    valkey.wait_ready(timeout)


def _stop(servers: tuple[EmbeddedValkey, EmbeddedPostgres] | None) -> None:
    """The broker first: then no worker is handed a chunk that it could not record."""
    for server in servers or ():
        server.stop()
