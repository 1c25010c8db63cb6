"""Working on a group of chunks: claim them, hold leases and locks, load them together.

What goes wrong with a group is no fault of any one chunk. A group that has to wait, for a place at
the source or for a database that is away, stays together for a time; of any other the chunks are
handed out alone, where each one's own error says what becomes of it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from replica_worker.checkpoints import Checkpoint, passed
from replica_worker.errors import (
    ChunkBusyError,
    DatabaseUnreachableError,
    GroupError,
    LeaseLostError,
    MovesBusyError,
    ReplicaError,
    SourceAwayError,
    SourceFullError,
)
from replica_worker.ledger.chunk_rows import Claim
from replica_worker.memory import give_memory_back
from replica_worker.model.chunks import ChunkId, ChunkState, HandOut
from replica_worker.model.days import ONE_DAY
from replica_worker.usecases.chunk_work import lock_name
from replica_worker.usecases.collisions import repeat_collisions
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.group_load import GroupWork, load_group
from replica_worker.usecases.leases import LeaseKeeper
from replica_worker.usecases.work import (
    BUSY_DELAY_SECONDS,
    Worked,
    classify_error,
    delay_after,
    end_transaction,
    look_in_parting,
    work_and_look_ahead,
)

_log = logging.getLogger(__name__)
_MOST_OUTAGES = 5  # of a database, that a group stays together for


def work_on(deployment: Deployment, given: HandOut, *, worker: str) -> Worked:
    """Do what was handed out; then see what is left of the run."""
    if given.is_group:
        return work_on_group(deployment, given.chunk, worker=worker)
    return work_and_look_ahead(deployment, given.chunk, worker=worker)


def work_on_group(deployment: Deployment, first: ChunkId, *, worker: str) -> Worked:
    """Claim the group's chunks and load them; then see what is left of the run."""
    with deployment.warehouse.at_once.connect() as connection:
        worked = _claim_and_work(deployment, first, connection, worker)
    if worked.outlook:
        return worked
    return replace(worked, outlook=deployment.ledger.handing_out.outlook(first.run_id))


def _claim_and_work(
    deployment: Deployment, first: ChunkId, connection: sa.Connection, worker: str
) -> Worked:
    policy, ledger = deployment.policy, deployment.ledger
    claims = repeat_collisions(deployment, lambda: _claim(deployment, first, connection, worker))
    if not claims:
        return Worked(state=None)
    passed(Checkpoint.CLAIMED)
    try:
        _require_neighbours(claims)
        spec = deployment.spec.table(first.table)
        group = GroupWork(claims=tuple(claims), spec=spec, connection=connection)
        names = [lock_name(spec, claim.chunk.day) for claim in claims]
        with (
            LeaseKeeper(
                lambda: ledger.groups.keep(claims, lease_seconds=policy.lease_seconds),
                lease_seconds=policy.lease_seconds,
                silent_after_seconds=policy.silent_after_seconds,
                what=f"{first.table} {group.days}",
                give_up=lambda: _give_up(deployment, claims),
            ),
            deployment.warehouse.lock_chunks(connection, names) as are_ours,
        ):
            _load(deployment, group, are_ours=are_ours)
            outlook = look_in_parting(deployment, connection, first.run_id)
    except LeaseLostError as error:
        _log.warning("%s", error)
        _give_back(deployment, claims, after_seconds=0, ungroup=True)
        return Worked(state=None)
    except Exception as error:
        _take_blow(deployment, claims, classify_error(deployment, error))
        return Worked(state=ChunkState.PENDING)
    return Worked(state=ChunkState.MERGED, outlook=outlook)


def _claim(
    deployment: Deployment, first: ChunkId, connection: sa.Connection, worker: str
) -> list[Claim]:
    try:
        return deployment.ledger.groups.claim(
            first,
            worker=worker,
            lease_seconds=deployment.policy.lease_seconds,
            connection=connection,
        )
    except sa.exc.SQLAlchemyError:
        connection.rollback()
        raise


def _require_neighbours(claims: Sequence[Claim]) -> None:
    """GroupError if days are missing between the claimed chunks: others have them."""
    first, last = claims[0].chunk.day, claims[-1].chunk.day
    if last - first != (len(claims) - 1) * ONE_DAY:
        raise GroupError(
            operation="claim the group of chunks",
            cause="some of its days are not to be had",
            next_step="Each of the others is loaded alone",
            retryable=True,
        )


def _load(deployment: Deployment, group: GroupWork, *, are_ours: bool) -> None:
    if not are_ours:
        raise ChunkBusyError(
            operation="lock the group of chunks",
            cause="another run is at one of its days",
            next_step="Each is tried alone",
            retryable=True,
        )
    try:
        load_group(deployment, group)
    except BaseException:
        end_transaction(group.connection)
        raise
    finally:
        give_memory_back()


def _take_blow(deployment: Deployment, claims: Sequence[Claim], error: ReplicaError) -> None:
    """Give the chunks back as the error asks for; nothing is counted against one of them."""
    policy, first = deployment.policy, claims[0].chunk
    if isinstance(error, (SourceFullError, MovesBusyError)):
        _log.info("%s", error.on_chunk(str(first)))
        _give_back(deployment, claims, after_seconds=BUSY_DELAY_SECONDS)
        return
    if not isinstance(error, DatabaseUnreachableError):
        _log.info("%d chunks from %s on are taken apart: %s", len(claims), first, error)
        _give_back(deployment, claims, after_seconds=0, ungroup=True)
        return
    _log.info("%s", error.on_chunk(str(first)))
    if isinstance(error, SourceAwayError):
        _give_back(
            deployment,
            claims,
            after_seconds=error.rest_seconds + delay_after(policy, 1),
            error=str(error),
            # From then on single chunks are failed for it, as each of them may be.
            ungroup=error.outage_seconds > policy.longest_outage_seconds,
        )
        return
    outages = claims[0].outages + 1
    _give_back(
        deployment,
        claims,
        after_seconds=delay_after(policy, outages),
        error=str(error),
        is_outage=True,
        ungroup=outages >= _MOST_OUTAGES,
    )


def _give_up(deployment: Deployment, claims: Sequence[Claim]) -> None:
    """Give back chunks whose worker waits for an answer that does not come.

    Called beside the thread that waits. Should that one wake up after all, it cannot commit.
    """
    _give_back(
        deployment,
        claims,
        after_seconds=delay_after(deployment.policy, 1),
        is_outage=True,
        ungroup=True,
    )


def _give_back(
    deployment: Deployment,
    claims: Sequence[Claim],
    *,
    after_seconds: float,
    error: str | None = None,
    is_outage: bool = False,
    ungroup: bool = False,
) -> None:
    def give_back() -> None:
        deployment.ledger.groups.give_back(
            claims,
            after_seconds=after_seconds,
            error=error,
            is_outage=is_outage,
            ungroup=ungroup,
        )

    try:
        repeat_collisions(deployment, give_back)
    except sa.exc.SQLAlchemyError as unreachable:
        translated = deployment.target.translate_error(unreachable, operation="tell the ledger")
        _log.warning("%s; the chunks' leases will run out", translated)
