"""The statements that make the demo's PostgreSQL source: schema, tables, keys, row versions.

Owns: DDL as composed SQL. Every identifier goes through `identifier`. Executes nothing.
"""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

from replica_worker.demo.source.source_spec import SourceColumn, SourceSchema, SourceTable

ROWVERSION_SEQUENCE = "ROWVERSION_SEQUENCE"
# Columns that joins between the sales tables use.
_LOOKUP_COLUMNS = ("SALES_NO", "INVOICE_ID")


def identifier(*names: str) -> sql.Identifier:
    """Quote a name, or a name qualified by its schema, with its case kept."""
    return sql.Identifier(*names)


def create_schema(schema: SourceSchema) -> sql.Composed:
    """Make the schema; whoever provides the database may have made it already."""
    return sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(identifier(schema.name))


def create_table(schema: SourceSchema, table: SourceTable) -> sql.Composed:
    """Make a bare table. Keys come after the rows: one sort is cheaper than many inserts."""
    return sql.SQL("CREATE TABLE {table} (\n    {columns}\n)").format(
        table=identifier(schema.name, table.name),
        columns=sql.SQL(",\n    ").join([_column(column) for column in table.columns]),
    )


def create_keys(schema: SourceSchema, table: SourceTable) -> list[sql.Composed]:
    """Add the primary key and the indexes that day cuts and joins use."""
    qualified = identifier(schema.name, table.name)
    key = sql.SQL(", ").join([identifier(name) for name in table.key])
    statements = [sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(qualified, key)]
    wanted = [table.day_column, *_LOOKUP_COLUMNS]
    indexed = [name for name in wanted if name and name in table.column_names]
    create_index = sql.SQL("CREATE INDEX ON {} ({})")
    return statements + [create_index.format(qualified, identifier(name)) for name in indexed]


def create_rowversion_sequence(schema: SourceSchema, *, first: int) -> sql.Composed:
    """Make the database-wide counter; it continues where the loaded rows end."""
    return sql.SQL("CREATE SEQUENCE {} AS bigint START WITH {}").format(
        identifier(schema.name, ROWVERSION_SEQUENCE), sql.Literal(first)
    )


def create_rowversion_trigger(schema: SourceSchema, table: SourceTable) -> list[sql.Composed]:
    """Give every inserted and updated row the next row version, as SQL Server does by itself."""
    sequence = identifier(schema.name, ROWVERSION_SEQUENCE).as_string(None)
    function = identifier(schema.name, f"STAMP_{table.name}")
    create_function = sql.SQL(
        "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        "BEGIN\n"
        "    NEW.{rowversion} := int8send(nextval({sequence}));\n"
        "    RETURN NEW;\n"
        "END\n"
        "$$"
    ).format(
        function=function,
        rowversion=identifier(table.rowversion),
        sequence=sql.Literal(sequence),
    )
    create_trigger = sql.SQL(
        "CREATE TRIGGER {trigger}\n"
        "BEFORE INSERT OR UPDATE ON {table}\n"
        "FOR EACH ROW EXECUTE FUNCTION {function}()"
    ).format(
        trigger=identifier(f"STAMP_{table.name}"),
        table=identifier(schema.name, table.name),
        function=function,
    )
    return [create_function, create_trigger]


def analyze(schema: SourceSchema, table: SourceTable) -> sql.Composed:
    """Let the planner know what was loaded."""
    return sql.SQL("ANALYZE {}").format(identifier(schema.name, table.name))


def copy_in(schema: SourceSchema, table: SourceTable, *, freeze: bool) -> sql.Composed:
    """Load rows in PostgreSQL's binary format; frozen when this transaction made the table."""
    options: LiteralString = "FORMAT BINARY, FREEZE" if freeze else "FORMAT BINARY"
    return sql.SQL("COPY {table} ({columns}) FROM STDIN WITH ({options})").format(
        table=identifier(schema.name, table.name),
        columns=sql.SQL(", ").join([identifier(column.name) for column in table.columns]),
        options=sql.SQL(options),
    )


def _column(column: SourceColumn) -> sql.Composed:
    # The type text is made from a closed set of names and integers, never from outside text.
    type_text = sql.SQL(column.postgresql_type)
    line = sql.SQL("{} {}").format(identifier(column.name), type_text)
    return line if column.nullable else line + sql.SQL(" NOT NULL")
