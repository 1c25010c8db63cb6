"""A machine on which Microsoft's driver cannot be loaded is told what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replica_worker.engines.sqlserver import driver_libraries
from replica_worker.errors import SettingsError


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    driver_libraries.require_libraries.cache_clear()
    yield
    driver_libraries.require_libraries.cache_clear()


def test_missing_library_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_libraries, "_NEEDED", ("libc.so.6", "libnowhere.so.1"))
    with pytest.raises(SettingsError, match=r"lacks libnowhere\.so\.1.*apt-get install libltdl7"):
        driver_libraries.require_libraries()


def test_machine_that_has_them_all_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_libraries, "_NEEDED", ("libc.so.6",))
    driver_libraries.require_libraries()
