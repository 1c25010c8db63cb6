"""The statements that make, fill, list and drop staging tables."""

from __future__ import annotations

from replica_worker.engines.sqlserver.fragments import Fragment, compose, join, quote
from replica_worker.engines.sqlserver.types import strategy_for
from replica_worker.engines.values import STAGING_SCHEMA
from replica_worker.model.specs import TableSpec


def staged_names(table: TableSpec) -> list[str]:
    """Names of the staging table's columns: c0, c1… in the spec's order.

    Bulk copy maps by name and compares to the letter; these survive any collation and quoting.
    """
    return [f"c{index}" for index in range(len(table.columns))]


def create_staging(table: TableSpec, staging: str) -> Fragment:
    """A heap without key or index: the fastest thing to load."""
    return compose(
        "CREATE TABLE {name} (\n       {columns}\n)",
        name=quote(STAGING_SCHEMA, staging),
        columns=join(
            ",\n       ",
            (
                compose(
                    "{name} {type} NULL",
                    name=quote(name),
                    type=strategy_for(column.type).staged_as,
                )
                for name, column in zip(staged_names(table), table.columns, strict=True)
            ),
        ),
    )


def insert_texts(table: TableSpec, staging: str) -> Fragment:
    """Insert one row, or an array of rows, of texts as `texts` makes them.

    A text too long for its column is an error, never cut: nothing casts it to its length.
    """
    names = staged_names(table)
    return compose(
        """
        INSERT INTO {staging} ({names})
        VALUES ({values})
        """,
        staging=quote(STAGING_SCHEMA, staging),
        names=join(", ", (quote(name) for name in names)),
        values=join(
            ",\n              ",
            (_from_text(strategy_for(column.type).staged_as) for column in table.columns),
        ),
    )


def _from_text(staged_as: str) -> Fragment:
    if staged_as.startswith("nvarchar"):
        return Fragment("?")
    if "binary" in staged_as:
        return Fragment("CONVERT(varbinary(max), ?, 2)")
    return Fragment(f"CAST(? AS {staged_as})")


def drop_staging(staging: str) -> Fragment:
    """Drop a staging table if it is there."""
    return compose("DROP TABLE IF EXISTS {name}", name=quote(STAGING_SCHEMA, staging))


LIST_STAGING = Fragment(
    """
    SELECT t.name
      FROM sys.tables t
      JOIN sys.schemas s ON s.schema_id = t.schema_id
     WHERE s.name = ?
    """,
    (STAGING_SCHEMA,),
)
