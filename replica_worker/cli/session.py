"""What a command works with: settings from the environment, or the demo's embedded servers."""

from __future__ import annotations

import getpass
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from replica_worker.embedded import EmbeddedStack, StackUrls, current_home
from replica_worker.errors import ReplicaError, SettingsError
from replica_worker.pulse import watched
from replica_worker.settings import Settings, load_settings
from replica_worker.usecases.deployment import Deployment
from replica_worker.wiring import connect_deployment

EXPORTS_FOLDER = "exports"


@dataclass(frozen=True, kw_only=True)
class Session:
    """A command's deployment, and whether it is the embedded one."""

    settings: Settings
    deployment: Deployment
    is_embedded: bool


@contextmanager
def open_session(*, most_seconds: float | None = None) -> Iterator[Session]:
    """The deployment that the settings name; without any URL, the one that the demo left.

    `most_seconds` bounds what a statement may take below what the settings allow.
    """
    settings = load_settings()
    silent_after = settings.silence_limit.total_seconds() + settings.lease
    if most_seconds is not None:
        limit = min(most_seconds, settings.statement_timeout)
        settings = settings.model_copy(update={"statement_timeout": limit})
    logging.getLogger("replica_worker").setLevel(settings.log_level)
    if settings.source_url or settings.target_url:
        with watched(silent_after, _end_command):
            yield from _over(settings, is_embedded=False)
        return
    home = current_home(settings.home)
    if home is None:
        raise SettingsError(
            operation="find the databases",
            cause="neither REPLICA_SOURCE_URL and REPLICA_TARGET_URL are set, nor has "
            "`replica demo` made databases here",
            next_step="Set both in the environment or in .env.local, or run `replica demo`",
        )
    with EmbeddedStack.open(home) as stack, watched(silent_after, _end_command):
        yield from _over(embedded_settings(settings, stack.urls, home), is_embedded=True)


def embedded_settings(settings: Settings, urls: StackUrls, home: Path) -> Settings:
    """The settings, pointed at the embedded servers of a home."""
    return settings.model_copy(
        update={
            "source_url": SecretStr(urls.source_url),
            "target_url": SecretStr(urls.target_url),
            "broker_url": SecretStr(urls.broker_url),
            "exports": str(home / EXPORTS_FOLDER),
        }
    )


def _over(settings: Settings, *, is_embedded: bool) -> Iterator[Session]:
    deployment = connect_deployment(settings)
    try:
        yield Session(settings=settings, deployment=deployment, is_embedded=is_embedded)
    except ReplicaError:
        raise
    except Exception as error:
        translated = deployment.target.translate_error(error, operation="use the warehouse")
        if translated is error:
            raise
        raise translated from None
    finally:
        deployment.warehouse.sql.dispose()


def _end_command(silent_seconds: float) -> None:
    """End a command that waits for a server that says nothing."""
    sys.stderr.write(
        f"replica: no server gave a sign for {silent_seconds:.0f} s; `replica status` tells what "
        "was done\n"
    )
    sys.stderr.flush()
    os._exit(1)


def require_metadata_tables(deployment: Deployment) -> None:
    """DatabaseError with advice if the warehouse was never migrated or cannot be reached."""
    try:
        deployment.ledger.runs.latest(1)
    except Exception as error:
        raise deployment.target.translate_error(error, operation="open the ledger") from None


def require_inline_means(session: Session, *, reads_source: bool = True) -> None:
    """ReplicaError, before a run is recorded, if this process could not do its work.

    Workers find out for themselves: they may reach what this machine cannot.
    """
    if not reads_source:
        return
    exports = session.deployment.exports
    if "://" not in exports:
        _require_writable(Path(exports).expanduser())
    with session.deployment.source.open_snapshot():
        pass  # it lets us in


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = None if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason:
        raise SettingsError(
            operation=f"write to the exports folder {folder}",
            cause=reason,
            next_step="Give this user the right to write there, or set REPLICA_EXPORTS elsewhere",
        )


def who_asks() -> str:
    """The user and machine that a run is asked for from."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"[:128]


def this_worker() -> str:
    """Names this process in the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}"
