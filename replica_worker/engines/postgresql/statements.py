"""Every statement of this engine, each under a name that says what it is for.

Identifiers are quoted by `sql.Identifier`, values by `sql.Literal`: COPY takes no parameters, so
values are quoted by the driver on the client, for all statements alike. The texts are run as
they stand (no placeholders are looked for in them).
Texts are exact under the session settings in `connect.py`. Digests are in `digests`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
from psycopg import sql

from replica_worker.engines.postgresql.types import FoundColumn, read_expression, strategy_for
from replica_worker.engines.values import DAY_FIELD, STAGING_SCHEMA, RowSelection, Side
from replica_worker.model.days import DayRange
from replica_worker.model.specs import ColumnSpec, TableSpec

_comma = sql.SQL(", ")
_comma_line = sql.SQL(",\n       ")
_and = sql.SQL(" AND ")
_or = sql.SQL("\n    OR ")
_true = sql.SQL("TRUE")


def text_of(statement: sql.Composable) -> str:
    """The statement as text, ready to be sent."""
    return statement.as_string(None)


def column_of(alias: str, name: str) -> sql.Composable:
    """`alias."name"`."""
    return sql.SQL("{}.{}").format(sql.SQL(alias), sql.Identifier(name))


def find_columns(schema: str, table: str) -> sql.Composable:
    """The live columns of a table or view that this login may read: name, type, spelling, …"""
    return sql.SQL(
        """
        SELECT a.attname::text                                   AS name,
               CASE WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END::text AS type_name,
               format_type(a.atttypid, a.atttypmod)              AS spelling,
               information_schema._pg_numeric_precision(a.atttypid, a.atttypmod) AS precision,
               information_schema._pg_numeric_scale(a.atttypid, a.atttypmod)     AS scale,
               information_schema._pg_char_max_length(a.atttypid, a.atttypmod)   AS length,
               information_schema._pg_datetime_precision(a.atttypid, a.atttypmod) AS fraction
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


def describe_columns(schema: str, table: str) -> sql.Composable:
    """One JSON text of what `find_columns` finds, in its order; NULL if that is nothing."""
    return sql.SQL("SELECT json_agg(found)::text FROM ({}) found").format(
        find_columns(schema, table)
    )


# ---------------------------------------------------------------- which rows


def rows_of(selection: RowSelection, zone: ZoneInfo) -> sql.Composable:
    """FROM and WHERE: the selected rows of a table, under the alias `t`."""
    conditions: list[sql.Composable] = []
    ways = _ways_in(selection, zone)
    if ways:
        conditions.append(sql.SQL("({})").format(_or.join(ways)))
    if selection.changed_since is not None and selection.table.rowversion:
        conditions.append(
            sql.SQL("{} > {}::bytea").format(
                column_of("t", selection.table.rowversion), sql.Literal(selection.changed_since)
            )
        )
    conditions.extend(_key_conditions(selection))
    return sql.SQL("FROM {source} t{parent}\n WHERE {conditions}").format(
        source=sql.Identifier(selection.schema_name, selection.table_name),
        parent=join_parent(selection, outer=selection.dateless or not ways),
        conditions=_and.join(conditions) if conditions else _true,
    )


def _key_conditions(selection: RowSelection) -> Iterator[sql.Composable]:
    keys, column = selection.keys, selection.table.key_columns[0]
    if keys is None:
        return
    key = column_of("t", column.name)
    if keys.first is not None:
        yield sql.SQL("{} >= {}").format(key, _key_from_text(column, sql.Literal(keys.first)))
    if keys.end is not None:
        below = sql.SQL("{} < {}").format(key, _key_from_text(column, sql.Literal(keys.end)))
        with_null = sql.SQL("({} OR {} IS NULL)").format(below, key)
        yield with_null if keys.first is None else below


def _ways_in(selection: RowSelection, zone: ZoneInfo) -> list[sql.Composable]:
    """The conditions by day of which a row must fulfil one; none if all rows are meant."""
    ways: list[sql.Composable] = []
    if selection.days is not None:
        ways.append(_day_condition(selection, selection.days, zone))
    if selection.outside is not None:
        column, quoted = _day_of(selection.table)
        first, end = (
            _day_literal(column, day, zone)
            for day in (selection.outside.first, selection.outside.end)
        )
        ways.append(sql.SQL("{c} < {first} OR {c} >= {end}").format(c=quoted, first=first, end=end))
    if selection.dateless:
        ways.append(sql.SQL("{} IS NULL").format(_day_of(selection.table)[1]))
    return ways


