"""Extracts that were not merged are set aside, so that a replay does not merge them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from replica_worker.archive.archive import ExtractName
from replica_worker.errors import ArchiveError
from replica_worker.model.chunks import ChunkId
from replica_worker.model.specs import Strategy, TableSpec
from replica_worker.usecases.chunk_work import ChunkWork
from replica_worker.usecases.deployment import Deployment

_log = logging.getLogger(__name__)


def set_aside_unmerged(
    deployment: Deployment, extracts: Iterable[ExtractName], *, attempt: int
) -> None:
    """Take what this attempt surely did not merge out of what a replay would merge.

    Whoever lost the chunk in the meantime leaves the newer attempt's extracts alone.
    """
    for name in extracts:
        try:
            found = deployment.archive.find_manifest(name)
            if found and found.attempt == attempt:
                deployment.archive.set_aside(name)
        except ArchiveError as error:
            _log.warning("%s", error)


def set_aside_earlier(deployment: Deployment, work: ChunkWork) -> None:
    """Let count for nothing what earlier attempts of the chunk extracted: it is still open.

    Data and the end of a chunk commit together, so none of it was merged. That is not so of
    increments, which commit before the chunk ends, and of what was brought for another chunk.
    """
    if work.claim.attempt > 1:
        _set_aside(deployment, work.spec, work.claim.chunk, before=work.claim.attempt)


def set_aside_left(deployment: Deployment, run_id: str) -> None:
    """As `set_aside_earlier`, of the chunks of a run that is closed before they were merged."""
    specs = {spec.name: spec for spec in deployment.spec.tables}
    for chunk, attempt in deployment.ledger.chunks.tried_in_vain(run_id):
        if chunk.table in specs:
            _set_aside(deployment, specs[chunk.table], chunk, before=attempt + 1)


def _set_aside(deployment: Deployment, spec: TableSpec, chunk: ChunkId, *, before: int) -> None:
    if spec.strategy is Strategy.INCREMENTAL:
        return
    try:
        for name, manifest in deployment.archive.extracts(chunk.table, chunk.day):
            is_own = name.run_id == chunk.run_id and name.is_own
            if is_own and manifest.attempt < before:
                deployment.archive.set_aside(name)
    except ArchiveError as error:
        _log.warning("%s", error)
