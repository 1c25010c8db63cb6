"""What SQL Server's errors mean: one table by error number, one by SQLSTATE, for both drivers.

The number decides where it is known. `mssql-python` reports neither number nor SQLSTATE but a
phrase for the SQLSTATE and the server's text; the few numbers whose SQLSTATE says too little are
recognised by their text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from replica_worker.errors import (
    DatabaseError,
    DatabaseUnreachableError,
    MergeError,
    ReplicaError,
)

_LONGEST_CAUSE = 300
_SECRET = re.compile(r"(PWD=|password=|://[^:/@\s]+:)(\{(?:[^}]|\}\})*\}|[^@\s;&]+)", re.I)
_PREFIX = re.compile(r"^(\[[^\]]*\])+")
_PYODBC_NUMBER = re.compile(r"\((\d{2,5})\)\s*\(SQL")
_BULK_NUMBER = re.compile(r"\b(?:error|number)[ :#]+(\d{2,5})\b", re.I)


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
_CERTIFICATE = Meaning(
    kind=DatabaseUnreachableError,
    retryable=False,
    next_step="Give the server a certificate that this machine trusts, or, on a network you "
    "trust, add TrustServerCertificate=yes to the URL",
)
_BUSY = Meaning(
    kind=DatabaseError, retryable=True, next_step="It is tried again; nothing was changed"
)
_SLOW = Meaning(
    kind=DatabaseError,
    retryable=True,
    next_step="Raise REPLICA_STATEMENT_TIMEOUT if days are really that large",
)
_LOGIN = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="Check user, password and database in the URL, and what the login may do",
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
    kind=DatabaseError, retryable=False, next_step="Look into the database server's log"
)

BY_NUMBER: dict[int, Meaning] = {
    1205: _BUSY,  # deadlock victim
    1222: _BUSY,  # lock request time out
    1203: _BUSY,  # a session released a lock it did not hold
    1204: _SPACE,  # no more locks
    3960: _BUSY,  # snapshot update conflict
    3961: _BUSY,  # snapshot: metadata changed
    3966: _BUSY,  # snapshot: version store was full
    701: _SPACE,  # out of memory
    802: _SPACE,  # out of buffers
    1101: _SPACE,  # tempdb or filegroup full
    1105: _SPACE,  # filegroup full
    9002: _SPACE,  # log full
    10928: _SPACE,  # Azure: resource limit
    10929: _SPACE,  # Azure: resource minimum
    10936: _SPACE,  # Azure: elastic pool limit
    40501: _SPACE,  # Azure: throttled
    49918: _SPACE,  # Azure: not enough resources
    49919: _SPACE,  # Azure: too many create or update operations
    49920: _SPACE,  # Azure: too many operations
    4060: _LOGIN,  # cannot open the database
    18456: _LOGIN,  # login failed
    18452: _LOGIN,  # untrusted domain
    18487: _LOGIN,  # password expired
    18488: _LOGIN,  # password must be changed
    229: _LOGIN,  # permission denied on object
    230: _LOGIN,  # permission denied on column
    262: _LOGIN,  # permission denied in database
    40532: _LOGIN,  # Azure: cannot open server
    40615: _LOGIN,  # Azure: firewall
    40613: _UNREACHABLE,  # Azure: database not available now
    40197: _UNREACHABLE,  # Azure: service error, reconfiguration
    40143: _UNREACHABLE,  # Azure: connection could not be initialised
    4221: _UNREACHABLE,  # Azure: read secondary not ready
    42108: _UNREACHABLE,  # Azure: pool paused
    42109: _UNREACHABLE,  # Azure: pool warming up
    233: _UNREACHABLE,  # no process at the other end of the pipe
    10053: _UNREACHABLE,  # connection aborted
    10054: _UNREACHABLE,  # connection reset
    10060: _UNREACHABLE,  # connection timed out
    208: _TARGET,  # no such object
    207: _TARGET,  # no such column
    2760: _TARGET,  # no such schema
    2627: _KEY,  # primary key violation
    2601: _KEY,  # unique index violation
    8672: _KEY,  # MERGE met a row twice
    515: _VALUE,  # NULL into a not-null column
    547: _VALUE,  # constraint violation
    220: _VALUE,  # arithmetic overflow
    8115: _VALUE,  # arithmetic overflow
    241: _VALUE,  # text is no date
    242: _VALUE,  # date out of range
    245: _VALUE,  # text is no number
    2628: _VALUE,  # text would be cut
    8152: _VALUE,  # text would be cut
    3906: _LOGIN,  # database is read-only
    3621: _OTHER,  # the statement has been terminated
}

BY_SQLSTATE: dict[str, Meaning] = {
    "08": _UNREACHABLE,
    "01002": _UNREACHABLE,
    "HYT01": _UNREACHABLE,
    "HYT00": _SLOW,  # also lock time-outs, which their number tells
    "HY008": _SLOW,  # cancelled by our own time limit
    "HY010": _UNREACHABLE,  # what a broken connection answers to the next call
    "40": _BUSY,
    "28": _LOGIN,
    "3D000": _LOGIN,
    "3F000": _TARGET,
    "42S02": _TARGET,
    "42S22": _TARGET,
    "22": _VALUE,
    "23": _VALUE,
}

_PHRASES = {
    "Disconnect error": "01002",
    "Client unable to establish connection": "08001",
    "Connection not open": "08003",
    "Server rejected the connection": "08004",
    "Connection failure during transaction": "08007",
    "Communication link failure": "08S01",
    "Serialization failure": "40001",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
    "Operation canceled": "HY008",
    "Function sequence error": "HY010",
    "Invalid authorization specification": "28000",
    "Invalid catalog name": "3D000",
    "Invalid schema name": "3F000",
    "Base table or view not found": "42S02",
    "Column not found": "42S22",
    "Integrity constraint violation": "23000",
    "String data, right-truncated": "22001",
    "Numeric value out of range": "22003",
    "Invalid datetime format": "22007",
    "Datetime field overflow": "22008",
    "Division by zero": "22012",
    "Invalid character value for cast specification": "22018",
}

_BY_TEXT: tuple[tuple[str, int], ...] = (
    ("deadlock", 1205),
    ("Lock request time out", 1222),
    ("Snapshot isolation transaction aborted", 3960),
    ("Login failed", 18456),
    ("Cannot open database", 4060),
    ("Cannot open server", 40532),
    ("permission was denied", 229),
    ("permission denied", 229),
    ("Invalid object name", 208),
    ("Invalid column name", 207),
    ("Violation of PRIMARY KEY", 2627),
    ("Cannot insert duplicate key", 2601),
    ("Cannot insert the value NULL", 515),
    ("would be truncated", 2628),
    ("Arithmetic overflow", 8115),
    ("is not currently available", 40613),
    ("transaction log for database", 9002),
)
_CERTIFICATE_TEXT = re.compile(r"certificate|SSL Provider|self.signed", re.I)


def meaning_of(*, sqlstate: str | None, number: int | None) -> Meaning:
    """The meaning of an error; the number decides where it is known."""
    if number in BY_NUMBER:
        return BY_NUMBER[number]
    if not sqlstate:
        return _OTHER
    return BY_SQLSTATE.get(sqlstate) or BY_SQLSTATE.get(sqlstate[:2]) or _OTHER


def translate(error: Exception, *, operation: str) -> Exception:
    """The ReplicaError a driver's error means; errors of other origin come back unchanged."""
    driver_error: Any = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    module = type(driver_error).__module__.split(".")[0]
    if module == "mssql_python":
        sqlstate, text = _of_mssql_python(driver_error)
    elif module == "pyodbc":
        sqlstate, text = str(driver_error.args[0]), str(driver_error.args[-1])
    else:
        return error
    return translated(operation, sqlstate, text)


