"""Working on one chunk: claim it, hold its lease and lock, load or check it, take the blow.

Whatever goes wrong ends in the ledger: a retryable error gives the chunk back with a growing
delay, any other fails it with its message. Nothing is raised for what went wrong with a chunk.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import sqlalchemy as sa

from replica_worker.checkpoints import Checkpoint, passed
from replica_worker.errors import (
    ChunkBusyError,
    DatabaseUnreachableError,
    DeletesRefusedError,
    LeaseLostError,
    ParentBehindError,
    ReplicaError,
    SourceAwayError,
    SourceFullError,
)
from replica_worker.ledger.chunk_rows import Claim
from replica_worker.ledger.handing_out import Outlook, outlook_of
from replica_worker.ledger.options import RunOptions
from replica_worker.memory import give_memory_back
from replica_worker.model.chunks import Action, ChunkId, ChunkState
from replica_worker.model.days import business_day, dated_days
from replica_worker.usecases.chunk_work import ChunkWork, lock_name
from replica_worker.usecases.claims import claim_chunk
from replica_worker.usecases.deployment import Deployment, Policy
from replica_worker.usecases.leases import LeaseKeeper
from replica_worker.usecases.load import bring_parent_on, load_chunk
from replica_worker.usecases.reconcile import check_chunk
from replica_worker.usecases.replay import replay_chunk
from replica_worker.usecases.set_aside import set_aside_earlier
from replica_worker.usecases.source_door import source_slots
from replica_worker.usecases.undo import undo_chunk

_log = logging.getLogger(__name__)
BUSY_DELAY_SECONDS = 3
"""Until a chunk is tried again whose lock, or whose place at the source, others have."""

_MOST_DOUBLINGS = 32


@dataclass(frozen=True, kw_only=True)
class Worked:
    """How the work on a chunk ended."""

    state: ChunkState | None  # PENDING: given back; None: not ours to do
    outlook: Outlook | None = None  # what is left of its run; None: not looked at


def work_on_chunk(deployment: Deployment, chunk: ChunkId, *, worker: str) -> ChunkState | None:
    """Claim the chunk and do what is planned for it.

    Returns the state it ended in, PENDING if it was given back, None if it was not ours to do
    (done, cancelled, or another worker's).
    """
    with deployment.warehouse.at_once.connect() as connection:
        return _claim_and_work(deployment, chunk, connection, worker).state


def work_and_look_ahead(deployment: Deployment, chunk: ChunkId, *, worker: str) -> Worked:
    """As `work_on_chunk`; then see what is left of the run, as a rule in the same round trip."""
    with deployment.warehouse.at_once.connect() as connection:
        worked = _claim_and_work(deployment, chunk, connection, worker)
    if worked.outlook:
        return worked
    return replace(worked, outlook=deployment.ledger.handing_out.outlook(chunk.run_id))


def _claim_and_work(
    deployment: Deployment, chunk: ChunkId, connection: sa.Connection, worker: str
) -> Worked:
    claim = claim_chunk(deployment, chunk, connection, worker=worker)
    if claim is None:
        return Worked(state=None)
    passed(Checkpoint.CLAIMED)
    policy = deployment.policy
    try:
        spec = deployment.spec.table(chunk.table)
        with (
            # First of all: the claim may have taken the lock, which a pooled session would keep.
            deployment.warehouse.lock_chunk(
                connection, lock_name(spec, chunk.day), source_slots(deployment), claim.along
            ) as is_ours,
            LeaseKeeper(
                lambda: deployment.ledger.chunks.keep(claim, lease_seconds=policy.lease_seconds),
                lease_seconds=policy.lease_seconds,
                silent_after_seconds=policy.silent_after_seconds,
                what=str(chunk),
                give_up=lambda: _give_up(deployment, claim),
            ),
        ):
            work = ChunkWork(claim=claim, spec=spec, connection=connection)
            try:
                return _do(deployment, work, is_ours=is_ours)
            finally:
                give_memory_back()
    except LeaseLostError as error:
        _log.warning("%s", error)
        return Worked(state=None)
    except Exception as error:
        return Worked(state=_take_blow(deployment, claim, error))


def _take_blow(deployment: Deployment, claim: Claim, error: Exception) -> ChunkState | None:
    """Do with the chunk what its error asks for; the state it is in then."""
    if isinstance(error, (ChunkBusyError, SourceFullError)):
        _log.info("%s", error.on_chunk(str(claim.chunk)))
        return _wait_turn(deployment, claim, after_seconds=BUSY_DELAY_SECONDS)
    if isinstance(error, SourceAwayError):
        return _wait_for_source(deployment, claim, error)
    if isinstance(error, DeletesRefusedError):
        _log.warning("%s", error)
        return ChunkState.REFUSED
    return _settle(deployment, claim, classify_error(deployment, error))


def _do(deployment: Deployment, work: ChunkWork, *, is_ours: bool) -> Worked:
    if not is_ours:
        raise _busy(work.claim.chunk)
    if work.spec.is_daily and work.claim.chunk.is_strays:
        today = business_day(now=work.now(), zone=deployment.zone)
        work = replace(work, strays_of=dated_days(today))
    state = _load_or_check(deployment, work, work.claim.options)
    outlook = look_in_parting(deployment, work.connection, work.claim.chunk.run_id)
    return Worked(state=state, outlook=outlook)


def look_in_parting(
    deployment: Deployment, connection: sa.Connection, run_id: str
) -> Outlook | None:
    """What is left of the run; the work is done, so that this fails is no matter of its own."""
    query = deployment.ledger.handing_out.look_ahead(run_id)
    try:
        return outlook_of(deployment.warehouse.ask_in_parting(connection, query))
    except sa.exc.SQLAlchemyError as error:
        _log.info("what is left of the run is looked at again: %s", type(error).__name__)
        end_transaction(connection)
        return None


def end_transaction(connection: sa.Connection) -> None:
    """Else a connection that is lost would raise once more, when what befell it is settled."""
    try:
        connection.rollback()
    except sa.exc.SQLAlchemyError as error:
        _log.info("the connection is lost: %s", type(error).__name__)


def _busy(chunk: ChunkId) -> ChunkBusyError:
    return ChunkBusyError(
        operation="lock the chunk",
        cause="another run is at it",
        next_step="It is tried again",
        retryable=True,
        chunk=str(chunk),
    )


def _load_or_check(deployment: Deployment, work: ChunkWork, options: RunOptions) -> ChunkState:
    if work.claim.action is Action.REPLAY:
        return replay_chunk(deployment, work)
    if work.claim.action is Action.UNDO:
        return undo_chunk(deployment, work, options.undo_of or "")
    set_aside_earlier(deployment, work)
    try:
        if work.claim.action is Action.LOAD:
            return load_chunk(deployment, work)
        return check_chunk(deployment, work, options)
    except ParentBehindError as behind:
        try:
            bring_parent_on(deployment, work)
        except DeletesRefusedError as refusal:
            # The parent's chunk is refused in its own right; this one only waits for it.
            behind.next_step = str(refusal)
        raise


def _wait_turn(
    deployment: Deployment, claim: Claim, *, after_seconds: float, error: str | None = None
) -> ChunkState:
    """Give the chunk back; it has not used up a try."""
    deployment.ledger.chunks.give_back(
        claim, after_seconds=after_seconds, error=error, is_failure=False
    )
    return ChunkState.PENDING


def _wait_for_source(
    deployment: Deployment, claim: Claim, error: SourceAwayError
) -> ChunkState | None:
    """Give the chunk back until the source is asked again; fail it when that took hours."""
    waited = min(error.outage_seconds, deployment.ledger.runs.age_seconds(claim.chunk.run_id))
    if waited > deployment.policy.longest_outage_seconds:
        error.retryable = False
        return _settle(deployment, claim, error)
    rest = error.rest_seconds + delay_after(deployment.policy, 1)
    message = str(error.on_chunk(str(claim.chunk)))
    return _wait_turn(deployment, claim, after_seconds=rest, error=message)


def _give_up(deployment: Deployment, claim: Claim) -> None:
    """Give back a chunk whose worker waits for an answer that does not come; fail it after hours.

    Called beside the thread that waits. Should that one wake up after all, it cannot commit.
    """
    policy = deployment.policy
    error = DatabaseUnreachableError(
        operation="work on the chunk",
        cause=f"a server took the work and gave no sign for {policy.silent_after_seconds:.0f} s",
        next_step="Look whether source, warehouse and exports answer, and at what is between",
        retryable=True,
    )
    try:
        age = deployment.ledger.runs.age_seconds(claim.chunk.run_id)
    except sa.exc.SQLAlchemyError:
        age = 0
    if age > policy.longest_outage_seconds and claim.outages + 1 >= policy.most_attempts:
        error.retryable = False
    _settle(deployment, claim, error)


def classify_error(deployment: Deployment, error: Exception) -> ReplicaError:
    """The error as one of the product's own; what nobody expected is logged whole."""
    if isinstance(error, ReplicaError):
        return error
    for engine in (deployment.target, deployment.source):
        translated = engine.translate_error(error, operation="work on the chunk")
        if isinstance(translated, ReplicaError):
            return translated
    _log.exception("unexpected error")
    return ReplicaError(
        operation="work on the chunk",
        cause=f"unexpected {type(error).__name__}",
        next_step="The worker's log has the details",
        retryable=False,
    )


def _settle(deployment: Deployment, claim: Claim, error: ReplicaError) -> ChunkState | None:
    """Give the chunk back or fail it, as the error says."""
    policy = deployment.policy
    message = str(error.on_chunk(str(claim.chunk)))
    # A database that is away is no fault of the chunk: its tries are counted apart, and last.
    is_outage = isinstance(error, DatabaseUnreachableError)
    tries = (claim.outages if is_outage else claim.failures) + 1
    is_worth_a_try = tries < (policy.most_outage_tries if is_outage else policy.most_attempts)
    try:
        if error.retryable and is_worth_a_try:
            delay = delay_after(policy, tries)
            _log.info("%s Tried again in %.0f s.", message, delay)
            deployment.ledger.chunks.give_back(
                claim,
                after_seconds=delay,
                error=message,
                is_failure=not is_outage,
                is_outage=is_outage,
            )
            return ChunkState.PENDING
        _log.error("%s", message)
        deployment.ledger.chunks.fail(claim, state=ChunkState.FAILED, error=message)
    except LeaseLostError:
        return None
    except sa.exc.SQLAlchemyError as unreachable:
        # The ledger itself is away: the lease runs out and the sweep brings the chunk back.
        translated = deployment.target.translate_error(unreachable, operation="tell the ledger")
        _log.warning("%s; the chunk's lease will run out", translated)
        return None
    return ChunkState.FAILED


def delay_after(policy: Policy, tries: int, chance: Callable[[], float] = random.random) -> float:
    """Doubling from the first delay, with half of it left to chance so that crowds disperse."""
    doubled = math.ldexp(policy.first_delay_seconds, min(tries, _MOST_DOUBLINGS) - 1)
    longest = min(doubled, policy.longest_delay_seconds)
    return longest * (0.5 + chance() / 2)
