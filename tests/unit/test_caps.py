"""Shares under the source's caps: one behind the other, at the capped rate."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from replica_worker.model.caps import Share, SourceCaps, next_turn
from replica_worker.usecases.allowance import Allowance

NOW = datetime(2026, 3, 14, 12)
SECOND = timedelta(seconds=1)


def test_shares_begin_one_behind_the_other() -> None:
    taken_until = None
    begins = []
    for _ in range(3):
        turn = next_turn(now=NOW, taken_until=taken_until, amount=2_000, per_second=1_000)
        begins.append(turn.begins - NOW)
        taken_until = turn.ends
    assert begins == [0 * SECOND, 2 * SECOND, 4 * SECOND]


def test_turns_end_at_whole_milliseconds_and_never_early() -> None:
    begins = NOW + timedelta(microseconds=123_456)
    turn = next_turn(now=begins, taken_until=None, amount=1, per_second=3_000)
    assert turn.begins == begins
    assert turn.ends == NOW + timedelta(milliseconds=125)
    assert turn.ends - begins >= timedelta(seconds=1 / 3_000)


def test_share_of_a_dead_worker_runs_out() -> None:
    dead = next_turn(now=NOW, taken_until=None, amount=5_000, per_second=1_000)
    later = next_turn(now=NOW + 9 * SECOND, taken_until=dead.ends, amount=1, per_second=1_000)
    assert later.begins == NOW + 9 * SECOND


def test_what_is_not_capped_begins_at_once() -> None:
    assert not SourceCaps().is_set
    turn = next_turn(now=NOW, taken_until=NOW + 9 * SECOND, amount=10**9, per_second=0)
    assert turn.begins == NOW


@pytest.mark.parametrize(
    ("caps", "left", "used_up"),
    [
        (SourceCaps(rows_per_second=5), Share(rows=1, bytes=-9), False),
        (SourceCaps(rows_per_second=5), Share(rows=0, bytes=9), True),
        (SourceCaps(bytes_per_second=5), Share(rows=-9, bytes=1), False),
        (SourceCaps(rows_per_second=5, bytes_per_second=5), Share(rows=1, bytes=-1), True),
    ],
)
def test_share_is_used_up_where_something_capped_is(
    caps: SourceCaps, left: Share, used_up: bool
) -> None:
    assert caps.is_used_up(left) is used_up


def test_share_is_taken_seldom_and_pays_for_what_was_read_beyond_the_last() -> None:
    caps = SourceCaps(rows_per_second=1_000)
    allowance, taken = Allowance(), []

    def take(share: Share, _: SourceCaps) -> float:
        taken.append(share.rows)
        return 0.0

    for rows in (100, 300, 700, 50):
        allowance.wait(caps, take)
        allowance.spend(rows, 0)
    assert taken == [1_000, 1_100]  # the second pays for the hundred that came too many
    assert sum(taken) >= 100 + 300 + 700 + 50
