"""What `replica doctor` asks a SQL Server, and how the answers are to be taken.

One mssql-python connection with the settings that the work has. Nothing here needs a right beyond
those of the work: what a least login may not see is said as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import mssql_python
import sqlalchemy as sa

from replica_worker.engines import examination as judge
from replica_worker.engines.sqlserver.connect import make_sqlalchemy_engine, open_arrow
from replica_worker.engines.sqlserver.errors import translate
from replica_worker.engines.sqlserver.fragments import quote
from replica_worker.engines.sqlserver.types import UTF8_COLLATION
from replica_worker.engines.values import STAGING_SCHEMA, ConnectionOptions, RowSelection, Side
from replica_worker.model.findings import Finding, ok, refused, warning
from replica_worker.model.specs import TableSpec

_OLDEST = 15  # SQL Server 2019
_AZURE_EDITIONS = {5: "Azure SQL Database", 8: "Azure SQL Managed Instance"}
_YES = ("yes", "true", "mandatory", "strict")

_WHO = "SELECT SUSER_SNAME(), DB_NAME()"
_TLS = "SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID"
_VERSION = """
    SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)),
           CAST(SERVERPROPERTY('Edition') AS nvarchar(128)),
           CAST(SERVERPROPERTY('EngineEdition') AS int)
"""
_UPDATEABILITY = "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128))"
_COLLATION = """
    SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128))
"""
_UTF8 = f"SELECT CAST(COLLATIONPROPERTY(N'{UTF8_COLLATION}', 'CodePage') AS int)"
_ISOLATION = """
    SELECT CAST(snapshot_isolation_state AS int), CAST(is_read_committed_snapshot_on AS int)
      FROM sys.databases
     WHERE name = DB_NAME()
"""
_CLOCK = """
    SELECT CONVERT(varchar(19), SYSUTCDATETIME(), 126),
           RIGHT(CONVERT(varchar(34), SYSDATETIMEOFFSET(), 121), 6)
"""
_POWERS = """
    SELECT IS_SRVROLEMEMBER('sysadmin'), IS_ROLEMEMBER('db_owner'),
           IS_ROLEMEMBER('db_datawriter'), IS_ROLEMEMBER('db_ddladmin')
"""
_POWER_NAMES = ("sysadmin", "db_owner", "db_datawriter", "db_ddladmin")
# Columns may be granted one by one: one that can be read is enough here, as the table's own check
# looks at each column of the spec.
_TABLE_RIGHTS = """
    SELECT s.name + '.' + o.name,
           CASE WHEN EXISTS (
                SELECT 1
                  FROM sys.columns c
                 WHERE c.object_id = o.object_id
                   AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT',
                                         'SELECT', c.name, 'COLUMN') = 1)
                THEN 1 ELSE 0 END,
           HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', 'INSERT'),
           HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', 'UPDATE'),
           HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', 'DELETE')
      FROM sys.objects o
      JOIN sys.schemas s ON s.schema_id = o.schema_id
     WHERE s.name = ? AND o.name = ? AND o.type IN ('U', 'V')
"""
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_SCHEMA_RIGHTS = """
    SELECT CASE WHEN SCHEMA_ID(?) IS NULL THEN 0 ELSE 1 END,
           HAS_PERMS_BY_NAME(?, 'SCHEMA', 'ALTER'),
           HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'CREATE TABLE'),
           HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'CREATE SCHEMA')
"""
# Touches nothing but a table variable: only asks whether the server knows the statement.
_TRY_MERGE = """
    DECLARE @rows TABLE (id int NOT NULL PRIMARY KEY);
    MERGE @rows AS t
    USING (SELECT 1 AS id) AS s
       ON t.id = s.id
     WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id);
"""
# Returns its row if a text with a quote, a backslash, a tab and an accent survives.
_TRY_JSON = """
    SELECT j.k0
      FROM (SELECT N'a"b\\c' + NCHAR(9) + NCHAR(233) AS k) AS t
     CROSS APPLY OPENJSON(CONCAT(N'[{"k0": "', STRING_ESCAPE(t.k, 'json'), N'"}]'))
           WITH (k0 nvarchar(4000)) AS j
     WHERE j.k0 COLLATE Latin1_General_100_BIN2 = t.k COLLATE Latin1_General_100_BIN2
