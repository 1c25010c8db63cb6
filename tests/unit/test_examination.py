"""How an examination's answers are judged, and that no question stops the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from replica_worker.engines import examination as judge
from replica_worker.errors import DatabaseError, DatabaseUnreachableError
from replica_worker.model.findings import Finding, Mark, ok
from replica_worker.usecases.examine import examine_parts

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def unanswered(kind: type[DatabaseError]) -> Callable[[], Finding]:
    def ask() -> Finding:
        raise kind(operation="ask", cause="no way", next_step="Find one")

    return ask


def ask(*questions: judge.Question) -> list[tuple[str, Mark]]:
    return [(found.what, found.mark) for found in judge.ask_all(questions, lambda error: error)]


def test_a_question_that_fails_is_a_warning_and_the_next_is_asked() -> None:
    found = ask(("first", unanswered(DatabaseError)), ("second", lambda: ok("second", "yes")))

    assert found == [("first", Mark.WARNING), ("second", Mark.OK)]


def test_a_broken_connection_ends_the_questions() -> None:
    found = ask(
        ("first", unanswered(DatabaseUnreachableError)), ("second", lambda: ok("second", "yes"))
    )

    assert found == [("first", Mark.REFUSED)]


@pytest.mark.parametrize(
    ("skew", "took", "mark", "words"),
    [
        (0, 0, Mark.OK, ""),
        (30, 0, Mark.OK, ""),
        (31, 0, Mark.WARNING, "31 s ahead of"),
        (-90, 0, Mark.WARNING, "90 s behind"),
        (34, 10, Mark.OK, ""),  # the answer may be five seconds younger or older
    ],
)
def test_clocks_may_differ_by_half_a_minute(skew: int, took: int, mark: Mark, words: str) -> None:
    found = judge.judge_clock(
        server=NOON + timedelta(seconds=took / 2 + skew),
        before=NOON,
        after=NOON + timedelta(seconds=took),
        zone="UTC",
    )

    assert found.mark is mark
    assert words in found.found


@pytest.mark.parametrize(
    ("is_on", "is_verified", "is_local", "mark"),
    [
        (True, True, False, Mark.OK),
        (True, False, False, Mark.WARNING),
        (False, False, False, Mark.WARNING),
        (False, False, True, Mark.OK),
        (True, False, True, Mark.OK),
    ],
)
def test_encryption_must_be_on_and_the_server_known(
    is_on: bool, is_verified: bool, is_local: bool, mark: Mark
) -> None:
    found = judge.judge_encryption(
        is_on=is_on,
        details="TLSv1.3",
        is_verified=is_verified,
        is_local=is_local,
        turn_on="turn it on",
        verify="verify it",
    )

    assert found.mark is mark
    assert bool(found.advice) is (mark is not Mark.OK)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        (None, True),
        ("localhost", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("[::1]", True),
        ("/run/postgresql", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_which_hosts_are_this_machine(host: str | None, is_local: bool) -> None:
    assert judge.is_this_machine(host) is is_local


@pytest.mark.parametrize(
    ("exists", "may_create", "may_create_schemas", "mark"),
    [
        (True, True, False, Mark.OK),
        (True, False, True, Mark.REFUSED),
        (False, False, True, Mark.OK),
        (False, False, False, Mark.REFUSED),
    ],
)
def test_tables_can_be_made_where_the_schema_is_or_can_be_made(
    exists: bool, may_create: bool, may_create_schemas: bool, mark: Mark
) -> None:
    schema = judge.SchemaRights(name="dbo", exists=exists, may_create=may_create)

    found = judge.judge_creating(
        [schema], may_create_schemas=may_create_schemas, grant="GRANT ON {schema}"
    )

    assert found.mark is mark
    assert ("dbo" in found.advice) is (mark is Mark.REFUSED)


def test_only_the_first_few_names_are_listed() -> None:
    assert judge.names(["a", "b"]) == "a, b"
    assert judge.names(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_a_part_that_hangs_is_reported_with_what_it_found_before() -> None:
    let_go = threading.Event()

    def hang() -> Iterator[Finding]:
        yield ok("first", "yes")
        let_go.wait(30)

    def answer() -> Iterator[Finding]:
        yield ok("other", "yes")

    reports = list(examine_parts({"silent": hang, "lively": answer}, limit_seconds=0.3))
    let_go.set()

    silent, lively = reports
    assert [(found.what, found.mark) for found in silent.findings] == [
        ("first", Mark.OK),
        ("answer", Mark.REFUSED),
    ]
    assert [found.what for found in lively.findings] == ["other"]


def test_an_error_that_nobody_foresaw_reaches_the_caller() -> None:
    def bug() -> Iterator[Finding]:
        yield ok("first", "yes")
        raise KeyError("unforeseen")

    with pytest.raises(KeyError, match="unforeseen"):
        list(examine_parts({"part": bug}, limit_seconds=30))
