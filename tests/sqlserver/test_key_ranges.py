"""Reading by ranges of keys on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_engine_key_ranges import (
    test_child_is_split_by_its_own_key,
    test_first_key_column_of_one_value_gives_one_statement_all,
    test_ranges_of_any_ordered_key_hold_every_row_once,
    test_statements_share_the_rows_evenly,
)

__all__ = [
    "test_child_is_split_by_its_own_key",
    "test_first_key_column_of_one_value_gives_one_statement_all",
    "test_ranges_of_any_ordered_key_hold_every_row_once",
    "test_statements_share_the_rows_evenly",
]
