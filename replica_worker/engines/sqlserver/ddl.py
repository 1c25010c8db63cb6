"""CREATE statements for target tables, what serves their readers, and metadata tables.

All of it is T-SQL that can run again.
"""

from __future__ import annotations

import hashlib
from textwrap import dedent
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateColumn, CreateTable

from replica_worker.engines.sqlserver.dates import as_datetime
from replica_worker.engines.sqlserver.fragments import (
    EMPTY,
    Fragment,
    column_of,
    compose,
    join,
    quote,
)
from replica_worker.engines.sqlserver.types import EXACT_COLLATION, strategy_for
from replica_worker.engines.values import STAGING_SCHEMA
from replica_worker.model.specs import ColumnSpec, TableSpec

_GO = "\nGO\n"
_LONGEST_NAME = 128
_WRITTEN_FOR = (15,)  # SQL Server 2019; unasked, SQLAlchemy writes a date as DATETIME, as in 2005


def table_ddl(table: TableSpec) -> str:
    """CREATE TABLE, primary key, and the index that finds a day's rows."""
    lines = [_column_line(table, column) for column in table.columns]
    keys = ", ".join(str(quote(name)) for name in table.key)
    name = quote(table.target_schema, table.target_name)
    create = (
        f"IF OBJECT_ID(N'{_literal(str(name))}', N'U') IS NULL\n"
        f"CREATE TABLE {name} (\n    "
        + ",\n    ".join(lines)
        + f",\n    CONSTRAINT {quote(_short(f'pk_{table.target_name}'))} PRIMARY KEY ({keys})\n);"
    )
    parts = [_schema(table.target_schema), create]
    parts += [_index(name, columns) for columns in _indexed(table)]
    return _GO.join(parts) + _GO


def index_ddl(table: TableSpec) -> str:
    """The covering indexes that the spec asks for; an index that one of them replaces goes."""
    name = quote(table.target_schema, table.target_name)
    parts = [
        _index(name, one.on, one.include, title=f"covering_{'_'.join(one.on)}")
        for one in table.indexes
    ]
    parts += [
        f"DROP INDEX IF EXISTS {quote(_index_title(columns))} ON {name};"
        for columns in _indexed(table)
        if any(one.on[: len(columns)] == columns for one in table.indexes)
    ]
    return _GO.join([*parts, ""]).lstrip("\n")


def view_ddl(table: TableSpec) -> str:
    """The view that shows the table with its date texts as `datetime`; empty if it has none."""
    if not table.date_texts:
        return ""
    name = quote(table.target_schema, _short(table.view_name))
    columns = [
        compose("{date} AS {name}", date=as_datetime(column), name=quote(column.name))
        if column.date_formats
        else column_of("t", column.name)
        for column in table.columns
    ]
    create = compose(
        "CREATE VIEW {name} AS\nSELECT {columns}\n  FROM {table} AS t;",
        name=name,
        columns=join(",\n       ", columns),
        table=quote(table.target_schema, table.target_name),
    )
    drop = f"IF OBJECT_ID(N'{_literal(str(name))}', N'V') IS NOT NULL\n    DROP VIEW {name};"
    return _GO.join([drop, create.text, ""])


def metadata_ddl(metadata: sa.MetaData, schema: str) -> str:
    """The metadata tables in `schema`, and the schema of the staging tables."""
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    dialect.server_version_info = _WRITTEN_FOR  # type: ignore[assignment]
    parts = [_schema(schema), _schema(STAGING_SCHEMA)]
    for table in metadata.sorted_tables:
        name = quote(schema, table.name)
        made = str(CreateTable(table).compile(dialect=dialect)).strip()
        made = "\n".join(line.rstrip() for line in made.splitlines())
        parts.append(f"IF OBJECT_ID(N'{_literal(str(name))}', N'U') IS NULL\n{made};")
        parts += _indexes(name, table)
    return _GO.join(parts) + _GO


def add_indexes_ddl(metadata: sa.MetaData) -> str:
    """The tables' indexes, each made unless there is one like it."""
    parts = [
        index
        for table in metadata.sorted_tables
        for index in _indexes(quote(str(table.schema), table.name), table)
    ]
    return _GO.join(parts) + _GO


def _indexes(name: Fragment, table: sa.Table) -> list[str]:
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    return [_index(name, tuple(column.name for column in one.columns)) for one in indexes]


