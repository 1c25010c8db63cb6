"""Settings: the one place that reads the environment, `.env.local` and mounted secret files.

Every setting is `REPLICA_` and the field's name in capitals. URLs hold passwords; they are kept
as secrets and never shown whole.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from replica_worker.errors import SettingsError
from replica_worker.masking import learn_url
from replica_worker.model.encoding import Encoding
from replica_worker.model.grouping import MOST_DAYS
from replica_worker.model.hours import Hours

DEFAULT_SPEC_FILE = Path(__file__).parent.parent / "docs" / "replica_schema.json"
MIGRATIONS_FOLDER = Path(__file__).parent.parent / "migrations"
SECRETS_SETTING = "REPLICA_SECRETS_DIR"  # in the environment only
DEFAULT_SECRETS = Path("/run/secrets")  # where Docker and Podman mount them

Seconds = Annotated[float, Field(ge=1, le=7 * 24 * 3600)]


class Settings(BaseSettings):
    """What the environment and `.env.local` say; docs/reference/settings.md explains each."""

    model_config = SettingsConfigDict(
        env_prefix="REPLICA_",
        env_file=".env.local",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    source_url: SecretStr | None = None
    target_url: SecretStr | None = None
    broker_url: SecretStr | None = None
    exports: str = Field(default="exports", repr=False)  # a URL may hold a key
    schema_file: Path = Field(default=DEFAULT_SPEC_FILE, validation_alias="REPLICA_SCHEMA")
    timezone: str = "Asia/Kuala_Lumpur"
    home: Path = Path(".replica")  # of the embedded servers
    log_level: str = "WARNING"  # of the commands; workers take --loglevel

    connect_timeout: Seconds = 10
    statement_timeout: Seconds = 1800
    count_timeout: Annotated[float, Field(ge=0, le=3600)] = 60  # of all counts before a backfill
    batch_bytes: Annotated[int, Field(ge=64 * 1024, le=1 << 30)] = 4 * 1024 * 1024

    source_connections: Annotated[int, Field(ge=1, le=1000)] = 16  # of all workers together
    source_rows_per_second: Annotated[int, Field(ge=0, le=1 << 40)] = 0  # likewise; 0: no cap
    source_bytes_per_second: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    read_rows: Annotated[int, Field(ge=0, le=1 << 40)] = 1_000_000  # of one read; 0: any number
    read_seconds: Seconds = 60  # that one read of a large chunk is meant to take
    group_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 100  # small ones; 1: each alone
    max_dop: Annotated[int, Field(ge=0, le=64)] = 1  # of one read at the source (SQL Server)
    merge_style: Literal["merge", "upsert"] = "merge"  # SQL Server
    loader: Literal["bulk", "arrays"] = "bulk"  # SQL Server
    digest_encoding: Encoding = "utf-8"  # SQL Server

    lease: Seconds = 120
    lost_after: Seconds = 300
    shutdown_grace: Seconds = 300
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    backfill_hours: str | None = None  # in which backfills are handed out; None: always
    window: Annotated[int, Field(ge=1, le=10_000)] = 64
    recheck_nights: Annotated[int, Field(ge=1, le=3650)] = 90
    delete_share: Annotated[float, Field(ge=0, le=1)] = 0.5

    @field_validator("source_url", "target_url", "broker_url")
    @classmethod
    def _learned(cls, url: SecretStr | None) -> SecretStr | None:
        if url:
            learn_url(url.get_secret_value())
        return url

    @field_validator("exports")
    @classmethod
    def _learned_exports(cls, location: str) -> str:
        learn_url(location)
        return location

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("no such time zone; write it like Asia/Kuala_Lumpur") from None
        return value

    @field_validator("backfill_hours")
    @classmethod
    def _known_hours(cls, value: str | None) -> str | None:
        if value:
            Hours.parse(value)
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        levels = ("DEBUG", "INFO", "WARNING", "ERROR")
        if value.upper() not in levels:
            raise ValueError(f"must be one of {', '.join(levels)}")
        return value.upper()

    @property
    def zone(self) -> ZoneInfo:
        """The business's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def statement_limit(self) -> timedelta:
        """How long one statement may take."""
        return timedelta(seconds=self.statement_timeout)

    @property
    def silence_limit(self) -> timedelta:
        """How long the work may go without a sign: longer than any statement may take."""
        return self.statement_limit + self.connect_limit

    @property
    def connect_limit(self) -> timedelta:
        """How long connecting may take."""
        return timedelta(seconds=self.connect_timeout)


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once; SettingsError names the first that is wrong."""
    try:
        return Settings(_secrets_dir=_secrets_folder())
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = str(problem["loc"][0]) if problem["loc"] else "settings"
        name = field if field.isupper() else f"REPLICA_{field.upper()}"
        raise SettingsError(
            operation=f"read {name}",
            cause=problem["msg"].removeprefix("Value error, "),
            next_step="Correct it in the environment or in .env.local",
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(
            operation="read .env.local and the secret files",
            cause="one of them is not UTF-8 text",
            next_step="Save it as UTF-8",
        ) from None
    except OSError as error:
        raise SettingsError(
            operation=f"read {error.filename or 'the settings'}",
            cause=error.strerror or type(error).__name__,
            next_step="Give this user the right to read it",
        ) from None


def _secrets_folder() -> Path | None:
    """Where files named like settings are mounted, a value in each; None if there is no such."""
    named = os.environ.get(SECRETS_SETTING)
    folder = Path(named or DEFAULT_SECRETS)
    if folder.is_dir():
        return folder
    if named:
        raise SettingsError(
            operation=f"read {SECRETS_SETTING}",
            cause=f"{folder} is not a folder",
            next_step="Name the folder that holds a file for each setting",
        )
    return None
