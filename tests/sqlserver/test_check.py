"""Checking a chunk on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_check import (
    replica,
    test_check_mends_a_copy_that_was_tampered_with,
    test_check_of_a_day_leaves_other_days_alone,
    test_check_of_a_snapshot_table_covers_all_of_it,
    test_check_of_equal_copies_is_a_match_and_extracts_nothing,
    test_check_repairs_late_changes_and_tells_what_it_found,
    test_check_without_repair_tells_and_changes_nothing,
    test_deep_check_distrusts_the_rowversion,
    test_swapped_values_differ,
)

__all__ = [
    "replica",
    "test_check_mends_a_copy_that_was_tampered_with",
    "test_check_of_a_day_leaves_other_days_alone",
    "test_check_of_a_snapshot_table_covers_all_of_it",
    "test_check_of_equal_copies_is_a_match_and_extracts_nothing",
    "test_check_repairs_late_changes_and_tells_what_it_found",
    "test_check_without_repair_tells_and_changes_nothing",
    "test_deep_check_distrusts_the_rowversion",
    "test_swapped_values_differ",
]
