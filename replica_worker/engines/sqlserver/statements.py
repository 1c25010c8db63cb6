"""The statements that read: catalogue, rows, look-ups. Digests are in `digests`.

Half-open ranges on the bare day column with parameters of its own type; explicit columns; no
hint that reads dirty rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from replica_worker.engines.sqlserver.fragments import (
    EMPTY,
    Fragment,
    column_of,
    compose,
    join,
    quote,
    value,
)
from replica_worker.engines.sqlserver.types import EXACT_COLLATION, strategy_for
from replica_worker.engines.sqlserver.zone_days import as_utc, day_in_zone
from replica_worker.engines.values import DAY_FIELD, RowSelection, Side
from replica_worker.model.days import DayRange
from replica_worker.model.specs import ColumnSpec, TableSpec

FIND_COLUMNS = Fragment(
    """
    SELECT c.name                                   AS name,
           COALESCE(bt.name, ut.name)               AS type_name,
           CAST(c.precision AS int)                 AS precision,
           CAST(c.scale AS int)                     AS scale,
           CAST(c.max_length AS int)                AS max_length,
           CAST(c.is_nullable AS int)               AS nullable,
           CAST(c.is_identity AS int) + CAST(c.is_computed AS int) AS made_by_server,
           c.collation_name                         AS collation
      FROM sys.columns c
      JOIN sys.objects o  ON o.object_id = c.object_id
      JOIN sys.schemas s  ON s.schema_id = o.schema_id
      JOIN sys.types ut   ON ut.user_type_id = c.user_type_id
      LEFT JOIN sys.types bt ON bt.user_type_id = ut.system_type_id
     WHERE s.name = ? AND o.name = ? AND o.type IN ('U', 'V')
     ORDER BY c.column_id
    """
)


# ---------------------------------------------------------------- which rows


def rows_of(selection: RowSelection, zone: ZoneInfo, *, also: Iterable[Fragment] = ()) -> Fragment:
    """FROM and WHERE: the selected rows of a table, under the alias `t`."""
    conditions: list[Fragment] = []
    ways = _ways_in(selection, zone)
    if ways:
        conditions.append(compose("({ways})", ways=join("\n    OR ", ways)))
    if selection.changed_since is not None and selection.table.rowversion:
        conditions.append(
            compose(
                "{c} > {watermark}",
                c=column_of("t", selection.table.rowversion),
                watermark=value(selection.changed_since, "binary(8)"),
            )
        )
    conditions.extend(_key_conditions(selection))
    conditions.extend(also)
    return compose(
        "FROM {source} AS t{parent}\n WHERE {conditions}",
        source=quote(selection.schema_name, selection.table_name),
        parent=join_parent(selection, outer=selection.dateless or not ways),
        conditions=join("\n   AND ", conditions) if conditions else Fragment("1 = 1"),
    )


def _key_conditions(selection: RowSelection) -> Iterator[Fragment]:
    keys, column = selection.keys, selection.table.key_columns[0]
    if keys is None:
        return
    key = column_of("t", column.name)
    if keys.first is not None:
        yield compose("{key} >= {bound}", key=key, bound=value(keys.first, key_type(column)))
    if keys.end is not None:
        below = compose("{key} < {bound}", key=key, bound=value(keys.end, key_type(column)))
        with_null = compose("({below} OR {key} IS NULL)", below=below, key=key)
        yield with_null if keys.first is None else below


def _ways_in(selection: RowSelection, zone: ZoneInfo) -> list[Fragment]:
    """The conditions by day of which a row must fulfil one; none if all rows are meant."""
    ways: list[Fragment] = []
    if selection.days is not None:
        ways.append(_day_condition(selection, selection.days, zone))
    if selection.outside is not None:
        column, quoted = _day_of(selection.table)
        ways.append(
            compose(
                "{c} < {first} OR {c} >= {end}",
                c=quoted,
                first=_midnight(column, selection.outside.first, zone),
                end=_midnight(column, selection.outside.end, zone),
            )
        )
    if selection.dateless:
        ways.append(compose("{day} IS NULL", day=_day_of(selection.table)[1]))
    return ways


def join_parent(selection: RowSelection, *, outer: bool = False) -> Fragment:
    """The join, as `p`, to the parent that gives a child its day; nothing for other tables."""
    day_from = selection.table.day_from
    if day_from is None:
        return EMPTY
    parent = day_from.parent if selection.side is Side.SOURCE else day_from.parent_target
    return compose(
        "\n  {join} {parent} AS p ON {on}",
        join="LEFT JOIN" if outer else "JOIN",
        parent=quote(selection.schema_name, parent),
        on=join(
            " AND ",
            (
                compose("{c} = {p}", c=column_of("t", child), p=_parents(selection, child, name))
                for child, name in day_from.on
            ),
        ),
    )


def _parents(selection: RowSelection, child: str, name: str) -> Fragment:
    """The parent's column; in the warehouse its text may have another collation than the child's.

    There the child's is exact (see `ddl`), and so is the parent's if it is a key.
    """
    column = column_of("p", name)
    if selection.side is Side.SOURCE or not selection.table.column(child).type.is_text:
        return column
    return compose("{p} COLLATE {c}", p=column, c=EXACT_COLLATION)


def _day_of(table: TableSpec) -> tuple[ColumnSpec, Fragment]:
    """The column that dates a row, and how it is written."""
    if table.day_from:
        return table.day_from.parent_day, column_of("p", table.day_from.parent_day.name)
    if table.day_column is None:
        raise ValueError(f"table {table.name} has no day")
    return table.column(table.day_column), column_of("t", table.day_column)


def _day_condition(selection: RowSelection, days: DayRange, zone: ZoneInfo) -> Fragment:
    column, quoted = _day_of(selection.table)
    first, end = (_midnight(column, day, zone) for day in (days.first, days.end))
    return compose("{c} >= {first} AND {c} < {end}", c=quoted, first=first, end=end)


def is_selected(selection: RowSelection, zone: ZoneInfo) -> Fragment:
    """The row `t` is one of those that the selection chooses by day, wherever `t` is named."""
    ways = _ways_in(selection, zone)
    if not ways:
        return Fragment("1 = 1")
    chosen = compose("({ways})", ways=join("\n    OR ", ways))
    if selection.table.day_from is None:
        return chosen
    return compose(
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS dated{parent}\n WHERE {chosen})",
        parent=join_parent(selection, outer=True),
        chosen=chosen,
    )


def outside_days(selection: RowSelection, zone: ZoneInfo) -> Fragment:
    """The row is not one of those that the selection chooses by day; NULL counts as not."""
    ways = _ways_in(selection, zone)
    if not ways:
        return Fragment("1 = 0")
    return compose("CASE WHEN {ways} THEN 0 ELSE 1 END = 1", ways=join("\n    OR ", ways))


def _midnight(column: ColumnSpec, day: date, zone: ZoneInfo) -> Fragment:
    """The beginning of a day as text, cast to the column's own type: language-neutral forms."""
    if column.type.base == "datetimeoffset":
        instant = datetime(day.year, day.month, day.day, tzinfo=zone)
        return value(instant.isoformat(), str(column.type))
    if column.type.base == "date":
        return value(day.isoformat(), "date")
    return value(f"{day.isoformat()}T00:00:00", str(column.type))


