"""The statements that read: catalogue, rows, digests, look-ups.

Half-open ranges on the bare day column with parameters of its own type; explicit columns; no
hint that reads dirty rows. The encoding of a row that is hashed is the same for every engine:
for each column `N` if NULL, else the text's length in bytes, a colon and the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from replica_worker.engines.interface import DAY_FIELD, RowSelection, Side
from replica_worker.engines.sqlserver.fragments import (
    EMPTY,
    Fragment,
    column_of,
    compose,
    join,
    quote,
    value,
)
from replica_worker.engines.sqlserver.types import BOUNDED_BYTES, strategy_for
from replica_worker.model.days import DayRange
from replica_worker.model.digests import DigestKind
from replica_worker.model.specs import ColumnSpec, TableSpec

KEYS_PER_LIST = 5000
_ARGUMENTS_PER_CALL = 90  # CONCAT takes 254 arguments, on some servers 100

FIND_COLUMNS = Fragment(
    """
    SELECT c.name                                   AS name,
           COALESCE(bt.name, ut.name)               AS type_name,
           CAST(c.precision AS int)                 AS precision,
           CAST(c.scale AS int)                     AS scale,
           CAST(c.max_length AS int)                AS max_length
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


def rows_of(
    selection: RowSelection,
    zone: ZoneInfo,
    *,
    with_orphans: bool = False,
    also: Iterable[Fragment] = (),
) -> Fragment:
    """FROM and WHERE: the selected rows of a table, under the alias `t`.

    `with_orphans` adds those rows of a child table whose parent is missing, as no day is theirs.
    """
    conditions: list[Fragment] = []
    orphans = (with_orphans or selection.dateless) and selection.table.day_from is not None
    if selection.dateless:
        conditions.append(compose("{day} IS NULL", day=_day_of(selection.table)[1]))
    elif selection.days is not None:
        conditions.append(_day_condition(selection, selection.days, zone, with_orphans=orphans))
    if selection.changed_since is not None and selection.table.rowversion:
        conditions.append(
            compose(
                "{c} > {watermark}",
                c=column_of("t", selection.table.rowversion),
                watermark=value(selection.changed_since, "binary(8)"),
            )
        )
    conditions.extend(also)
    return compose(
        "FROM {source} AS t{parent}\n WHERE {conditions}",
        source=quote(selection.schema_name, selection.table_name),
        parent=join_parent(selection, outer=orphans),
        conditions=join("\n   AND ", conditions) if conditions else Fragment("1 = 1"),
    )


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
                compose("{c} = {p}", c=column_of("t", child), p=column_of("p", name))
                for child, name in day_from.on
            ),
        ),
    )


def _day_of(table: TableSpec) -> tuple[ColumnSpec, Fragment]:
    """The column that dates a row, and how it is written."""
    if table.day_from:
        return table.day_from.parent_day, column_of("p", table.day_from.parent_day.name)
    if table.day_column is None:
        raise ValueError(f"table {table.name} has no day")
    return table.column(table.day_column), column_of("t", table.day_column)


def _day_condition(
    selection: RowSelection, days: DayRange, zone: ZoneInfo, *, with_orphans: bool
) -> Fragment:
    column, quoted = _day_of(selection.table)
    first, end = (_midnight(column, day, zone) for day in (days.first, days.end))
    within = compose("{c} >= {first} AND {c} < {end}", c=quoted, first=first, end=end)
    if not with_orphans or selection.table.day_from is None:
        return within
    parent_key = column_of("p", selection.table.day_from.on[0][1])
    return compose("({within} OR {key} IS NULL)", within=within, key=parent_key)


def outside_days(selection: RowSelection, zone: ZoneInfo) -> Fragment:
    """The row's day is not one of the selection's; also if it has none."""
    if selection.days is None:
        return Fragment("1 = 0")
    within = _day_condition(selection, selection.days, zone, with_orphans=False)
    return compose(
        "(NOT ({within}) OR {day} IS NULL)", within=within, day=_day_of(selection.table)[1]
    )


