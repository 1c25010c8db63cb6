"""The statements that make the target's rows of a chunk equal the staged ones.

A separate DELETE … NOT EXISTS over the chunk's day and then a MERGE of what is staged: with
`WHEN NOT MATCHED BY SOURCE` the whole target would be joined, which measured four to five times
slower. MERGE without RETURNING, because that came with PostgreSQL 17; how many of the merged
rows are new is counted by the same anti-join that the MERGE makes.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from psycopg import sql

from replica_worker.engines.interface import STAGING_SCHEMA, StagedChunk
from replica_worker.engines.postgresql.statements import (
    KEYS_PER_LIST,
    column_of,
    join_parent,
    key_as_json,
    outside_days,
    rows_of,
)
from replica_worker.engines.postgresql.types import strategy_for
from replica_worker.model.specs import ColumnSpec, TableSpec

_comma_line = sql.SQL(",\n              ")
_and = sql.SQL(" AND ")


def list_surplus_keys(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """Keys of the target's rows of the chunk that are not staged, in JSON lists."""
    return sql.SQL(
        """
        SELECT jsonb_agg(key)::text, count(*)
          FROM (SELECT {key} AS key,
                       row_number() OVER () / {size} AS list
                {rows}
                   AND NOT EXISTS ({staged})) AS surplus
         GROUP BY list
        """
    ).format(
        key=key_as_json(chunk.table),
        size=sql.Literal(KEYS_PER_LIST),
        rows=_target_rows(chunk, zone),
        staged=_staged_twin(chunk),
    )


def delete_surplus(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """Delete the target's rows of the chunk that are not staged, and nothing of other days."""
    target = sql.Identifier(chunk.table.target_schema, chunk.table.target_name)
    if chunk.table.day_from is None:
        return sql.SQL("DELETE {rows}\n   AND NOT EXISTS ({staged})").format(
            rows=_target_rows(chunk, zone), staged=_staged_twin(chunk)
        )
    return sql.SQL(
        """
        DELETE FROM {target} d
         WHERE EXISTS (SELECT 1 {rows}
                          AND {same_row}
                          AND NOT EXISTS ({staged}))
        """
    ).format(
        target=target,
        rows=_target_rows(chunk, zone),
        same_row=_same_key(chunk.table, "t", "d"),
        staged=_staged_twin(chunk),
    )


def count_present(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """How many rows the target has of the chunk."""
    return sql.SQL("SELECT count(*) {}").format(_target_rows(chunk, zone))


def count_new(chunk: StagedChunk) -> sql.Composable:
    """How many staged rows the target does not have."""
    return sql.SQL(
        "SELECT count(*) FROM {staging} s WHERE NOT EXISTS (SELECT 1 FROM {target} t WHERE {on})"
    ).format(
        staging=sql.Identifier(STAGING_SCHEMA, chunk.staging),
        target=sql.Identifier(chunk.table.target_schema, chunk.table.target_name),
        on=_on_key(chunk.table),
    )


def count_surplus(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """How many of the target's rows of the chunk are not staged."""
    return sql.SQL("SELECT count(*) {rows}\n   AND NOT EXISTS ({staged})").format(
        rows=_target_rows(chunk, zone), staged=_staged_twin(chunk)
    )


def count_elsewhere(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """How many staged rows the target has, but outside the chunk's days."""
    target = chunk.target_rows
    return sql.SQL(
        "SELECT count(*)\n  FROM {staging} s\n  JOIN {target} t ON {on}{parent}\n WHERE {outside}"
    ).format(
        staging=sql.Identifier(STAGING_SCHEMA, chunk.staging),
        target=sql.Identifier(chunk.table.target_schema, chunk.table.target_name),
        on=_on_key(chunk.table),
        parent=join_parent(target, outer=True),
        outside=outside_days(target, zone),
    )


def merge_staged(chunk: StagedChunk) -> sql.Composable:
    """Insert what is new, update what differs, leave alone what is equal."""
    table = chunk.table
    names = _comma_line.join(sql.Identifier(column.name) for column in table.columns)
    matched: sql.Composable = sql.SQL("")
    if table.other_columns:
        matched = sql.SQL(
            """
        WHEN MATCHED AND {differs} THEN
             UPDATE SET {assignments}"""
        ).format(differs=_differs(table), assignments=_assignments(table))
    return sql.SQL(
        """
        MERGE INTO {target} AS t
        USING {staging} AS s
           ON {on}{matched}
        WHEN NOT MATCHED THEN
             INSERT ({names})
             VALUES ({values})
        """
    ).format(
        target=sql.Identifier(table.target_schema, table.target_name),
        staging=sql.Identifier(STAGING_SCHEMA, chunk.staging),
        on=_on_key(table),
        matched=matched,
        names=names,
        values=_comma_line.join(_unstaged(column) for column in table.columns),
    )


def _target_rows(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    return rows_of(chunk.target_rows, zone, with_orphans=True)


def _staged_twin(chunk: StagedChunk) -> sql.Composable:
    return sql.SQL("SELECT 1 FROM {} s WHERE {}").format(
        sql.Identifier(STAGING_SCHEMA, chunk.staging), _on_key(chunk.table)
    )


def _on_key(table: TableSpec) -> sql.Composable:
    return _and.join(
        sql.SQL("{} = {}").format(column_of("t", column.name), _unstaged(column))
        for column in table.key_columns
    )


def _same_key(table: TableSpec, one: str, other: str) -> sql.Composable:
    return _and.join(
        sql.SQL("{} = {}").format(column_of(one, name), column_of(other, name))
        for name in table.key
    )


def _unstaged(column: ColumnSpec) -> sql.Composable:
    return strategy_for(column.type).unstaged(column_of("s", column.name))


def _differs(table: TableSpec) -> sql.Composable:
    """Null-safe, and exact to the byte: PostgreSQL's text equality is, floats are made so."""
    target = _comma_line.join(
        strategy_for(column.type).comparable(column_of("t", column.name))
        for column in table.other_columns
    )
    staged = _comma_line.join(
        strategy_for(column.type).comparable(_unstaged(column)) for column in table.other_columns
    )
    return sql.SQL("ROW({}) IS DISTINCT FROM\n             ROW({})").format(target, staged)


def _assignments(table: TableSpec) -> sql.Composable:
    return _comma_line.join(
        sql.SQL("{} = {}").format(sql.Identifier(column.name), _unstaged(column))
        for column in table.other_columns
    )
