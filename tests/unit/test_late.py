"""How late fixes come: rows by age, and the look-back that catches nearly all."""

from __future__ import annotations

from replica_worker.model.late import measure_lateness


def test_rows_are_counted_by_age_and_table() -> None:
    ages = [("B", 1, 5), ("A", 0, 1), ("A", 2, 2), ("A", 7, 3), ("A", 8, 4), ("A", 90, 5)]
    first, second = measure_lateness([*ages, ("A", 91, 6), ("A", 7, 1)])
    assert (first.table, first.rows_by_age, first.rows) == ("A", (1, 2, 4, 4, 5, 6), 22)
    assert (second.table, second.look_back) == ("B", 1)


def test_look_back_catches_nearly_all_rows() -> None:
    (exactly,) = measure_lateness([("T", 1, 999), ("T", 30, 1)])
    (below,) = measure_lateness([("T", 1, 998), ("T", 12, 1), ("T", 30, 1)])
    assert (exactly.look_back, below.look_back) == (1, 12)


def test_no_fix_no_lateness() -> None:
    assert measure_lateness([]) == []
