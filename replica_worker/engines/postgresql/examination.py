"""What `replica doctor` asks a PostgreSQL server, and how the answers are to be taken.

One psycopg connection with the settings that the work has: the source's sessions are read-only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import sqlalchemy as sa

from replica_worker.engines import examination as judge
from replica_worker.engines.postgresql.connect import libpq_parameters, libpq_uri
from replica_worker.engines.postgresql.errors import translate
from replica_worker.engines.values import STAGING_SCHEMA, ConnectionOptions, RowSelection, Side
from replica_worker.model.findings import Finding, ok, refused, warning
from replica_worker.model.specs import TableSpec

_OLDEST = 15
_VERIFIED = ("verify-ca", "verify-full")

_WHO = "SELECT current_user, current_database()"
_TLS = "SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
_DATABASE = """
    SELECT pg_encoding_to_char(encoding), datcollate
      FROM pg_database
     WHERE datname = current_database()
"""
_MODE = "SELECT current_setting('transaction_read_only'), pg_is_in_recovery()"
_ISOLATION = "SELECT current_setting('default_transaction_isolation')"
# The session's own TimeZone is set by us; the one of the server's log is the server's.
_CLOCK = "SELECT clock_timestamp(), current_setting('log_timezone')"
_POWERS = """
    SELECT rolsuper, pg_has_role(current_user, 'pg_write_all_data', 'USAGE')
      FROM pg_roles
     WHERE rolname = current_user
"""
# A column grant lets a table be read whose other columns are not granted.
_TABLE_RIGHTS = """
    SELECT n.nspname || '.' || c.relname,
           has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'),
           has_any_column_privilege(c.oid, 'INSERT'),
           has_any_column_privilege(c.oid, 'UPDATE'),
           has_table_privilege(c.oid, 'DELETE'),
           has_table_privilege(c.oid, 'TRUNCATE')
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
     ORDER BY 1
"""
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
_SCHEMA_RIGHTS = """
    SELECT wanted.name, n.oid IS NOT NULL,
           COALESCE(has_schema_privilege(n.oid, 'CREATE'), false)
           AND has_schema_privilege(n.oid, 'USAGE')
      FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(name, number)
      LEFT JOIN pg_namespace n ON n.nspname = wanted.name
     ORDER BY wanted.number
