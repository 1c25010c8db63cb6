"""A believable POS source in PostgreSQL, made from a seed, and the late changes made to it.

Owns: the generator's public face. Does not replicate anything and never reads the warehouse.
"""

from replica_worker.demo.source.late_changes import make_late_changes
from replica_worker.demo.source.late_report import ChangedRows, LateChanges, LateStep
from replica_worker.demo.source.load import SourceFigures, add_day, build_source
from replica_worker.demo.source.shape import PosShape
from replica_worker.demo.source.vocabulary import PLANTED_MARK

__all__ = [
    "PLANTED_MARK",
    "ChangedRows",
    "LateChanges",
    "LateStep",
    "PosShape",
    "SourceFigures",
    "add_day",
    "build_source",
    "make_late_changes",
]
