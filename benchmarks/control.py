"""What a chunk costs besides its rows: in a large ledger, over a slow link, in many workers.

`python -m benchmarks.control NAME NUMBER…`; the last line of the output is `{"seconds": …}`, with
other figures by their names.

ledger N    median of claim to done of an empty chunk, its run's feeding included, of N chunks
link N      seconds per chunk of N worker processes, both databases behind a link of 50 ms
small N D   the same of D days of a few rows, which the run has counted; and round trips per chunk
many N      seconds of a backfill of N days without rows by two workers, planning included
huge        seconds of the first day, which one worker process loads; and its memory
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.table import FIRST_DAY, SMALL, SMALL_FIRST_DAY
from benchmarks.watch import watch_memory
from benchmarks.workers import running_worker
from replica_worker.model.chunks import Action, ChunkId, HandOut, Plan, PlannedChunk, RunKind
from replica_worker.model.days import DayRange
from replica_worker.settings import load_settings
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.runs import begin_run, feed_run, plan_run
from replica_worker.usecases.sizes import count_plan
from replica_worker.usecases.work import work_and_look_ahead
from replica_worker.wiring import connect_deployment

if TYPE_CHECKING:
    from support.proxy import Proxy

_FIRST_EMPTY = date(1970, 1, 2)
_MEASURED = 200
_LINK_SECONDS = 0.05  # there and back
_CHUNKS_PER_WORKER = 8
_LIMIT_SECONDS = 1700.0
_TABLE = "SALES"


Figures = dict[str, float]  # by name; `seconds` first


def ledger(number: int) -> Figures:
    """Work on the first of a run of so many chunks; the others belong to no table."""
    deployment = connect_deployment(load_settings())
    days = [_FIRST_EMPTY + timedelta(days=at) for at in range(_MEASURED)]
    others = [
        (f"T{at // 10_000}", days[-1] + timedelta(days=1 + at % 10_000))
        for at in range(number - len(days))
    ]
    run_id = _begin(deployment, [*((_TABLE, day) for day in days), *others])
    window = deployment.policy.window
    handed_out = _Kept()
    feed_run(deployment, run_id, handed_out)
    took = []
    for _ in days:
        started = time.perf_counter()
        worked = work_and_look_ahead(deployment, handed_out.chunks.pop(0), worker="benchmark")
        if worked.outlook and worked.outlook.needs_feeding(window):
            feed_run(deployment, run_id, handed_out)
        took.append(time.perf_counter() - started)
    deployment.ledger.chunks.cancel_open(run_id)
    return {"seconds": statistics.median(took)}


def link(workers: int) -> Figures:
    """Let so many processes load days without rows over a slow link."""
    deployment = connect_deployment(load_settings())
    with _far_databases() as far, running_worker(workers, far.environment):
        _time_empty_chunks(deployment, workers, _TABLE, _FIRST_EMPTY)  # the processes connect
        first = _FIRST_EMPTY + timedelta(days=1000)
        return {"seconds": _time_empty_chunks(deployment, workers, _TABLE, first)}


def small(workers: int, number: int) -> Figures:
    """Let so many processes load so many small days over a slow link, as a backfill plans them."""
    deployment = connect_deployment(load_settings())
    days = DayRange(first=SMALL_FIRST_DAY, end=SMALL_FIRST_DAY + timedelta(days=number))
    with _far_databases() as far, running_worker(workers, far.environment):
        _time_empty_chunks(deployment, workers, SMALL, _FIRST_EMPTY)  # the processes connect
        run_id, chunks = _begin_counted(deployment, SMALL, days)
        at_source, at_warehouse = far.source.round_trips, far.warehouse.round_trips
        took = _time_run(deployment, run_id, chunks)
        return {
            "seconds": took / chunks,
            "round trips to the source per chunk": (far.source.round_trips - at_source) / chunks,
            "round trips to the warehouse per chunk": (far.warehouse.round_trips - at_warehouse)
            / chunks,
        }


def many(number: int) -> Figures:
    """Let two workers load so many days without rows, as a backfill plans them."""
    days = DayRange(first=_FIRST_EMPTY, end=_FIRST_EMPTY + timedelta(days=number))
    if days.end > FIRST_DAY:
        raise SystemExit(f"{number} days from {days.first} on are not all without rows")
    deployment = connect_deployment(load_settings())
    with running_worker(2, os.environ):
        started = time.perf_counter()
        run_id, chunks = _begin_counted(deployment, _TABLE, days)
        _time_run(deployment, run_id, chunks)
        took = time.perf_counter() - started
    return {"seconds": took, "seconds per chunk": took / chunks}


def huge() -> Figures:
    """Let one worker process load the table's first day."""
    deployment = connect_deployment(load_settings())
    with running_worker(1, os.environ) as worker, watch_memory(worker) as peaks:
        # Counted, since a large chunk is read in parts.
        plan = count_plan(deployment, _plan([(_TABLE, FIRST_DAY)]))
        run_id = begin_run(deployment, plan, asked_by="benchmark") or ""
        took = _time_run(deployment, run_id, len(plan.chunks))
    return {
        "seconds": took,
        "peak RSS MB of the worker's child": peaks.child_mb,
        "peak RSS MB of the worker's parent and child": peaks.together_mb,
    }


