"""What a run-to-be will take, foretold from its plan and from what was measured before. Pure.

Nothing here is a promise: rows come from a count at the source, sizes and times from the table's
last loads. Where there were none, sizes are a guess from the columns' types, and times unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from replica_worker.model.caps import SourceCaps
from replica_worker.model.chunks import Plan
from replica_worker.model.specs import TableSpec
from replica_worker.model.types import MAX_LENGTH, SqlType

_TEXT_SHARE, _LONGEST_TEXT = 8, 32
"""Of its declared length a text takes an eighth, and seldom more than so many bytes."""

_MAX_TEXT = 64
_PARQUET_SHARE = 4  # Parquet takes about a quarter of what rows take in memory
_FIXED = {
    **dict.fromkeys(("bigint", "float", "datetime", "datetime2", "time", "rowversion"), 8),
    **dict.fromkeys(("int", "real", "date", "smalldatetime"), 4),
    **dict.fromkeys(("decimal", "money", "smallmoney"), 16),
    **dict.fromkeys(("smallint",), 2),
    **dict.fromkeys(("tinyint", "bit"), 1),
    **dict.fromkeys(("datetimeoffset",), 34),
    **dict.fromkeys(("uniqueidentifier",), 36),
}


@dataclass(frozen=True, kw_only=True)
class PastLoad:
    """A chunk that was loaded."""

    rows: int
    seconds: float  # of a worker, from its claim to its end
    source_bytes: int  # as they lay in Arrow; 0: not measured
    parquet_bytes: int


@dataclass(frozen=True, kw_only=True)
class TableForecast:
    """What the plan's chunks of a table will take."""

    table: str
    chunks: int
    hand_outs: int  # fewer than chunks where small days go together
    rows: int | None  # None: not known
    is_counted: bool  # all rows were counted at the source, but for the strays
    source_bytes: int | None
    parquet_bytes: int | None
    is_guess: bool  # the bytes come from the columns' types
    work_seconds: float | None  # of workers, all together; None: not known
    longest_seconds: float | None  # of its largest chunk, which one worker does


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a plan will take."""

    tables: tuple[TableForecast, ...]
    workers: int  # that share the work
    caps: SourceCaps = field(default_factory=SourceCaps)

    @property
    def rows(self) -> int | None:
        """Of all tables; None if some table's are not known."""
        return _total([table.rows for table in self.tables])

    @property
    def source_bytes(self) -> int | None:
        """Likewise."""
        return _total([table.source_bytes for table in self.tables])

    @property
    def parquet_bytes(self) -> int | None:
        """Likewise."""
        return _total([table.parquet_bytes for table in self.tables])

    @property
    def seconds(self) -> float | None:
        """While the run may work: shared by the workers, no faster than a chunk or a cap allows."""
        work = [table.work_seconds for table in self.tables]
        longest = [table.longest_seconds or 0.0 for table in self.tables]
        known = [seconds for seconds in work if seconds is not None]
        if len(known) < len(work):
            return None
        return max(
            sum(known) / self.workers,
            max(longest, default=0.0),
            _at_most(self.rows, self.caps.rows_per_second),
            _at_most(self.source_bytes, self.caps.bytes_per_second),
        )


def foretell(
    plan: Plan,
    tables: Sequence[TableSpec],
    past: Mapping[str, Sequence[PastLoad]],
    *,
    workers: int,
    caps: SourceCaps,
) -> Forecast:
    """The forecast of a plan; `past` gives each table's last loads."""
    foretold = [_foretell_table(plan, table, past.get(table.name, ())) for table in tables]
    return Forecast(
        tables=tuple(one for one in foretold if one.chunks), workers=max(1, workers), caps=caps
    )


def _foretell_table(plan: Plan, table: TableSpec, past: Sequence[PastLoad]) -> TableForecast:
    chunks = [chunk for chunk in plan.chunks if chunk.table == table.name]
    sizes = [chunk.rows_expected for chunk in chunks if not chunk.is_strays]
    known = [size for size in sizes if size is not None]
    unknown = len(sizes) - len(known)
    usual = sum(load.rows for load in past) / len(past) if past else None
    rows = None if unknown and usual is None else sum(known) + round(unknown * (usual or 0))
    source_each, parquet_each, is_guess = _bytes_per_row(table, past)
    pace = _Pace.of(past)
    largest = max(known, default=round(usual or 0))
    return TableForecast(
        table=table.name,
        chunks=len(chunks),
        hand_outs=len({chunk.group_day or chunk.day for chunk in chunks}),
        rows=rows,
        is_counted=unknown == 0,
        source_bytes=None if rows is None else round(rows * source_each),
        parquet_bytes=None if rows is None else round(rows * parquet_each),
        is_guess=is_guess,
        work_seconds=None if rows is None or pace is None else pace.seconds(len(chunks), rows),
        longest_seconds=None if rows is None or pace is None else pace.seconds(1, largest),
    )


@dataclass(frozen=True, kw_only=True)
class _Pace:
    """What a chunk takes: so much whatever its size, and so much for each of its rows."""

    chunk_seconds: float
    row_seconds: float

    @classmethod
    def of(cls, past: Sequence[PastLoad]) -> _Pace | None:
        """From the quickest load, which shows what a chunk costs at least, and from all of them."""
        rows = sum(load.rows for load in past)
        if not rows:
            return None
        quickest = min(past, key=lambda load: load.seconds)
        seconds = sum(load.seconds for load in past)
        each = max(0.0, seconds - len(past) * quickest.seconds)
        spread = rows - len(past) * quickest.rows
        if spread <= 0 or not each:  # all alike: which part is the chunk's cannot be told
            return cls(chunk_seconds=0.0, row_seconds=seconds / rows)
        row_seconds = min(each / spread, seconds / rows)
        return cls(
            chunk_seconds=max(0.0, (seconds - row_seconds * rows) / len(past)),
            row_seconds=row_seconds,
        )

    def seconds(self, chunks: int, rows: int) -> float:
        return chunks * self.chunk_seconds + rows * self.row_seconds


def _bytes_per_row(table: TableSpec, past: Sequence[PastLoad]) -> tuple[float, float, bool]:
    """At the source and in Parquet, and whether that is a guess."""
    telling = [load for load in past if load.rows and load.source_bytes]
    rows = sum(load.rows for load in telling)
    if rows:
        source = sum(load.source_bytes for load in telling)
        parquet = sum(load.parquet_bytes for load in telling)
        return source / rows, parquet / rows, False
    width = sum(_width(column.type) for column in table.columns)
    return width, width / _PARQUET_SHARE, True


def _width(sql_type: SqlType) -> int:
    if sql_type.base in _FIXED:
        return _FIXED[sql_type.base]
    if sql_type.length is None or sql_type.length == MAX_LENGTH:
        return _MAX_TEXT
    return max(1, min(sql_type.length // _TEXT_SHARE, _LONGEST_TEXT))


def _total(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _at_most(amount: int | None, per_second: int) -> float:
    return amount / per_second if amount and per_second else 0.0
