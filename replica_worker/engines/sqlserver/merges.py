"""The statements that merge a staging table.

Two ways by setting: `merge` (one MERGE … WITH (HOLDLOCK), ON the key only) and `upsert` (UPDATE,
then INSERT), for those who distrust MERGE and for servers that lack it. Both come after the same
DELETE … NOT EXISTS over the chunk's day, and both compare null-safe and exactly: text by code
point with its blanks, floats and offsets by what they are, not by what they equal.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from replica_worker.engines.sqlserver.fragments import (
    Fragment,
    column_of,
    compose,
    join,
    quote,
)
from replica_worker.engines.sqlserver.statements import (
    day_value,
    is_selected,
    join_parent,
    key_as_json,
    keys_in,
    outside_days,
    rows_of,
)
from replica_worker.engines.sqlserver.types import EXACT_COLLATION, strategy_for
from replica_worker.engines.values import (
    KEYS_PER_LIST,
    STAGING_SCHEMA,
    KeyList,
    RowSelection,
    Side,
    StagedChunk,
)
from replica_worker.model.specs import ColumnSpec, TableSpec

_COMMA_LINE = ",\n              "


# ---------------------------------------------------------------- what the merge would do


def list_surplus_keys(chunk: StagedChunk, zone: ZoneInfo, gone: KeyList | None = None) -> Fragment:
    """Keys of the target's rows of the chunk that are not staged, in JSON lists.

    With `gone`, only those of them whose keys are listed.
    """
    return compose(
        """
        SELECT CONCAT(N'[', STRING_AGG(CAST(surplus.[key] AS nvarchar(max)), N','), N']') AS keys,
               COUNT_BIG(*) AS size
          FROM (SELECT {key} AS [key],
                       (ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) - 1) / {size} AS list
                  {rows}) AS surplus
         GROUP BY surplus.list
        """,
        key=key_as_json(chunk.table),
        size=KEYS_PER_LIST,
        rows=_surplus_rows(chunk, zone, gone),
    )


def _surplus_rows(chunk: StagedChunk, zone: ZoneInfo, gone: KeyList | None = None) -> Fragment:
    also = [keys_in(chunk.table, gone.json)] if gone is not None else []
    also.append(compose("NOT EXISTS ({staged})", staged=_staged_twin(chunk)))
    return rows_of(chunk.target_rows, zone, also=also)


def list_replaced_keys(chunk: StagedChunk) -> Fragment:
    """Keys of the target's rows that differ from their staged twins, in JSON lists."""
    return compose(
        """
        SELECT CONCAT(N'[', STRING_AGG(CAST(replaced.[key] AS nvarchar(max)), N','), N']') AS keys,
               COUNT_BIG(*) AS size
          FROM (SELECT {key} AS [key],
                       (ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) - 1) / {size} AS list
                  FROM {staging} AS s
                  JOIN {target} AS t ON {on}
                 WHERE {differs}) AS replaced
         GROUP BY replaced.list
        """,
        key=key_as_json(chunk.table),
        size=KEYS_PER_LIST,
        staging=quote(STAGING_SCHEMA, chunk.staging),
        target=_name(chunk.table),
        on=_on_key(chunk.table),
        differs=_differs(chunk.table) if chunk.table.other_columns else Fragment("1 = 0"),
    )


def count_surplus(chunk: StagedChunk, zone: ZoneInfo) -> Fragment:
    """How many of the target's rows of the chunk are not staged."""
    return compose("SELECT COUNT_BIG(*) {rows}", rows=_surplus_rows(chunk, zone))


def count_elsewhere(chunk: StagedChunk, zone: ZoneInfo) -> Fragment:
    """How many staged rows the target has, but outside the chunk's days."""
    return compose("SELECT COUNT_BIG(*)\n{rows}", rows=_rows_elsewhere(chunk, zone))


def list_days_elsewhere(chunk: StagedChunk, zone: ZoneInfo) -> Fragment:
    """The days outside the chunk on which the target has staged rows; NULL for no day."""
    return compose(
        "SELECT DISTINCT {day}\n{rows}",
        day=day_value(RowSelection(table=chunk.table, side=Side.WAREHOUSE), zone),
        rows=_rows_elsewhere(chunk, zone),
    )


