"""Doing a run's work in this process, without a broker: `--inline`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from replica_worker.ledger.runs import Run
from replica_worker.model.chunks import HandOut, RunKind
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.group_work import work_on
from replica_worker.usecases.runs import feed_run, finalize_run, recover_chunks

_PAUSE_SECONDS = 0.2  # while chunks wait for their next try, or are other workers'


class InlineDispatcher:
    """Keeps what it is sent, for this process to work on."""

    def __init__(self) -> None:
        self.waiting: deque[HandOut] = deque()

    def send(self, kind: RunKind, given: Sequence[HandOut]) -> None:
        """Remember the chunks."""
        del kind
        self.waiting.extend(given)


def work_inline(
    deployment: Deployment,
    run_id: str,
    *,
    worker: str,
    on_progress: Callable[[], None],
    pause: Callable[[float], None] = time.sleep,
) -> Run:
    """Work on the run's chunks one by one until the run is closed; the closed run."""
    dispatcher = InlineDispatcher()
    while True:
        feed_run(deployment, run_id, dispatcher)
        worked = bool(dispatcher.waiting)
        while dispatcher.waiting:
            work_on(deployment, dispatcher.waiting.popleft(), worker=worker)
            on_progress()
        closed = finalize_run(deployment, run_id, worker=worker)
        if closed:
            return closed
        run = deployment.ledger.runs.find(run_id)
        if run.status.is_final:
            return run
        if not worked:
            recover_chunks(deployment, run_id)
            on_progress()
            pause(_PAUSE_SECONDS)
