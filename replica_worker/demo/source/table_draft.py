"""One record batch of one table in the making.

Owns: taking the columns that facts decide, spelling dates and times as the source does (a date
column beside a text column), and filling every other column by its rule. Does not know sales.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replica_worker.demo.source import arrow_columns as columns
from replica_worker.demo.source import vocabulary as words
from replica_worker.demo.source.arrow_columns import Integers, Mask
from replica_worker.demo.source.column_rules import ColumnRule, rule_for
from replica_worker.demo.source.source_spec import SourceTable

_EPOCH = date(1970, 1, 1)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DATE_FORMATS = 3
_UNPARSABLE_SHARE = 0.001
_RARE_DATE_SHARE = 0.02


def epoch_days(day: date) -> int:
    """Return days since 1970-01-01."""
    return (day - _EPOCH).days


class TableDraft:
    """Collects columns by name; a column that the table does not have is left out."""

    def __init__(self, *, table: SourceTable, rows: int, day: date, seed: int, part: int) -> None:
        """Start a batch of `rows` rows; `part` tells batches of the same table and day apart."""
        self._table = table
        self._rows = rows
        self._day = day
        stream = zlib.crc32(table.name.encode())
        self._rng = np.random.default_rng([seed, stream, day.toordinal(), part])
        self._arrays: dict[str, pa.Array] = {}

    def put(self, arrays: Mapping[str, pa.Array]) -> None:
        """Take columns that facts decide."""
        for name, array in arrays.items():
            if name in self._table.column_names:
                self._arrays[name] = array

    def put_dates(
        self,
        name: str,
        days: Integers,
        formats: Integers,
        *,
        missing: Mask | None = None,
        seconds: Integers | None = None,
    ) -> None:
        """Take `DATETIME__<name>`, the text `<name>` in each row's format and the year."""
        text = _spelled(days, formats)
        if seconds is not None:
            text = columns.joined(text, " ", columns.clock(seconds))
        text = self._with_unparsable(text)
        if missing is not None:
            empty = missing & (self._rng.random(self._rows) < 0.5)
            text = columns.blanked(text, missing & ~empty)
            text = _replaced(text, empty, pa.scalar(""))
        self.put(
            {
                f"DATETIME__{name}": columns.dates(days, missing),
                name: text,
                f"SRV_YYYY__{name}": columns.blanked(_years(days), missing),
            }
        )

    def put_times(self, name: str, seconds: Integers, *, missing: Mask | None = None) -> None:
        """Take the text `<name>` as the till prints it and `TIME__<name>` in 24 hours."""
        self.put(
            {
                name: columns.blanked(columns.clock_12h(seconds), missing),
                f"TIME__{name}": columns.blanked(columns.clock(seconds), missing),
            }
        )

    def finish(self, *, first_rowversion: int) -> pa.RecordBatch:
        """Fill what is missing by the column rules and return the batch in the table's order."""
        self._put_rare_dates()
        self.put({self._table.rowversion: columns.rowversions(first_rowversion, self._rows)})
        for column in self._table.columns:
            if column.name not in self._arrays:
                pool = _pool(rule_for(column), column.arrow_type)
                self._arrays[column.name] = pool.take(self._drawn(rule_for(column)))
        arrays = [self._arrays[column.name] for column in self._table.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self._table.arrow_schema)

    def _drawn(self, rule: ColumnRule) -> pa.Array:
        """Return indices into the rule's pool; one row at least has one of the other values."""
        index = np.zeros(self._rows, dtype=np.int32)
        if not rule.others or self._rows == 0:
            return pa.array(index)
        count = max(1, int(self._rng.binomial(self._rows, rule.share)))
        drawn = self._rng.integers(1, len(rule.others) + 1, size=count, dtype=np.int32)
        index[self._rng.integers(0, self._rows, size=count)] = drawn
        return pa.array(index)

    def _put_rare_dates(self) -> None:
        for column in self._table.columns:
            if not column.name.startswith("DATETIME__") or column.name in self._arrays:
                continue
            missing = self._rng.random(self._rows) >= _RARE_DATE_SHARE
            missing[self._rng.integers(0, self._rows)] = False
            days = epoch_days(self._day) + self._rng.integers(-30, 365, size=self._rows)
            # 1900-01-01 is what SQL Server makes of an empty text, so real sources are full of it.
            days[self._rng.random(self._rows) < 0.1] = epoch_days(date(1900, 1, 1))
            formats = self._rng.integers(0, DATE_FORMATS, size=self._rows)
            name = column.name.removeprefix("DATETIME__")
            self.put_dates(name, days, formats, missing=missing)

    def _with_unparsable(self, text: pa.Array) -> pa.Array:
        wrong = self._rng.random(self._rows) < _UNPARSABLE_SHARE
        index = self._rng.integers(0, len(words.UNPARSABLE_DATES), size=self._rows)
        return _replaced(text, wrong, pa.array(words.UNPARSABLE_DATES).take(pa.array(index)))


@lru_cache(maxsize=4096)
def _pool(rule: ColumnRule, arrow_type: pa.DataType) -> pa.Array:
    return pa.array([rule.usual, *rule.others], type=arrow_type)


def _replaced(text: pa.Array, where: Mask, replacement: Any) -> pa.Array:
    return pa.compute.if_else(pa.array(where), replacement, text)


def _years(days: Integers) -> pa.Array:
    years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return columns.whole_numbers(years, pa.int32())


def _spelled(days: Integers, formats: Integers) -> pa.Array:
    distinct, place = np.unique(days, return_inverse=True)
    spellings = pa.array([text for number in distinct.tolist() for text in _spellings(number)])
    index: npt.NDArray[np.int64] = place.astype(np.int64) * DATE_FORMATS + formats
    return spellings.take(pa.array(index))


@lru_cache(maxsize=65_536)
def _spellings(number: int) -> tuple[str, str, str]:
    day = _EPOCH + timedelta(days=number)
    return (
        f"{day.day:02d}/{day.month:02d}/{day.year:04d}",
        f"{day.year:04d}-{day.month:02d}-{day.day:02d}",
        f"{day.day:02d} {_MONTHS[day.month - 1]} {day.year:04d}",
    )
