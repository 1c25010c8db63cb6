"""The ledger as one thing: runs, chunks, audit, history and circuits over one warehouse."""

from __future__ import annotations

import sqlalchemy as sa

from replica_worker.ledger.audit import Audit
from replica_worker.ledger.business import BusinessAudit
from replica_worker.ledger.chunks import Chunks
from replica_worker.ledger.endpoints import Endpoints
from replica_worker.ledger.groups import Groups
from replica_worker.ledger.handing_out import HandingOut
from replica_worker.ledger.history import History
from replica_worker.ledger.paces import Paces
from replica_worker.ledger.runs import Runs
from replica_worker.ledger.shares import Shares
from replica_worker.ledger.tables import metadata_for


class Ledger:
    """Runs, chunks, audit, history and circuits, in the metadata tables of one warehouse schema."""

    def __init__(self, engine: sa.Engine, at_once: sa.Engine, *, schema: str) -> None:
        """`engine` is for transactions, `at_once` for single statements: see `Warehouse`."""
        self.metadata = metadata_for(schema)
        self.runs = Runs(engine, at_once, self.metadata)
        self.chunks = Chunks(engine, at_once, self.metadata)
        self.groups = Groups(at_once, self.metadata)
        self.handing_out = HandingOut(engine, at_once, self.metadata)
        self.audit = Audit(at_once, self.metadata)
        self.history = History(engine, self.metadata)
        self.paces = Paces(engine, self.metadata)
        self.shares = Shares(engine, self.metadata)
        self.business = BusinessAudit(engine, self.metadata)
        self.endpoints = Endpoints(engine, at_once, self.metadata)