def day_value(selection: RowSelection, zone: ZoneInfo) -> Fragment:
    """A selected row's day as a date; NULL where it has none."""
    table = selection.table
    if not table.is_daily:
        return Fragment("CAST(NULL AS date)")
    column, quoted = _day_of(table)
    if column.type.base == "datetimeoffset":
        return day_in_zone(quoted, zone, selection.days if selection.outside is None else None)
    return compose("CAST({c} AS date)", c=quoted)


def _readable_day(selection: RowSelection, zone: ZoneInfo) -> Fragment:
    """A row's day as a date; of a datetimeoffset as the text that `zone_days.local_days` reads."""
    if selection.table.is_daily and _day_of(selection.table)[0].type.base == "datetimeoffset":
        return as_utc(_day_of(selection.table)[1])
    return day_value(selection, zone)


# ---------------------------------------------------------------- reading


def long_columns(table: TableSpec) -> tuple[ColumnSpec, ...]:
    """The columns whose values may be too long for the driver to fetch many rows at once."""
    return tuple(column for column in table.columns if strategy_for(column.type).read_bounded)


def select_rows(selection: RowSelection, zone: ZoneInfo, *, long: bool, max_dop: int) -> Fragment:
    """The selected rows, all replicated columns in the spec's order.

    With `long` only the rows that hold a value above its bound, whole; without it all others,
    their long columns bounded, which no value of theirs exceeds.
    """
    also = [_is_long(selection.table, long=long)] if long_columns(selection.table) else []
    return compose(
        "SELECT {columns}\n  {rows}{option}",
        columns=_read_list(selection.table, bounded=not long),
        rows=rows_of(selection, zone, also=also),
        option=option(max_dop),
    )


def _read_list(table: TableSpec, *, bounded: bool) -> Fragment:
    pieces = []
    for column in table.columns:
        strategy = strategy_for(column.type)
        read = strategy.read_bounded if bounded and strategy.read_bounded else strategy.read
        pieces.append(
            compose(
                "{read} AS {name}", read=read(column_of("t", column.name)), name=quote(column.name)
            )
        )
    return join(",\n       ", pieces)


def _is_long(table: TableSpec, *, long: bool) -> Fragment:
    tests = [
        compose(
            "COALESCE(DATALENGTH({c}), 0) {sign} {limit}",
            c=column_of("t", column.name),
            sign=">" if long else "<=",
            limit=strategy_for(column.type).bounded_bytes,
        )
        for column in long_columns(table)
    ]
    return compose("({tests})", tests=join(" OR " if long else " AND ", tests))


