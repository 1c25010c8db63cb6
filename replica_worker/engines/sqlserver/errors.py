"""What SQL Server's errors mean: one table by error number, one by SQLSTATE, for both drivers.

The number decides where it is known. `mssql-python` reports neither number nor SQLSTATE but a
phrase for the SQLSTATE and the server's text; the few numbers whose SQLSTATE says too little are
recognised by their text.
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from replica_worker.engines import meanings
from replica_worker.errors import DatabaseError, ReplicaError

_LONGEST_CAUSE = 300
_SECRET = re.compile(r"(PWD=|password=|://[^:/@\s]+:)(\{(?:[^}]|\}\})*\}|[^@\s;&]+)", re.I)
_PREFIX = re.compile(r"^(\[[^\]]*\])+")
_PYODBC_NUMBER = re.compile(r"\((\d{2,5})\)\s*\(SQL")
_BULK_NUMBER = re.compile(r"\b(?:error|number)[ :#]+(\d{2,5})\b", re.I)

_NO_UTF8 = meanings.Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="The server has no UTF-8 collation: set REPLICA_DIGEST_ENCODING=utf-16",
)

BY_NUMBER: dict[int, meanings.Meaning] = {
    1205: meanings.BUSY,  # deadlock victim
    1222: meanings.BUSY,  # lock request time out
    1203: meanings.BUSY,  # a session released a lock it did not hold
    1204: meanings.SPACE,  # no more locks
    3960: meanings.BUSY,  # snapshot update conflict
    3961: meanings.BUSY,  # snapshot: metadata changed
    3966: meanings.BUSY,  # snapshot: version store was full
    701: meanings.SPACE,  # out of memory
    802: meanings.SPACE,  # out of buffers
    1101: meanings.SPACE,  # tempdb or filegroup full
    1105: meanings.SPACE,  # filegroup full
    9002: meanings.SPACE,  # log full
    10928: meanings.SPACE,  # Azure: resource limit
    10929: meanings.SPACE,  # Azure: resource minimum
    10936: meanings.SPACE,  # Azure: elastic pool limit
    40501: meanings.SPACE,  # Azure: throttled
    49918: meanings.SPACE,  # Azure: not enough resources
    49919: meanings.SPACE,  # Azure: too many create or update operations
    49920: meanings.SPACE,  # Azure: too many operations
    4060: meanings.LOGIN,  # cannot open the database
    18456: meanings.LOGIN,  # login failed
    18452: meanings.LOGIN,  # untrusted domain
    18487: meanings.LOGIN,  # password expired
    18488: meanings.LOGIN,  # password must be changed
    229: meanings.LOGIN,  # permission denied on object
    230: meanings.LOGIN,  # permission denied on column
    262: meanings.LOGIN,  # permission denied in database
    40532: meanings.LOGIN,  # Azure: cannot open server
    40615: meanings.LOGIN,  # Azure: firewall
    40613: meanings.UNREACHABLE,  # Azure: database not available now
    40197: meanings.UNREACHABLE,  # Azure: service error, reconfiguration
    40143: meanings.UNREACHABLE,  # Azure: connection could not be initialised
    4221: meanings.UNREACHABLE,  # Azure: read secondary not ready
    42108: meanings.UNREACHABLE,  # Azure: pool paused
    42109: meanings.UNREACHABLE,  # Azure: pool warming up
    233: meanings.UNREACHABLE,  # no process at the other end of the pipe
    10053: meanings.UNREACHABLE,  # connection aborted
    10054: meanings.UNREACHABLE,  # connection reset
    10060: meanings.UNREACHABLE,  # connection timed out
    208: meanings.TARGET,  # no such object
    207: meanings.TARGET,  # no such column
    448: _NO_UTF8,  # no such collation
    2760: meanings.TARGET,  # no such schema
    2627: meanings.KEY,  # primary key violation
    2601: meanings.KEY,  # unique index violation
    8672: meanings.KEY,  # MERGE met a row twice
    515: meanings.VALUE,  # NULL into a not-null column
    547: meanings.VALUE,  # constraint violation
    220: meanings.VALUE,  # arithmetic overflow
    8115: meanings.VALUE,  # arithmetic overflow
    241: meanings.VALUE,  # text is no date
    242: meanings.VALUE,  # date out of range
    245: meanings.VALUE,  # text is no number
    2628: meanings.VALUE,  # text would be cut
    8152: meanings.VALUE,  # text would be cut
    3906: meanings.LOGIN,  # database is read-only
    3621: meanings.OTHER,  # the statement has been terminated
}

BY_SQLSTATE: dict[str, meanings.Meaning] = {
    "08": meanings.UNREACHABLE,
    "01002": meanings.UNREACHABLE,
    "HYT01": meanings.UNREACHABLE,
    "HYT00": meanings.SLOW,  # also lock time-outs, which their number tells
    "HY008": meanings.SLOW,  # cancelled by our own time limit
    "HY010": meanings.UNREACHABLE,  # what a broken connection answers to the next call
    "40": meanings.BUSY,
    "28": meanings.LOGIN,
    "3D000": meanings.LOGIN,
    "3F000": meanings.TARGET,
    "42S02": meanings.TARGET,
    "42S22": meanings.TARGET,
    "22": meanings.VALUE,
    "23": meanings.VALUE,
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
    ("Invalid collation", 448),
    ("Violation of PRIMARY KEY", 2627),
    ("Cannot insert duplicate key", 2601),
    ("Cannot insert the value NULL", 515),
    ("would be truncated", 2628),
    ("Arithmetic overflow", 8115),
    ("is not currently available", 40613),
    ("transaction log for database", 9002),
)
_CERTIFICATE_TEXT = re.compile(r"certificate|SSL Provider|self.signed", re.I)


def meaning_of(*, sqlstate: str | None, number: int | None) -> meanings.Meaning:
    """The meaning of an error; the number decides where it is known."""
    if number in BY_NUMBER:
        return BY_NUMBER[number]
    if not sqlstate:
        return meanings.OTHER
    return BY_SQLSTATE.get(sqlstate) or BY_SQLSTATE.get(sqlstate[:2]) or meanings.OTHER


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
    if meaning is meanings.UNREACHABLE and _CERTIFICATE_TEXT.search(text):
        meaning = meanings.CERTIFICATE
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