def add_columns_ddl(metadata: sa.MetaData, schema: str) -> str:
    """The tables' columns, each added unless it is there."""
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    dialect.server_version_info = _WRITTEN_FOR  # type: ignore[assignment]
    parts = []
    for table in metadata.sorted_tables:
        name = quote(schema, table.name)
        for column in table.columns:
            add = compose(
                """
                IF NOT EXISTS (SELECT 1 FROM sys.columns
                                WHERE object_id = OBJECT_ID(N'{literal}') AND name = N'{column}')
                ALTER TABLE {table} ADD {made};
                """,
                literal=_literal(str(name)),
                column=_literal(column.name),
                table=name,
                made=str(CreateColumn(column).compile(dialect=dialect)),
            )
            parts.append(dedent(add.text).strip())
    return _GO.join([*parts, ""])


def select_view_ddl(schema: str, name: str, select: sa.Select[Any]) -> str:
    """The view of a SELECT; made again if it is there."""
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    dialect.server_version_info = _WRITTEN_FOR  # type: ignore[assignment]
    text = str(select.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    view = quote(schema, name)
    drop = f"IF OBJECT_ID(N'{_literal(str(view))}', N'V') IS NOT NULL\n    DROP VIEW {view};"
    return _GO.join([drop, f"CREATE VIEW {view} AS\n{lines};", ""])


def _schema(name: str) -> str:
    """CREATE SCHEMA must be alone in its batch, so it is run as text."""
    create = _literal(f"CREATE SCHEMA {quote(name)}")
    return f"IF SCHEMA_ID(N'{_literal(name)}') IS NULL\n    EXEC (N'{create}');"


def _column_line(table: TableSpec, column: ColumnSpec) -> str:
    collation = f" COLLATE {EXACT_COLLATION}" if is_exact_text(table, column) else ""
    null = "NULL" if column.nullable else "NOT NULL"
    return f"{quote(column.name)} {strategy_for(column.type).stored_as}{collation} {null}"


def is_exact_text(table: TableSpec, column: ColumnSpec) -> bool:
    """Texts that name a row or its parent compare by code point: they may differ by case alone."""
    of_parent = [child for child, _ in table.day_from.on] if table.day_from else []
    return column.type.is_text and column.name in (*table.key, *of_parent)


def _indexed(table: TableSpec) -> list[tuple[str, ...]]:
    """Column lists worth an index: the day, a child's parent key, the rowversion watermark."""
    if table.day_column:
        return [(table.day_column,)]
    if table.day_from:
        return [tuple(child for child, _ in table.day_from.on)]
    return [(table.rowversion,)] if table.rowversion else []


def _index(
    table: Fragment, on: tuple[str, ...], include: tuple[str, ...] = (), title: str = ""
) -> str:
    """CREATE INDEX, unless the table has one, under any name, that begins and covers the same."""
    places = [
        f"key_ordinal = {place} AND COL_NAME(object_id, column_id) = N'{_literal(column)}'"
        for place, column in enumerate(on, start=1)
    ]
    if include:
        names = ", ".join(f"N'{_literal(column)}'" for column in include)
        places.append(f"is_included_column = 1 AND COL_NAME(object_id, column_id) IN ({names})")
    create = compose(
        """
        IF NOT EXISTS (
            SELECT 1 FROM sys.index_columns
             WHERE object_id = OBJECT_ID(N'{literal}')
               AND ({found})
             GROUP BY index_id
            HAVING COUNT(*) = {count})
        CREATE INDEX {name} ON {table} ({on}){include};
        """,
        literal=_literal(str(table)),
        found=f"\n{17 * ' '}OR ".join(places),
        count=len(on) + len(include),
        name=quote(_short(title) if title else _index_title(on)),
        table=table,
        on=_listed(on),
        include=compose(" INCLUDE ({names})", names=_listed(include)) if include else EMPTY,
    )
    return dedent(create.text).strip()


def _index_title(columns: tuple[str, ...]) -> str:
    """Names of indexes need differ within a table only."""
    return _short(f"ix_{'_'.join(columns)}")


def _listed(columns: tuple[str, ...]) -> Fragment:
    return join(", ", (quote(column) for column in columns))


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _short(name: str) -> str:
    """The name, cut to what SQL Server takes; what was cut still tells names apart."""
    if len(name) <= _LONGEST_NAME:
        return name
    tail = f"_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{name[: _LONGEST_NAME - len(tail)]}{tail}"
