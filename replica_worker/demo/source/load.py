"""Filling a PostgreSQL database with the POS source that a shape describes.

Owns: the order of the load, its bounded memory (one day at a time) and its figures. Does not
decide any value, and changes nothing that was loaded (`late_changes` does).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pgpq
import psycopg
import pyarrow as pa

from replica_worker.demo.source import ddl
from replica_worker.demo.source.baskets import draw_day
from replica_worker.demo.source.chain import Chain, make_chain
from replica_worker.demo.source.reference_tables import REFERENCE_TABLES, ReferenceRows
from replica_worker.demo.source.sales_tables import SALES_TABLES, SalesRows
from replica_worker.demo.source.shape import PosShape
from replica_worker.demo.source.source_spec import SourceSchema, read_source_schema

_FIRST_ROWVERSION = 2_001
_ROWS_PER_PIECE = 2_048
OnProgress = Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class SourceFigures:
    """What a build put into the source. Days are those of the rows' own day columns."""

    rows: Mapping[str, int]
    rows_by_day: Mapping[tuple[str, date], int]
    bytes_copied: int
    last_rowversion: int
    seconds: float

    @property
    def rows_in_all(self) -> int:
        """Rows of all tables together."""
        return sum(self.rows.values())

    @property
    def rows_per_second(self) -> float:
        """How fast the build was, generation and load together."""
        return self.rows_in_all / self.seconds


def connect(connection_url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Open the source by a libpq URL or by the same URL with SQLAlchemy's driver name in it."""
    return psycopg.connect(connection_url.replace("postgresql+psycopg://", "postgresql://", 1))


def build_source(
    *,
    connection_url: str,
    spec_json: Mapping[str, Any],
    shape: PosShape,
    on_progress: OnProgress,
) -> SourceFigures:
    """Make the source's schema and fill it, all or nothing.

    `on_progress` hears a table's name and how many of its rows are in so far.
    """
    started = time.monotonic()
    schema, chain = read_source_schema(spec_json), make_chain(shape)
    with connect(connection_url) as connection:
        connection.execute(ddl.create_schema(schema))
        for table in schema.tables.values():
            connection.execute(ddl.create_table(schema, table))
        loader = _Loader(connection=connection, schema=schema, on_progress=on_progress)
        reference = ReferenceRows(schema=schema, chain=chain, shape=shape)
        for name in (name for name in REFERENCE_TABLES if name in schema.tables):
            batch = reference.batch(name, first_rowversion=loader.next_rowversion)
            loader.copy(name, batch)
        for day in shape.days_covered():
            loader.copy_day(shape=shape, chain=chain, day=day)
        _add_keys_and_triggers(connection, schema, next_rowversion=loader.next_rowversion)
    return loader.figures(seconds=time.monotonic() - started)


def add_day(
    *, connection_url: str, spec_json: Mapping[str, Any], shape: PosShape, day: date
) -> dict[str, int]:
    """Add the sales of one more day, made as those of the build; returns rows by table."""
    schema, chain = read_source_schema(spec_json), make_chain(shape)
    rows_of_day = SalesRows(
        schema=schema,
        chain=chain,
        seed=shape.seed,
        day_of_sales=draw_day(shape=shape, chain=chain, day=day),
        ids=shape.ids_of(day),
    )
    rows: dict[str, int] = {}
    with connect(connection_url) as connection:
        for name in (name for name in SALES_TABLES if name in schema.tables):
            # The triggers give each row its row version; the one drafted here is overwritten.
            batch = rows_of_day.batch(name, first_rowversion=0)
            copy_batch(connection, schema, name, batch, freeze=False)
            rows[name] = batch.num_rows
    return rows


def copy_batch(
    connection: psycopg.Connection[tuple[Any, ...]],
    schema: SourceSchema,
    table: str,
    batch: pa.RecordBatch,
    *,
    freeze: bool,
) -> int:
    """Load one record batch; returns the bytes sent."""
    sent = 0
    statement = ddl.copy_in(schema, schema.tables[table], freeze=freeze)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for piece in _encoded(batch):
            copy.write(piece)
            sent += len(piece)
    return sent


def _encoded(batch: pa.RecordBatch) -> Iterator[bytes]:
    """Yield the rows in PostgreSQL's binary format, some thousands at a time."""
    encoder = pgpq.ArrowToPostgresBinaryEncoder(batch.schema)
    yield encoder.write_header()
    for start in range(0, batch.num_rows, _ROWS_PER_PIECE):
        yield encoder.write_batch(batch.slice(start, _ROWS_PER_PIECE))
    yield encoder.finish()


class _Loader:
    """Copies batches and counts them; the row versions run on through all tables."""

    def __init__(
        self,
        *,
        connection: psycopg.Connection[tuple[Any, ...]],
        schema: SourceSchema,
        on_progress: OnProgress,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._on_progress = on_progress
        self._rows: Counter[str] = Counter()
        self._rows_by_day: Counter[tuple[str, date]] = Counter()
        self._bytes = 0
        self.next_rowversion = _FIRST_ROWVERSION

    def copy(self, table: str, batch: pa.RecordBatch) -> None:
        self._bytes += copy_batch(self._connection, self._schema, table, batch, freeze=True)
        self._rows[table] += batch.num_rows
        self.next_rowversion += batch.num_rows
        day_column = self._schema.tables[table].day_column
        if day_column is not None:
            for count in batch.column(day_column).value_counts().to_pylist():
                self._rows_by_day[table, count["values"]] += count["counts"]
        self._on_progress(table, self._rows[table])

    def copy_day(self, *, shape: PosShape, chain: Chain, day: date) -> None:
        rows_of_day = SalesRows(
            schema=self._schema,
            chain=chain,
            seed=shape.seed,
            day_of_sales=draw_day(shape=shape, chain=chain, day=day),
            ids=shape.ids_of(day),
        )
        for name in (name for name in SALES_TABLES if name in self._schema.tables):
            self.copy(name, rows_of_day.batch(name, first_rowversion=self.next_rowversion))

    def figures(self, *, seconds: float) -> SourceFigures:
        return SourceFigures(
            rows=dict(self._rows),
            rows_by_day=dict(self._rows_by_day),
            bytes_copied=self._bytes,
            last_rowversion=self.next_rowversion - 1,
            seconds=seconds,
        )


def _add_keys_and_triggers(
    connection: psycopg.Connection[tuple[Any, ...]], schema: SourceSchema, *, next_rowversion: int
) -> None:
    connection.execute(ddl.create_rowversion_sequence(schema, first=next_rowversion))
    for table in schema.tables.values():
        for statement in ddl.create_keys(schema, table):
            connection.execute(statement)
        for statement in ddl.create_rowversion_trigger(schema, table):
            connection.execute(statement)
        connection.execute(ddl.analyze(schema, table))
