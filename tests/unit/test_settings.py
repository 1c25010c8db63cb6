"""Settings: read in one place, refused by their name, never shown with their secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replica_worker.errors import SettingsError, SpecError
from replica_worker.settings import Settings, load_settings
from replica_worker.wiring import connect_deployment, read_specs

URL = "postgresql+psycopg://reader:s3cr3t%40@localhost/db"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    import os

    for name in list(os.environ):
        if name.upper().startswith("REPLICA_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_defaults_need_nothing() -> None:
    settings = load_settings()
    assert (settings.timezone, settings.source_url) == ("Asia/Kuala_Lumpur", None)
    assert settings.zone.key == "Asia/Kuala_Lumpur"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("REPLICA_TIMEZONE", "Asia/KL", "no such time zone"),
        ("REPLICA_TIMEZONE", "../../etc/passwd", "no such time zone"),
        ("REPLICA_LEASE", "soon", "number"),
        ("REPLICA_LEASE", "0", "greater than"),
        ("REPLICA_LEASE", "-1", "greater than"),
        ("REPLICA_LEASE", "nan", "greater|less|finite"),
        ("REPLICA_MAX_ATTEMPTS", "1.5", "integer"),
        ("REPLICA_MAX_ATTEMPTS", "0", "greater than or equal to 1"),
        ("REPLICA_DELETE_SHARE", "1.1", "less than or equal to 1"),
        ("REPLICA_BATCH_BYTES", "10", "65536"),
        ("REPLICA_LOG_LEVEL", "LOUD", "one of DEBUG"),
    ],
)
def test_wrong_setting_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}: .*({complaint})") as refusal:
        load_settings()
    assert "\n" not in str(refusal.value)


def test_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env.local").write_text("REPLICA_LEASE=7\nREPLICA_WINDOW=8\nREPLICA_TIMEZONE=\n")
    monkeypatch.setenv("REPLICA_WINDOW", "9")
    settings = load_settings()
    assert (settings.lease, settings.window) == (7, 9)
    assert settings.timezone == "Asia/Kuala_Lumpur", "an empty value is none"


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_bytes(b"REPLICA_LEASE=\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOURCE", "TARGET", "BROKER"):
        monkeypatch.setenv(f"REPLICA_{name}_URL", URL)
    settings = load_settings()
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert "s3cr3t" not in shown
    assert settings.source_url is not None
    assert settings.source_url.get_secret_value() == URL


def test_secret_of_a_wrong_setting_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICA_SOURCE_URL", URL)
    monkeypatch.setenv("REPLICA_LEASE", "s3cr3t")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert "s3cr3t" not in str(refusal.value) + repr(refusal.value)


def test_deployment_without_a_url_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="REPLICA_SOURCE_URL: it is not set"):
        connect_deployment(Settings(_env_file=None))
    with pytest.raises(SettingsError, match="REPLICA_TARGET_URL: it is not set"):
        connect_deployment(Settings(_env_file=None, source_url=URL))


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s3cr3t", "not a database URL"),
        ("mysql://u:s3cr3t@h/d", "no engine for 'mysql'"),
        ("postgresql://u:s3cr3t@h:port/d", "not a database URL"),
    ],
)
def test_url_of_no_engine_is_refused_without_being_shown(url: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=f"REPLICA_SOURCE_URL: .*{complaint}") as refusal:
        connect_deployment(Settings(_env_file=None, source_url=url, target_url=URL))
    assert "s3cr3t" not in str(refusal.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"{}"])
def test_spec_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "specs.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=r"specs\.json"):
        read_specs(path)