def join_parent(selection: RowSelection, *, outer: bool = False) -> sql.Composable:
    """The join, as `p`, to the parent that gives a child its day; nothing for other tables."""
    day_from = selection.table.day_from
    if day_from is None:
        return sql.SQL("")
    parent = day_from.parent if selection.side is Side.SOURCE else day_from.parent_target
    on = _and.join(
        sql.SQL("{} = {}").format(column_of("t", child), column_of("p", name))
        for child, name in day_from.on
    )
    return sql.SQL("\n  {join} {parent} p ON {on}").format(
        join=sql.SQL("LEFT JOIN" if outer else "JOIN"),
        parent=sql.Identifier(selection.schema_name, parent),
        on=on,
    )


def _day_of(table: TableSpec) -> tuple[ColumnSpec, sql.Composable]:
    """The column that dates a row, and how it is written."""
    if table.day_from:
        return table.day_from.parent_day, column_of("p", table.day_from.parent_day.name)
    if table.day_column is None:
        raise ValueError(f"table {table.name} has no day")
    return table.column(table.day_column), column_of("t", table.day_column)


def _day_condition(selection: RowSelection, days: DayRange, zone: ZoneInfo) -> sql.Composable:
    column, quoted = _day_of(selection.table)
    first, end = (_day_literal(column, day, zone) for day in (days.first, days.end))
    return sql.SQL("{c} >= {first} AND {c} < {end}").format(c=quoted, first=first, end=end)


def _day_literal(column: ColumnSpec, day: date, zone: ZoneInfo) -> sql.Composable:
    if column.type.base == "datetimeoffset":
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        return sql.SQL("{}::timestamptz").format(sql.Literal(midnight.isoformat()))
    kind = "date" if column.type.base == "date" else "timestamp"
    return sql.SQL("{}::{}").format(sql.Literal(str(day)), sql.SQL(kind))


def day_value(table: TableSpec, zone: ZoneInfo) -> sql.Composable:
    """A row's day as a date; NULL where it has none."""
    if not table.is_daily:
        return sql.SQL("NULL::date")
    column, quoted = _day_of(table)
    if column.type.base == "datetimeoffset":
        return sql.SQL("({} AT TIME ZONE {})::date").format(quoted, sql.Literal(zone.key))
    return sql.SQL("{}::date").format(quoted)


# ---------------------------------------------------------------- reading


def select_rows(
    selection: RowSelection, found: Sequence[FoundColumn], zone: ZoneInfo
) -> sql.Composable:
    """The selected rows, all replicated columns in the spec's order."""
    return sql.SQL("SELECT {columns}\n  {rows}").format(
        columns=_read_list(selection.table, found), rows=rows_of(selection, zone)
    )


def _read_list(table: TableSpec, found: Sequence[FoundColumn]) -> sql.Composable:
    live = {column.name: column for column in found}
    return _comma_line.join(
        sql.SQL("{} AS {}").format(
            read_expression(column, live[column.name], column_of("t", column.name)),
            sql.Identifier(column.name),
        )
        for column in table.columns
    )


def select_rows_by_key(
    selection: RowSelection, found: Sequence[FoundColumn], keys: str, zone: ZoneInfo
) -> sql.Composable:
    """The rows whose keys are in the list, and their day; rows of no day if they are selected."""
    table = selection.table
    day = day_value(table, zone)
    return sql.SQL(
        """
        SELECT {columns},
               {day} AS {day_field}
          FROM jsonb_to_recordset({keys}::jsonb) AS k({members})
          JOIN {source} t ON {on}{parent}
         WHERE {dated}
        """
    ).format(
        columns=_read_list(table, found),
        day=day,
        dated=_true if selection.dateless else sql.SQL("{} IS NOT NULL").format(day),
        day_field=sql.Identifier(DAY_FIELD),
        keys=sql.Literal(keys),
        members=_key_members(table),
        source=sql.Identifier(selection.schema_name, selection.table_name),
        on=_on_listed_key(table),
        parent=join_parent(selection, outer=True),
    )


def keys_in(table: TableSpec, keys: str) -> sql.Composable:
    """The row `t` has one of the listed keys."""
    return sql.SQL(
        """EXISTS (SELECT 1
                FROM jsonb_to_recordset({keys}::jsonb) AS k({members})
               WHERE {on})"""
    ).format(keys=sql.Literal(keys), members=_key_members(table), on=_on_listed_key(table))


