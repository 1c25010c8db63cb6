"""Stale copies and rows of no day on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_copies_stay_true import (
    replica,
    test_older_copy_of_a_moved_row_does_not_replace_a_newer_one,
    test_older_extract_does_not_pull_a_row_back_from_its_new_day,
    test_row_from_another_day_is_taken_over,
    test_strays_are_copied_changed_deleted_and_come_back_with_a_day,
    test_verify_finds_children_without_a_parent_in_the_warehouse,
    test_verify_finds_rows_of_no_day_in_the_warehouse,
)

__all__ = [
    "replica",
    "test_older_copy_of_a_moved_row_does_not_replace_a_newer_one",
    "test_older_extract_does_not_pull_a_row_back_from_its_new_day",
    "test_row_from_another_day_is_taken_over",
    "test_strays_are_copied_changed_deleted_and_come_back_with_a_day",
    "test_verify_finds_children_without_a_parent_in_the_warehouse",
    "test_verify_finds_rows_of_no_day_in_the_warehouse",
]
