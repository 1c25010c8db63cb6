"""What a spec file asks of the warehouse for those who read it: indexes, and texts that are dates.

Values and their checks. How an engine makes an index or turns a text into a date is its own matter.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from replica_worker.model.types import MAX_LENGTH, SqlType

_NEVER_INDEXED = frozenset({"text", "ntext", "image", "xml"})


class DateFormat(StrEnum):
    """A way in which a text column writes dates.

    Day and month have one or two digits, the year four, not before 1753. A time may follow:
    `HH:MM`, `HH:MM:SS` or `HH:MM:SS.mmm`, with AM or PM or without.
    """

    YEAR_FIRST = "YYYY-MM-DD"
    YEAR_FIRST_SLASHES = "YYYY/MM/DD"
    DAY_FIRST_SLASHES = "DD/MM/YYYY"
    DAY_FIRST_DASHES = "DD-MM-YYYY"
    DAY_FIRST_DOTS = "DD.MM.YYYY"
    DAY_FIRST_NAMED = "DD Mon YYYY"
    MONTH_FIRST_SLASHES = "MM/DD/YYYY"
    MONTH_FIRST_DASHES = "MM-DD-YYYY"


@dataclass(frozen=True, kw_only=True)
class IndexSpec:
    """A covering index: found by `on`, answered with `include` and the key without the table."""

    on: tuple[str, ...]
    include: tuple[str, ...] = ()


def check_index(index: IndexSpec, columns: dict[str, SqlType]) -> None:
    """ValueError if the index names a column twice, or one that cannot be indexed."""
    if not index.on:
        raise ValueError("an index names no column in `on`")
    listed = (*index.on, *index.include)
    for name in listed:
        if listed.count(name) > 1:
            raise ValueError(f"an index names column {name} twice")
        if name not in columns:
            raise ValueError(f"an index names {name}, which is no replicated column")
    for name in index.on:
        sql_type = columns[name]
        if sql_type.base in _NEVER_INDEXED or sql_type.length == MAX_LENGTH:
            raise ValueError(f"an index is on column {name} of type {sql_type}, which takes none")


def check_date_formats(formats: Collection[DateFormat], sql_type: SqlType) -> None:
    """ValueError if a column that is no text is said to write dates."""
    if formats and not (sql_type.is_text and sql_type.length is not None):
        raise ValueError(
            f"date_formats are for char, varchar, nchar and nvarchar columns, not for {sql_type}"
        )
