"""Errors: one line for people, and what every error of PostgreSQL means."""

from __future__ import annotations

import copy
import inspect
import pickle

import adbc_driver_manager
import psycopg
import pytest
import sqlalchemy as sa

from replica_worker import errors
from replica_worker.engines.postgresql.errors import MEANINGS, meaning_of, translate
from replica_worker.errors import (
    DatabaseError,
    DatabaseUnreachableError,
    LeaseLostError,
    MergeError,
    ReplicaError,
)

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ReplicaError)
]


def error_with(cause: str, next_step: str = "Try again") -> ReplicaError:
    return ReplicaError(operation="do it", cause=cause, next_step=next_step)


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        ("it broke", "do it: it broke. Try again."),
        ("it broke.", "do it: it broke. Try again."),
        ("it broke...\n", "do it: it broke. Try again."),
        ("one\n  two\r\nthree", "do it: one two three. Try again."),
        ("did you mean X?", "do it: did you mean X? Try again."),
        ("stop!", "do it: stop! Try again."),
    ],
)
def test_error_is_one_line_without_double_punctuation(cause: str, text: str) -> None:
    assert str(error_with(cause)) == text
    assert str(error_with(cause, "Try again.\n")) == text


def test_error_names_its_chunk_once() -> None:
    error = error_with("it broke").on_chunk("SALES 2026-03-14").on_chunk("other")
    assert str(error) == "do it [SALES 2026-03-14]: it broke. Try again."


@pytest.mark.parametrize("kind", KINDS)
def test_error_survives_the_way_between_processes(kind: type[ReplicaError]) -> None:
    error = kind(operation="a", cause="b", next_step="c", retryable=True, chunk="d")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(twin) is kind
        assert (str(twin), twin.retryable, twin.chunk) == (str(error), True, "d")


CODES = [
    ("08000", DatabaseUnreachableError, True, "VPN"),
    ("08006", DatabaseUnreachableError, True, "VPN"),
    ("57P01", DatabaseUnreachableError, True, "VPN"),
    ("57P02", DatabaseUnreachableError, True, "VPN"),
    ("57P03", DatabaseUnreachableError, True, "VPN"),
    ("57014", DatabaseError, True, "REPLICA_STATEMENT_TIMEOUT"),
    ("40001", DatabaseError, True, "tried again"),
    ("40P01", DatabaseError, True, "tried again"),
    ("55P03", DatabaseError, True, "tried again"),
    ("53100", DatabaseError, True, "room or connections"),
    ("53200", DatabaseError, True, "room or connections"),
    ("53300", DatabaseError, True, "room or connections"),
    ("28000", DatabaseError, False, "password"),
    ("28P01", DatabaseError, False, "password"),
    ("3D000", DatabaseError, False, "database"),
    ("42501", DatabaseError, False, "role"),
    ("25006", DatabaseError, False, "role"),
    ("3F000", DatabaseError, False, "replica migrate"),
    ("42P01", DatabaseError, False, "replica migrate"),
    ("42703", DatabaseError, False, "replica migrate"),
    ("42804", DatabaseError, False, "replica migrate"),
    ("22001", MergeError, False, "type in the spec file"),
    ("22003", MergeError, False, "type in the spec file"),
    ("22P02", MergeError, False, "type in the spec file"),
    ("23502", MergeError, False, "type in the spec file"),
    ("23514", MergeError, False, "type in the spec file"),
    ("23505", MergeError, True, "key in the spec file"),
    ("21000", MergeError, True, "key in the spec file"),
    ("XX000", DatabaseError, False, "server's log"),
    ("0A000", DatabaseError, False, "server's log"),
]


@pytest.mark.parametrize(("code", "kind", "retryable", "advice"), CODES)
def test_sqlstate_means(code: str, kind: type[ReplicaError], retryable: bool, advice: str) -> None:
    meaning = meaning_of(code)
    assert (meaning.kind, meaning.retryable) == (kind, retryable)
    assert advice in meaning.next_step


def test_every_listed_meaning_is_tested() -> None:
    tested = {code for code, *_ in CODES} | {code[:2] for code, *_ in CODES}
    assert set(MEANINGS) <= tested


def driver_error(code: str, message: str = "it broke") -> psycopg.Error:
    return psycopg.errors.lookup(code)(message)


def test_driver_error_is_translated_within_sqlalchemy_s_and_without() -> None:
    inner = driver_error("40P01", "deadlock detected")
    wrapped = sa.exc.OperationalError("UPDATE secret_table", {"p": "secret"}, inner)
    for error in (inner, wrapped):
        translated = translate(error, operation="merge")
        assert isinstance(translated, DatabaseError)
        assert translated.retryable
        assert (
            str(translated) == "merge: deadlock detected. It is tried again; nothing was changed."
        )


def test_errors_of_other_origin_come_back_unchanged() -> None:
    lost = LeaseLostError(operation="a", cause="b", next_step="c")
    for error in (lost, ValueError("x"), KeyError("y")):
        assert translate(error, operation="x") is error


@pytest.mark.parametrize(
    ("message", "kind", "retryable"),
    [
        ("connection refused", DatabaseUnreachableError, True),
        ("server closed the connection unexpectedly", DatabaseUnreachableError, True),
        ("FATAL: the database system is starting up", DatabaseUnreachableError, True),
        ("FATAL: sorry, too many clients already", DatabaseUnreachableError, True),
        ('FATAL: password authentication failed for user "x"', DatabaseError, False),
        ('FATAL: database "x" does not exist', DatabaseError, False),
        ('FATAL: role "x" does not exist', DatabaseError, False),
        ('FATAL: no pg_hba.conf entry for host "x"', DatabaseError, False),
        ('FATAL: role "x" is not permitted to log in', DatabaseError, False),
        ('FATAL: permission denied for database "x"', DatabaseError, False),
    ],
)
def test_failed_connect_is_told_from_a_refused_login(
    message: str, kind: type[ReplicaError], retryable: bool
) -> None:
    status = adbc_driver_manager.AdbcStatusCode.IO
    for error in (
        psycopg.OperationalError(f"connection failed: {message}"),
        adbc_driver_manager.OperationalError(f"IO: {message}\n", status_code=status),
    ):
        translated = translate(error, operation="connect")
        assert isinstance(translated, ReplicaError)
        assert (type(translated), translated.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    "message",
    [
        "bad URL postgresql://reader:s3cr3t@host/db",
        "invalid dsn: password=s3cr3t host=x",
        "could not parse postgresql+psycopg://u:s3cr3t@h:5432/d?x=y",
    ],
)
def test_password_in_a_driver_s_message_is_hidden(message: str) -> None:
    translated = translate(psycopg.OperationalError(message), operation="connect")
    assert "s3cr3t" not in str(translated) + repr(translated)


def test_statement_and_line_breaks_do_not_reach_the_message() -> None:
    error = driver_error("42P01", 'relation "x" does not exist\nLINE 1: SELECT secret\n        ^')
    text = str(translate(error, operation="read"))
    assert "secret" not in text
    assert "\n" not in text


def test_endless_message_is_shortened() -> None:
    assert len(str(translate(driver_error("22P02", "x" * 10_000), operation="read"))) < 500
