"""The statements that measure rows before they are read: how many, and between which keys."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from psycopg import sql

from replica_worker.engines.postgresql.statements import column_of, day_value, rows_of
from replica_worker.engines.postgresql.types import strategy_for
from replica_worker.engines.values import RowSelection


def count_days(selection: RowSelection, zone: ZoneInfo) -> sql.Composable:
    """Row count of each day."""
    return sql.SQL(
        """
        SELECT g,
               count(*) AS rows
          FROM (SELECT {day} AS g
                  {rows}) AS counted
         GROUP BY g
        """
    ).format(day=day_value(selection.table, zone), rows=rows_of(selection, zone))


def key_bounds(selection: RowSelection, rows_apart: int, zone: ZoneInfo) -> sql.Composable:
    """Every so many rows the first key column's text, in its order."""
    column = selection.table.key_columns[0]
    return sql.SQL(
        """
        SELECT {text}::text AS bound
          FROM (SELECT {key} AS k,
                       row_number() OVER (ORDER BY {key}) - 1 AS place
                  {rows}) AS numbered
         WHERE place > 0 AND place % {apart} = 0 AND k IS NOT NULL
         ORDER BY place
        """
    ).format(
        text=strategy_for(column.type).key_text(sql.SQL("k")),
        key=column_of("t", column.name),
        rows=rows_of(selection, zone),
        apart=sql.Literal(rows_apart),
    )
