"""No spelling of a known secret gets through, whoever chose the words."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from replica_worker import masking
from replica_worker.errors import ReplicaError, SettingsError
from replica_worker.masking import MaskingFormatter, learn_url, masked
from replica_worker.settings import load_settings

SECRET = "p@ss:/?#%41&+={}\"'\\ ;ü-7Qx"
MARK = "7Qx"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_known", set())
    monkeypatch.setattr(masking, "_pattern", None)


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower().replace("7qx", MARK),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        repr(SECRET)[1:-1],
        SECRET.replace("}", "}}"),
    ],
)
def test_every_spelling_is_masked(spelling: str) -> None:
    learn_url(f"postgresql+psycopg://reader:{quote(SECRET, safe='')}@host:5432/db")
    assert MARK not in masked(f"could not use {spelling} at host")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h:port/d",
        f"rediss://:{quote(SECRET, safe='')}@h:6379/0?ssl_ca_certs=/etc/ca.pem",
        f"s3://id:{quote(SECRET, safe='')}@bucket/x",
        f"postgresql://u@h/d?password={quote_plus(SECRET)}",
    ],
)
def test_urls_give_their_secret_away_to_the_mask_only(url: str) -> None:
    learn_url(url)
    assert MARK not in masked(f"{url} and {SECRET}")
    assert masked("/etc/ca.pem") == "/etc/ca.pem"


def test_errors_and_log_lines_are_masked() -> None:
    learn_url(f"postgresql://u:{quote(SECRET, safe='')}@h/d")
    error = ReplicaError(operation="connect", cause=f"bad {SECRET}", next_step="Try again")
    assert MARK not in str(error) + repr(error)
    formatter = MaskingFormatter(logging.Formatter())
    try:
        int(SECRET)
    except ValueError:
        record = logging.getLogger().makeRecord(
            "x", logging.ERROR, "f", 1, "failed: %s", (SECRET,), sys.exc_info()
        )
    text = formatter.format(record)
    assert "ValueError" in text
    assert MARK not in text


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPLICA_SOURCE_URL", raising=False)
    monkeypatch.setenv("REPLICA_SECRETS_DIR", str(tmp_path / "mounted"))
    load_settings.cache_clear()
    yield tmp_path / "mounted"
    load_settings.cache_clear()


def test_secrets_may_be_mounted_as_files(mounted: Path) -> None:
    mounted.mkdir()
    (mounted / "replica_source_url").write_text("postgresql://u:mounted-7Qx@h/d\n")
    source = load_settings().source_url
    assert source is not None
    assert source.get_secret_value() == "postgresql://u:mounted-7Qx@h/d"
    assert masked("mounted-7Qx") == "***"


def test_secrets_folder_that_is_not_there_is_refused(mounted: Path) -> None:
    with pytest.raises(SettingsError, match="REPLICA_SECRETS_DIR"):
        load_settings()
