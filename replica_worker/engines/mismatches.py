"""Errors for columns, values, rows and locks that are not as expected, in one set of words."""

from __future__ import annotations

from collections.abc import Callable

from replica_worker.errors import MovesBusyError, RowsElsewhereError, SchemaMismatchError
from replica_worker.model.specs import ColumnSpec, TableSpec


def refuse_columns(table: TableSpec, objection_to: Callable[[ColumnSpec], str | None]) -> None:
    """SchemaMismatchError for the first column that there is an objection to."""
    for column in table.columns:
        objection = objection_to(column)
        if objection:
            raise SchemaMismatchError(
                operation=f"compare table {table.name} with its spec",
                cause=f"column {column.name} {objection}",
                next_step="Correct the spec file (or set the column's `replicate` to false), "
                "or the table, and try again",
            )


def value_mismatch(table: TableSpec, column: ColumnSpec, cause: str) -> SchemaMismatchError:
    """The error for a value that was read and does not fit its column."""
    return SchemaMismatchError(
        operation=f"read table {table.name}",
        cause=f"column {column.name}: {cause}",
        next_step="Correct the value at the source or the column's type in the spec file",
    )


def rows_elsewhere(table: TableSpec) -> RowsElsewhereError:
    """The error for staged rows that the target has on a day outside their chunk."""
    return RowsElsewhereError(
        operation=f"merge into table {table.target_name}",
        cause="rows of the chunk are in the warehouse on other days",
        next_step="It is extracted again while no other chunk of the table moves rows",
        retryable=True,
    )


def moves_busy(table: TableSpec) -> MovesBusyError:
    """The error for a lock of the table's moves that did not come free in time.

    Others load or move rows of the table: that is no fault of the chunk that waits.
    """
    return MovesBusyError(
        operation="lock the table's moves",
        cause=f"other chunks of table {table.target_name} are being merged",
        next_step="It is tried again; nothing was changed",
        retryable=True,
    )
