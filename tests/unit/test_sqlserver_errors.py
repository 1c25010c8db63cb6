"""What SQL Server's errors mean, as pyodbc, mssql-python and the bulk-copy client tell them."""

from __future__ import annotations

import re

import mssql_python
import pytest

from replica_worker.engines.sqlserver.error_codes import KNOWN_ERRORS
from replica_worker.engines.sqlserver.errors import (
    meaning_of,
    translate,
    translate_bulk_error,
    translated,
)
from replica_worker.errors import (
    DatabaseError,
    DatabaseUnreachableError,
    MergeError,
    ReplicaError,
    SettingsError,
)

DRIVER = "[Microsoft][ODBC Driver 18 for SQL Server]"

Verdict = tuple[type[ReplicaError], bool]
BUSY: Verdict = (DatabaseError, True)
UNREACHABLE: Verdict = (DatabaseUnreachableError, True)
REFUSED: Verdict = (DatabaseError, False)
KEY: Verdict = (MergeError, True)
VALUE: Verdict = (MergeError, False)
SETTING: Verdict = (SettingsError, False)

# number, SQLSTATE, the server's message, what it means
MESSAGES: list[tuple[int, str, str, Verdict]] = [
    (1205, "40001", "Transaction (Process ID 55) was deadlocked on lock resources with another "
     "process and has been chosen as the deadlock victim. Rerun the transaction.", BUSY),
    (1222, "HYT00", "Lock request time out period exceeded.", BUSY),
    (3960, "42000", "Snapshot isolation transaction aborted due to update conflict. You cannot "
     "use snapshot isolation to access table 'dbo.SALES'", BUSY),
    (3961, "42000", "Snapshot isolation transaction failed in database 'D' because the object "
     "accessed by the statement has been modified by a DDL statement", BUSY),
    (3966, "42000", "Transaction is rolled back when accessing version store.", BUSY),
    (9002, "42000", "The transaction log for database 'D' is full due to 'LOG_BACKUP'.", BUSY),
    (10928, "42000", "Resource ID: 1. The request limit for the database is 60 and has been "
     "reached.", BUSY),
    (10929, "42000", "Resource ID: 1. The request minimum guarantee is 0, maximum limit is 60",
     BUSY),
    (40501, "42000", "The service is currently busy. Retry the request after 10 seconds.", BUSY),
    (49918, "42000", "Cannot process request. Not enough resources to process request.", BUSY),
    (49919, "42000", "Cannot process create or update request. Too many create or update "
     "operations in progress for subscription 's'.", BUSY),
    (49920, "42000", "Cannot process request. Too many operations in progress for subscription",
     BUSY),
    (40613, "42000", "Database 'D' on server 'S' is not currently available.", UNREACHABLE),
    (40197, "42000", "The service has encountered an error processing your request. Please try "
     "again. Error code 4815.", UNREACHABLE),
    (4221, "42000", "Login to read-secondary failed due to long wait on "
     "'HADR_DATABASE_WAIT_FOR_TRANSITION_TO_VERSIONING'.", UNREACHABLE),
    (596, "HY000", "Cannot continue the execution because the session is in the kill state.",
     UNREACHABLE),
    (18401, "42000", "Login failed for user 'u'. Reason: Server is in script upgrade mode.",
     UNREACHABLE),
    (18456, "28000", "Login failed for user 'u'.", REFUSED),
    (4060, "42000", 'Cannot open database "D" requested by the login. The login failed.', REFUSED),
    (40615, "42000", "Cannot open server 'S' requested by the login. Client with IP address "
     "'10.0.0.1' is not allowed to access the server.", REFUSED),
    (229, "42000", "The SELECT permission was denied on the object 'SALES', database 'D', "
     "schema 'dbo'.", REFUSED),
    (262, "42000", "CREATE TABLE permission denied in database 'D'.", REFUSED),
    (208, "42S02", "Invalid object name 'dbo.SALES'.", REFUSED),
    (448, "42000", "Invalid collation 'Latin1_General_100_BIN2_UTF8'.", REFUSED),
    (207, "42S22", "Invalid column name 'NOTE'.", REFUSED),
    (2627, "23000", "Violation of PRIMARY KEY constraint 'PK_SALES'. Cannot insert duplicate key "
     "in object 'dbo.SALES'. The duplicate key value is (7).", KEY),
    (2601, "23000", "Cannot insert duplicate key row in object 'dbo.SALES' with unique index 'i'.",
     KEY),
    (515, "23000", "Cannot insert the value NULL into column 'ID', table 'D.dbo.SALES'", VALUE),
    (2628, "22001", "String or binary data would be truncated in table 'D.dbo.SALES', column "
     "'NOTE'. Truncated value: 'abc'.", VALUE),
    (8152, "22001", "String or binary data would be truncated.", VALUE),
    (8115, "22003", "Arithmetic overflow error converting numeric to data type numeric.", VALUE),
    (3998, "25000", "Uncommittable transaction is detected at the end of the batch.", REFUSED),
]  # fmt: skip


def verdict(error: object) -> Verdict:
    assert isinstance(error, ReplicaError)
    return type(error), error.retryable


@pytest.mark.parametrize(("number", "sqlstate", "message", "expected"), MESSAGES)
def test_number_of_pyodbc_decides(number, sqlstate, message, expected) -> None:
    text = f"[{sqlstate}] {DRIVER}[SQL Server]{message} ({number}) (SQLExecDirectW)"
    error = translated("merge", sqlstate, text)
    assert verdict(error) == expected
    assert error.cause == " ".join(message.split()).rstrip(". ")


