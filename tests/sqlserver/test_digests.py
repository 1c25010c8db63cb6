"""Digests on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_engine_digests import (
    test_batches_carry_the_spec_s_schema_even_if_there_is_no_row,
    test_digest_does_not_know_the_order_of_rows,
    test_digests_of_unequal_rows_differ,
    test_row_hashes_tell_which_rows_differ,
    test_rows_above_a_rowversion_are_read_alone,
    test_version_digest_knows_key_and_rowversion_only,
)

__all__ = [
    "test_batches_carry_the_spec_s_schema_even_if_there_is_no_row",
    "test_digest_does_not_know_the_order_of_rows",
    "test_digests_of_unequal_rows_differ",
    "test_row_hashes_tell_which_rows_differ",
    "test_rows_above_a_rowversion_are_read_alone",
    "test_version_digest_knows_key_and_rowversion_only",
]
