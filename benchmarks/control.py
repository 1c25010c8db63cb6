"""What a chunk costs besides its rows: in a large ledger, over a slow link, in many workers.

`python -m benchmarks.control NAME NUMBER`; the last line of the output is `{"seconds": …}`.

ledger N   median of claim to done of an empty chunk, its run's feeding included, of N chunks
link N     seconds per chunk of N worker processes, both databases behind a link of 50 ms
many N     seconds per chunk of N empty chunks that two workers load
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from benchmarks.workers import running_worker
from replica_worker.model.chunks import Action, ChunkId, Plan, PlannedChunk, RunKind
from replica_worker.settings import load_settings
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.runs import begin_run, feed_run
from replica_worker.usecases.work import work_and_look_ahead
from replica_worker.wiring import connect_deployment

_FIRST_EMPTY = date(1970, 1, 2)
_MEASURED = 200
_LINK_SECONDS = 0.05  # there and back
_CHUNKS_PER_WORKER = 8
_LIMIT_SECONDS = 900.0
_TABLE = "SALES"


def ledger(number: int) -> float:
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
    return statistics.median(took)


def link(workers: int) -> float:
    """Let so many processes load days without rows over a slow link."""
    deployment = connect_deployment(load_settings())
    with _far_databases() as environment, running_worker(workers, environment):
        for round_of in range(2):  # in the first the processes connect
            first = _FIRST_EMPTY + timedelta(days=round_of * 1000)
            days = [first + timedelta(days=at) for at in range(workers * _CHUNKS_PER_WORKER)]
            took = _time_run(deployment, days)
    return took


def many(number: int) -> float:
    """Let two workers load so many empty days."""
    deployment = connect_deployment(load_settings())
    with running_worker(2, os.environ):
        return _time_run(deployment, [_FIRST_EMPTY + timedelta(days=at) for at in range(number)])


class _Kept:
    """Keeps what it is to hand out."""

    def __init__(self) -> None:
        self.chunks: list[ChunkId] = []

    def send(self, kind: RunKind, chunks: Sequence[ChunkId]) -> None:
        del kind
        self.chunks += chunks


def _begin(deployment: Deployment, chunks: Sequence[tuple[str, date]]) -> str:
    days = [day for _, day in chunks]
    plan = Plan(
        kind=RunKind.BACKFILL,
        first_day=min(days),
        last_day=max(days),
        chunks=tuple(
            PlannedChunk(table=table, day=day, action=Action.LOAD, wave=0) for table, day in chunks
        ),
        tables=(_TABLE,),
    )
    return begin_run(deployment, plan, asked_by="benchmark") or ""


def _time_run(deployment: Deployment, days: Sequence[date]) -> float:
    """Seconds per chunk, from handing out the first to the end of the run."""
    from replica_worker.tasks.dispatch import dispatch_run

    run_id = _begin(deployment, [(_TABLE, day) for day in days])
    started = time.perf_counter()
    dispatch_run(deployment, run_id, RunKind.BACKFILL)
    while not (run := deployment.ledger.runs.find(run_id)).status.is_final:
        if time.perf_counter() - started > _LIMIT_SECONDS:
            raise RuntimeError(f"run {run_id} is still {run.status}")
        time.sleep(0.1)
    if run.chunks_done != len(days):
        raise RuntimeError(f"{run.chunks_done} chunks were done: {run.error}")
    return (time.perf_counter() - started) / len(days)


@contextmanager
def _far_databases() -> Iterator[dict[str, str]]:
    """The environment of a worker that is far from both databases."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from support.proxy import open_proxy_of

    source, target = os.environ["REPLICA_SOURCE_URL"], os.environ["REPLICA_TARGET_URL"]
    with open_proxy_of(source) as to_source, open_proxy_of(target) as to_target:
        to_source.latency = to_target.latency = _LINK_SECONDS
        yield {
            **os.environ,
            "REPLICA_SOURCE_URL": to_source.in_front_of(source),
            "REPLICA_TARGET_URL": to_target.in_front_of(target),
        }


if __name__ == "__main__":
    _, name, number = sys.argv
    seconds = {"ledger": ledger, "link": link, "many": many}[name](int(number))
    print(json.dumps({"seconds": seconds}))
