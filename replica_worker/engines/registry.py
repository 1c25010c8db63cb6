"""Which engine serves which URL. Engines are imported only when a URL names them."""

from __future__ import annotations

import sqlalchemy as sa

from replica_worker.engines.interface import Engine
from replica_worker.engines.values import ConnectionOptions
from replica_worker.errors import SettingsError


def open_engine(options: ConnectionOptions, *, setting: str) -> Engine:
    """The engine for the URL in `options`; SettingsError names `setting` if there is none."""
    dialect = _dialect_of(options.url)
    if dialect is None:
        raise SettingsError(
            operation=f"read {setting}",
            cause="it is not a database URL",
            next_step="Write it like postgresql+psycopg://user:password@host:5432/database, "
            "with special characters of the password percent-encoded",
        )
    if dialect == "postgresql":
        from replica_worker.engines.postgresql.engine import PostgresEngine

        return PostgresEngine(options)
    if dialect == "mssql":
        from replica_worker.engines.sqlserver.engine import SqlServerEngine

        return SqlServerEngine(options)
    raise SettingsError(
        operation=f"read {setting}",
        cause=f"there is no engine for {dialect!r}",
        next_step="Use a mssql+mssqlpython://, mssql+pyodbc:// or postgresql+psycopg:// URL",
    )


def _dialect_of(text: str) -> str | None:
    """The dialect that a URL names; None if it is no URL, or its password is not encoded."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):  # the second: a port that is no number
        return None
    return None if "@" in (url.host or "") else url.get_backend_name()
