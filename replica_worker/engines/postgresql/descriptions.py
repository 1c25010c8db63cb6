"""Live tables of a PostgreSQL server as values, with types spelled as SQL Server spells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from psycopg import sql

from replica_worker.model.live import LiveColumn, LiveTable

_LONGEST_NVARCHAR = 4000

_PLAIN = {
    "int8": "bigint",
    "int4": "int",
    "int2": "smallint",
    "bool": "bit",
    "float8": "float",
    "float4": "real",
    "date": "date",
    "text": "nvarchar(max)",
    "bytea": "varbinary(max)",
    "uuid": "uniqueidentifier",
    "xml": "xml",
}
_FRACTIONS = {"time": "time", "timestamp": "datetime2", "timestamptz": "datetimeoffset"}


def find_columns(schema: str, table: str) -> sql.Composable:
    """The columns of a table or view that this login may read."""
    return sql.SQL(
        """
        SELECT a.attname::text                                   AS name,
               CASE WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END::text AS type_name,
               format_type(a.atttypid, a.atttypmod)              AS spelling,
               information_schema._pg_numeric_precision(a.atttypid, a.atttypmod) AS precision,
               information_schema._pg_numeric_scale(a.atttypid, a.atttypmod)     AS scale,
               information_schema._pg_char_max_length(a.atttypid, a.atttypmod)   AS length,
               information_schema._pg_datetime_precision(a.atttypid, a.atttypmod) AS fraction,
               NOT a.attnotnull                                  AS nullable,
               c.relkind IN ('v', 'm')                           AS is_view
          FROM pg_catalog.pg_attribute a
          JOIN pg_catalog.pg_class c     ON c.oid = a.attrelid
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_catalog.pg_type t      ON t.oid = a.atttypid
          LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
         WHERE n.nspname = {schema} AND c.relname = {table}
           AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
           AND a.attnum > 0 AND NOT a.attisdropped
           AND has_schema_privilege(n.oid, 'USAGE')
           AND has_any_column_privilege(c.oid, 'SELECT')
         ORDER BY a.attnum
        """
    ).format(schema=sql.Literal(schema), table=sql.Literal(table))


def find_unique(schema: str, table: str) -> sql.Composable:
    """The columns of each unique index over whole rows and plain columns; the primary key first."""
    return sql.SQL(
        """
        SELECT i.indexrelid::bigint AS index_id,
               a.attname::text      AS column_name
          FROM pg_catalog.pg_index i
          JOIN pg_catalog.pg_class c     ON c.oid = i.indrelid
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, position)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
         WHERE n.nspname = {schema} AND c.relname = {table}
           AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
           AND k.position <= i.indnkeyatts
         ORDER BY i.indisprimary DESC, i.indexrelid, k.position
        """
    ).format(schema=sql.Literal(schema), table=sql.Literal(table))


def live_table(
    schema: str,
    name: str,
    columns: Sequence[Mapping[str, Any]],
    unique: Sequence[Mapping[str, Any]],
) -> LiveTable | None:
    """The value for rows of `find_columns` and `find_unique`; None if there is no column."""
    if not columns:
        return None
    return LiveTable(
        schema=schema,
        name=name,
        is_view=bool(columns[0]["is_view"]),
        columns=tuple(
            LiveColumn(name=row["name"], spelling=spelling_of(row), nullable=row["nullable"])
            for row in columns
        ),
        unique=tuple(
            tuple(row["column_name"] for row in group)
            for _, group in groupby(unique, key=lambda row: row["index_id"])
        ),
    )


def spelling_of(row: Mapping[str, Any]) -> str:
    """The type as SQL Server spells it; PostgreSQL's own words where it has no such type.

    A numeric without a precision stays without one: no decimal holds all that it may hold.
    """
    name = str(row["type_name"])
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _FRACTIONS:
        return f"{_FRACTIONS[name]}({row['fraction']})"
    if name == "numeric" and row["precision"] is not None:
        return f"decimal({row['precision']},{row['scale']})"
    if name == "bpchar" and row["length"] is not None:
        return f"nchar({row['length']})"
    if name == "varchar":
        length = row["length"]
        is_short = length is not None and length <= _LONGEST_NVARCHAR
        return f"nvarchar({length})" if is_short else "nvarchar(max)"
    return str(row["spelling"])
