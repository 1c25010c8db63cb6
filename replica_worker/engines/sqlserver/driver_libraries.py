"""The system libraries that Microsoft's ODBC driver links to and that no Python package carries.

Without them the driver fails to load, and its own message does not say what is missing.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

from replica_worker.errors import SettingsError

_NEEDED = ("libltdl.so.7", "libkrb5.so.3", "libgssapi_krb5.so.2")
_INSTALL = "Install them (Debian, Ubuntu: apt-get install libltdl7 libkrb5-3 libgssapi-krb5-2)"


def missing_libraries() -> list[str]:
    """Those that this machine's loader does not find; none where the driver is built otherwise."""
    return [name for name in _NEEDED if not _is_found(name)] if sys.platform == "linux" else []


@cache
def require_libraries() -> None:
    """SettingsError if Microsoft's driver cannot be loaded on this machine."""
    if missing := missing_libraries():
        raise SettingsError(
            operation="load Microsoft's ODBC driver",
            cause=f"this machine lacks {', '.join(missing)}",
            next_step=_INSTALL,
        )


def _is_found(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
