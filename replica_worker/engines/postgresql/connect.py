"""Connections to PostgreSQL: one URL, two drivers, the same session settings.

psycopg (through SQLAlchemy) carries statements and COPY into staging; ADBC carries results out
as Arrow. The settings make the text of every type exact and the same everywhere, and put a time
limit on everything.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote, urlencode

import adbc_driver_manager
import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi as adbc
import psycopg
import sqlalchemy as sa

from replica_worker.engines.pools import try_rested
from replica_worker.engines.postgresql.driver import driver_of, fold_statements
from replica_worker.engines.signs import with_signs
from replica_worker.engines.values import ConnectionOptions
from replica_worker.pulse import give_sign

_LOCK_TIMEOUT_MS = 30_000
_TEXT_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
}
# A peer that vanished without a word is noticed after about 25 seconds, here and at the server:
# that one would else keep the locks of a lost worker for hours.
_KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
_SERVER_KEEPALIVES = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
}


def _session_options(options: ConnectionOptions) -> str:
    settings = {
        **_TEXT_SETTINGS,
        **_SERVER_KEEPALIVES,
        "statement_timeout": _milliseconds(options.statement_timeout),
        "lock_timeout": str(_LOCK_TIMEOUT_MS),
        "application_name": "replica_worker",
    }
    if options.read_only:
        # Who waits for a share of the source leaves rows unread in the connection; to TCP such a
        # reader looks as one that is gone. It holds no lock, so there is time.
        settings["tcp_user_timeout"] = settings["statement_timeout"]
        settings["default_transaction_read_only"] = "on"
        settings["default_transaction_isolation"] = "repeatable read"
    else:
        # A merge that a frozen worker left open must not lock the ledger's rows for ever. At the
        # source it is our right: the snapshot waits while its rows are merged.
        settings["idle_in_transaction_session_timeout"] = _milliseconds(
            options.statement_timeout + options.connect_timeout
        )
    return " ".join(
        f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items()
    )


def _milliseconds(limit: timedelta) -> str:
    return str(int(limit.total_seconds() * 1000))


def libpq_parameters(options: ConnectionOptions) -> dict[str, str]:
    """Connection parameters beside host, user, password and database."""
    url = sa.make_url(options.url)
    given = {name: str(value) for name, value in url.query.items()}
    session = _session_options(options)
    return {
        **_KEEPALIVES,
        "connect_timeout": str(max(2, int(options.connect_timeout.total_seconds()))),
        **given,
        "options": f"{given['options']} {session}" if "options" in given else session,
    }


def libpq_uri(options: ConnectionOptions) -> str:
    """The URL as libpq reads it; it holds the password."""
    url = sa.make_url(options.url)
    user = quote(url.username or "", safe="")
    password = f":{quote(str(url.password), safe='')}" if url.password else ""
    login = f"{user}{password}@" if user else ""
    host = f"[{url.host}]" if url.host and ":" in url.host else (url.host or "")
    port = f":{url.port}" if url.port else ""
    query = urlencode(libpq_parameters(options), quote_via=quote)
    return f"postgresql://{login}{host}{port}/{quote(url.database or '', safe='')}?{query}"


class _KeptDatabase(adbc_driver_manager.AdbcDatabase):
    """What the driver reads of a server's types; it holds no connection, so it is never closed."""

    server_version: int | None = None  # not asked yet

    def close(self) -> None:
        """Stay usable when a connection over it is closed."""


@lru_cache(maxsize=8)
def _database_of(uri: str) -> _KeptDatabase:
    """To read the types takes a connection of its own and far longer than to connect."""
    return _KeptDatabase(driver=adbc_driver_postgresql._driver_path(), uri=uri)


def open_adbc(options: ConnectionOptions) -> Any:
    """A DBAPI connection that gives Arrow."""
    database = _database_of(libpq_uri(options))
    return adbc.Connection(database, adbc_driver_manager.AdbcConnection(database))


def adbc_version(options: ConnectionOptions, connection: Any) -> int:
    """The version of the server behind such a connection, as it numbers it; asked only once."""
    database = _database_of(libpq_uri(options))
    if database.server_version is None:
        database.server_version = int(connection.adbc_get_info()["vendor_version"])
    return database.server_version


def version_of(connection: sa.Connection) -> int:
    """The version of the server behind the connection, which told it at login."""
    driver = cast("psycopg.Connection[tuple[Any, ...]]", connection.connection.driver_connection)
    return driver.info.server_version


def make_sqlalchemy_engine(options: ConnectionOptions) -> sa.Engine:
    """A pooled SQLAlchemy engine; it connects when first used."""
    url = sa.make_url(options.url).set(drivername="postgresql+psycopg", query={})
    engine = sa.create_engine(
        url,
        connect_args=libpq_parameters(options),
        pool_size=4,
        max_overflow=4,
        hide_parameters=True,
    )
    return with_signs(try_rested(fold_statements(engine)))


def cursor_of(connection: sa.Connection, *, name: str = "") -> psycopg.Cursor[tuple[Any, ...]]:
    """A psycopg cursor inside the SQLAlchemy connection's transaction, begun if need be.

    One with a name stays at the server and gives its rows in parts. Without the begin,
    SQLAlchemy would not know of the work and its commit would do nothing. A cursor is made for
    each statement: that is the sign of it.
    """
    give_sign()
    if not connection.in_transaction():
        connection.begin()
    cursor: psycopg.Cursor[tuple[Any, ...]] = driver_of(connection).cursor(name)
    return cursor


def is_broken(connection: sa.Connection) -> bool:
    """Whether the psycopg connection underneath can do nothing any more."""
    driver = driver_of(connection)
    return driver.closed or driver.broken
