"""Rows by day on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_engine_days import (
    test_changed_days_tell_how_many_rows_changed_and_the_newest,
    test_child_without_a_parent_has_no_day,
    test_day_of_an_instant_knows_summer_time,
    test_instant_belongs_to_the_day_that_the_zone_says,
    test_keys_find_rows_of_a_table_that_has_no_days,
    test_keys_find_rows_of_no_day_only_if_these_are_asked_for,
    test_many_days_take_one_query_and_equal_the_digests_of_each,
    test_merge_touches_only_the_rows_that_the_chunk_stands_for,
    test_rows_are_selected_by_day,
    test_rowversion_that_is_safe_is_told_or_unknown_and_reading_goes_on,
    test_staged_rows_outside_the_chunk_are_refused_unless_they_may_move,
)

__all__ = [
    "test_changed_days_tell_how_many_rows_changed_and_the_newest",
    "test_child_without_a_parent_has_no_day",
    "test_day_of_an_instant_knows_summer_time",
    "test_instant_belongs_to_the_day_that_the_zone_says",
    "test_keys_find_rows_of_a_table_that_has_no_days",
    "test_keys_find_rows_of_no_day_only_if_these_are_asked_for",
    "test_many_days_take_one_query_and_equal_the_digests_of_each",
    "test_merge_touches_only_the_rows_that_the_chunk_stands_for",
    "test_rows_are_selected_by_day",
    "test_rowversion_that_is_safe_is_told_or_unknown_and_reading_goes_on",
    "test_staged_rows_outside_the_chunk_are_refused_unless_they_may_move",
]
