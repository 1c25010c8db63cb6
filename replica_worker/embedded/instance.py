"""What is remembered of one instance: where its servers are and the passwords they take.

Owns `instance.json` in the home folder (readable by its owner only) and the URLs made from it.
Starts and stops nothing.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from urllib.parse import quote

from replica_worker.embedded.databases import (
    ROLES,
    SOURCE_DATABASE,
    SOURCE_OWNER,
    SOURCE_READER,
    TARGET_DATABASE,
    TARGET_WRITER,
)
from replica_worker.embedded.loopback import LOOPBACK
from replica_worker.embedded.postgres import SUPERUSER, postgres_answers
from replica_worker.embedded.valkey import valkey_answers
from replica_worker.errors import EmbeddedServerError

RECORD_NAME = "instance.json"
BROKER = "valkey"
PASSWORD_BYTES = 24


@dataclass(frozen=True, repr=False)
class StackUrls:
    """How to reach the servers of an instance; shows no password when printed."""

    source_url: str
    source_owner_url: str
    target_url: str
    broker_url: str

    def __repr__(self) -> str:
        shown = (f"{item.name}={_masked(getattr(self, item.name))!r}" for item in fields(self))
        return f"StackUrls({', '.join(shown)})"


@dataclass
class InstanceRecord:
    """The content of `instance.json`."""

    postgres_folder: str
    passwords: dict[str, str] = field(repr=False)
    postgres_port: int | None = None
    valkey_port: int | None = None
    prepared: bool = False
    """Whether the cluster with its databases and roles was finished."""

    @classmethod
    def new(cls, postgres_folder: Path) -> InstanceRecord:
        """A record with fresh passwords."""
        names = (SUPERUSER, *ROLES, BROKER)
        passwords = {name: secrets.token_urlsafe(PASSWORD_BYTES) for name in names}
        return cls(str(postgres_folder), passwords)

    @classmethod
    def load(cls, home: Path) -> InstanceRecord | None:
        """The record in this home, or None when there is none yet."""
        path = home / RECORD_NAME
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise EmbeddedServerError(
                operation=f"reading {path}",
                cause=str(error),
                next_step=f"Use another folder, or remove {home} if nothing in it is needed",
            ) from error

    def save(self, home: Path) -> None:
        """Replace the record as a whole: a reader sees the old one or the new one."""
        path = home / RECORD_NAME
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=2)
        unfinished.rename(path)

    def urls(self) -> StackUrls:
        """The URLs as settings take them, passwords percent-encoded."""
        return StackUrls(
            source_url=self._postgres_url(SOURCE_READER, SOURCE_DATABASE),
            source_owner_url=self._postgres_url(SOURCE_OWNER, SOURCE_DATABASE),
            target_url=self._postgres_url(TARGET_WRITER, TARGET_DATABASE),
            broker_url=f"redis://:{self._password(BROKER)}@{LOOPBACK}:{self.valkey_port}/0",
        )

    def answers(self) -> bool:
        """Whether both servers let the record's passwords in now, which only ours would do."""
        if not self.prepared or self.valkey_port is None or self.postgres_port is None:
            return False
        return valkey_answers(self.valkey_port, self.passwords[BROKER]) and postgres_answers(
            self.postgres_port, TARGET_WRITER, self.passwords[TARGET_WRITER], TARGET_DATABASE
        )

    def _postgres_url(self, role: str, database: str) -> str:
        place = f"{LOOPBACK}:{self.postgres_port}/{database}"
        return f"postgresql+psycopg://{role}:{self._password(role)}@{place}"

    def _password(self, name: str) -> str:
        return quote(self.passwords[name], safe="")


def _masked(url: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", url)
