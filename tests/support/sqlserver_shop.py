"""The demo's POS source in SQL Server: the same rows, loaded by bulk copy, server's rowversions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import mssql_python
import pyarrow as pa

from replica_worker.demo.source.baskets import draw_day
from replica_worker.demo.source.chain import make_chain
from replica_worker.demo.source.reference_tables import REFERENCE_TABLES, ReferenceRows
from replica_worker.demo.source.sales_tables import SALES_TABLES, SalesRows
from replica_worker.demo.source.shape import PosShape
from replica_worker.demo.source.source_spec import SourceColumn, SourceTable, read_source_schema
from support.sqlserver import SqlServer, connect, odbc_text, quoted, run

SHAPE = PosShape(
    first_day=date(2026, 3, 10),
    days=4,
    sales_per_day=40,
    outlets=3,
    items=30,
    customers=40,
    vouchers=10,
)
_BULK_PACKET = 32767
_LOADING = "arriving"


class ShopAtSource:
    """Makes and fills the source's tables."""

    def __init__(self, url: str, spec_json: Mapping[str, Any], server: SqlServer) -> None:
        self._url = url
        self._schema = read_source_schema(spec_json)
        self._has_rowversion = not server.objection_to(
            "CREATE TABLE #probe (id int, version rowversion)"
        )

    def build(self) -> list[str]:
        """Make and fill all tables; their names."""
        with connect(self._url) as connection:
            run(connection, f"CREATE SCHEMA {quoted(self._schema.name)}")
            for table in self._schema.tables.values():
                run(connection, self._create(table, table.name, arriving=False))
                run(connection, self._create(table, f"{table.name}_{_LOADING}", arriving=True))
            for name, batch in self._batches():
                self._load(name, batch)
            for table in self._schema.tables.values():
                self._take_over(connection, table)
        return list(self._schema.tables)

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        chain = make_chain(SHAPE)
        reference = ReferenceRows(schema=self._schema, chain=chain, shape=SHAPE)
        for name in (name for name in REFERENCE_TABLES if name in self._schema.tables):
            yield name, reference.batch(name, first_rowversion=1)
        for day in SHAPE.days_covered():
            rows = SalesRows(
                schema=self._schema,
                chain=chain,
                seed=SHAPE.seed,
                day_of_sales=draw_day(shape=SHAPE, chain=chain, day=day),
                ids=SHAPE.ids_of(day),
            )
            for name in (name for name in SALES_TABLES if name in self._schema.tables):
                yield name, rows.batch(name, first_rowversion=1)

    def _load(self, name: str, batch: pa.RecordBatch) -> None:
        client = mssql_python.connect(odbc_text(self._url, PacketSize=_BULK_PACKET))
        reader = pa.RecordBatchReader.from_batches(batch.schema, iter([batch]))
        try:
            loaded = client.cursor().bulkcopy_arrow(
                f"{quoted(self._schema.name)}.{quoted(f'{name}_{_LOADING}')}",
                reader,
                timeout=600,
                keep_nulls=True,
            )
        finally:
            client.close()
        assert loaded["rows_copied"] == batch.num_rows

    def _take_over(self, connection: Any, table: SourceTable) -> None:
        """From what bulk copy keeps exactly to the real types."""
        names = ", ".join(
            quoted(column.name)
            for column in table.columns
            if not (self._has_rowversion and column.family == "rowversion")
        )
        target = f"{quoted(self._schema.name)}.{quoted(table.name)}"
        arrived = f"{quoted(self._schema.name)}.{quoted(f'{table.name}_{_LOADING}')}"
        run(connection, f"INSERT INTO {target} ({names}) SELECT {names} FROM {arrived}")
        run(connection, f"DROP TABLE {arrived}")
        for index in filter(None, (table.key[0], table.day_column)):
            # Not unique: keys may differ by case alone, which the source's collation ignores.
            run(connection, f"CREATE INDEX {quoted(f'ix_{index}')} ON {target} ({quoted(index)})")

    def _create(self, table: SourceTable, name: str, *, arriving: bool) -> str:
        lines = [
            f"{quoted(column.name)} {self._type(column, arriving=arriving)}"
            f"{'' if column.nullable else ' NOT NULL'}"
            for column in table.columns
        ]
        return f"CREATE TABLE {quoted(self._schema.name)}.{quoted(name)} ({', '.join(lines)})"

    def _type(self, column: SourceColumn, *, arriving: bool) -> str:
        if column.family == "datetime":
            return "datetime2(3)" if arriving else "datetime"
        if column.family == "tinyint" and arriving:
            return "smallint"
        if column.family == "rowversion" and (arriving or not self._has_rowversion):
            return "binary(8)"
        return column.sql_type
