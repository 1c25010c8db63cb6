"""The ledger as one thing: runs, chunks, audit, history and circuits over one warehouse."""

from __future__ import annotations

import sqlalchemy as sa

from replica_worker.ledger.audit import Audit
from replica_worker.ledger.business import BusinessAudit
from replica_worker.ledger.chunks import Chunks
from replica_worker.ledger.endpoints import Endpoints
from replica_worker.ledger.history import History
from replica_worker.ledger.paces import Paces
from replica_worker.ledger.runs import Runs
from replica_worker.ledger.shares import Shares
from replica_worker.ledger.tables import metadata_for


class Ledger:
    """Runs, chunks, audit, history and circuits, in the metadata tables of one warehouse schema."""

    def __init__(self, engine: sa.Engine, *, schema: str) -> None:
        self.metadata = metadata_for(schema)
        self.runs = Runs(engine, self.metadata)
        self.chunks = Chunks(engine, self.metadata)
        self.audit = Audit(engine, self.metadata)
        self.history = History(engine, self.metadata)
        self.paces = Paces(engine, self.metadata)
        self.shares = Shares(engine, self.metadata)
        self.business = BusinessAudit(engine, self.metadata)
        self.endpoints = Endpoints(engine, self.metadata)
