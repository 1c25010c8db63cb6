"""Comparing books on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_business_checks import (
    replica,
    test_a_payment_of_the_next_day_is_no_fault_before_or_after_it_came,
    test_a_payment_that_comes_weeks_later_settles_its_sale,
    test_books_that_balance_are_recorded_as_such,
    test_the_audit_looks_without_a_run,
    test_what_is_planted_is_found_and_nothing_else,
    test_what_was_mended_is_listed_no_longer,
)

__all__ = [
    "replica",
    "test_a_payment_of_the_next_day_is_no_fault_before_or_after_it_came",
    "test_a_payment_that_comes_weeks_later_settles_its_sale",
    "test_books_that_balance_are_recorded_as_such",
    "test_the_audit_looks_without_a_run",
    "test_what_is_planted_is_found_and_nothing_else",
    "test_what_was_mended_is_listed_no_longer",
]