def option(max_dop: int) -> Fragment:
    """How many processors the statement may use."""
    return Fragment(f"\nOPTION (MAXDOP {int(max_dop)})") if max_dop else EMPTY


def select_rows_by_key(selection: RowSelection, keys: str, zone: ZoneInfo) -> Fragment:
    """The rows whose keys are listed, and their `_readable_day`; of no day if selected."""
    table = selection.table
    dated = Fragment("1 = 1")
    if not selection.dateless:
        dated = compose("{day} IS NOT NULL", day=_day_of(table)[1])
    return compose(
        """
        SELECT {columns},
               {day} AS {day_field}
          FROM OPENJSON({keys}) WITH ({members}) AS k
          JOIN {source} AS t ON {on}{parent}
         WHERE {dated}
        """,
        columns=_read_list(table, bounded=False),
        day=_readable_day(selection, zone),
        dated=dated,
        day_field=quote(DAY_FIELD),
        keys=value(keys, "nvarchar(max)"),
        members=_key_members(table),
        source=quote(selection.schema_name, selection.table_name),
        on=_on_listed_key(table, selection.side),
        parent=join_parent(selection, outer=True),
    )


SAFE_ROWVERSION = Fragment("SELECT CAST(CAST(MIN_ACTIVE_ROWVERSION() AS bigint) - 1 AS binary(8))")


def changed_days(selection: RowSelection, zone: ZoneInfo) -> Fragment:
    """Row count and highest rowversion of each day."""
    return compose(
        """
        SELECT g,
               COUNT_BIG(*) AS [rows],
               CAST(MAX(version) AS binary(8)) AS newest
          FROM (SELECT {day} AS g,
                       CAST({version} AS bigint) AS version
                  {rows}) AS changed
         WHERE version IS NOT NULL
         GROUP BY g
        """,
        day=day_value(selection, zone),
        version=column_of("t", selection.table.rowversion or ""),
        rows=rows_of(selection, zone),
    )


def keys_in(table: TableSpec, keys: str) -> Fragment:
    """The target's row `t` has one of the listed keys."""
    return compose(
        """EXISTS (SELECT 1
                FROM OPENJSON({keys}) WITH ({members}) AS k
               WHERE {on})""",
        keys=value(keys, "nvarchar(max)"),
        members=_key_members(table),
        on=_on_listed_key(table, Side.WAREHOUSE),
    )


def _key_members(table: TableSpec) -> Fragment:
    return join(", ", (Fragment(f"k{index} nvarchar(4000)") for index in range(len(table.key))))


def _on_listed_key(table: TableSpec, side: Side) -> Fragment:
    return join(
        " AND ",
        (
            _same_key(column, column_of("t", column.name), Fragment(f"k.k{index}"), side)
            for index, column in enumerate(table.key_columns)
        ),
    )


def _same_key(column: ColumnSpec, live: Fragment, text: Fragment, side: Side) -> Fragment:
    """The live key equals the listed text; exactly, where the source's collation is not exact.

    The first comparison is for the key's index: it is made in the collation that the column
    most likely has, and named, as SQL Server refuses to compare texts of two collations.
    """
    is_bytes = column.type.arrow in (pa.binary(), pa.binary(8))
    from_text = compose(
        "CONVERT({type}, {text}, 2)" if is_bytes else "CAST({text} AS {type})",
        text=text,
        type=key_type(column),
    )
    if not column.type.is_text:
        return compose("{live} = {key}", live=live, key=from_text)
    exact = strategy_for(column.type).comparable
    return compose(
        "{live} = {key} COLLATE {collation} AND {exact_live} = {exact_key}",
        live=live,
        key=from_text,
        collation="DATABASE_DEFAULT" if side is Side.SOURCE else EXACT_COLLATION,
        exact_live=exact(live),
        exact_key=exact(from_text),
    )


def key_type(column: ColumnSpec) -> str:
    """The type that a key's text is cast to before it is compared."""
    return strategy_for(column.type).stored_as


def key_as_json(table: TableSpec) -> Fragment:
    """A row's key as a JSON object with members k0, k1…, all text, the same in every engine.

    STRING_ESCAPE puts a backslash before a slash, which no other engine does.
    """
    members = [
        compose(
            "N'{quote}k{index}{quote}: {quote}', "
            "REPLACE(STRING_ESCAPE(CAST({text} AS nvarchar(max)), 'json'), N'\\/', N'/'), "
            "N'{quote}'",
            quote='"',
            index=index,
            text=strategy_for(column.type).text(column_of("t", column.name)),
        )
        for index, column in enumerate(table.key_columns)
    ]
    return compose("CONCAT(N'{{', {members}, N'}}')", members=join(", N', ', ", members))
