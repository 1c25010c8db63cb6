"""Texts that are dates, as T-SQL reads them: the style that goes with each format, never an error.

TRY_CONVERT alone is too kind: it makes 1900-01-01 of a time or an empty text, and reads
`2026-3-4` by the style for day-first dates as the third of April. So each style is tried only on
texts of its own shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from replica_worker.engines.sqlserver.fragments import Fragment, column_of, compose, join
from replica_worker.engines.sqlserver.statements import rows_of
from replica_worker.engines.sqlserver.types import EXACT_COLLATION
from replica_worker.engines.values import RowSelection
from replica_worker.model.reading import DateFormat
from replica_worker.model.specs import ColumnSpec

_YEAR = "[12][0-9][0-9][0-9]"
_MONTH_NAME = "[A-Za-z][A-Za-z][A-Za-z]"


@dataclass(frozen=True)
class _Reading:
    like: str  # the shape
    style: int  # of CONVERT


_READINGS = {
    DateFormat.YEAR_FIRST: _Reading(f"{_YEAR}-[0-9]%-[0-9]%", 121),
    DateFormat.YEAR_FIRST_SLASHES: _Reading(f"{_YEAR}/[0-9]%/[0-9]%", 111),
    DateFormat.DAY_FIRST_SLASHES: _Reading(f"[0-9]%/[0-9]%/{_YEAR}%", 103),
    DateFormat.DAY_FIRST_DASHES: _Reading(f"[0-9]%-[0-9]%-{_YEAR}%", 105),
    DateFormat.DAY_FIRST_DOTS: _Reading(f"[0-9]%.[0-9]%.{_YEAR}%", 104),
    # The one style that depends on the session's language: names of months are English in it.
    DateFormat.DAY_FIRST_NAMED: _Reading(f"[0-9]% {_MONTH_NAME} {_YEAR}%", 106),
    DateFormat.MONTH_FIRST_SLASHES: _Reading(f"[0-9]%/[0-9]%/{_YEAR}%", 101),
    DateFormat.MONTH_FIRST_DASHES: _Reading(f"[0-9]%-[0-9]%-{_YEAR}%", 110),
}


def as_datetime(column: ColumnSpec) -> Fragment:
    """The text as `datetime`, by the first format that fits; NULL if none does."""
    written = column_of("t", column.name)
    attempts = [_attempt(written, _READINGS[one]) for one in column.date_formats]
    if len(attempts) == 1:
        return attempts[0]
    return compose("COALESCE(\n           {attempts})", attempts=join(",\n           ", attempts))


def _attempt(written: Fragment, reading: _Reading) -> Fragment:
    # A T between date and time is a blank to style 121; style 126 takes nothing but a T.
    text = f"REPLACE({written}, 'T', ' ')" if reading.style == 121 else str(written)
    return Fragment(
        f"CASE WHEN {written} COLLATE {EXACT_COLLATION} LIKE '{reading.like}'"
        f" THEN TRY_CONVERT(datetime, {text}, {reading.style}) END"
    )


def count_unparsable(selection: RowSelection, zone: ZoneInfo) -> Fragment:
    """How many texts of the selected rows hold something that no format of theirs fits."""
    counts = [
        compose(
            "CASE WHEN {written} <> '' AND {date} IS NULL THEN 1 ELSE 0 END",
            written=column_of("t", column.name),
            date=as_datetime(column),
        )
        for column in selection.table.date_texts
    ]
    return compose(
        "SELECT COALESCE(SUM(CAST({counts} AS bigint)), 0)\n  {rows}",
        counts=join("\n     + ", counts),
        rows=rows_of(selection, zone),
    )
