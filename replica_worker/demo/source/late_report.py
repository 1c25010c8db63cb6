"""What differs at the source between two moments, key by key and day by day.

Owns: fingerprints of the source (key, day, row version) and their comparison. Changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from replica_worker.demo.source import ddl
from replica_worker.demo.source.source_spec import SourceSchema, SourceTable

Key = int | str
# A table without a day column has one fingerprint, under the day None.
_Fingerprint = dict[Key, tuple[date | None, bytes]]
Fingerprints = Mapping[str, _Fingerprint]


@dataclass(frozen=True, kw_only=True)
class ChangedRows:
    """Keys of one table and day by what happened to their rows; `day` is None without days.

    A row that changed its day is in `moved_out` of the old day and `moved_in` of the new one, and
    in no other set.
    """

    table: str
    day: date | None
    inserted: frozenset[Key] = frozenset()
    updated: frozenset[Key] = frozenset()
    deleted: frozenset[Key] = frozenset()
    moved_out: frozenset[Key] = frozenset()
    moved_in: frozenset[Key] = frozenset()


@dataclass(frozen=True, kw_only=True)
class LateStep:
    """One kind of late change and what it was made to: SALES_NOs, or keys of a reference table."""

    name: str
    meaning: str
    subjects: tuple[Key, ...]


@dataclass(frozen=True, kw_only=True)
class LateChanges:
    """Everything that a copy taken before lacks now, up to the end of day `t0`.

    The copy is taken to hold all days before `t0` and the tables without days; so every row of
    `t0` counts as inserted, late payments of the day before included.
    """

    t0: date
    t1: date
    steps: tuple[LateStep, ...]
    changes: tuple[ChangedRows, ...]
    _by_chunk: dict[tuple[str, date | None], ChangedRows] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Index the changes for `of`."""
        self._by_chunk.update({(rows.table, rows.day): rows for rows in self.changes})

    def of(self, table: str, day: date | None) -> ChangedRows:
        """Return the changes of one table and day; empty sets if nothing changed there."""
        return self._by_chunk.get((table, day), ChangedRows(table=table, day=day))


def take_fingerprints(
    connection: psycopg.Connection[tuple[Any, ...]],
    schema: SourceSchema,
    *,
    first_day: date,
    end: date,
) -> Fingerprints:
    """Read key, day and row version of every row of the days `[first_day, end)`."""
    return {
        table.name: _take_fingerprint(connection, schema, table, first_day=first_day, end=end)
        for table in schema.tables.values()
    }


def compare_fingerprints(before: Fingerprints, after: Fingerprints) -> tuple[ChangedRows, ...]:
    """Return what happened in between, ordered by table and day."""
    changes: list[ChangedRows] = []
    for table in sorted(after):
        found = _compare_table(before[table], after[table])
        # None sorts with the days as if it came first.
        for day in sorted(found, key=lambda day: day or date.min):
            keys_by_kind = {kind: frozenset(keys) for kind, keys in found[day].items()}
            changes.append(ChangedRows(table=table, day=day, **keys_by_kind))
    return tuple(changes)


def _take_fingerprint(
    connection: psycopg.Connection[tuple[Any, ...]],
    schema: SourceSchema,
    table: SourceTable,
    *,
    first_day: date,
    end: date,
) -> _Fingerprint:
    (key,) = table.key
    day = sql.SQL("NULL") if table.day_column is None else ddl.identifier(table.day_column)
    query = sql.SQL("SELECT {key}, {day}, {rowversion} FROM {table}").format(
        key=ddl.identifier(key),
        day=day,
        rowversion=ddl.identifier(table.rowversion),
        table=ddl.identifier(schema.name, table.name),
    )
    if table.day_column is not None:
        query += sql.SQL(" WHERE {day} >= %(first_day)s AND {day} < %(end)s").format(day=day)
    rows = connection.execute(query, {"first_day": first_day, "end": end})
    return {key_value: (day_value, rowversion) for key_value, day_value, rowversion in rows}


def _compare_table(
    before: _Fingerprint, after: _Fingerprint
) -> dict[date | None, dict[str, set[Key]]]:
    found: dict[date | None, dict[str, set[Key]]] = defaultdict(lambda: defaultdict(set))
    for key, (day, _) in before.items():
        if key not in after:
            found[day]["deleted"].add(key)
    for key, (day, rowversion) in after.items():
        day_before, rowversion_before = before.get(key, (None, None))
        if key not in before:
            found[day]["inserted"].add(key)
        elif day_before != day:
            found[day_before]["moved_out"].add(key)
            found[day]["moved_in"].add(key)
        elif rowversion_before != rowversion:
            found[day]["updated"].add(key)
    return found
