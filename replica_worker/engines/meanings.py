"""What a driver's error can mean, whatever the engine: its class, whether to retry, what to do.

Each engine has a table of its own that says which of its error codes means which of these.
"""

from __future__ import annotations

from dataclasses import dataclass

from replica_worker.errors import (
    DatabaseError,
    DatabaseUnreachableError,
    MergeError,
    ReplicaError,
    SettingsError,
)


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """How an error is to be taken."""

    kind: type[ReplicaError]
    retryable: bool
    next_step: str


UNREACHABLE = Meaning(
    kind=DatabaseUnreachableError,
    retryable=True,
    next_step="Check that the server runs and that host, port and VPN in the URL are right",
)
BUSY = Meaning(
    kind=DatabaseError, retryable=True, next_step="It is tried again; nothing was changed"
)
LOGIN = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="Check user, password and database in the URL, and what the role may do",
)
TARGET = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="Run `replica migrate`, and compare the live table with the spec file",
)
VALUE = Meaning(
    kind=MergeError,
    retryable=False,
    next_step="Correct the column's type in the spec file, or the value at the source",
)
KEY = Meaning(
    kind=MergeError,
    retryable=True,
    next_step="If it comes again, the key in the spec file is not unique at the source",
)
SPACE = Meaning(
    kind=DatabaseError,
    retryable=True,
    next_step="Give the database server room or connections; the work goes on by itself then",
)
OTHER = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="Look into the database server's log",
)
SLOW = Meaning(
    kind=DatabaseError,
    retryable=True,
    next_step="Raise REPLICA_STATEMENT_TIMEOUT if days are really that large",
)
CERTIFICATE = Meaning(
    kind=DatabaseUnreachableError,
    retryable=False,
    next_step="Give the server a certificate that this machine trusts, or, on a network you "
    "trust, add TrustServerCertificate=yes to the URL",
)
SETTING = Meaning(
    kind=SettingsError,
    retryable=False,
    next_step="Correct that keyword in the query of the database's URL",
)
BULK = Meaning(
    kind=DatabaseError,
    retryable=True,
    next_step="If it comes again, set REPLICA_LOADER=arrays, which loads without bulk copy",
)
