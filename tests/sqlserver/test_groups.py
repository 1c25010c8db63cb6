"""Groups of small days on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_groups import (
    replica,
    test_a_bad_row_fails_its_own_day_only,
    test_a_cancelled_run_hands_out_no_group,
    test_a_group_that_ends_half_way_leaves_nothing_half,
    test_a_group_that_lost_one_lease_commits_nothing,
    test_a_group_waits_for_no_day_that_another_run_is_at,
    test_a_message_that_comes_again_takes_no_dead_group_over,
    test_a_row_of_another_day_in_an_empty_stretch_is_moved,
    test_chunks_of_a_group_come_due_together,
    test_days_that_are_not_counted_are_not_grouped,
    test_days_that_differ_are_taken_apart_and_mended,
    test_days_that_have_grown_since_they_were_counted_are_taken_apart,
    test_days_that_the_warehouse_has_are_not_touched,
    test_grouped_days_leave_what_days_alone_leave,
    test_leases_of_a_group_are_required_all_together,
    test_locks_of_a_group_are_given_back,
    test_members_whose_first_is_over_are_handed_out_alone,
    test_neighbouring_small_days_of_a_table_are_handed_out_together,
    test_some_of_many_locks_are_none,
    test_window_has_room_for_so_many_groups,
)

__all__ = [
    "replica",
    "test_a_bad_row_fails_its_own_day_only",
    "test_a_cancelled_run_hands_out_no_group",
    "test_a_group_that_ends_half_way_leaves_nothing_half",
    "test_a_group_that_lost_one_lease_commits_nothing",
    "test_a_group_waits_for_no_day_that_another_run_is_at",
    "test_a_message_that_comes_again_takes_no_dead_group_over",
    "test_a_row_of_another_day_in_an_empty_stretch_is_moved",
    "test_chunks_of_a_group_come_due_together",
    "test_days_that_are_not_counted_are_not_grouped",
    "test_days_that_differ_are_taken_apart_and_mended",
    "test_days_that_have_grown_since_they_were_counted_are_taken_apart",
    "test_days_that_the_warehouse_has_are_not_touched",
    "test_grouped_days_leave_what_days_alone_leave",
    "test_leases_of_a_group_are_required_all_together",
    "test_locks_of_a_group_are_given_back",
    "test_members_whose_first_is_over_are_handed_out_alone",
    "test_neighbouring_small_days_of_a_table_are_handed_out_together",
    "test_some_of_many_locks_are_none",
    "test_window_has_room_for_so_many_groups",
]
