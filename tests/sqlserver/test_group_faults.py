"""Groups that meet with trouble on SQL Server: what holds on every engine, and its locks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from integration.test_group_faults import (
    replica,
    test_a_group_that_finds_no_slot_waits_and_stays_together,
    test_a_group_that_waits_for_moves_waits_whole,
    test_a_member_that_is_worked_on_alone_has_left_its_group,
    test_a_proof_that_fails_is_not_tried_again_with_the_same_rows,
    test_a_run_that_is_cancelled_in_mid_group_is_closed,
    test_a_source_known_to_be_away_counts_against_no_day,
    test_a_worker_that_stalls_between_its_claim_and_its_locks_extracts_nothing,
    test_extracts_of_a_group_are_as_old_as_what_was_read,
    test_extracts_stay_in_force_whatever_comes_after_the_commit,
    test_the_days_of_a_group_that_took_its_worker_down_used_up_no_try,
    test_what_a_group_asked_of_the_source_is_counted_though_it_was_taken_apart,
    test_what_was_never_merged_is_not_in_force_when_its_run_is_closed,
)
from support.specs import SALES, spec_text
from support.sqlserver_replica import SqlServerReplica

from replica_worker.engines.sqlserver import session_locks
from replica_worker.engines.sqlserver.fragments import Fragment
from replica_worker.errors import ReplicaError

__all__ = [
    "replica",
    "test_a_group_that_finds_no_slot_waits_and_stays_together",
    "test_a_group_that_waits_for_moves_waits_whole",
    "test_a_member_that_is_worked_on_alone_has_left_its_group",
    "test_a_proof_that_fails_is_not_tried_again_with_the_same_rows",
    "test_a_run_that_is_cancelled_in_mid_group_is_closed",
    "test_a_source_known_to_be_away_counts_against_no_day",
    "test_a_worker_that_stalls_between_its_claim_and_its_locks_extracts_nothing",
    "test_extracts_of_a_group_are_as_old_as_what_was_read",
    "test_extracts_stay_in_force_whatever_comes_after_the_commit",
    "test_the_days_of_a_group_that_took_its_worker_down_used_up_no_try",
    "test_what_a_group_asked_of_the_source_is_counted_though_it_was_taken_apart",
    "test_what_was_never_merged_is_not_in_force_when_its_run_is_closed",
]


@pytest.mark.parametrize("many", [True, False], ids=["group", "chunk"])
def test_locks_that_cannot_be_given_back_end_with_their_session(
    make_replica: Callable[..., SqlServerReplica], monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    warehouse = make_replica(spec_text(SALES)).deployment.warehouse
    refused = "release_session_locks" if many else "release_lock"

    def fail_to_give_back() -> None:
        with warehouse.sql.connect() as mine, monkeypatch.context() as patch:
            patch.setattr(session_locks, refused, lambda _: Fragment("THROW 50000, N'no', 1"))
            with (
                warehouse.lock_chunks(mine, ["a", "b"]) if many else warehouse.lock_chunk(mine, "a")
            ) as are_mine:
                assert are_mine

    with pytest.raises(ReplicaError, match="back"):
        fail_to_give_back()
    with warehouse.sql.connect() as theirs, warehouse.sql.connect() as others:
        for session in (theirs, others):
            with warehouse.lock_chunks(session, ["a", "b"]) as are_free:
                assert are_free