def _midnight(column: ColumnSpec, day: date, zone: ZoneInfo) -> Fragment:
    """The beginning of a day as text, cast to the column's own type: language-neutral forms."""
    if column.type.base == "datetimeoffset":
        instant = datetime(day.year, day.month, day.day, tzinfo=zone)
        return value(instant.isoformat(), str(column.type))
    if column.type.base == "date":
        return value(day.isoformat(), "date")
    return value(f"{day.isoformat()}T00:00:00", str(column.type))


def _day_value(table: TableSpec, zone: ZoneInfo) -> Fragment:
    """A row's day as a date; NULL where it has none."""
    if not table.is_daily:
        return Fragment("CAST(NULL AS date)")
    column, quoted = _day_of(table)
    if column.type.base == "datetimeoffset":
        offset = datetime(2000, 1, 1, tzinfo=zone).strftime("%z")
        return compose(
            "CAST(SWITCHOFFSET({c}, {offset}) AS date)",
            c=quoted,
            offset=value(f"{offset[:3]}:{offset[3:]}", "varchar(6)"),
        )
    return compose("CAST({c} AS date)", c=quoted)


# ---------------------------------------------------------------- reading


def long_columns(table: TableSpec) -> tuple[ColumnSpec, ...]:
    """The columns whose values may be too long for the driver to fetch many rows at once."""
    return tuple(column for column in table.columns if strategy_for(column.type).read_bounded)


def select_rows(selection: RowSelection, zone: ZoneInfo, *, long: bool, max_dop: int) -> Fragment:
    """The selected rows, all replicated columns in the spec's order.

    With `long` only the rows that hold a value above BOUNDED_BYTES, whole; without it all
    others, their long columns bounded, which no value of theirs exceeds.
    """
    also = [_is_long(selection.table, long=long)] if long_columns(selection.table) else []
    return compose(
        "SELECT {columns}\n  {rows}{option}",
        columns=_read_list(selection.table, bounded=not long),
        rows=rows_of(selection, zone, also=also),
        option=_option(max_dop),
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
            limit=BOUNDED_BYTES,
        )
        for column in long_columns(table)
    ]
    return compose("({tests})", tests=join(" OR " if long else " AND ", tests))


def _option(max_dop: int) -> Fragment:
    return Fragment(f"\nOPTION (MAXDOP {int(max_dop)})") if max_dop else EMPTY


def select_rows_by_key(selection: RowSelection, keys: str, zone: ZoneInfo) -> Fragment:
    """The rows on any day, but not those of no day, whose keys are listed; and their day."""
    table = selection.table
    return compose(
        """
        SELECT {columns},
               {day} AS {day_field}
          FROM OPENJSON({keys}) WITH ({members}) AS k
          JOIN {source} AS t ON {on}{parent}
         WHERE {day} IS NOT NULL
        """,
        columns=_read_list(table, bounded=False),
        day=_day_value(table, zone),
        day_field=quote(DAY_FIELD),
        keys=value(keys, "nvarchar(max)"),
        members=join(
            ", ", (Fragment(f"k{index} nvarchar(4000)") for index in range(len(table.key)))
        ),
        source=quote(selection.schema_name, selection.table_name),
        on=join(
            " AND ",
            (
                _same_key(column, column_of("t", column.name), Fragment(f"k.k{index}"))
                for index, column in enumerate(table.key_columns)
            ),
        ),
        parent=join_parent(selection, outer=True),
    )


def _same_key(column: ColumnSpec, live: Fragment, text: Fragment) -> Fragment:
    """The live key equals the listed text; exactly, where the source's collation is not exact."""
    from_text = compose("CAST({text} AS {type})", text=text, type=key_type(column))
    if not column.type.is_text:
        return compose("{live} = {key}", live=live, key=from_text)
    exact = strategy_for(column.type).comparable
    return compose(
        "{live} = {key} AND {exact_live} = {exact_key}",
        live=live,
        key=from_text,
        exact_live=exact(live),
        exact_key=exact(from_text),
    )


