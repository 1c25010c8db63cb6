"""The one table of SQL Server's errors: number, meaning, and the words it begins with.

Numbers and words are those of `sys.messages` in English, which every session asks for. The words
serve the driver that tells no number; they begin the message, so that quoted data cannot be
mistaken for them. Errors that stand here not at all mean what their SQLSTATE does.
"""

from __future__ import annotations

from dataclasses import dataclass

from replica_worker.engines.meanings import (
    BUSY,
    KEY,
    LOGIN,
    OTHER,
    SLOW,
    SPACE,
    TARGET,
    UNREACHABLE,
    VALUE,
    Meaning,
)
from replica_worker.errors import DatabaseError

ENDED_NUMBER = 51205
ENDED = "replica_worker: the server had ended the transaction"
"""What `transactions` throws, at the server, in place of a statement."""

NO_SCHEMA = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="Run `replica migrate`; a login that may not make schemas needs it made and granted",
)
"""Unlike a table that is not there, no sweep explains it: see `errors.meaning_of`."""

NO_UTF8 = Meaning(
    kind=DatabaseError,
    retryable=False,
    next_step="The server has no UTF-8 collation: set REPLICA_DIGEST_ENCODING=utf-16",
)


@dataclass(frozen=True)
class KnownError:
    """One error of the server; `words` is a regular expression, empty where none is needed."""

    number: int
    meaning: Meaning
    words: str = ""


_ERRORS = (
    # Collisions: the same transaction may succeed at once.
    (1205, BUSY, r"Transaction \(Process ID \d+\) was deadlocked"),
    (1222, BUSY, r"Lock request time out period exceeded"),
    (3960, BUSY, r"Snapshot isolation transaction aborted due to update conflict"),
    (3961, BUSY, r"Snapshot isolation transaction failed in database .* modified by a DDL"),
    (3956, BUSY, r"Snapshot isolation transaction failed to start"),
    (3957, BUSY, r"Snapshot isolation transaction failed in database .* did not allow"),
    (3958, BUSY, r"Transaction aborted when accessing versioned row"),
    (3966, BUSY, r"Transaction is rolled back when accessing version store"),
    (41302, BUSY, r"The current transaction attempted to update a record that has been updated"),
    # Lack of room, memory, connections or quota.
    (701, SPACE, r"There is insufficient system memory"),
    (802, SPACE, r"There is insufficient memory available in the buffer pool"),
    (1101, SPACE, r"Could not allocate a new page for database"),
    (1105, SPACE, r"Could not allocate space for object"),
    (1204, SPACE, r"The instance of the SQL Server Database Engine cannot obtain a LOCK"),
    (8645, SPACE, r"A timeout occurred while waiting for memory resources"),
    (8651, SPACE, r"Could not perform the operation because the requested memory grant"),
    (9002, SPACE, r"The transaction log for database .* is full"),
    (17809, SPACE, r"Could not connect because the maximum number of"),
    (10928, SPACE, r"Resource ID ?: ?\d+\. The .* limit for the database"),
    (10929, SPACE, r"Resource ID ?: ?\d+\. The .* minimum guarantee"),
    (10936, SPACE, r"Resource ID ?: ?\d+\. The .* limit for the elastic pool"),
    (40501, SPACE, r"The service is currently busy"),
    (40544, SPACE, r"The database .* has reached its size quota"),
    (40549, SPACE, r"Session is terminated because you have a long running transaction"),
    (40550, SPACE, r"The session has been terminated because it has acquired too many locks"),
    (40551, SPACE, r"The session has been terminated because of excessive TEMPDB usage"),
    (40552, SPACE, r"The session has been terminated because of excessive transaction log"),
    (40553, SPACE, r"The session has been terminated because of excessive memory usage"),
    (49918, SPACE, r"Cannot process request\. Not enough resources"),
    (49919, SPACE, r"Cannot process create or update request\. Too many"),
    (49920, SPACE, r"Cannot process request\. Too many operations"),
    # The database is not to be had now, or the session is gone.
    (64, UNREACHABLE),
    (233, UNREACHABLE),
    (596, UNREACHABLE, r"Cannot continue the execution because the session is in the kill state"),
    (921, UNREACHABLE, r"Database .* has not been recovered yet"),
    (922, UNREACHABLE, r"Database .* is being recovered"),
    (927, UNREACHABLE, r"Database .* cannot be opened\. It is in the middle of a restore"),
    (942, UNREACHABLE, r"Database .* cannot be opened because it is offline"),
    (976, UNREACHABLE, r"The target database, .*, is participating in an availability group"),
    (983, UNREACHABLE, r"Unable to access availability database"),
    (4221, UNREACHABLE, r"Login to read-secondary failed due to long wait"),
    (6005, UNREACHABLE, r"SHUTDOWN is in progress"),
    (10053, UNREACHABLE),
    (10054, UNREACHABLE),
    (10060, UNREACHABLE),
    (17142, UNREACHABLE, r"SQL Server service has been paused"),
    (18401, UNREACHABLE, r"Login failed for user .*\. Reason: Server is in script upgrade mode"),
    (40143, UNREACHABLE),
    (40197, UNREACHABLE, r"The service has encountered an error processing your request"),
    (40540, UNREACHABLE),
    (40613, UNREACHABLE, r"Database .* on server .* is not currently available"),
    (42108, UNREACHABLE, r"Can ?not connect to the SQL pool since it is paused"),
    (42109, UNREACHABLE, r"The SQL pool is warming up"),
    # Logins and rights.
    (229, LOGIN, r"The .* permission was denied on the object"),
    (230, LOGIN, r"The .* permission was denied on the column"),
    (262, LOGIN, r".* permission denied in database"),
    (297, LOGIN, r"The user does not have permission to perform this action"),
    (300, LOGIN, r".* permission was denied on object"),
    (911, LOGIN, r"Database .* does not exist"),
    (916, LOGIN, r"The server principal .* is not able to access the database"),
    (978, LOGIN, r"The target database .* is in an availability group and is currently"),
    (3906, LOGIN, r"Failed to update database .* because the database is read-only"),
    (4060, LOGIN, r"Cannot open database .* requested by the login"),
    (4064, LOGIN, r"Cannot open user default database"),
    (4834, LOGIN, r"You do not have permission to use the bulk load statement"),
    (18452, LOGIN, r"Login failed\. The login is from an untrusted domain"),
    (18456, LOGIN, r"Login failed for user"),
    (18470, LOGIN),
    (18486, LOGIN),
    (18487, LOGIN),
    (18488, LOGIN),
    (40532, LOGIN, r"Cannot open server .* requested by the login\. The login failed"),
    (40615, LOGIN, r"Cannot open server .* requested by the login\. Client"),
    (40914, LOGIN),
    # The table is not what the spec file says.
    (207, TARGET, r"Invalid column name"),
    (208, TARGET, r"Invalid object name"),
    (448, NO_UTF8, r"Invalid collation"),
    (448, NO_UTF8, r"collation .* does not exist"),
    (1088, TARGET, r"Cannot find the object"),
    (2760, NO_SCHEMA, r"The specified schema name"),
    # Keys and values.
    (2601, KEY, r"Cannot insert duplicate key row in object"),
    (2627, KEY, r"Violation of .* constraint .*\. Cannot insert duplicate key"),
    (8672, KEY, r"The MERGE statement attempted to UPDATE or DELETE the same row"),
    (220, VALUE, r"Arithmetic overflow error for data type"),
    (232, VALUE, r"Arithmetic overflow error for type"),
    (241, VALUE, r"Conversion failed when converting date and/or time"),
    (242, VALUE, r"The conversion of a .* data type to a .* data type resulted in an out-of-range"),
    (245, VALUE, r"Conversion failed when converting the .* value"),
    (515, VALUE, r"Cannot insert the value NULL into column"),
    (547, VALUE, r"The .* statement conflicted with the .* constraint"),
    (2628, VALUE, r"String or binary data would be truncated in table"),
    (8114, VALUE, r"Error converting data type"),
    (8115, VALUE, r"Arithmetic overflow error converting"),
    (8134, VALUE, r"Divide by zero error encountered"),
    (8152, VALUE, r"String or binary data would be truncated\."),
    (8169, VALUE, r"Conversion failed when converting from a character string to uniqueident"),
    # What follows another error.
    (ENDED_NUMBER, UNREACHABLE, ENDED),
    (3621, OTHER),
    (3902, OTHER, r"The COMMIT TRANSACTION request has no corresponding BEGIN"),
    (3930, OTHER, r"The current transaction cannot be committed and cannot support"),
    (3998, OTHER, r"Uncommittable transaction is detected"),
    # The clients' own words, and those of servers that speak T-SQL over PostgreSQL.
    (1222, BUSY, r"canceling statement due to lock timeout"),
    (208, TARGET, r"relation .* does not exist"),
    (207, TARGET, r"column .* does not exist"),
    (229, LOGIN, r"permission denied for"),
    (2760, NO_SCHEMA, r"schema .* does not exist"),
    (0, UNREACHABLE, r"the database system is (?:starting up|in recovery|shutting down|not yet)"),
    (0, UNREACHABLE, r"Login timeout expired"),
    (0, SLOW, r"Query timeout expired"),
)

