"""CREATE statements for target tables, what serves their readers, and metadata tables.

All of it can run again.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from replica_worker.engines.postgresql.dates import as_timestamp, function_ddl
from replica_worker.engines.postgresql.statements import column_of, text_of
from replica_worker.engines.postgresql.types import strategy_for
from replica_worker.engines.values import STAGING_SCHEMA
from replica_worker.errors import SpecError
from replica_worker.model.specs import ColumnSpec, TableSpec

_LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer identifiers without a word


def table_ddl(table: TableSpec) -> str:
    """CREATE TABLE, primary key, and the index that finds a day's rows."""
    _refuse_long_names(table)
    name = sql.Identifier(table.target_schema, table.target_name)
    lines = [_column_line(column) for column in table.columns]
    lines.append(
        sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(map(sql.Identifier, table.key)))
    )
    parts = [
        f"CREATE SCHEMA IF NOT EXISTS {text_of(sql.Identifier(table.target_schema))};",
        text_of(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} (\n    {}\n);").format(
                name, sql.SQL(",\n    ").join(lines)
            )
        ),
    ]
    parts += [text_of(_index(table, name, columns)) for columns in _indexed(table)]
    return "\n".join(parts) + "\n"


def index_ddl(table: TableSpec) -> str:
    """The covering indexes that the spec asks for; an index that one of them replaces goes.

    They hold the key too, as SQL Server's do by themselves.
    """
    name = sql.Identifier(table.target_schema, table.target_name)
    parts = []
    for index in table.indexes:
        beside = dict.fromkeys((*index.include, *table.key))
        parts.append(
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({}){};").format(
                sql.Identifier(_shortened(f"cx_{table.target_name}__{'_'.join(index.on)}")),
                name,
                sql.SQL(", ").join(map(sql.Identifier, index.on)),
                _including([column for column in beside if column not in index.on]),
            )
        )
    parts += [
        sql.SQL("DROP INDEX IF EXISTS {};").format(
            sql.Identifier(table.target_schema, _index_name(table, columns))
        )
        for columns in _indexed(table)
        if any(index.on[: len(columns)] == columns for index in table.indexes)
    ]
    return "".join(f"{text_of(part)}\n" for part in parts)


def view_ddl(table: TableSpec) -> str:
    """The view that shows the table with its date texts as timestamps; empty if it has none."""
    if not table.date_texts:
        return ""
    name = sql.Identifier(table.target_schema, _shortened(table.view_name))
    columns = [
        sql.SQL("{} AS {}").format(as_timestamp(table, column), sql.Identifier(column.name))
        if column.date_formats
        else column_of("t", column.name)
        for column in table.columns
    ]
    view = sql.SQL(
        "DROP VIEW IF EXISTS {name};\nCREATE VIEW {name} AS\nSELECT {columns}\n  FROM {table} t;\n"
    ).format(
        name=name,
        columns=sql.SQL(",\n       ").join(columns),
        table=sql.Identifier(table.target_schema, table.target_name),
    )
    return f"{function_ddl(table.target_schema)}\n{text_of(view)}"


def metadata_ddl(metadata: sa.MetaData, schema: str) -> str:
    """The metadata tables in `schema`, and the schema of the staging tables."""
    # The text is run as it stands: with the default style a % in a name would be doubled.
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    parts = [
        f"CREATE SCHEMA IF NOT EXISTS {text_of(sql.Identifier(name))};"
        for name in (schema, STAGING_SCHEMA)
    ]
    for table in metadata.sorted_tables:
        made = str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)).strip()
        parts.append("\n".join(line.rstrip() for line in made.splitlines()) + ";")
        parts += _indexes(table)
    return "\n\n".join(parts) + "\n"


def add_indexes_ddl(metadata: sa.MetaData) -> str:
    """The tables' indexes, each made unless it is there."""
    made = [index for table in metadata.sorted_tables for index in _indexes(table)]
    return "\n\n".join(made) + "\n"


def _indexes(table: sa.Table) -> list[str]:
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return [
        str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect)) + ";"
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]


def add_columns_ddl(metadata: sa.MetaData, schema: str) -> str:
    """The tables' columns, each added unless it is there."""
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    parts = []
    for table in metadata.sorted_tables:
        added = ",\n    ".join(
            f"ADD COLUMN IF NOT EXISTS {CreateColumn(column).compile(dialect=dialect)}"
            for column in table.columns
        )
        parts.append(f"ALTER TABLE {text_of(sql.Identifier(schema, table.name))}\n    {added};")
    return "\n\n".join(parts) + "\n"


def select_view_ddl(schema: str, name: str, select: sa.Select[Any]) -> str:
    """The view of a SELECT; made again if it is there."""
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    text = str(select.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    view = text_of(sql.Identifier(schema, name))
    return f"DROP VIEW IF EXISTS {view};\nCREATE VIEW {view} AS\n{lines};\n"


def _column_line(column: ColumnSpec) -> sql.Composable:
    return sql.SQL("{} {}{}").format(
        sql.Identifier(column.name),
        sql.SQL(strategy_for(column.type).stored_as),
        sql.SQL("" if column.nullable else " NOT NULL"),
    )


def _indexed(table: TableSpec) -> list[tuple[str, ...]]:
    """Column lists worth an index: the day, a child's parent key, the rowversion watermark."""
    if table.day_column:
        return [(table.day_column,)]
    if table.day_from:
        return [tuple(child for child, _ in table.day_from.on)]
    return [(table.rowversion,)] if table.rowversion else []


def _index(table: TableSpec, name: sql.Composable, columns: tuple[str, ...]) -> sql.Composable:
    return sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({});").format(
        sql.Identifier(_index_name(table, columns)),
        name,
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )


def _index_name(table: TableSpec, columns: tuple[str, ...]) -> str:
    return _shortened(f"ix_{table.target_name}__{'_'.join(columns)}")


def _including(columns: list[str]) -> sql.Composable:
    if not columns:
        return sql.SQL("")
    return sql.SQL(" INCLUDE ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))


def _shortened(name: str) -> str:
    """The name, cut to what PostgreSQL takes; what was cut still tells names apart."""
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    tail = f"_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    head = name.encode()[: _LONGEST_NAME - len(tail)].decode(errors="ignore")
    return f"{head}{tail}"


def _refuse_long_names(table: TableSpec) -> None:
    for name in (table.target_schema, table.target_name, *table.column_names):
        if len(name.encode()) > _LONGEST_NAME:
            raise SpecError(
                operation=f"make table {table.target_name}",
                cause=f"the name {name!r} is longer than PostgreSQL's {_LONGEST_NAME} bytes",
                next_step="Shorten target_name, leave the column out, or use another warehouse",
            )