def _rows_elsewhere(chunk: StagedChunk, zone: ZoneInfo) -> Fragment:
    return compose(
        "  FROM {staging} AS s\n  JOIN {target} AS t ON {on}{parent}\n WHERE {outside}",
        staging=quote(STAGING_SCHEMA, chunk.staging),
        target=_name(chunk.table),
        on=_on_key(chunk.table),
        parent=join_parent(chunk.target_rows, outer=True),
        outside=outside_days(chunk.target_rows, zone),
    )


def count_present(chunk: StagedChunk, zone: ZoneInfo) -> Fragment:
    """How many rows the target has of the chunk."""
    return compose("SELECT COUNT_BIG(*) {rows}", rows=rows_of(chunk.target_rows, zone))


# ---------------------------------------------------------------- changing the target


def delete_surplus(chunk: StagedChunk, zone: ZoneInfo, gone: KeyList | None = None) -> Fragment:
    """Delete the target's rows of the chunk that are not staged, and nothing of other days.

    With `gone`, only those of them whose keys are listed.
    """
    return compose("DELETE t\n  {rows}", rows=_surplus_rows(chunk, zone, gone))


def count_new(chunk: StagedChunk) -> Fragment:
    """How many staged rows the target does not have."""
    return compose("SELECT COUNT_BIG(*) {rows}", rows=_new_rows(chunk))


def merge_staged(chunk: StagedChunk, zone: ZoneInfo, *, may_move: bool) -> Fragment:
    """Insert what is new, update what differs, leave alone what is equal, in one statement.

    Unless `may_move`, rows of other days are left alone, too.

    HOLDLOCK keeps two merges from inserting one key; ON holds the key only, because a filter
    there would change what counts as matched.
    """
    table = chunk.table
    matched = Fragment("")
    if table.other_columns:
        matched = compose(
            """
        WHEN MATCHED AND {differs} THEN
             UPDATE SET {assignments}""",
            differs=_is_changed(chunk, zone, may_move=may_move),
            assignments=_assignments(table),
        )
    return compose(
        """
        MERGE INTO {target} WITH (HOLDLOCK) AS t
        USING {staging} AS s
           ON {on}{matched}
        WHEN NOT MATCHED BY TARGET THEN
             INSERT ({names})
             VALUES ({values});
        """,
        target=_name(table),
        staging=quote(STAGING_SCHEMA, chunk.staging),
        on=_on_key(table),
        matched=matched,
        names=_names(table),
        values=_values(table),
    )


def update_staged(chunk: StagedChunk, zone: ZoneInfo, *, may_move: bool) -> Fragment:
    """The UPDATE of `upsert`: the target's rows that differ from their staged twins.

    Unless `may_move`, only rows of the chunk.
    """
    table = chunk.table
    return compose(
        """
        UPDATE t
           SET {assignments}
          FROM {target} AS t
          JOIN {staging} AS s ON {on}
         WHERE {differs}
        """,
        assignments=_assignments(table),
        target=_name(table),
        staging=quote(STAGING_SCHEMA, chunk.staging),
        on=_on_key(table),
        differs=_is_changed(chunk, zone, may_move=may_move),
    )


def _is_changed(chunk: StagedChunk, zone: ZoneInfo, *, may_move: bool) -> Fragment:
    """The matched row differs and is this merge's to change.

    A rival may have brought the row to another day since it was looked for there: that newer
    row must stay.
    """
    differs = _differs(chunk.table)
    if may_move or chunk.is_whole_table:
        return differs
    return compose(
        "{differs}\n             AND {ours}",
        differs=differs,
        ours=is_selected(chunk.target_rows, zone),
    )


def insert_staged(chunk: StagedChunk) -> Fragment:
    """The INSERT of `upsert`: the staged rows that the target does not have."""
    return compose(
        "INSERT INTO {target} ({names})\nSELECT {values}\n  {rows}",
        target=_name(chunk.table),
        names=_names(chunk.table),
        values=_values(chunk.table),
        rows=_new_rows(chunk),
    )