@pytest.mark.parametrize(("number", "sqlstate", "message", "expected"), MESSAGES)
def test_words_decide_where_the_driver_tells_no_number(number, sqlstate, message, expected) -> None:
    error = mssql_python.ProgrammingError(
        driver_error="Syntax error or access violation",
        ddbc_error=f"{DRIVER}[SQL Server]{message}",
    )
    assert verdict(translate(error, operation="merge")) == expected


@pytest.mark.parametrize(("number", "sqlstate", "message", "expected"), MESSAGES)
def test_number_of_the_bulk_copy_client_decides(number, sqlstate, message, expected) -> None:
    error = RuntimeError(f"Sql Error: {number}: Class 14: State 1: {message} on SRV in  at line 1")
    assert verdict(translate_bulk_error(error, operation="load")) == expected


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("Communication link failure", "TCP Provider: Error code 0x2746", UNREACHABLE),
        ("Client unable to establish connection", "TCP Provider: Error code 0x2749", UNREACHABLE),
        ("Timeout expired", "Login timeout expired", UNREACHABLE),
        ("Connection timeout expired", "Connection timeout expired", UNREACHABLE),
        ("Timeout expired", "Query timeout expired", BUSY),
        ("Serialization failure", "deadlock detected", BUSY),
        ("Invalid authorization specification", "La connexion a échoué", REFUSED),
        ("Numeric value out of range", "integer out of range", VALUE),
        ("General error", "an own message", REFUSED),
        ("General error", "the database system is in recovery mode", UNREACHABLE),
        ("An error occurred with SQLSTATE code: 08S02", "reset", UNREACHABLE),
        ("Client unable to establish connection",
         "SSL Provider: [error:0A000086:SSL routines::certificate verify failed:self-signed]",
         (DatabaseUnreachableError, False)),
        ("Client unable to establish connection",
         "Invalid value specified for connection string attribute 'Encrypt'", SETTING),
    ],
)  # fmt: skip
def test_phrases_stand_for_sqlstates(phrase: str, text: str, expected: Verdict) -> None:
    error = mssql_python.OperationalError(driver_error=phrase, ddbc_error=f"{DRIVER}{text}")
    assert verdict(translate(error, operation="connect")) == expected


@pytest.mark.parametrize(
    "words",
    [
        'The specified schema name "replica_stage" either does not exist or you do not have '
        "permission to use it.",
        'schema "db_replica_stage" does not exist',
    ],
)
def test_missing_staging_schema_is_nothing_that_another_try_mends(words: str) -> None:
    error = mssql_python.ProgrammingError(
        driver_error="Syntax error or access violation", ddbc_error=f"{DRIVER}[SQL Server]{words}"
    )
    meant = translate(error, operation="stage a row")
    assert verdict(meant) == REFUSED
    assert "replica migrate" in meant.next_step


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("IO error: Broken pipe (os error 32)"), UNREACHABLE),
        (RuntimeError("Timeout Error: Timeout expired"), BUSY),
        (RuntimeError("Failed to retrieve destination metadata: Timeout Error: Elapsed: deadline "
                      "has elapsed"), BUSY),
        (RuntimeError("Failed to retrieve destination metadata: Sql Error: 208: Class 16: State 1: "
                      "Invalid object name 'dbo.x'. on S in  at line 1"), REFUSED),
        (ValueError("String length (18 characters) exceeds schema size (5 characters)"), VALUE),
        (ValueError("Cannot insert NULL value into non-nullable column 'id'"), VALUE),
        (BaseException("index out of bounds: a panic"), BUSY),
    ],
)  # fmt: skip
def test_bulk_copy_client_s_own_errors(error: BaseException, expected: Verdict) -> None:
    assert verdict(translate_bulk_error(error, operation="load")) == expected


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("08S01", UNREACHABLE),
        ("08001", UNREACHABLE),
        ("HYT01", UNREACHABLE),
        ("HYT00", BUSY),
        ("40001", BUSY),
        ("28000", REFUSED),
        ("42S02", REFUSED),
        ("22003", VALUE),
        ("HY000", REFUSED),
        (None, REFUSED),
    ],
)
def test_sqlstate_decides_where_nothing_else_is_known(sqlstate, expected) -> None:
    meaning = meaning_of(sqlstate=sqlstate, number=None)
    assert (meaning.kind, meaning.retryable) == expected


def test_every_number_means_one_thing_and_every_word_is_a_pattern() -> None:
    meanings: dict[int, set[object]] = {}
    for known in KNOWN_ERRORS:
        re.compile(known.words)
        if known.number:
            meanings.setdefault(known.number, set()).add(known.meaning)
    assert [number for number, found in meanings.items() if len(found) > 1] == []


def test_quoted_data_is_not_taken_for_the_server_s_words() -> None:
    text = "[Microsoft][SQL Server]Note 'Login failed for user x' was refused. (50000) (SQLExecute)"
    assert verdict(translated("merge", "42000", text)) == REFUSED
    text = "[Microsoft][SQL Server]Audit: Lock request time out period exceeded."
    assert verdict(translated("merge", "42000", text)) == REFUSED


def test_staging_table_that_was_swept_away_is_tried_again() -> None:
    text = "[Microsoft][SQL Server]Invalid object name 'replica_stage.a1'."
    assert verdict(translated("merge", "42S02", text)) == BUSY


def test_errors_of_other_origin_come_back_as_they_are() -> None:
    error = ValueError("x")
    assert translate(error, operation="merge") is error


def test_message_is_one_line_without_a_password() -> None:
    text = "cannot open Server=x;UID=u;PWD={p}}w;d};Database=d;\nsecond line"
    message = str(translated("connect", "08001", text))
    assert "\n" not in message
    assert "w;d" not in message
