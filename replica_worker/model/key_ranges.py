"""Ranges of keys by which a huge chunk is read: how many, between which keys, of which tables.

A range is half-open and holds the rows whose first key column lies in it; the first range has no
beginning and the last no end, so every row lies in exactly one of them, whatever came to the
source since the bounds were chosen. A key that is NULL, as a source without a constraint may hold
one, lies in the first: its row must be met, to be refused.

All that this asks of a key is that the server compares a bound with a column in one total order,
and that the bound survives as text. Which order that is, and whether it tells all keys apart, does
not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from replica_worker.model.specs import TableSpec

FEWEST_ROWS = 10_000
"""Of one statement: below that, asking once more costs more than it saves."""

_MOST_STATEMENTS = 100
_ORDERED = frozenset(
    {
        *("bigint", "int", "smallint", "tinyint", "decimal", "money", "smallmoney"),
        *("date", "datetime", "datetime2", "smalldatetime"),
        *("char", "varchar", "nchar", "nvarchar", "uniqueidentifier"),
    }
)
"""Not among them: float and real, whose NaN has no place in every server's order; datetimeoffset
and time, whose text a server rounds in its own way; binary types, whose text is no literal of
them; and bit, which has two values."""


@dataclass(frozen=True, kw_only=True)
class KeyRange:
    """Rows whose first key column is at least `first` and below `end`, as the server orders."""

    first: str | None  # as text; None: from the lowest, and NULL
    end: str | None  # None: to the highest


@dataclass(frozen=True, kw_only=True)
class SplitRules:
    """When a chunk is read by more than one statement."""

    most_rows: int = 1_000_000  # of one statement; 0: a chunk is never split
    seconds: float = 60  # that one statement is meant to last

    def rows_per_statement(self, rows_per_second: float | None) -> int:
        """At the pace that the table was read at before; None: that is not known."""
        if not rows_per_second:
            return self.most_rows
        meant = int(rows_per_second * self.seconds)
        return max(min(FEWEST_ROWS, self.most_rows), min(self.most_rows, meant))

    def count_statements(self, rows: int, rows_per_second: float | None) -> int:
        """By how many statements so many rows are read."""
        if not self.most_rows:
            return 1
        wanted = math.ceil(rows / self.rows_per_statement(rows_per_second))
        return max(1, min(wanted, _MOST_STATEMENTS))


def can_be_split(table: TableSpec) -> bool:
    """Whether the table's first key column has a type that ranges can be told of."""
    return table.key_columns[0].type.base in _ORDERED


def ranges_between(bounds: Iterable[str]) -> list[KeyRange]:
    """The ranges that the bounds, in the server's order, cut all keys into."""
    cuts: list[str | None] = [None, *dict.fromkeys(bounds), None]
    return [KeyRange(first=first, end=end) for first, end in pairwise(cuts)]