def _key_members(table: TableSpec) -> sql.Composable:
    return _comma.join(
        sql.SQL("{} text").format(sql.Identifier(f"k{index}")) for index in range(len(table.key))
    )


def _on_listed_key(table: TableSpec) -> sql.Composable:
    return _and.join(
        sql.SQL("{} = {}").format(
            column_of("t", column.name), _key_from_text(column, column_of("k", f"k{index}"))
        )
        for index, column in enumerate(table.key_columns)
    )


def _key_from_text(column: ColumnSpec, text: sql.Composable) -> sql.Composable:
    if column.type.arrow in (pa.binary(), pa.binary(8)):
        return sql.SQL("decode({}, 'hex')").format(text)
    stored_as = sql.SQL(strategy_for(column.type).stored_as)
    return sql.SQL("{}::{}").format(text, stored_as)


def key_as_json(table: TableSpec, alias: str = "t") -> sql.Composable:
    """A row's key as a JSON object with members k0, k1…, all text, the same in every engine."""
    members = _comma.join(
        sql.SQL("{}, {}").format(
            sql.Literal(f"k{index}"),
            strategy_for(column.type).key_text(column_of(alias, column.name)),
        )
        for index, column in enumerate(table.key_columns)
    )
    return sql.SQL("jsonb_build_object({})").format(members)


def highest_rowversion(table: TableSpec) -> sql.Composable:
    """The largest rowversion in the target (PostgreSQL before 18 has no max of bytea)."""
    return sql.SQL(
        "SELECT {c} FROM {target} t WHERE {c} IS NOT NULL ORDER BY {c} DESC LIMIT 1"
    ).format(
        c=column_of("t", table.rowversion or ""),
        target=sql.Identifier(table.target_schema, table.target_name),
    )


def changed_days(selection: RowSelection, zone: ZoneInfo) -> sql.Composable:
    """Row count and highest rowversion of each day (in hexadecimal digits, which have a max)."""
    return sql.SQL(
        """
        SELECT g,
               count(*)                                  AS rows,
               max(encode(version, 'hex') COLLATE "C")   AS newest
          FROM (SELECT {day} AS g,
                       {version} AS version
                  {rows}) AS changed
         WHERE version IS NOT NULL
         GROUP BY g
        """
    ).format(
        day=day_value(selection.table, zone),
        version=column_of("t", selection.table.rowversion or ""),
        rows=rows_of(selection, zone),
    )


# ---------------------------------------------------------------- staging


def create_staging(table: TableSpec, staging: str) -> sql.Composable:
    """An unlogged heap: it need not outlive a crash, so it is not worth any WAL."""
    columns = _comma_line.join(
        sql.SQL("{} {}").format(
            sql.Identifier(column.name),
            sql.SQL(strategy.staged_as or strategy.stored_as),
        )
        for column in table.columns
        for strategy in [strategy_for(column.type)]
    )
    return sql.SQL("CREATE UNLOGGED TABLE {} (\n       {}\n)").format(
        sql.Identifier(STAGING_SCHEMA, staging), columns
    )


def copy_into_staging(table: TableSpec, staging: str) -> sql.Composable:
    """COPY of the driver-encoded rows."""
    return _copy_into(sql.Identifier(STAGING_SCHEMA, staging), table)


def copy_into_target(table: TableSpec) -> sql.Composable:
    """COPY of rows that need no conversion, past the staging table."""
    return _copy_into(sql.Identifier(table.target_schema, table.target_name), table)


def _copy_into(name: sql.Composable, table: TableSpec) -> sql.Composable:
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        name, _comma.join(map(sql.Identifier, table.column_names))
    )


def analyze_staging(table: TableSpec, staging: str) -> sql.Composable:
    """Tell the planner how large the staging table is, and how its key is spread.

    The other columns are joined and sorted by nothing; to sample them cost more than to load them.
    """
    return sql.SQL("ANALYZE {} ({})").format(
        sql.Identifier(STAGING_SCHEMA, staging), _comma.join(map(sql.Identifier, table.key))
    )


def drop_staging(staging: str) -> sql.Composable:
    """Drop a staging table if it is there."""
    return sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(STAGING_SCHEMA, staging))


def list_staging() -> sql.Composable:
    """Names of all staging tables."""
    return sql.SQL("SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = {}").format(
        sql.Literal(STAGING_SCHEMA)
    )
