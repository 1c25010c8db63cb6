"""Staging tables and rivals on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_staging_and_rivals import (
    replica,
    test_slot_that_was_taken_twice_by_one_session_is_free_after_both,
    test_staging_is_gone_after_an_error_and_the_target_is_unchanged,
    test_staging_is_gone_after_success,
)

__all__ = [
    "replica",
    "test_slot_that_was_taken_twice_by_one_session_is_free_after_both",
    "test_staging_is_gone_after_an_error_and_the_target_is_unchanged",
    "test_staging_is_gone_after_success",
]
