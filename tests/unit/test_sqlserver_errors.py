"""What SQL Server's errors mean, by number, by SQLSTATE and by the drivers' words."""

from __future__ import annotations

import pytest

from replica_worker.engines.sqlserver.errors import meaning_of, translated
from replica_worker.errors import DatabaseError, DatabaseUnreachableError, MergeError


@pytest.mark.parametrize(
    ("number", "kind", "retryable"),
    [
        (1205, DatabaseError, True),
        (1222, DatabaseError, True),
        (3960, DatabaseError, True),
        (40501, DatabaseError, True),
        (40613, DatabaseUnreachableError, True),
        (40197, DatabaseUnreachableError, True),
        (10054, DatabaseUnreachableError, True),
        (9002, DatabaseError, True),
        (18456, DatabaseError, False),
        (4060, DatabaseError, False),
        (229, DatabaseError, False),
        (208, DatabaseError, False),
        (448, DatabaseError, False),
        (2627, MergeError, True),
        (2628, MergeError, False),
        (515, MergeError, False),
    ],
)
def test_number_decides(number: int, kind: type, retryable: bool) -> None:
    meaning = meaning_of(sqlstate="42000", number=number)
    assert (meaning.kind, meaning.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    ("sqlstate", "kind", "retryable"),
    [
        ("08S01", DatabaseUnreachableError, True),
        ("08001", DatabaseUnreachableError, True),
        ("HYT01", DatabaseUnreachableError, True),
        ("HYT00", DatabaseError, True),
        ("40001", DatabaseError, True),
        ("28000", DatabaseError, False),
        ("42S02", DatabaseError, False),
        ("22003", MergeError, False),
        ("HY000", DatabaseError, False),
        (None, DatabaseError, False),
    ],
)
def test_sqlstate_decides_where_no_number_is_known(sqlstate, kind, retryable) -> None:
    meaning = meaning_of(sqlstate=sqlstate, number=None)
    assert (meaning.kind, meaning.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    ("text", "retryable"),
    [
        (
            "[Microsoft][SQL Server]Transaction (Process ID 5) was deadlocked on lock",
            True,
        ),
        ("[Microsoft][SQL Server]Lock request time out period exceeded.", True),
        (
            "[Microsoft][SQL Server]Login failed for user 'x'. (18456) (SQLDriverConnect)",
            False,
        ),
        ("[Microsoft][SQL Server]Invalid object name 'dbo.SALES'.", False),
    ],
)
def test_number_is_recognised_by_the_server_s_words(text: str, retryable: bool) -> None:
    error = translated("merge", "42000", text)
    assert error.retryable is retryable
    assert "[Microsoft]" not in str(error)


def test_message_is_one_line_without_a_password() -> None:
    text = "cannot open Server=x;UID=u;PWD={p}}w;d};Database=d;\nsecond line"
    message = str(translated("connect", "08001", text))
    assert "\n" not in message
    assert "w;d" not in message