KNOWN_ERRORS = tuple(KnownError(*entry) for entry in _ERRORS)
BY_NUMBER = {error.number: error.meaning for error in KNOWN_ERRORS if error.number}

BY_SQLSTATE: dict[str, Meaning] = {
    "08": UNREACHABLE,
    "01002": UNREACHABLE,
    "HYT01": UNREACHABLE,
    "HYT00": SLOW,  # also lock and login time-outs, which their number or words tell
    "HY008": SLOW,  # cancelled by our own time limit
    "HY010": UNREACHABLE,  # what a broken connection answers to the next call
    "40": BUSY,
    "28": LOGIN,
    "3D000": LOGIN,
    "3F000": TARGET,
    "42S02": TARGET,
    "42S22": TARGET,
    "22": VALUE,
    "23": VALUE,
}

PHRASES = {  # mssql-python's, instead of the SQLSTATE
    "Disconnect error": "01002",
    "Client unable to establish connection": "08001",
    "Connection name in use": "08002",
    "Connection not open": "08003",
    "Server rejected the connection": "08004",
    "Connection failure during transaction": "08007",
    "Communication link failure": "08S01",
    "Serialization failure": "40001",
    "Integrity constraint violation": "23000",
    "Statement completion unknown": "40003",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
    "Operation canceled": "HY008",
    "Function sequence error": "HY010",
    "Invalid authorization specification": "28000",
    "Invalid catalog name": "3D000",
    "Invalid schema name": "3F000",
    "Base table or view not found": "42S02",
    "Column not found": "42S22",
    "String data, right-truncated": "22001",
    "Numeric value out of range": "22003",
    "Invalid datetime format": "22007",
    "Datetime field overflow": "22008",
    "Division by zero": "22012",
    "Invalid character value for cast specification": "22018",
}
