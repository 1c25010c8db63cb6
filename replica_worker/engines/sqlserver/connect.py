"""Connections to SQL Server: one URL, two drivers, the same connection string.

`mssql+mssqlpython://` needs no system library; `mssql+pyodbc://` serves those who have unixODBC
and is imported only when a URL names it. Rows always travel through `mssql-python`, which has
Arrow and bulk copy. Everything in the URL's query is passed on, over these defaults: encrypted,
large packets, the intent of the role.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mssql_python
import sqlalchemy as sa

from replica_worker.engines.interface import ConnectionOptions
from replica_worker.errors import SettingsError

_LOGIN_TIMEOUT = 103  # SQL_ATTR_LOGIN_TIMEOUT
_PACKET_SIZE = "16000"  # a packet must fit a TLS record of 16 KB, headers included
_BULK_PACKET_SIZE = "32767"  # bulk copy has a client of its own; with 4096 it crashed on one server
_PYODBC_ONLY = frozenset({"driver", "app"})  # mssql-python sets these itself


def connection_string(
    options: ConnectionOptions, *, driver: str | None = None, packet_size: str = _PACKET_SIZE
) -> str:
    """The ODBC connection string of the URL; it holds the password."""
    url = sa.make_url(options.url)
    server = url.host or "localhost"
    fields = {"Server": f"{server},{url.port}" if url.port else server}
    if driver:
        fields = {"Driver": driver, **fields}
    if url.database:
        fields["Database"] = url.database
    if url.username:
        fields["UID"] = url.username
    if url.password is not None:
        fields["PWD"] = str(url.password)
    given = {name: str(setting) for name, setting in url.query.items()}
    defaults = {
        "Encrypt": "yes",
        "PacketSize": packet_size,
        "ApplicationIntent": "ReadOnly" if options.read_only else "ReadWrite",
        "ConnectRetryCount": "0",  # a broken connection must show: its locks are gone
    }
    known = {name.lower().replace(" ", "") for name in given}
    fields.update({name: text for name, text in defaults.items() if name.lower() not in known})
    fields.update({name: text for name, text in given.items() if name.lower() not in _PYODBC_ONLY})
    return ";".join(f"{name}={_braced(text)}" for name, text in fields.items()) + ";"


def _braced(text: str) -> str:
    """A value as ODBC quotes it: any character may stand between braces."""
    if text.isalnum():
        return text
    return "{" + text.replace("}", "}}") + "}"


def open_bulk(options: ConnectionOptions) -> Any:
    """An mssql-python connection whose cursors bulk-copy."""
    return _open(options, connection_string(options, packet_size=_BULK_PACKET_SIZE))


def open_arrow(options: ConnectionOptions) -> Any:
    """An mssql-python connection, for statements and Arrow reads."""
    return _open(options, connection_string(options))


def _open(options: ConnectionOptions, text: str) -> Any:
    connection = mssql_python.connect(
        text,
        attrs_before={_LOGIN_TIMEOUT: _seconds(options.connect_timeout.total_seconds())},
    )
    connection.timeout = _seconds(options.statement_timeout.total_seconds())
    return connection


def make_sqlalchemy_engine(options: ConnectionOptions) -> sa.Engine:
    """A pooled SQLAlchemy engine over the driver that the URL names; connects when used."""
    url = sa.make_url(options.url)
    is_pyodbc = url.get_driver_name() == "pyodbc"
    return sa.create_engine(
        f"mssql+{'pyodbc' if is_pyodbc else 'mssqlpython'}://",
        creator=lambda: _open_pyodbc(options) if is_pyodbc else open_arrow(options),
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=4,
        hide_parameters=True,
    )


def _open_pyodbc(options: ConnectionOptions) -> Any:
    try:
        import pyodbc
    except ImportError as error:
        raise SettingsError(
            operation="load pyodbc",
            cause=str(error),
            next_step="Install unixODBC (Debian: libodbc2), or use a mssql+mssqlpython:// URL",
        ) from None
    driver = sa.make_url(options.url).query.get("driver") or find_odbc_driver()
    connection = pyodbc.connect(
        connection_string(options, driver=str(driver)),
        timeout=_seconds(options.connect_timeout.total_seconds()),
    )
    connection.timeout = _seconds(options.statement_timeout.total_seconds())
    return connection


def find_odbc_driver() -> str:
    """Microsoft's ODBC Driver 18 as it lies in the wheel `mssql-python-odbc`."""
    import mssql_python_odbc

    root = Path(mssql_python_odbc.__file__).parent
    found = sorted(root.glob("libs/linux/debian_ubuntu/*/lib/libmsodbcsql-18*.so*"))
    if not found:
        raise SettingsError(
            operation="find Microsoft's ODBC driver",
            cause="the package mssql-python-odbc holds none for this system",
            next_step="Install ODBC Driver 18 and name it in the URL, as "
            "?driver=ODBC+Driver+18+for+SQL+Server",
        )
    return str(found[-1])


def _seconds(seconds: float) -> int:
    return max(1, int(seconds))
