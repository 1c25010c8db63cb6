"""How late the source's fixes come: rows by age, and the look-back that catches nearly all.

The age of a fix is the number of days between the day whose rows changed and the business day on
which a check found it. A check finds a change at the first look after it: with nightly history
checks that is the next night, without them it may be much later than the change itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

AGES: tuple[tuple[int, int | None], ...] = ((0, 1), (2, 2), (3, 7), (8, 30), (31, 90), (91, None))
"""Groups of ages in days, first and last included; the last has no end."""

NEARLY_ALL = 0.999


@dataclass(frozen=True, kw_only=True)
class Lateness:
    """The late fixes of one table."""

    table: str
    rows_by_age: tuple[int, ...]  # rows changed, by group of AGES
    look_back: int  # days back that would have caught NEARLY_ALL of these rows

    @property
    def rows(self) -> int:
        """Rows changed in all."""
        return sum(self.rows_by_age)


def measure_lateness(fixes: Iterable[tuple[str, int, int]]) -> list[Lateness]:
    """Each table's lateness, of (table, age in days, rows changed); by table's name."""
    ages: dict[str, dict[int, int]] = {}
    for table, age, rows in fixes:
        of_table = ages.setdefault(table, {})
        of_table[age] = of_table.get(age, 0) + rows
    return [
        Lateness(
            table=table,
            rows_by_age=tuple(
                sum(rows for age, rows in of_table.items() if _is_in(age, first, last))
                for first, last in AGES
            ),
            look_back=_look_back(of_table),
        )
        for table, of_table in sorted(ages.items())
    ]


def _is_in(age: int, first: int, last: int | None) -> bool:
    return age >= first and (last is None or age <= last)


def _look_back(rows_by_age: dict[int, int]) -> int:
    wanted = math.ceil(sum(rows_by_age.values()) * NEARLY_ALL)
    caught = 0
    for age in sorted(rows_by_age):
        caught += rows_by_age[age]
        if caught >= wanted:
            return age
    return max(rows_by_age)
