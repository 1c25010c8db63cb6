"""Connections to SQL Server: one URL, two drivers, the same connection string.

`mssql+mssqlpython://` needs no driver manager; `mssql+pyodbc://` serves those who have unixODBC
and is imported only when a URL names it. Rows always travel through `mssql-python`, which has
Arrow and bulk copy. Pools are SQLAlchemy's alone: a driver's own would keep sessions open that
were thought closed.
"""

from __future__ import annotations

import logging
import platform
from datetime import timedelta
from pathlib import Path
from typing import Any

import mssql_python
import sqlalchemy as sa

from replica_worker.engines.pools import try_rested
from replica_worker.engines.signs import with_signs
from replica_worker.engines.sqlserver.connection_string import (
    BULK_PACKET_SIZE,
    connection_string,
    keywords_of,
)
from replica_worker.engines.sqlserver.driver_libraries import require_libraries
from replica_worker.engines.values import ConnectionOptions
from replica_worker.errors import SettingsError

_log = logging.getLogger(__name__)

_LOGIN_TIMEOUT = 103  # SQL_ATTR_LOGIN_TIMEOUT
_LOCK_TIMEOUT_MS = 30_000

# Without parameters, because what a statement with parameters sets ends with it. The language
# decides in which words errors come, and the one driver tells no number.
_SESSION = f"SET LANGUAGE us_english; SET XACT_ABORT ON; SET LOCK_TIMEOUT {_LOCK_TIMEOUT_MS}"

_DRIVER_FOLDERS = {
    "debian": "debian_ubuntu",
    "ubuntu": "debian_ubuntu",
    "rhel": "rhel",
    "fedora": "rhel",
    "centos": "rhel",
    "suse": "suse",
    "opensuse": "suse",
    "alpine": "alpine",
}


def open_bulk(options: ConnectionOptions) -> Any:
    """An mssql-python connection whose cursors bulk-copy."""
    return _open(options, connection_string(options, packet_size=BULK_PACKET_SIZE))


def open_arrow(options: ConnectionOptions) -> Any:
    """An mssql-python connection, for statements and Arrow reads."""
    return _begin_session(_open(options, connection_string(options)))


def _open(options: ConnectionOptions, text: str) -> Any:
    require_libraries()
    mssql_python.pooling(enabled=False)
    connection = mssql_python.connect(
        text, attrs_before={_LOGIN_TIMEOUT: _seconds(options.connect_timeout)}
    )
    connection.timeout = _seconds(options.statement_timeout)
    return connection


def _begin_session(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute(_SESSION)
    cursor.close()
    connection.commit()
    return connection


def close_quietly(connection: Any) -> None:
    """Close, which rolls back; of a broken connection the driver closes its end, and complains."""
    try:
        connection.close()
    except mssql_python.Error as error:
        _log.debug("closing a broken connection: %s", type(error).__name__)


def make_sqlalchemy_engine(options: ConnectionOptions) -> sa.Engine:
    """A pooled SQLAlchemy engine over the driver that the URL names; connects when used.

    Raises SettingsError if the URL, or this machine, cannot do what it asks for.
    """
    url = sa.make_url(options.url)
    keywords_of(url)
    is_pyodbc = url.get_driver_name() == "pyodbc"
    if is_pyodbc:
        _import_pyodbc()
    engine = sa.create_engine(
        f"mssql+{'pyodbc' if is_pyodbc else 'mssqlpython'}://",
        creator=lambda: _open_pyodbc(options) if is_pyodbc else open_arrow(options),
        pool_size=4,
        max_overflow=4,
        hide_parameters=True,
    )
    if not is_pyodbc:  # the pool would write a traceback of what close() says of a broken one
        engine.dialect.do_close = close_quietly  # type: ignore[assignment, method-assign]
    return with_signs(try_rested(engine))


def _import_pyodbc() -> Any:
    try:
        import pyodbc
    except ImportError as error:
        raise SettingsError(
            operation="load pyodbc",
            cause=str(error),
            next_step="Install unixODBC (Debian: libodbc2), or use a mssql+mssqlpython:// URL",
        ) from None
    pyodbc.pooling = False
    return pyodbc


def _open_pyodbc(options: ConnectionOptions) -> Any:
    require_libraries()
    pyodbc = _import_pyodbc()
    driver = keywords_of(sa.make_url(options.url)).get("Driver") or find_odbc_driver()
    connection = pyodbc.connect(
        connection_string(options, driver=driver),
        timeout=_seconds(options.connect_timeout),
    )
    connection.timeout = _seconds(options.statement_timeout)
    # As UTF-16, because the driver gives code-page text in whatever this process's locale is.
    connection.setdecoding(pyodbc.SQL_CHAR, encoding="utf-16le", ctype=pyodbc.SQL_WCHAR)
    return _begin_session(connection)


def find_odbc_driver() -> str:
    """Path of Microsoft's ODBC Driver 18 for this system in the wheel `mssql-python-odbc`."""
    import mssql_python_odbc

    libraries = Path(mssql_python_odbc.__file__).parent / "libs"
    machine = platform.machine().lower().replace("aarch64", "arm64")
    found = sorted(libraries.glob(f"*/{_driver_folder()}/{machine}/lib/libmsodbcsql-18*"))
    if not found:
        raise SettingsError(
            operation="find Microsoft's ODBC driver",
            cause="the package mssql-python-odbc holds none for this system",
            next_step="Install ODBC Driver 18 and name it in the URL, as "
            "?Driver=ODBC+Driver+18+for+SQL+Server",
        )
    return str(found[-1])


def _driver_folder() -> str:
    """The wheel has a folder for each family of Linux systems."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:  # no Linux
        return "*"
    names = [system.get("ID", ""), *system.get("ID_LIKE", "").split()]
    return next((_DRIVER_FOLDERS[name] for name in names if name in _DRIVER_FOLDERS), "*")


def _seconds(limit: timedelta) -> int:
    return max(1, int(limit.total_seconds()))
