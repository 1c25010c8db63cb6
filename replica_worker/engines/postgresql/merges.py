"""The statements that make the target's rows of a chunk equal the staged ones.

What is staged of a complete chunk is paired with the target's rows of the chunk's days. That costs
what the chunk costs, however large the target is. The pairs are made by FULL JOIN because
PostgreSQL can only hash or sort such a join: where it expects few rows of a day, an anti-join or
inner join becomes a nested loop over the staging table, which has no index.

Where a staged row may take over a row of another day, and where a part of a table is staged, MERGE
joins the whole target by its key. Without RETURNING, because that came with PostgreSQL 17; how many
of the merged rows are new is counted by the same anti-join that the MERGE makes.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from psycopg import sql

from replica_worker.engines.postgresql.statements import (
    column_of,
    day_value,
    join_parent,
    key_as_json,
    keys_in,
    rows_of,
)
from replica_worker.engines.postgresql.types import strategy_for
from replica_worker.engines.values import KEYS_PER_LIST, STAGING_SCHEMA, KeyList, StagedChunk
from replica_worker.model.specs import ColumnSpec, TableSpec

_comma_line = sql.SQL(",\n              ")
_and = sql.SQL(" AND ")
_PLACE = sql.SQL("t.ctid AS __place, t.tableoid AS __part")  # finds a row again in its statement
_SAME_PLACE = sql.SQL("d.ctid = p.__place AND d.tableoid = p.__part")


def list_surplus_keys(
    chunk: StagedChunk, zone: ZoneInfo, gone: KeyList | None = None
) -> sql.Composable:
    """Keys of the target's rows of the chunk that are not staged, in JSON lists.

    With `gone`, only those of them whose keys are listed.
    """
    listed = keys_in(chunk.table, gone.json) if gone else sql.SQL("TRUE")
    return sql.SQL(
        """
        SELECT jsonb_agg(key)::text, count(*)
          FROM (SELECT {key} AS key,
                       row_number() OVER () / {size} AS list
                {rows}
                   AND {listed}
                   AND NOT EXISTS ({staged})) AS surplus
         GROUP BY list
        """
    ).format(
        key=key_as_json(chunk.table),
        size=sql.Literal(KEYS_PER_LIST),
        rows=_target_rows(chunk, zone),
        listed=listed,
        staged=_staged_twin(chunk),
    )


def compare_staged(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """How many staged rows are new, changed and equal, and how many rows of the chunk surplus."""
    table = chunk.table
    return sql.SQL(
        """
        SELECT count(*) FILTER (WHERE {is_new})                        AS new,
               count(*) FILTER (WHERE {is_changed})                    AS changed,
               count(*) FILTER (WHERE NOT {is_new} AND NOT {is_surplus}) AS matched,
               count(*) FILTER (WHERE {is_surplus})                    AS surplus
          FROM {pairs}
        """
    ).format(
        is_new=_is_new(table),
        is_changed=_is_changed(table),
        is_surplus=_is_surplus(table),
        pairs=_pairs(chunk, zone),
    )


def delete_surplus(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """Delete the target's rows of the chunk that are not staged, and nothing of other days."""
    return sql.SQL(
        """
        WITH surplus AS MATERIALIZED (
             SELECT __place, __part
               FROM {pairs}
              WHERE {is_surplus})
        DELETE FROM {target} d
         USING surplus p
         WHERE {same_place}
        """
    ).format(
        pairs=_pairs(chunk, zone),
        is_surplus=_is_surplus(chunk.table),
        target=_target(chunk.table),
        same_place=_SAME_PLACE,
    )


