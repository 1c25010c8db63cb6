"""What is asked of a run beside its chunks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What was asked of a run beside its chunks; every worker reads it from the ledger."""

    allow_deletes: bool = False  # the delete guard is off
    deep: bool = False  # checks compare content even where a rowversion would do
    repair: bool = True  # checks repair what differs
    undo_of: str | None = None  # the run that an undo undoes

    @classmethod
    def parse(cls, text: str) -> RunOptions:
        """The options that a run's row holds."""
        return cls(**json.loads(text))

    def as_json(self) -> str:
        """The options as a run's row holds them."""
        return json.dumps(asdict(self))
