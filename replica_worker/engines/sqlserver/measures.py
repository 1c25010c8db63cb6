"""The statements that measure rows before they are read: how many, and between which keys."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from replica_worker.engines.sqlserver.fragments import Fragment, column_of, compose
from replica_worker.engines.sqlserver.statements import day_value, option, rows_of
from replica_worker.engines.sqlserver.types import strategy_for
from replica_worker.engines.values import RowSelection


def count_days(selection: RowSelection, zone: ZoneInfo, *, max_dop: int) -> Fragment:
    """Row count of each day."""
    return compose(
        """
        SELECT g,
               COUNT_BIG(*) AS [rows]
          FROM (SELECT {day} AS g
                  {rows}) AS counted
         GROUP BY g{option}
        """,
        day=day_value(selection, zone),
        rows=rows_of(selection, zone),
        option=option(max_dop),
    )


def key_bounds(
    selection: RowSelection, rows_apart: int, zone: ZoneInfo, *, max_dop: int
) -> Fragment:
    """Every so many rows the first key column's text, in its order."""
    column = selection.table.key_columns[0]
    return compose(
        """
        SELECT {text} AS bound
          FROM (SELECT {key} AS k,
                       ROW_NUMBER() OVER (ORDER BY {key}) - 1 AS place
                  {rows}) AS numbered
         WHERE place > 0 AND place % {apart} = 0 AND k IS NOT NULL
         ORDER BY place{option}
        """,
        text=strategy_for(column.type).text(Fragment("k")),
        key=column_of("t", column.name),
        rows=rows_of(selection, zone),
        apart=rows_apart,
        option=option(max_dop),
    )
