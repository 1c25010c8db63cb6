"""Moved and deleted rows on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_moves_and_deletes import (
    replica,
    test_allowed_deletes_are_done,
    test_emptied_snapshot_table_is_refused,
    test_moved_row_is_archived_under_its_new_day,
    test_moved_rows_do_not_count_as_deletes_for_the_guard,
    test_moves_to_several_days_and_deletes_are_told_apart,
    test_row_that_came_from_another_day_is_moved_once,
    test_row_that_left_the_day_is_moved_not_deleted,
    test_row_that_lost_its_day_moves_to_the_strays,
    test_rows_of_other_days_are_never_deleted,
    test_too_many_deletes_are_refused,
)

__all__ = [
    "replica",
    "test_allowed_deletes_are_done",
    "test_emptied_snapshot_table_is_refused",
    "test_moved_row_is_archived_under_its_new_day",
    "test_moved_rows_do_not_count_as_deletes_for_the_guard",
    "test_moves_to_several_days_and_deletes_are_told_apart",
    "test_row_that_came_from_another_day_is_moved_once",
    "test_row_that_left_the_day_is_moved_not_deleted",
    "test_row_that_lost_its_day_moves_to_the_strays",
    "test_rows_of_other_days_are_never_deleted",
    "test_too_many_deletes_are_refused",
]
