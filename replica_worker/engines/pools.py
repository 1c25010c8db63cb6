"""Whether a pooled connection still lives, asked only where that is in doubt.

To ask before each use is a round trip that a chunk pays many times. A connection that was in use a
moment ago is taken as it is: if it broke since, its first statement says so, and that is an outage
like any other.
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

_RESTED_SECONDS = 5.0
_USED_AT = "replica_worker.used_at"


def try_rested(engine: sa.Engine) -> sa.Engine:
    """Have the engine's pool try connections that nobody has used for some seconds."""

    def try_out(driver: Any, record: Any, _: object) -> None:
        used_at = record.info.get(_USED_AT)
        if used_at is None or time.monotonic() - used_at < _RESTED_SECONDS:
            return
        if not engine.dialect._do_ping_w_event(driver):
            raise sa.exc.InvalidatePoolError  # the others broke with it, as a rule

    def note_use(driver: Any, record: Any) -> None:
        if driver is not None:
            record.info[_USED_AT] = time.monotonic()

    sa.event.listen(engine, "checkout", try_out)
    sa.event.listen(engine, "checkin", note_use)
    return engine
