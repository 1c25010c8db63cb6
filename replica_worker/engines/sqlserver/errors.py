"""From what a driver raised to what it means: number first, then words, then SQLSTATE.

pyodbc tells number and SQLSTATE, the bulk-copy client the number, `mssql-python` neither but a
phrase for the SQLSTATE and the server's text. `error_codes` holds the table.
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from replica_worker.engines import meanings
from replica_worker.engines.sqlserver.error_codes import (
    BY_NUMBER,
    BY_SQLSTATE,
    KNOWN_ERRORS,
    PHRASES,
)
from replica_worker.engines.values import STAGING_SCHEMA
from replica_worker.errors import ReplicaError

_LONGEST_CAUSE = 300
_SECRET = re.compile(r"(PWD=|password=|://[^:/@\s]+:)(\{(?:[^}]|\}\})*\}|[^@\s;&]+)", re.I)
_PREFIX = re.compile(r"^(?:\[[^\]]*\]\s*)+")
_PYODBC_TAIL = re.compile(r"\s*\((-?\d+)\)\s*\(SQL\w+\)")
_BULK_HEAD = re.compile(r"Sql Error: (\d+): Class \d+: State \d+: ")
_CERTIFICATE = re.compile(r"SSL Provider.*certificate|certificate verify failed|self.signed", re.I)
_REFUSED_KEYWORD = "Invalid value specified for connection string attribute"

_WORDS = [(re.compile(e.words, re.S), e.meaning) for e in KNOWN_ERRORS if e.words]
_BULK_WORDS = (
    (re.compile(r"deadline has elapsed|Timeout expired"), meanings.SLOW),
    (re.compile(r"IO error|os error|connection", re.I), meanings.UNREACHABLE),
)


def meaning_of(*, sqlstate: str | None, number: int | None, text: str = "") -> meanings.Meaning:
    """The meaning of an error; what is said first here decides: number, words, SQLSTATE."""
    if number in BY_NUMBER:
        meaning = BY_NUMBER[number]
    elif said := next((meaning for words, meaning in _WORDS if words.match(text)), None):
        meaning = said
    else:
        meaning = BY_SQLSTATE.get(sqlstate or "") or BY_SQLSTATE.get(
            (sqlstate or "")[:2], meanings.OTHER
        )
    if meaning is meanings.TARGET and STAGING_SCHEMA in text:
        return meanings.BUSY  # swept from under an attempt that was taken for dead
    if meaning is meanings.UNREACHABLE and text.startswith(_REFUSED_KEYWORD):
        return meanings.SETTING
    if meaning is meanings.UNREACHABLE and _CERTIFICATE.search(text):
        return meanings.CERTIFICATE
    return meaning


def translate(error: Exception, *, operation: str) -> Exception:
    """The ReplicaError a driver's error means; errors of other origin come back unchanged."""
    driver_error: Any = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    module = type(driver_error).__module__.split(".")[0]
    if module == "mssql_python":
        sqlstate, text = _of_mssql_python(driver_error)
    elif module == "pyodbc":
        sqlstate, text = _of_pyodbc(driver_error)
    else:
        return error
    return translated(operation, sqlstate, text)


def translate_bulk_error(error: BaseException, *, operation: str) -> ReplicaError:
    """What an error of the bulk-copy client means; it raises built-in classes, and panics."""
    if isinstance(error, Exception):
        known = translate(error, operation=operation)
        if isinstance(known, ReplicaError):  # its first connection is an ordinary one
            return known
    text = str(error)
    head = _BULK_HEAD.search(text)
    server_text = text[head.end() :] if head else text
    meaning = meaning_of(
        sqlstate=None, number=int(head.group(1)) if head else None, text=server_text
    )
    if meaning is meanings.OTHER and not head:
        meaning = next((m for words, m in _BULK_WORDS if words.search(text)), meanings.BULK)
        if isinstance(error, ValueError):  # the client's own check of a value
            meaning = meanings.VALUE
    return _error(meaning, operation, server_text)


def translated(operation: str, sqlstate: str | None, text: str) -> ReplicaError:
    """A ReplicaError for what a driver said, in its own spelling."""
    message = _PREFIX.sub("", text)
    number = None
    if tail := _PYODBC_TAIL.search(message):
        number = int(tail.group(1))
        message = message[: tail.start()]
    return _error(meaning_of(sqlstate=sqlstate, number=number, text=message), operation, message)


def _error(meaning: meanings.Meaning, operation: str, message: str) -> ReplicaError:
    return meaning.kind(
        operation=operation,
        cause=_one_line(message),
        next_step=meaning.next_step,
        retryable=meaning.retryable,
    )


def _of_mssql_python(error: Any) -> tuple[str | None, str]:
    phrase = str(getattr(error, "driver_error", ""))
    unnamed = re.search(r"SQLSTATE code: (\w{5})", phrase)
    sqlstate = unnamed.group(1) if unnamed else PHRASES.get(phrase)
    return sqlstate, str(getattr(error, "ddbc_error", "") or error)


def _of_pyodbc(error: Any) -> tuple[str | None, str]:
    if len(error.args) < 2:  # pyodbc's own complaint, of no server's
        return None, str(error)
    return str(error.args[0]), str(error.args[1])


def _one_line(text: str) -> str:
    """The message without passwords or line breaks, shortened."""
    return _SECRET.sub(r"\1***", " ".join(text.split()))[:_LONGEST_CAUSE]
