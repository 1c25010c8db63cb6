"""Reading a huge chunk by several statements, none of which lives long.

All of them see the chunk's one snapshot, and their rows go into its one Parquet file. The bounds
come from the source's own keys, so that each statement gives about as many rows.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import RowSelection
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.key_ranges import FEWEST_ROWS, can_be_split, ranges_between
from replica_worker.usecases.deployment import Deployment

_log = logging.getLogger(__name__)


def split_rows(
    deployment: Deployment, snapshot: Snapshot, rows: RowSelection, expected: int | None
) -> list[RowSelection]:
    """The rows in parts, each for a statement of its own; one part if they are not so many.

    `expected`: how many there are, as far as is known; None: nothing is.
    """
    rules, table = deployment.policy.split, rows.table
    fewest = min(FEWEST_ROWS, rules.most_rows)
    if not rules.most_rows or not expected or expected <= fewest or not can_be_split(table):
        return [rows]
    statements = rules.count_statements(expected, _pace_of(deployment, table.name))
    if statements == 1:
        return [rows]
    bounds = snapshot.key_bounds(rows, math.ceil(expected / statements))
    parts = [replace(rows, keys=keys) for keys in ranges_between(bounds)]
    _log.info("table %s: some %d rows are read by %d statements", table.name, expected, len(parts))
    return parts


def _pace_of(deployment: Deployment, table: str) -> float | None:
    """Rows a second: as the table was read before, and no more than the cap allows."""
    known = deployment.ledger.paces.read_pace(table)
    cap = deployment.policy.source_caps.rows_per_second
    return min((pace for pace in (known, cap) if pace), default=None)


def digest_parts(snapshot: Snapshot, parts: Sequence[RowSelection], kind: DigestKind) -> Digest:
    """The digest of all the rows."""
    return Digest.total(kind, [snapshot.digest(part, kind) for part in parts])


def read_parts(snapshot: Snapshot, parts: Sequence[RowSelection]) -> Iterator[pa.RecordBatch]:
    """All the rows, part by part."""
    for part in parts:
        yield from snapshot.read(part)
