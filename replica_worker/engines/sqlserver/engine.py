"""The SQL Server engine as a whole: implements `interface.Engine` from this folder's parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from replica_worker.engines.interface import Snapshot, Warehouse
from replica_worker.engines.sqlserver import ddl
from replica_worker.engines.sqlserver.batches import split_batches
from replica_worker.engines.sqlserver.connection_string import keywords_of
from replica_worker.engines.sqlserver.errors import translate
from replica_worker.engines.sqlserver.examination import examine
from replica_worker.engines.sqlserver.snapshot import open_snapshot
from replica_worker.engines.sqlserver.warehouse import SqlServerWarehouse
from replica_worker.engines.values import ConnectionOptions, Side
from replica_worker.model.findings import Finding
from replica_worker.model.specs import TableSpec
from replica_worker.pulse import give_sign


class SqlServerEngine:
    """SQL Server 2019 and later, and Azure SQL, over one URL."""

    dialect = "mssql"

    def __init__(self, options: ConnectionOptions) -> None:
        keywords_of(sa.make_url(options.url))  # a wrong one shows before anything connects
        self._options = options

    def open_snapshot(
        self, statement_limit: timedelta | None = None
    ) -> AbstractContextManager[Snapshot]:
        """Connect and open a read-only snapshot; closed without a trace."""
        limit = statement_limit or self._options.statement_timeout
        return open_snapshot(replace(self._options, statement_timeout=limit))

    def open_warehouse(self) -> Warehouse:
        """The writing side; connects lazily."""
        return SqlServerWarehouse(self._options)

    def examine(self, side: Side, tables: Sequence[TableSpec]) -> Iterator[Finding]:
        """Look at the server, the session and the login's rights; changes nothing."""
        return examine(self._options, side, tables)

    def table_ddl(self, table: TableSpec) -> str:
        """Re-runnable statements that make the target table, its key and its indexes."""
        return ddl.table_ddl(table)

    def index_ddl(self, table: TableSpec) -> str:
        """Re-runnable statements that make the indexes that the spec asks for; maybe empty."""
        return ddl.index_ddl(table)

    def view_ddl(self, table: TableSpec) -> str:
        """Re-runnable statements that make the view of the table's dates; maybe empty."""
        return ddl.view_ddl(table)

    def metadata_ddl(self, metadata: sa.MetaData, schema: str) -> str:
        """Re-runnable statements that make the metadata tables and the staging schema."""
        return ddl.metadata_ddl(metadata, schema)

    def add_columns_ddl(self, metadata: sa.MetaData, schema: str) -> str:
        """Re-runnable statements that add the tables' columns to tables that are there."""
        return ddl.add_columns_ddl(metadata, schema)

    def add_indexes_ddl(self, metadata: sa.MetaData) -> str:
        """Re-runnable statements that add the tables' indexes to tables that are there."""
        return ddl.add_indexes_ddl(metadata)

    def select_view_ddl(self, schema: str, name: str, select: sa.Select[Any]) -> str:
        """Re-runnable statements that make a view of a SELECT."""
        return ddl.select_view_ddl(schema, name, select)

    def run_script(self, connection: sa.Connection, script: str) -> None:
        """Run a migration's batches, one after the other, in the connection's transaction."""
        if not connection.in_transaction():
            connection.begin()
        driver: Any = connection.connection.driver_connection
        for batch in split_batches(script):
            give_sign()
            cursor = driver.cursor()
            try:
                cursor.execute(batch)
                while cursor.nextset():  # only here does the error of a later statement show
                    continue
            finally:
                cursor.close()

    def translate_error(self, error: Exception, *, operation: str) -> Exception:
        """The ReplicaError that a driver's error means; other errors come back as they are."""
        return translate(error, operation=operation)