def key_type(column: ColumnSpec) -> str:
    """The type that a key's text is cast to before it is compared."""
    return strategy_for(column.type).stored_as


# ---------------------------------------------------------------- digests


def row_hash(columns: Iterable[ColumnSpec], alias: str = "t") -> Fragment:
    """MD5, as 16 bytes, of the encoding of a row's columns."""
    parts = [
        compose(
            "CASE WHEN {c} IS NULL THEN N'N' ELSE "
            "CONCAT(DATALENGTH({text}), N':', CAST({text} AS nvarchar(max))) END",
            c=column_of(alias, column.name),
            text=strategy_for(column.type).text(column_of(alias, column.name)),
        )
        for column in columns
    ]
    groups = [
        compose(
            "CONCAT(CAST(N'' AS nvarchar(max)), {parts})", parts=join(",\n              ", group)
        )
        for group in (
            parts[at : at + _ARGUMENTS_PER_CALL] for at in range(0, len(parts), _ARGUMENTS_PER_CALL)
        )
    ]
    whole = (
        groups[0]
        if len(groups) == 1
        else compose("CONCAT(CAST(N'' AS nvarchar(max)), {groups})", groups=join(", ", groups))
    )
    return compose("HASHBYTES('MD5', {whole})", whole=whole)


def hashed_columns(table: TableSpec, kind: DigestKind) -> tuple[ColumnSpec, ...]:
    """The columns that a digest of this kind covers."""
    if kind is DigestKind.VERSION and table.rowversion:
        return (*table.key_columns, table.column(table.rowversion))
    return table.columns


def digest_rows(
    selection: RowSelection, kind: DigestKind, zone: ZoneInfo, *, max_dop: int
) -> Fragment:
    """Row count and the sums of the two halves of the row hashes, as text."""
    return compose(
        """
        SELECT COUNT_BIG(*) AS [rows],
               CONVERT(varchar(40), COALESCE(SUM({high}), 0)) AS high,
               CONVERT(varchar(40), COALESCE(SUM({low}), 0))  AS low
          FROM (SELECT {hash} AS h
                  {rows}) AS hashed{option}
        """,
        high=_half(1),
        low=_half(9),
        hash=row_hash(hashed_columns(selection.table, kind)),
        rows=rows_of(selection, zone),
        option=_option(max_dop),
    )


def _half(start: int) -> Fragment:
    return Fragment(f"CAST(CAST(SUBSTRING(h, {start}, 8) AS bigint) AS decimal(38,0))")


def select_row_hashes(selection: RowSelection, zone: ZoneInfo, *, max_dop: int) -> Fragment:
    """Key, as JSON, and content hash of every selected row."""
    return compose(
        """
        SELECT [key], CONCAT({high}, ':', {low}) AS hash
          FROM (SELECT {key} AS [key],
                       {hash} AS h
                  {rows}) AS hashed{option}
        """,
        high=_half(1),
        low=_half(9),
        key=key_as_json(selection.table),
        hash=row_hash(selection.table.columns),
        rows=rows_of(selection, zone),
        option=_option(max_dop),
    )


def key_as_json(table: TableSpec) -> Fragment:
    """A row's key as a JSON object with members k0, k1…, all text."""
    members = [
        compose(
            "N'{quote}k{index}{quote}: {quote}', "
            "STRING_ESCAPE(CAST({text} AS nvarchar(max)), 'json'), N'{quote}'",
            quote='"',
            index=index,
            text=strategy_for(column.type).text(column_of("t", column.name)),
        )
        for index, column in enumerate(table.key_columns)
    ]
    return compose("CONCAT(N'{{', {members}, N'}}')", members=join(", N', ', ", members))