class _Kept:
    """Keeps what it is to hand out."""

    def __init__(self) -> None:
        self.chunks: list[ChunkId] = []

    def send(self, kind: RunKind, given: Sequence[HandOut]) -> None:
        del kind
        self.chunks += [one.chunk for one in given]


def _begin(deployment: Deployment, chunks: Sequence[tuple[str, date]]) -> str:
    """Begin a run of which each chunk is worked on alone."""
    # They are not counted, on purpose: no chunk is known to be small, to go with its neighbours.
    return begin_run(deployment, _plan(chunks), asked_by="benchmark") or ""


def _plan(chunks: Sequence[tuple[str, date]]) -> Plan:
    days = [day for _, day in chunks]
    return Plan(
        kind=RunKind.BACKFILL,
        first_day=min(days),
        last_day=max(days),
        chunks=tuple(
            PlannedChunk(table=table, day=day, action=Action.LOAD, wave=0) for table, day in chunks
        ),
        tables=(_TABLE,),
    )


def _begin_counted(deployment: Deployment, table: str, days: DayRange) -> tuple[str, int]:
    """Begin a run as `replica backfill` does; its id and how many chunks it has."""
    plan = plan_run(deployment, RunKind.BACKFILL, days=days, tables=[table])
    if any(chunk.rows_expected is None for chunk in plan.chunks if not chunk.is_strays):
        raise RuntimeError(f"the rows of {table} were not counted in time")
    return begin_run(deployment, plan, asked_by="benchmark") or "", len(plan.chunks)


def _time_empty_chunks(deployment: Deployment, workers: int, table: str, first: date) -> float:
    """Seconds per chunk of a few for each worker, each worked on alone."""
    days = [first + timedelta(days=at) for at in range(workers * _CHUNKS_PER_WORKER)]
    run_id = _begin(deployment, [(table, day) for day in days])
    return _time_run(deployment, run_id, len(days)) / len(days)


def _time_run(deployment: Deployment, run_id: str, chunks: int) -> float:
    """Seconds from handing out the first chunk to the end of the run."""
    from replica_worker.tasks.dispatch import dispatch_run

    started = time.perf_counter()
    dispatch_run(deployment, run_id, RunKind.BACKFILL)
    while not (run := deployment.ledger.runs.find(run_id)).status.is_final:
        if time.perf_counter() - started > _LIMIT_SECONDS:
            raise RuntimeError(f"run {run_id} is still {run.status}")
        time.sleep(0.1)
    if run.chunks_done != chunks:
        raise RuntimeError(f"{run.chunks_done} chunks were done: {run.error}")
    return time.perf_counter() - started


@dataclass(frozen=True, kw_only=True)
class _Far:
    """The environment of a worker that is far from both databases, and what lies between."""

    environment: dict[str, str]
    source: Proxy
    warehouse: Proxy


@contextmanager
def _far_databases() -> Iterator[_Far]:
    """Both databases behind a slow link."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from support.proxy import open_proxy_of

    source, target = os.environ["REPLICA_SOURCE_URL"], os.environ["REPLICA_TARGET_URL"]
    with open_proxy_of(source) as to_source, open_proxy_of(target) as to_target:
        to_source.latency = to_target.latency = _LINK_SECONDS
        environment = {
            **os.environ,
            "REPLICA_SOURCE_URL": to_source.in_front_of(source),
            "REPLICA_TARGET_URL": to_target.in_front_of(target),
        }
        yield _Far(environment=environment, source=to_source, warehouse=to_target)


if __name__ == "__main__":
    _, name, *numbers = sys.argv
    cases: dict[str, Callable[..., Figures]] = {
        "ledger": ledger, "link": link, "small": small, "many": many, "huge": huge
    }  # fmt: skip
    print(json.dumps(cases[name](*map(int, numbers))))
