"""The one tree of errors that the product raises on purpose.

Every error says which operation failed, on which chunk, why, what to do next, and whether the
same work can succeed when it is tried again. `str(error)` is one line that may be shown to a
person as it stands: it never holds a secret. What this module does not do: decide how often to
retry (`usecases`) or how a driver's error is classified (`engines`).
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from replica_worker.masking import masked


def _phrase(text: str) -> str:
    """One line without its full stop and without secrets."""
    return masked(" ".join(text.split())).rstrip(". ")


def _sentence(phrase: str) -> str:
    return phrase if phrase.endswith(("?", "!")) else f"{phrase}."


class ReplicaError(Exception):
    """Base of all errors of the product.

    Attributes:
        operation: what was being done, as a phrase ("merge the chunk").
        cause: why it failed, in the words of the one who knows (the driver's, shortened).
        next_step: what a person should do about it.
        retryable: whether the same work may succeed later without anyone's help.
        chunk: the chunk it happened on ("APP_4_SALES 2026-11-22"), when there is one.
    """

    _FIELDS: ClassVar[tuple[str, ...]] = ("operation", "cause", "next_step", "retryable", "chunk")

    def __init__(
        self,
        *,
        operation: str,
        cause: str,
        next_step: str,
        retryable: bool = False,
        chunk: str | None = None,
    ) -> None:
        self.operation = _phrase(operation)
        self.cause = _phrase(cause)
        self.next_step = _phrase(next_step)
        self.retryable = retryable
        self.chunk = chunk
        super().__init__(self.operation, self.cause, self.next_step)

    def __str__(self) -> str:
        where = f" [{self.chunk}]" if self.chunk else ""
        return f"{self.operation}{where}: {_sentence(self.cause)} {_sentence(self.next_step)}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross process boundaries whole."""
        return partial(type(self), **{name: getattr(self, name) for name in self._FIELDS}), ()

    def on_chunk(self, chunk: str) -> ReplicaError:
        """Return this error, naming the chunk it happened on if none is named yet."""
        self.chunk = self.chunk or chunk
        return self


class UsageError(ReplicaError):
    """The command was called with words that make no sense; nothing was done."""


class SettingsError(ReplicaError):
    """A setting is missing or wrong; nothing was done."""


class SpecError(ReplicaError):
    """The table specs cannot be used; the message names table and column."""


class SchemaMismatchError(ReplicaError):
    """A live table does not have the columns that its spec says."""


class MigrationError(ReplicaError):
    """A migration was edited after it was applied, or failed."""


class EmbeddedServerError(ReplicaError):
    """A server that the product starts itself did not start or stop."""


class BrokerError(ReplicaError):
    """The broker cannot be reached or refuses us."""


class DatabaseError(ReplicaError):
    """A database refused a statement or could not be reached."""


class DatabaseUnreachableError(DatabaseError):
    """The database could not be reached at all, or the connection broke."""


class SourceAwayError(DatabaseUnreachableError):
    """Other workers found the source away a moment ago, so it was not asked again.

    Attributes:
        rest_seconds: until somebody may try again.
        outage_seconds: since the source was first found away.
    """

    _FIELDS = (*ReplicaError._FIELDS, "rest_seconds", "outage_seconds")

    def __init__(
        self,
        *,
        operation: str,
        cause: str,
        next_step: str,
        rest_seconds: float = 0,
        outage_seconds: float = 0,
        retryable: bool = True,
        chunk: str | None = None,
    ) -> None:
        self.rest_seconds = rest_seconds
        self.outage_seconds = outage_seconds
        super().__init__(
            operation=operation,
            cause=cause,
            next_step=next_step,
            retryable=retryable,
            chunk=chunk,
        )


class SourceFullError(ReplicaError):
    """All connections that the source is granted are in use; the chunk waits its turn."""


class ArchiveError(ReplicaError):
    """A Parquet file or manifest could not be written, or is not what it should be."""


class ArchiveDamageError(ArchiveError):
    """A file of the archive is gone or is not what it was when it was written."""


class MergeError(ReplicaError):
    """Staged rows could not be made the target's rows; the target is unchanged."""


class RunChangedSinceError(ReplicaError):
    """A later run changed what an earlier one is to be undone of."""


class RowsElsewhereError(MergeError):
    """Staged rows would overwrite rows of other days; that needs the lock of the table's moves."""


class ParentBehindError(MergeError):
    """A child's rows are merged, but the parent's rows that date them are not there yet."""


class DeletesRefusedError(MergeError):
    """More rows would be deleted than the delete guard allows; the target is unchanged."""


class GroupError(MergeError):
    """These chunks cannot be loaded together; nothing was merged, and each is loaded alone."""


class LeaseLostError(ReplicaError):
    """The chunk belongs to another attempt by now; this one must not commit."""


class ChunkBusyError(ReplicaError):
    """Another worker is at the same table and day; the chunk waits its turn."""


class MovesBusyError(ChunkBusyError):
    """Other chunks of the table are being merged; the chunk waits its turn, with its group."""


class RunNotFoundError(ReplicaError):
    """No run of that id is in the ledger."""