def update_changed(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """Update those of the chunk's rows that are staged with other values."""
    table = chunk.table
    names = [sql.Identifier(column.name) for column in table.other_columns]
    return sql.SQL(
        """
        WITH changed AS MATERIALIZED (
             SELECT __place, __part,
                    {values}
               FROM {pairs}
              WHERE {is_changed})
        UPDATE {target} d
           SET {assignments}
          FROM changed p
         WHERE {same_place}
        """
    ).format(
        values=_comma_line.join(
            sql.SQL("{} AS {}").format(_unstaged(column), sql.Identifier(column.name))
            for column in table.other_columns
        ),
        pairs=_pairs(chunk, zone),
        is_changed=_is_changed(table),
        target=_target(table),
        assignments=_comma_line.join(sql.SQL("{} = p.{}").format(name, name) for name in names),
        same_place=_SAME_PLACE,
    )


def insert_new(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """Insert the staged rows that the chunk has not; the key refuses those of other days."""
    return sql.SQL("{insert}\n  FROM {pairs}\n WHERE {is_new}").format(
        insert=_insert(chunk.table), pairs=_pairs(chunk, zone), is_new=_is_new(chunk.table)
    )


def insert_all(chunk: StagedChunk) -> sql.Composable:
    """Insert the staged rows into a target that has no row of the chunk."""
    return sql.SQL("{insert}\n  FROM {staging} s").format(
        insert=_insert(chunk.table), staging=sql.Identifier(STAGING_SCHEMA, chunk.staging)
    )


def delete_listed(chunk: StagedChunk, zone: ZoneInfo, gone: KeyList) -> sql.Composable:
    """Delete the target's rows of the chunk whose keys are listed and that are not staged."""
    return sql.SQL(
        """
        DELETE FROM {target} d
         WHERE EXISTS (SELECT 1 {rows}
                          AND {listed}
                          AND NOT EXISTS ({staged})
                          AND {same_row})
        """
    ).format(
        target=_target(chunk.table),
        rows=_target_rows(chunk, zone),
        listed=keys_in(chunk.table, gone.json),
        staged=_staged_twin(chunk),
        same_row=_and.join(
            sql.SQL("{} = {}").format(column_of("t", name), column_of("d", name))
            for name in chunk.table.key
        ),
    )


def list_replaced_keys(chunk: StagedChunk) -> sql.Composable:
    """Keys of the target's rows that differ from their staged twins, in JSON lists."""
    return sql.SQL(
        """
        SELECT jsonb_agg(key)::text, count(*)
          FROM (SELECT {key} AS key,
                       row_number() OVER () / {size} AS list
                  FROM {staging} s
                  JOIN {target} t ON {on}
                 WHERE {differs}) AS replaced
         GROUP BY list
        """
    ).format(
        key=key_as_json(chunk.table),
        size=sql.Literal(KEYS_PER_LIST),
        staging=sql.Identifier(STAGING_SCHEMA, chunk.staging),
        target=_target(chunk.table),
        on=_on_key(chunk.table),
        differs=_differs(chunk.table) if chunk.table.other_columns else sql.SQL("FALSE"),
    )


def holds_rows(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """Whether the target has a row of the chunk."""
    return sql.SQL("SELECT EXISTS (SELECT 1 {})").format(_target_rows(chunk, zone))


def count_present(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """How many rows the target has of the chunk."""
    return sql.SQL("SELECT count(*) {}").format(_target_rows(chunk, zone))


def count_new(chunk: StagedChunk) -> sql.Composable:
    """How many staged rows the target does not have."""
    return sql.SQL(
        "SELECT count(*) FROM {staging} s WHERE NOT EXISTS (SELECT 1 FROM {target} t WHERE {on})"
    ).format(
        staging=sql.Identifier(STAGING_SCHEMA, chunk.staging),
        target=_target(chunk.table),
        on=_on_key(chunk.table),
    )


def count_surplus(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """How many of the target's rows of the chunk are not staged."""
    return sql.SQL("SELECT count(*) {rows}\n   AND NOT EXISTS ({staged})").format(
        rows=_target_rows(chunk, zone), staged=_staged_twin(chunk)
    )


def list_days_elsewhere(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """The days outside the chunk on which the target has staged rows."""
    day = day_value(chunk.table, zone)
    days = chunk.days or chunk.outside
    condition = "{day} < {first} OR {day} >= {end}"
    if chunk.days is None:
        condition = "{day} >= {first} AND {day} < {end}"
    if days is None:
        return sql.SQL("SELECT NULL::date WHERE FALSE")
    return sql.SQL(
        """
        SELECT DISTINCT {day}
          FROM {staging} s
          JOIN {target} t ON {on}{parent}
         WHERE {elsewhere}
        """
    ).format(
        day=day,
        elsewhere=sql.SQL(condition).format(
            day=day, first=sql.Literal(days.first), end=sql.Literal(days.end)
        ),
        staging=sql.Identifier(STAGING_SCHEMA, chunk.staging),
        target=sql.Identifier(chunk.table.target_schema, chunk.table.target_name),
        on=_on_key(chunk.table),
        parent=join_parent(chunk.target_rows, outer=True),
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
        target=_target(table),
        staging=sql.Identifier(STAGING_SCHEMA, chunk.staging),
        on=_on_key(table),
        matched=matched,
        names=names,
        values=_comma_line.join(_unstaged(column) for column in table.columns),
    )


def _insert(table: TableSpec) -> sql.Composable:
    return sql.SQL("INSERT INTO {} ({})\nSELECT {}").format(
        _target(table),
        _comma_line.join(sql.Identifier(column.name) for column in table.columns),
        _comma_line.join(_unstaged(column) for column in table.columns),
    )


def _pairs(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    """Staged rows `s` beside the target's rows `t` of the chunk; either may be missing."""
    return sql.SQL("{staging} s\n  FULL JOIN (SELECT t.*, {place} {rows}) t ON {on}").format(
        staging=sql.Identifier(STAGING_SCHEMA, chunk.staging),
        place=_PLACE,
        rows=_target_rows(chunk, zone),
        on=_on_key(chunk.table),
    )


# What a WHERE over the pairs asks. None says of a side that it is there: the planner would then
# turn the FULL JOIN into another one. A key is never NULL.


def _is_new(table: TableSpec) -> sql.Composable:
    return sql.SQL("{} IS NULL").format(column_of("t", table.key[0]))


def _is_surplus(table: TableSpec) -> sql.Composable:
    return sql.SQL("{} IS NULL").format(column_of("s", table.key[0]))


def _is_changed(table: TableSpec) -> sql.Composable:
    if not table.other_columns:
        return sql.SQL("FALSE")
    return sql.SQL("CASE WHEN {} OR {} THEN FALSE ELSE {} END").format(
        _is_new(table), _is_surplus(table), _differs(table)
    )


def _target(table: TableSpec) -> sql.Composable:
    return sql.Identifier(table.target_schema, table.target_name)


def _target_rows(chunk: StagedChunk, zone: ZoneInfo) -> sql.Composable:
    return rows_of(chunk.target_rows, zone)


def _staged_twin(chunk: StagedChunk) -> sql.Composable:
    return sql.SQL("SELECT 1 FROM {} s WHERE {}").format(
        sql.Identifier(STAGING_SCHEMA, chunk.staging), _on_key(chunk.table)
    )


def _on_key(table: TableSpec) -> sql.Composable:
    return _and.join(
        sql.SQL("{} = {}").format(column_of("t", column.name), _unstaged(column))
        for column in table.key_columns
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
