"""Live tables of a SQL Server as values: columns with their types spelled out, and unique keys."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from replica_worker.engines.sqlserver.fragments import Fragment
from replica_worker.model.live import LiveColumn, LiveTable

# An alias type is told by the system type below it; a CLR type has none.
FIND_COLUMNS = Fragment(
    """
    SELECT s.name                      AS schema_name,
           o.name                      AS table_name,
           CAST(o.type AS varchar(2))  AS kind,
           c.name                      AS name,
           COALESCE(bt.name, ut.name)  AS type_name,
           CAST(c.precision AS int)    AS precision,
           CAST(c.scale AS int)        AS scale,
           CAST(c.max_length AS int)   AS max_length,
           CAST(c.is_nullable AS int)  AS is_nullable
      FROM sys.columns c
      JOIN sys.objects o  ON o.object_id = c.object_id
      JOIN sys.schemas s  ON s.schema_id = o.schema_id
      JOIN sys.types ut   ON ut.user_type_id = c.user_type_id
      LEFT JOIN sys.types bt ON bt.user_type_id = ut.system_type_id
     WHERE s.name = ? AND o.name = ? AND o.type IN ('U', 'V')
     ORDER BY c.column_id
    """
)
# A filtered index keeps only the rows of its filter unique.
FIND_UNIQUE = Fragment(
    """
    SELECT CAST(i.index_id AS int) AS index_id,
           c.name                  AS column_name
      FROM sys.indexes i
      JOIN sys.index_columns ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
      JOIN sys.columns c        ON c.object_id = ic.object_id AND c.column_id = ic.column_id
      JOIN sys.objects o        ON o.object_id = i.object_id
      JOIN sys.schemas s        ON s.schema_id = o.schema_id
     WHERE s.name = ? AND o.name = ? AND o.type IN ('U', 'V')
       AND i.is_unique = 1 AND i.has_filter = 0 AND ic.is_included_column = 0
     ORDER BY i.is_primary_key DESC, i.index_id, ic.key_ordinal
    """
)
_WIDE_CHARACTERS = ("nchar", "nvarchar")  # two bytes each
_SIZED = (*_WIDE_CHARACTERS, "char", "varchar", "binary", "varbinary")
_FRACTIONS = ("time", "datetime2", "datetimeoffset")


def live_table(
    columns: Sequence[Sequence[Any]], unique: Sequence[Sequence[Any]]
) -> LiveTable | None:
    """The value for rows of FIND_COLUMNS and FIND_UNIQUE; None if there is no column."""
    if not columns:
        return None
    schema, name, kind = columns[0][:3]
    return LiveTable(
        schema=str(schema),
        name=str(name),
        is_view=str(kind).strip() == "V",
        columns=tuple(
            LiveColumn(
                name=str(row[3]),
                spelling=spelling_of(
                    str(row[4]), precision=row[5], scale=row[6], max_length=row[7]
                ),
                nullable=bool(row[8]),
            )
            for row in columns
        ),
        unique=tuple(
            tuple(str(column) for _, column in group)
            for _, group in groupby(unique, key=lambda row: row[0])
        ),
    )


def spelling_of(type_name: str, *, precision: int, scale: int, max_length: int) -> str:
    """`decimal(16,4)`, `nvarchar(45)`, `varchar(max)`: a type as a CREATE TABLE spells it."""
    if type_name in ("decimal", "numeric"):
        return f"{type_name}({precision},{scale})"
    if type_name in _FRACTIONS:
        return f"{type_name}({scale})"
    if type_name in _SIZED:
        if max_length == -1:
            return f"{type_name}(max)"
        return f"{type_name}({max_length // 2 if type_name in _WIDE_CHARACTERS else max_length})"
    return type_name