"""
_MAY_CREATE_SCHEMAS = "SELECT has_database_privilege(current_database(), 'CREATE')"


def examine(
    options: ConnectionOptions, side: Side, tables: Sequence[TableSpec]
) -> Iterator[Finding]:
    """Findings about one end; the ReplicaError of a server that cannot be reached."""
    try:
        connection = psycopg.connect(libpq_uri(options), autocommit=True)
    except psycopg.Error as error:
        raise translate(error, operation="connect to the database") from None
    with connection:
        questions = _Questions(connection, options, side, tables)
        yield from judge.ask_all(
            questions.all(), lambda error: translate(error, operation="examine the database")
        )


class _Questions:
    def __init__(
        self,
        connection: psycopg.Connection[Any],
        options: ConnectionOptions,
        side: Side,
        tables: Sequence[TableSpec],
    ) -> None:
        self._connection = connection
        self._options = options
        self._url = sa.make_url(options.url)
        self._side = side
        self._tables = tables

    def all(self) -> Iterator[judge.Question]:
        """The questions for this side, in the order of the report."""
        yield "reachable", self._reachable
        yield "TLS", self._encryption
        yield "server version", self._version
        yield "mode", self._mode
        yield "encoding and collation", self._collation
        yield "snapshot", self._snapshot
        yield "clock", self._clock
        if self._side is Side.SOURCE:
            yield "right to read", lambda: judge.judge_reading(self._rights())
            yield "no right to write", self._writing_at_source
        else:
            yield "right to make tables", self._creating
            yield "right to write", lambda: judge.judge_writing_at_target(self._rights())

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values or None).fetchall()

    def _reachable(self) -> Finding:
        user, database = self._ask(_WHO)[0]
        return ok("reachable", f"database {database} on {self._connection.info.host} as {user}")

    def _encryption(self) -> Finding:
        rows = self._ask(_TLS)
        is_on, version, cipher = rows[0] if rows else (False, None, None)
        return judge.judge_encryption(
            is_on=bool(is_on),
            details=f"{version}, {cipher}",
            is_verified=libpq_parameters(self._options).get("sslmode") in _VERIFIED,
            is_local=judge.is_this_machine(self._url.host),
            turn_on="Turn TLS on at the server, and add ?sslmode=verify-full to the URL",
            verify="Add ?sslmode=verify-full&sslrootcert=… to the URL",
        )

    def _version(self) -> Finding:
        number = self._connection.info.server_version
        return judge.judge_version(
            found=f"PostgreSQL {number // 10000}.{number % 10000}",
            is_supported=number // 10000 >= _OLDEST,
            needed=f"PostgreSQL {_OLDEST} or later",
        )

    def _mode(self) -> Finding:
        read_only, is_standby = self._ask(_MODE)[0]
        server = "a standby" if is_standby else "the primary server"
        if self._side is Side.WAREHOUSE:
            if is_standby or read_only == "on":
                return refused(
                    "can be written",
                    f"no: sessions are read-only on {server}",
                    "Name the primary server in REPLICA_TARGET_URL, and a role whose "
                    "default_transaction_read_only is off",
                )
            return ok("can be written", f"yes, {server}")
        if read_only == "on":
            return ok("read-only", f"sessions are read-only, on {server}")
        return warning(
            "read-only",
            "sessions could write: something between resets default_transaction_read_only",
            "ALTER ROLE … SET default_transaction_read_only = on at the source",
        )

    def _collation(self) -> Finding:
        what = "encoding and collation"
        encoding, collation = self._ask(_DATABASE)[0]
        found = f"{encoding}, {collation}"
        if self._side is Side.WAREHOUSE and encoding != "UTF8":
            return warning(
                what,
                f"{found}: it does not hold every character",
                "Make the warehouse with ENCODING 'UTF8'",
            )
        return ok(what, found)

    def _snapshot(self) -> Finding:
        level = self._ask(_ISOLATION)[0][0]
        if self._side is Side.SOURCE and level != "repeatable read":
            return warning(
                "snapshot",
                f"reads are {level}: digest and rows may be of different instants",
                "Let nothing between here and the server reset default_transaction_isolation",
            )
        return ok("snapshot", f"{level}; every server offers it")

    def _clock(self) -> Finding:
        before = datetime.now(UTC)
        server, zone = self._ask(_CLOCK)[0]
        return judge.judge_clock(
            server=server, before=before, after=datetime.now(UTC), zone=str(zone)
        )

    def _rights(self) -> list[judge.TableRights]:
        places = [RowSelection(table=table, side=self._side) for table in self._tables]
        rows = self._ask(
            _TABLE_RIGHTS,
            [place.schema_name for place in places],
            [place.table_name for place in places],
        )
        return [
            judge.TableRights(
                table=name,
                may=frozenset(right for right, has in zip(_RIGHTS, has_them, strict=True) if has),
            )
            for name, *has_them in rows
        ]

    def _writing_at_source(self) -> Finding:
        is_superuser, writes_all = self._ask(_POWERS)[0]
        powers = ["a superuser"] if is_superuser else []
        if writes_all and not is_superuser:
            powers.append("a member of pg_write_all_data")
        return judge.judge_writing_at_source(self._rights(), powers)

    def _creating(self) -> Finding:
        schemas = list(dict.fromkeys(table.target_schema for table in self._tables))
        rows = self._ask(_SCHEMA_RIGHTS, [*schemas, STAGING_SCHEMA])
        return judge.judge_creating(
            [
                judge.SchemaRights(name=name, exists=exists, may_create=may_create)
                for name, exists, may_create in rows
            ],
            may_create_schemas=bool(self._ask(_MAY_CREATE_SCHEMAS)[0][0]),
            grant="GRANT USAGE, CREATE ON SCHEMA {schema} to the role",
        )
