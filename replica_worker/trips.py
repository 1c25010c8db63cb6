"""What saves round trips to the warehouse: words on which ledger and engines agree.

SQLAlchemy's execution options carry them. An engine may know nothing of them; then each statement
is sent as it comes.
"""

from __future__ import annotations

AT_ONCE = "replica_at_once"
"""Of a connection: each statement commits by itself, unless a transaction was asked for."""

DEFERRED = "replica_deferred"
"""Of a statement: nobody looks at its result. It may be sent together with the next one, or with
the commit; its error comes then."""
