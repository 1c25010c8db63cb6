"""Staging tables on SQL Server: what holds on every engine."""

from __future__ import annotations

from integration.test_staging_and_rivals import (
    replica,
    test_staging_is_gone_after_an_error_and_the_target_is_unchanged,
    test_staging_is_gone_after_success,
)

__all__ = [
    "replica",
    "test_staging_is_gone_after_an_error_and_the_target_is_unchanged",
    "test_staging_is_gone_after_success",
]
