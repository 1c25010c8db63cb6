"""Values that go to and fro between use cases and engines, in no dialect.

Which rows are meant, and what is staged, listed or held. What an engine does with them is said in
`interface`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import pyarrow as pa

from replica_worker.model.days import DayRange
from replica_worker.model.encoding import Encoding
from replica_worker.model.key_ranges import KeyRange
from replica_worker.model.specs import TableSpec

DAY_FIELD = "__day"
"""Name of the extra column, last, in which `Snapshot.read_by_key` tells each row's day."""

ROW_HASHES = pa.schema([("key", pa.string()), ("hash", pa.string())])
"""Schema of what `row_hashes` gives: a row's key as JSON text, and the MD5 of its encoding."""

STAGING_SCHEMA = "replica_stage"

KEYS_PER_LIST = 5000
"""How many keys a KeyList holds at most."""


class Side(StrEnum):
    """Which of the two copies of a table is meant."""

    SOURCE = "source"
    WAREHOUSE = "warehouse"


@dataclass(frozen=True, kw_only=True)
class RowSelection:
    """Which rows of a table, on which side. Narrowed by copying, never changed.

    Rows of `days`, of days `outside` a range and of no day (`dateless`) may be asked for together.
    Where none of the three is asked for, all rows are meant, with and without a day.
    """

    table: TableSpec
    side: Side
    days: DayRange | None = None  # only rows of these days
    outside: DayRange | None = None  # only rows of a day before or after these
    dateless: bool = False  # of a daily table the rows of no day too; alone, only they
    changed_since: bytes | None = None  # only rows whose rowversion is above this
    keys: KeyRange | None = None  # only rows whose first key column lies in this range

    @property
    def schema_name(self) -> str:
        """The database schema that the table lies in on this side."""
        source = self.side is Side.SOURCE
        return self.table.source_schema if source else self.table.target_schema

    @property
    def table_name(self) -> str:
        """The table's name on this side."""
        return self.table.name if self.side is Side.SOURCE else self.table.target_name

    def on(self, side: Side) -> RowSelection:
        """The same rows on the other side."""
        return replace(self, side=side)

    def within(self, days: DayRange | None) -> RowSelection:
        """The same table's rows of other days."""
        return replace(self, days=days)

    def above(self, rowversion: bytes | None) -> RowSelection:
        """Those of these rows that changed after `rowversion`."""
        return replace(self, changed_since=rowversion)


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """What an engine needs to know beside the URL."""

    url: str = field(repr=False)  # SQLAlchemy URL; holds a password, so it is never shown
    zone: ZoneInfo  # in which a day of a datetimeoffset column begins
    connect_timeout: timedelta
    statement_timeout: timedelta
    batch_bytes: int  # about how much of a result is held in memory at once
    read_only: bool  # the source: open every session as one that cannot write
    max_dop: int = 0  # processors one read may use (SQL Server); 0: as the server likes
    merge_style: str = "merge"  # or "upsert", for servers or people without MERGE (SQL Server)
    loader: str = "bulk"  # or "arrays", for servers without bulk copy (SQL Server)
    digest_encoding: Encoding = "utf-8"  # "utf-16": for SQL Server before 2019, on both sides


@dataclass(frozen=True, kw_only=True)
class KeyList:
    """Keys of some rows, on their way from one database to the other."""

    json: str  # a list of objects whose members k0, k1… hold the key's columns as text
    count: int


@dataclass(frozen=True, kw_only=True)
class DayChanges:
    """What the rowversions of some rows of one day say."""

    rows: int
    newest: bytes  # the highest rowversion


@dataclass(frozen=True, kw_only=True)
class StagedChunk:
    """What a merge needs to know: which rows the staging table stands for."""

    table: TableSpec
    staging: str  # name of the staging table in STAGING_SCHEMA
    days: DayRange | None
    outside: DayRange | None = None
    dateless: bool = False
    is_complete: bool  # all rows of the chunk are staged, so others may be deleted
    gone: tuple[KeyList, ...] = ()  # of an incomplete one: rows to delete unless they are staged

    @property
    def is_whole_table(self) -> bool:
        """No row of the target is outside the chunk."""
        return self.days is None and self.outside is None and not self.dateless

    @property
    def target_rows(self) -> RowSelection:
        """The target's rows that the chunk stands for: `days`, `outside`, `dateless` as there."""
        return RowSelection(
            table=self.table,
            side=Side.WAREHOUSE,
            days=self.days,
            outside=self.outside,
            dateless=self.dateless,
        )


@dataclass(frozen=True, kw_only=True)
class SlotsOf:
    """So many sessions at once may do what the name says."""

    name: str
    count: int
