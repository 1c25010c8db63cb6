"""Loading a chunk on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_load import (
    replica,
    test_days_at_the_ends_of_the_calendar_are_loaded,
    test_empty_day_is_loaded_as_empty,
    test_extract_lies_in_the_archive_as_the_ledger_says,
    test_load_brings_only_its_own_day,
    test_load_makes_the_copy_equal_and_counts_its_rows,
    test_reload_inserts_updates_and_deletes_exactly_what_changed,
    test_reload_sees_a_change_that_is_hard_to_see,
    test_second_load_of_unchanged_rows_rewrites_none_of_them,
    test_snapshot_table_is_loaded_whole_and_loses_what_the_source_lost,
    test_table_whose_columns_all_are_key_is_loaded,
)

__all__ = [
    "replica",
    "test_days_at_the_ends_of_the_calendar_are_loaded",
    "test_empty_day_is_loaded_as_empty",
    "test_extract_lies_in_the_archive_as_the_ledger_says",
    "test_load_brings_only_its_own_day",
    "test_load_makes_the_copy_equal_and_counts_its_rows",
    "test_reload_inserts_updates_and_deletes_exactly_what_changed",
    "test_reload_sees_a_change_that_is_hard_to_see",
    "test_second_load_of_unchanged_rows_rewrites_none_of_them",
    "test_snapshot_table_is_loaded_whole_and_loses_what_the_source_lost",
    "test_table_whose_columns_all_are_key_is_loaded",
]
