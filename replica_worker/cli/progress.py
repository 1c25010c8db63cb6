"""Live progress: chunks, rows a second, time to go."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from replica_worker.cli.render import console, notes
from replica_worker.cli.render_forecast import when
from replica_worker.errors import BrokerError
from replica_worker.ledger.runs import Run
from replica_worker.model.chunks import ChunkState
from replica_worker.model.standing import Standing
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.forecast import expected_end
from replica_worker.usecases.runs import sweep_leftovers
from replica_worker.usecases.verify import ChunkProof

_POLL_SECONDS = 0.25
_SWEEP_SECONDS = 5.0
_END_SECONDS = 2.0  # between two looks at when it will be done


class RunProgress:
    """A bar over a run's chunks, drawn from the ledger."""

    def __init__(self, deployment: Deployment, run_id: str, total: int) -> None:
        self._deployment = deployment
        self._run_id = run_id
        self._started = time.monotonic()
        self._next_end = 0.0
        self._shown_end = ""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("chunks  {task.fields[rows]:,} rows  {task.fields[rate]:,.0f} rows/s"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[end]}"),
            console=notes,
        )
        self._task = self._bar.add_task("working", total=total, rows=0, rate=0.0, end="")

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.refresh()
        self._bar.stop()

    def refresh(self) -> None:
        """Read the ledger and draw."""
        ledger = self._deployment.ledger
        standing, states = ledger.paces.standing(self._run_id)
        rows = standing.rows_done
        elapsed = max(time.monotonic() - self._started, 0.001)
        failed = states.get(ChunkState.FAILED, 0) + states.get(ChunkState.REFUSED, 0)
        self._bar.update(
            self._task,
            completed=standing.done,
            rows=rows,
            rate=rows / elapsed,
            end=self._end(standing),
            description="working" if not failed else f"[red]{failed} in trouble[/]",
        )

    def _end(self, standing: Standing) -> str:
        """Asked seldom: it changes little from one look to the next."""
        if time.monotonic() >= self._next_end:
            self._next_end = time.monotonic() + _END_SECONDS
            run = self._deployment.ledger.runs.find(self._run_id)
            end = expected_end(self._deployment, run, standing)
            self._shown_end = f"done about {when(end, self._deployment.zone)}" if end else ""
        return self._shown_end


@contextmanager
def follow_work(deployment: Deployment, run_id: str, total: int) -> Iterator[RunProgress]:
    """Progress of a run that this process works on itself."""
    with RunProgress(deployment, run_id, total) as progress:
        yield progress


def follow_run(deployment: Deployment, run_id: str, total: int) -> Run:
    """Progress of a run that workers do, until it is closed.

    While it waits it sweeps, so that the run ends even where no beat is running. What the last
    worker to die left staged is cleared away at the end: nobody else would where none is.
    """
    next_sweep = time.monotonic() + _SWEEP_SECONDS
    with RunProgress(deployment, run_id, total) as progress:
        while True:
            run = deployment.ledger.runs.find(run_id)
            if run.status.is_final:
                sweep_leftovers(deployment)
                return run
            progress.refresh()
            if time.monotonic() >= next_sweep:
                _sweep(deployment)
                next_sweep = time.monotonic() + _SWEEP_SECONDS
            time.sleep(_POLL_SECONDS)


def _sweep(deployment: Deployment) -> None:
    """Housekeeping while one waits; closing a run is left to a worker, which sees the source."""
    from replica_worker.tasks.broker import without_forgotten
    from replica_worker.tasks.dispatch import CeleryDispatcher, ask_to_close
    from replica_worker.usecases.runs import sweep

    try:
        sweep(without_forgotten(deployment), CeleryDispatcher(), close=ask_to_close)
    except BrokerError as error:
        notes.print(str(error), markup=False)


def follow_proofs(proofs: Iterable[ChunkProof], total: int) -> Iterator[ChunkProof]:
    """Progress of a verification."""
    with Progress(
        TextColumn("comparing {task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=notes,
        transient=True,
        redirect_stdout=console.is_terminal,  # a pipe gets the report itself
        disable=not notes.is_terminal,
    ) as bar:
        task = bar.add_task("", total=total)
        for proof in proofs:
            bar.update(task, advance=1, description=proof.table)
            yield proof