def count_unequal(chunk: StagedChunk) -> Fragment:
    """How many staged rows the target does not hold value for value, after the merge.

    SQL Server converts without a word what a column's code page or type cannot hold.
    """
    table = chunk.table
    return compose(
        """
        SELECT COUNT_BIG(*)
          FROM {staging} AS s
          LEFT JOIN {target} AS t ON {on}
         WHERE {missing} OR {differs}
        """,
        staging=quote(STAGING_SCHEMA, chunk.staging),
        target=_name(table),
        on=_on_key(table),
        missing=compose("{c} IS NULL", c=column_of("t", table.key[0])),
        differs=_differs_as_staged(table),
    )


def _name(table: TableSpec) -> Fragment:
    return quote(table.target_schema, table.target_name)


def _names(table: TableSpec) -> Fragment:
    return join(_COMMA_LINE, (quote(column.name) for column in table.columns))


def _values(table: TableSpec) -> Fragment:
    return join(_COMMA_LINE, (_unstaged(table, column) for column in table.columns))


def _staged_twin(chunk: StagedChunk) -> Fragment:
    return compose(
        "SELECT 1 FROM {staging} AS s WHERE {on}",
        staging=quote(STAGING_SCHEMA, chunk.staging),
        on=_on_key(chunk.table),
    )


def _new_rows(chunk: StagedChunk) -> Fragment:
    return compose(
        "FROM {staging} AS s\n WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {on})",
        staging=quote(STAGING_SCHEMA, chunk.staging),
        target=_name(chunk.table),
        on=_on_key(chunk.table),
    )


def _on_key(table: TableSpec) -> Fragment:
    """Key equality in the target's own types and collation (binary, see `ddl`).

    A staged text has the database's collation; compared as it is with a column of another one,
    SQL Server refuses the statement.
    """
    return join(
        " AND ",
        (
            compose("{t} = {s}", t=column_of("t", column.name), s=_unstaged_key(table, column))
            for column in table.key_columns
        ),
    )


def _unstaged_key(table: TableSpec, column: ColumnSpec) -> Fragment:
    staged = _staged(table, column)
    exact = compose("{s} COLLATE {c}", s=staged, c=EXACT_COLLATION)
    return strategy_for(column.type).unstaged(exact if column.type.is_text else staged)


def _staged(table: TableSpec, column: ColumnSpec) -> Fragment:
    return column_of("s", f"c{table.column_names.index(column.name)}")


def _unstaged(table: TableSpec, column: ColumnSpec) -> Fragment:
    return strategy_for(column.type).unstaged(_staged(table, column))


def _differs(table: TableSpec) -> Fragment:
    """Null-safe: EXCEPT takes two NULLs for one value."""
    return _except(
        [strategy_for(c.type).comparable(column_of("t", c.name)) for c in table.other_columns],
        [strategy_for(c.type).comparable(_unstaged(table, c)) for c in table.other_columns],
    )


def _differs_as_staged(table: TableSpec) -> Fragment:
    """The same, with staged text as it was staged, not as the target's code page has it."""
    staged = [
        strategy_for(c.type).comparable(
            _staged(table, c) if c.type.is_text else _unstaged(table, c)
        )
        for c in table.columns
    ]
    live = [strategy_for(c.type).comparable(column_of("t", c.name)) for c in table.columns]
    return _except(live, staged)


def _except(left: list[Fragment], right: list[Fragment]) -> Fragment:
    return compose(
        "EXISTS (SELECT {left}\n             EXCEPT\n             SELECT {right})",
        left=join(_COMMA_LINE, left),
        right=join(_COMMA_LINE, right),
    )


def _assignments(table: TableSpec) -> Fragment:
    return join(
        _COMMA_LINE,
        (
            compose("{name} = {value}", name=quote(column.name), value=_unstaged(table, column))
            for column in table.other_columns
        ),
    )
