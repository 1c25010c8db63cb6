"""What PostgreSQL's errors mean: one table by SQLSTATE, for both drivers.

A class (first two characters) decides unless the whole code is listed. `tests/unit` checks the
table code by code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import adbc_driver_manager
import psycopg
import sqlalchemy as sa

from replica_worker.engines.interface import STAGING_SCHEMA
from replica_worker.errors import (
    DatabaseError,
    DatabaseUnreachableError,
    MergeError,
    ReplicaError,
)

_SECRET = re.compile(r"(password=|://[^:/@\s]+:)[^@\s&]+", re.I)
_LONGEST_CAUSE = 300


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """How an error is to be taken."""

    kind: type[ReplicaError]
    retryable: bool
    next_step: str


_UNREACHABLE = Meaning(
    kind=DatabaseUnreachableError,
    retryable=True,
    next_step="Check that the server runs and that host, port and VPN in the URL are right",
)
_BUSY = Meaning(
    kind=DatabaseError, retryable=True, next_step="It is tried again; nothing was changed"
)
_LOGIN = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="Check user, password and database in the URL, and what the role may do",
)
_TARGET = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="Run `replica migrate`, and compare the live table with the spec file",
)
_VALUE = Meaning(
    kind=MergeError,
    retryable=False,
    next_step="Correct the column's type in the spec file, or the value at the source",
)
_KEY = Meaning(
    kind=MergeError,
    retryable=True,
    next_step="If it comes again, the key in the spec file is not unique at the source",
)
_SPACE = Meaning(
    kind=DatabaseError,
    retryable=True,
    next_step="Give the database server room or connections; the work goes on by itself then",
)
_OTHER = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="Look into the database server's log",
)

# What the drivers raise without a SQLSTATE when no server answers or the connection breaks.
_BROKEN_CONNECTION = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    adbc_driver_manager.OperationalError,
)

# A server that turns a login away gives its client no SQLSTATE, only these words.
_LOGIN_REFUSED = re.compile(
    r"FATAL:.*(authentication failed|no pg_hba\.conf entry|does not exist|permission denied"
    r"|not permitted to log in)"
)

MEANINGS: dict[str, Meaning] = {
    "08": _UNREACHABLE,  # connection exception
    "57P01": _UNREACHABLE,  # admin shutdown
    "57P02": _UNREACHABLE,  # crash shutdown
    "57P03": _UNREACHABLE,  # cannot connect now
    "57014": Meaning(  # query canceled: our own statement_timeout
        kind=DatabaseError,
        retryable=True,
        next_step="Raise REPLICA_STATEMENT_TIMEOUT if days are really that large",
    ),
    "40": _BUSY,  # serialization failure, deadlock
    "55P03": _BUSY,  # lock not available
    "53": _SPACE,  # out of disk, memory, connections
    "28": _LOGIN,  # invalid authorization
    "3D000": _LOGIN,  # no such database
    "42501": _LOGIN,  # insufficient privilege
    "25006": _LOGIN,  # read-only transaction
    "3F": _TARGET,  # no such schema
    "42": _TARGET,  # no such table or column
    "22": _VALUE,  # bad value, too long, out of range
    "23505": _KEY,  # unique violation
    "21000": _KEY,  # MERGE met a row twice
    "23": _VALUE,  # NULL and check violations
}


def meaning_of(sqlstate: str | None) -> Meaning:
    """The meaning of a SQLSTATE; no SQLSTATE means that no server answered."""
    if not sqlstate:
        return _UNREACHABLE
    return MEANINGS.get(sqlstate) or MEANINGS.get(sqlstate[:2]) or _OTHER


def translate(error: Exception, *, operation: str) -> Exception:
    """The ReplicaError a driver's error means; errors of other origin come back unchanged."""
    driver_error = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(driver_error, (psycopg.Error, adbc_driver_manager.Error)):
        sqlstate = driver_error.sqlstate
    else:
        return error
    if not sqlstate and isinstance(driver_error, _BROKEN_CONNECTION):
        meaning = _LOGIN if _LOGIN_REFUSED.search(str(driver_error)) else _UNREACHABLE
    else:
        meaning = meaning_of(sqlstate) if sqlstate else _OTHER
    if sqlstate == "42P01" and STAGING_SCHEMA in str(driver_error):
        meaning = _BUSY  # swept from under an attempt that was taken for dead
    return meaning.kind(
        operation=operation,
        cause=_one_line(str(driver_error)),
        next_step=meaning.next_step,
        retryable=meaning.retryable,
    )


def _one_line(message: str) -> str:
    """The driver's message without its statement, its password or its line breaks."""
    message = message.split("Query was:")[0]
    message = re.split(r"\n\s*LINE \d+:", message)[0]
    message = _SECRET.sub(r"\1***", " ".join(message.split()))
    return message[:_LONGEST_CAUSE]