def translate_bulk_error(error: BaseException, *, operation: str) -> ReplicaError:
    """What an error of the bulk-copy client means; it has classes of its own and none."""
    return translated(operation, None, str(error))


def translated(operation: str, sqlstate: str | None, text: str) -> ReplicaError:
    """A ReplicaError for what the server or the driver said."""
    meaning = meaning_of(sqlstate=sqlstate, number=_number(text))
    if meaning is _UNREACHABLE and _CERTIFICATE_TEXT.search(text):
        meaning = _CERTIFICATE
    return meaning.kind(
        operation=operation,
        cause=_one_line(text),
        next_step=meaning.next_step,
        retryable=meaning.retryable,
    )


def _of_mssql_python(error: Any) -> tuple[str | None, str]:
    phrase = str(getattr(error, "driver_error", ""))
    unnamed = re.search(r"SQLSTATE code: (\w{5})", phrase)
    sqlstate = unnamed.group(1) if unnamed else _PHRASES.get(phrase)
    return sqlstate, str(getattr(error, "ddbc_error", "") or error)


def _number(text: str) -> int | None:
    for pattern in (_PYODBC_NUMBER, _BULK_NUMBER):
        if match := pattern.search(text):
            return int(match.group(1))
    return next((number for part, number in _BY_TEXT if part in text), None)


def _one_line(text: str) -> str:
    """The message without the drivers' prefixes, passwords or line breaks."""
    message = _SECRET.sub(r"\1***", " ".join(text.split()))
    return _PREFIX.sub("", message).strip()[:_LONGEST_CAUSE]
