"""How far a table is proven on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_certify import (
    replica,
    test_a_check_that_differs_ends_them_and_a_repair_mends_them,
    test_a_load_that_fails_ends_them,
    test_days_in_a_row_are_certified_and_a_day_never_loaded_ends_them,
    test_of_a_whole_table_the_newest_check_alone_counts,
)

__all__ = [
    "replica",
    "test_a_check_that_differs_ends_them_and_a_repair_mends_them",
    "test_a_load_that_fails_ends_them",
    "test_days_in_a_row_are_certified_and_a_day_never_loaded_ends_them",
    "test_of_a_whole_table_the_newest_check_alone_counts",
]