"""


def examine(
    options: ConnectionOptions, side: Side, tables: Sequence[TableSpec]
) -> Iterator[Finding]:
    """Findings about one end; the ReplicaError of a server that cannot be reached."""
    try:
        connection = open_arrow(options)
    except Exception as error:
        raise translate(error, operation="connect to the database") from None
    try:
        connection.autocommit = True
        questions = _Questions(connection, options, side, tables)
        yield from judge.ask_all(
            questions.all(), lambda error: translate(error, operation="examine the database")
        )
    finally:
        with suppress(mssql_python.Error):  # a connection that broke is closed already
            connection.close()


class _Questions:
    def __init__(
        self,
        connection: Any,
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
        yield "driver", self._driver
        yield "TLS", self._encryption
        yield "server version", self._version
        yield "mode", self._mode
        yield "collation", self._collation
        yield "digest encoding", self._digest_encoding
        yield "snapshot", self._snapshot
        yield "clock", self._clock
        if self._side is Side.SOURCE:
            yield "right to read", lambda: judge.judge_reading(self._rights())
            yield "no right to write", self._writing_at_source
        else:
            yield "right to make tables", self._creating
            yield "right to write", lambda: judge.judge_writing_at_target(self._rights())
            yield "merge style", self._merge_style
            yield "loader", self._loader
        yield "keys as JSON", self._keys_as_json

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        try:
            cursor.execute(query, *values)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            cursor.close()

    def _reachable(self) -> Finding:
        user, database = self._ask(_WHO)[0]
        return ok("reachable", f"database {database} on {self._url.host} as {user}")

    def _driver(self) -> Finding:
        """Statements go through the driver that the URL names; see that it is there."""
        engine = make_sqlalchemy_engine(self._options)
        try:
            with engine.connect() as connection:
                connection.execute(sa.select(sa.literal(1)))
        finally:
            engine.dispose()
        return ok("driver", f"{self._url.get_driver_name()} for statements, mssql-python for rows")

    def _encryption(self) -> Finding:
        asked = {name.lower(): str(text).lower() for name, text in self._url.query.items()}
        is_asked = asked.get("encrypt", "yes") in _YES
        try:
            rows = self._ask(_TLS)
        except mssql_python.Error:
            rows = []  # a least login may not look; what was asked for must do
        if rows:
            is_on, details = str(rows[0][0]).upper() == "TRUE", "the server says so"
        else:
            is_on, details = is_asked, "Encrypt=yes: the driver takes no other connection"
        return judge.judge_encryption(
            is_on=is_on,
            details=details,
            is_verified=asked.get("trustservercertificate", "no") not in _YES,
            is_local=judge.is_this_machine(self._url.host),
            turn_on="Take Encrypt=no out of the URL",
            verify="Give the server a certificate that this machine trusts, and take "
            "TrustServerCertificate=yes out of the URL",
        )

    def _version(self) -> Finding:
        number, edition, engine_edition = self._ask(_VERSION)[0]
        azure = _AZURE_EDITIONS.get(int(engine_edition))
        return judge.judge_version(
            found=azure or f"SQL Server {number}, {edition}",
            is_supported=azure is not None or int(str(number).split(".")[0]) >= _OLDEST,
            needed="SQL Server 2019 or later, or Azure SQL",
        )

    def _mode(self) -> Finding:
        updateability = str(self._ask(_UPDATEABILITY)[0][0])
        if self._side is Side.WAREHOUSE:
            if updateability == "READ_ONLY":
                return refused(
                    "can be written",
                    "no: the database is read-only here",
                    "Name the primary server in REPLICA_TARGET_URL, without "
                    "ApplicationIntent=ReadOnly",
                )
            return ok("can be written", "yes")
        if updateability == "READ_ONLY":
            return ok("read-only routing", "in effect: a read-only replica answers")
        return warning(
            "read-only routing",
            "not in effect: ApplicationIntent=ReadOnly is asked for, but the primary answers",
            "Have read scale-out turned on at the source (a readable secondary), if it has one; "
            "else the reads load the primary, which works",
        )

    def _collation(self) -> Finding:
        return ok("collation", str(self._ask(_COLLATION)[0][0]))

    def _digest_encoding(self) -> Finding:
        wanted = self._options.digest_encoding
        if wanted == "utf-8" and self._ask(_UTF8)[0][0] is None:
            return refused(
                "digest encoding",
                f"utf-8, but the server has no collation {UTF8_COLLATION}",
                "Set REPLICA_DIGEST_ENCODING=utf-16, for both ends, which must be SQL Servers",
            )
        return ok("digest encoding", wanted)

    def _snapshot(self) -> Finding:
        allowed, read_committed = self._ask(_ISOLATION)[0]
        if allowed == 1:
            return ok("snapshot isolation", "on: a chunk is read as of one instant")
        if self._side is Side.WAREHOUSE:
            return ok("snapshot isolation", "off; merges do not need it")
        found = "off: each statement reads what is committed by then"
        if read_committed:
            found += " (READ_COMMITTED_SNAPSHOT is on, so readers block nobody)"
        return warning(
            "snapshot isolation",
            found,
            "ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON, by the source's owner",
        )

    def _clock(self) -> Finding:
        before = datetime.now(UTC)
        server, offset = self._ask(_CLOCK)[0]
        return judge.judge_clock(
            server=datetime.fromisoformat(str(server)).replace(tzinfo=UTC),
            before=before,
            after=datetime.now(UTC),
            zone=f"UTC{offset}",
        )

    def _rights(self) -> list[judge.TableRights]:
        places = [RowSelection(table=table, side=self._side) for table in self._tables]
        rows = [
            row
            for place in places
            for row in self._ask(_TABLE_RIGHTS, place.schema_name, place.table_name)
        ]
        return [
            judge.TableRights(
                table=str(name),
                may=frozenset(right for right, has in zip(_RIGHTS, has_them, strict=True) if has),
            )
            for name, *has_them in rows
        ]

    def _writing_at_source(self) -> Finding:
        held = self._ask(_POWERS)[0]
        powers = [name for name, has in zip(_POWER_NAMES, held, strict=True) if has]
        return judge.judge_writing_at_source(
            self._rights(), [f"a member of {name}" for name in powers]
        )

    def _creating(self) -> Finding:
        wanted = dict.fromkeys(table.target_schema for table in self._tables)
        schemas, may_create_schemas = [], False
        for name in (*wanted, STAGING_SCHEMA):
            exists, may_alter, may_create, schema_too = self._ask(
                _SCHEMA_RIGHTS, name, str(quote(name))
            )[0]
            schemas.append(
                judge.SchemaRights(
                    name=name, exists=bool(exists), may_create=bool(may_alter and may_create)
                )
            )
            may_create_schemas = bool(schema_too and may_create)
        return judge.judge_creating(
            schemas,
            may_create_schemas=may_create_schemas,
            grant="GRANT CREATE TABLE and GRANT ALTER ON SCHEMA::{schema} to the login's user",
        )

    def _merge_style(self) -> Finding:
        what, style = "merge style", self._options.merge_style
        if style == "upsert":
            return ok(what, "upsert: UPDATE, INSERT and DELETE in one transaction")
        try:
            self._ask(_TRY_MERGE)
        except mssql_python.Error as error:
            known = translate(error, operation="try a MERGE")
            return refused(
                what,
                f"merge, but the server does not take it: {getattr(known, 'cause', known)}",
                "Set REPLICA_MERGE_STYLE=upsert",
            )
        return ok(what, "merge: one MERGE WITH (HOLDLOCK)")

    def _loader(self) -> Finding:
        """How staging tables are filled; whether that works is seen by the check of staging."""
        if self._options.loader == "arrays":
            return ok("loader", "arrays: INSERT with arrays of parameters, slower than bulk copy")
        return ok("loader", "bulk: TDS bulk copy; else REPLICA_LOADER=arrays")

    def _keys_as_json(self) -> Finding:
        """A key that came back as another would find no row, and its row would pass for deleted."""
        what = "keys as JSON"
        if self._ask(_TRY_JSON):
            return ok(what, "texts come back as they were")
        return warning(
            what,
            "texts with quotes, control characters or accents come back as others",
            "Take no such column as a key: a row that moved would be taken for deleted",
        )
