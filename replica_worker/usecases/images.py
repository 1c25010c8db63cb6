"""The last images of rows that a merge is about to overwrite or delete, kept in the archive.

They are read from the warehouse before the merge and lie beside the extracts of the chunk's day:
`<run>….gone.undo` for rows that leave the chunk, `<run>….replaced.undo` for those overwritten.
`undo` puts them back; a replay takes from the first kind which rows are not there any more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from replica_worker.archive.archive import ExtractName, ExtractOrder
from replica_worker.engines.values import KeyList, Side, StagedChunk
from replica_worker.errors import MergeError
from replica_worker.model.manifest import ExtractKind
from replica_worker.usecases.chunk_work import ChunkWork
from replica_worker.usecases.deployment import Deployment

UNDO_PART = "undo"


def keep_last_images(
    deployment: Deployment,
    work: ChunkWork,
    chunk: StagedChunk,
    leaving: Sequence[KeyList],
    *,
    part: str,
    at: datetime,
) -> tuple[ExtractName, ...]:
    """Archive what the merge of the staged chunk will take away; names of the files written.

    `leaving` are the keys of the chunk's rows that are deleted or move to another day, `at` is
    when the chunk was extracted.
    """
    replaced = deployment.warehouse.replaced_keys(work.connection, chunk)
    work.connection.commit()
    kinds = ((ExtractKind.GONE, list(leaving)), (ExtractKind.REPLACED, _without(replaced, leaving)))
    names = []
    for kind, keys in kinds:
        if keys:
            order = _order_of(work, kind, part, at)
            _archive(deployment, work, order, keys)
            names.append(order.name)
    return tuple(names)


def _order_of(work: ChunkWork, kind: ExtractKind, part: str, at: datetime) -> ExtractOrder:
    chunk = work.claim.chunk
    name = ExtractName(
        table=work.spec.name,
        day=chunk.day,
        run_id=chunk.run_id,
        part=".".join(filter(None, (part, kind, UNDO_PART))),
    )
    return ExtractOrder(
        name=name,
        spec=work.spec,
        kind=kind,
        attempt=work.claim.attempt,
        started_at=at,
        digest=None,
    )


def _archive(
    deployment: Deployment, work: ChunkWork, order: ExtractOrder, keys: Sequence[KeyList]
) -> None:
    width = len(work.spec.columns)
    schema = work.spec.arrow_schema
    with deployment.target.open_snapshot() as warehouse:
        found = warehouse.read_by_key(work.spec, Side.WAREHOUSE, keys, dateless=True)
        manifest = deployment.archive.write(
            order,
            (pa.RecordBatch.from_arrays(rows.columns[:width], schema=schema) for rows in found),
        )
    wanted = sum(listed.count for listed in keys)
    if manifest.rows != wanted:
        deployment.archive.set_aside(order.name)
        raise MergeError(
            operation="keep the last images of rows",
            cause=f"{manifest.rows} rows were found of the {wanted} that the merge takes away",
            next_step="It is tried again",
            retryable=True,
        )


def _without(keys: Sequence[KeyList], others: Sequence[KeyList]) -> list[KeyList]:
    """The listed keys that the others do not list: a row that moves is staged, so replaced too."""
    if not others:
        return list(keys)
    taken = {_canonical(key) for listed in others for key in json.loads(listed.json)}
    left = []
    for listed in keys:
        rest = [key for key in json.loads(listed.json) if _canonical(key) not in taken]
        if rest:
            left.append(KeyList(json=json.dumps(rest), count=len(rest)))
    return left


def _canonical(key: dict[str, str]) -> tuple[str, ...]:
    return tuple(text for _, text in sorted(key.items()))
