"""What PostgreSQL's errors mean: one table by SQLSTATE, for both drivers.

A class (first two characters) decides unless the whole code is listed. `tests/unit` checks the
table code by code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager
import psycopg
import sqlalchemy as sa

from replica_worker.engines import meanings
from replica_worker.engines.values import STAGING_SCHEMA

_SECRET = re.compile(r"(password=|://[^:/@\s]+:)[^@\s&]+", re.I)
_LONGEST_CAUSE = 300


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

MEANINGS: dict[str, meanings.Meaning] = {
    "08": meanings.UNREACHABLE,  # connection exception
    "57P01": meanings.UNREACHABLE,  # admin shutdown
    "57P02": meanings.UNREACHABLE,  # crash shutdown
    "57P03": meanings.UNREACHABLE,  # cannot connect now
    "57014": meanings.SLOW,  # query canceled: our own statement_timeout
    "40": meanings.BUSY,  # serialization failure, deadlock
    "55P03": meanings.BUSY,  # lock not available
    "53": meanings.SPACE,  # out of disk, memory, connections
    "28": meanings.LOGIN,  # invalid authorization
    "3D000": meanings.LOGIN,  # no such database
    "42501": meanings.LOGIN,  # insufficient privilege
    "25006": meanings.LOGIN,  # read-only transaction
    "3F": meanings.TARGET,  # no such schema
    "42": meanings.TARGET,  # no such table or column
    "22": meanings.VALUE,  # bad value, too long, out of range
    "23505": meanings.KEY,  # unique violation
    "21000": meanings.KEY,  # MERGE met a row twice
    "23": meanings.VALUE,  # NULL and check violations
}


def meaning_of(sqlstate: str | None) -> meanings.Meaning:
    """The meaning of a SQLSTATE; no SQLSTATE means that no server answered."""
    if not sqlstate:
        return meanings.UNREACHABLE
    return MEANINGS.get(sqlstate) or MEANINGS.get(sqlstate[:2]) or meanings.OTHER


def translate(error: Exception, *, operation: str) -> Exception:
    """The ReplicaError a driver's error means; errors of other origin come back unchanged."""
    driver_error = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(driver_error, (psycopg.Error, adbc_driver_manager.Error)):
        sqlstate = driver_error.sqlstate
    else:
        return error
    if not sqlstate and isinstance(driver_error, _BROKEN_CONNECTION):
        meaning = (
            meanings.LOGIN if _LOGIN_REFUSED.search(str(driver_error)) else meanings.UNREACHABLE
        )
    else:
        meaning = meaning_of(sqlstate) if sqlstate else meanings.OTHER
    if sqlstate == "42P01" and STAGING_SCHEMA in str(driver_error):
        meaning = meanings.BUSY  # swept from under an attempt that was taken for dead
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


@contextmanager
def translated_errors(operation: str) -> Iterator[None]:
    """Raise the driver's errors as the product's own."""
    try:
        yield
    except Exception as error:
        translated = translate(error, operation=operation)
        if translated is error:
            raise
        raise translated from None
