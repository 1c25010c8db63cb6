"""Signs that work moves, as every engine gives them: see `pulse`."""

from __future__ import annotations

import sqlalchemy as sa

from replica_worker.pulse import give_sign


def with_signs(engine: sa.Engine) -> sa.Engine:
    """Have every statement that SQLAlchemy runs over the engine give a sign."""

    def on_statement(*_: object) -> None:
        give_sign()

    sa.event.listen(engine, "before_cursor_execute", on_statement)
    return engine
