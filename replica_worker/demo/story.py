"""The demo's story: make a source, copy it, change it behind our back, repair, prove.

It checks what it shows: the repairs must be exactly the changes that were made, and at the end
every row of both sides must be equal. Owns no step of the work itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from rich.progress import BarColumn, Progress, TextColumn

from replica_worker.cli.render import console, plain_table
from replica_worker.demo.source import (
    ChangedRows,
    LateChanges,
    PosShape,
    SourceFigures,
    build_source,
    make_late_changes,
)
from replica_worker.demo.stage import Stage, set_stage
from replica_worker.ledger.chunk_rows import ChunkRow
from replica_worker.model.chunks import RunKind
from replica_worker.model.days import yesterday
from replica_worker.settings import DEFAULT_SPEC_FILE, Settings, load_settings
from replica_worker.usecases.deployment import Deployment
from replica_worker.wiring import connect_deployment


class DemoFailedError(Exception):
    """The demo saw something that it should not have seen."""


def tell_story(*, sales_per_day: int, days: int, workers: int, seed: int) -> int:
    """Play the demo; 0 if everything was as it must be, else 1."""
    settings = load_settings()
    t0 = yesterday(now=datetime.now(UTC), zone=settings.zone)
    shape = PosShape(
        first_day=t0 - timedelta(days=days), days=days, sales_per_day=sales_per_day, seed=seed
    )
    started = time.monotonic()
    console.print("[bold]replica demo[/]: a POS source, a warehouse, and a copy you can prove\n")
    with _chapter("Starting PostgreSQL and Valkey on this machine"):
        stage_context = set_stage(settings)
        stage = stage_context.__enter__()
    try:
        _play(stage, settings, shape, workers)
    except DemoFailedError as error:
        console.print(f"\n[red]The demo failed:[/] {error}")
        console.print(f"Logs and files are in {stage.home}")
        return 1
    finally:
        stage_context.__exit__(None, None, None)
    _say_goodbye(stage, time.monotonic() - started)
    return 0


def _play(stage: Stage, settings: Settings, shape: PosShape, workers: int) -> None:
    spec_json = json.loads(DEFAULT_SPEC_FILE.read_text(encoding="utf-8"))
    first, last = shape.first_day.isoformat(), (shape.end - timedelta(days=1)).isoformat()
    with stage.workers(workers) as crew:
        source = _make_source(stage, shape, spec_json)
        _command(stage, "make the warehouse's tables", "migrate")
        crew.wait_ready()
        _command(
            stage,
            f"copy {shape.days} days with {workers} Celery workers",
            *("backfill", "--start", first, "--end", last, "--wait"),
        )
        with _chapter("Behind our back: late fixes, voids, deletions, a moved sale, a late till"):
            late = make_late_changes(
                connection_url=stage.urls.source_owner_url,
                spec_json=spec_json,
                shape=shape,
                t0=shape.end,
            )
        _show_changes(late)
        _command(
            stage,
            f"the nightly run: load {late.t0} (T-0), then check {late.t1} (T-1)",
            *("run", "--date", late.t0.isoformat(), "--wait"),
        )
    deployment = _deployment(stage, settings)
    try:
        _expect_exact_repairs(deployment, late)
    finally:
        deployment.warehouse.sql.dispose()
    _command(
        stage,
        "prove that every row of both sides is equal",
        *("verify", "--start", first, "--end", late.t0.isoformat()),
    )
    _command(
        stage,
        "see that sales, items and payments balance",
        *("audit", "--start", first, "--end", late.t0.isoformat()),
    )
    _summarise(stage, source)


def _make_source(stage: Stage, shape: PosShape, spec_json: dict[str, object]) -> SourceFigures:
    with (
        _chapter(f"Making a POS source: {shape.days} days, seed {shape.seed}"),
        Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:,} rows"),
            console=console,
            transient=True,
        ) as bar,
    ):
        task = bar.add_task("building", total=None)
        counts: dict[str, int] = {}

        def show(table: str, rows: int) -> None:
            counts[table] = rows
            bar.update(task, completed=sum(counts.values()), description=table)

        figures = build_source(
            connection_url=stage.urls.source_owner_url,
            spec_json=spec_json,
            shape=shape,
            on_progress=show,
        )
    console.print(f"  {figures.rows_in_all:,} rows in {len(figures.rows)} tables\n")
    return figures


def _command(stage: Stage, purpose: str, *words: str) -> None:
    """Show a command and run it; DemoFailedError if it fails."""
    console.rule(f"[bold]{purpose}", align="left")
    console.print(f"[dim]$ replica {' '.join(words)}[/]")
    code = stage.run_command(*words)
    if code != 0:
        raise DemoFailedError(f"`replica {' '.join(words)}` ended with exit code {code}")
    console.print()


def _show_changes(late: LateChanges) -> None:
    for step in late.steps:
        console.print(f"  • {step.name}: {step.meaning}", markup=False)
    console.print()


def _expect_exact_repairs(deployment: Deployment, late: LateChanges) -> None:
    """The nightly run must have changed what was changed at the source, and nothing else."""
    newest = deployment.ledger.runs.latest(1)[0]
    if newest.kind is not RunKind.NIGHTLY:
        raise DemoFailedError(f"the newest run is {newest.run_id}, not the nightly one")
    rows = {
        (row.chunk.table, row.chunk.day): row
        for row in deployment.ledger.chunks.of_run(newest.run_id)
    }
    figures = ["inserted", "updated", "moved", "deleted"]
    table = plain_table("table", "day", *figures, "as changed?", numbers=figures)
    wrong = []
    for change in late.changes:
        row = rows.pop((change.table, change.day or late.t0), None)
        if row is None:  # the day a sale was moved to: it came with the day it left
            continue
        is_exact = _figures(row) == _expected(change)
        wrong += [] if is_exact else [f"{change.table} {change.day}"]
        table.add_row(
            change.table,
            str(change.day or "whole table"),
            *(str(figure) for figure in _figures(row)),
            "[green]exactly[/]" if is_exact else f"[red]expected {_expected(change)}[/]",
        )
    wrong += [str(row.chunk) for row in rows.values() if sum(_figures(row))]
    console.print("What the run changed, against what was changed at the source:")
    console.print(table)
    console.print()
    if wrong:
        raise DemoFailedError(f"the repairs are not the changes made: {', '.join(wrong)}")


def _figures(row: ChunkRow) -> tuple[int, int, int, int]:
    """(inserted, updated, moved, deleted) of a chunk; a moved row is an update to the merge."""
    return row.rows_inserted, row.rows_updated - row.rows_moved, row.rows_moved, row.rows_deleted


def _expected(change: ChangedRows) -> tuple[int, int, int, int]:
    return (
        len(change.inserted),
        len(change.updated),
        len(change.moved_out),
        len(change.deleted),
    )


def _summarise(stage: Stage, source: SourceFigures) -> None:
    files = list(stage.exports.rglob("*.parquet"))
    size = sum(file.stat().st_size for file in files)
    table = plain_table("what", "figure")
    table.add_row("rows at the source before the late changes", f"{source.rows_in_all:,}")
    table.add_row("Parquet files, each with a manifest", f"{len(files):,}")
    table.add_row("Parquet bytes", f"{size / 1e6:,.1f} MB")
    table.add_row("both sides", "[green]equal, row by row[/]")
    console.print(table)


def _say_goodbye(stage: Stage, seconds: float) -> None:
    home = _short(stage.home)
    console.print(
        f"\n[green]Done in {seconds:.0f} s.[/] The servers are stopped; their data stays.\n"
        f"  Parquet and manifests   {home}/exports\n"
        f"  logs                    {home}/*.log, {home}/*/*.log\n"
        "Try next (each starts the servers again for as long as it runs):\n"
        "  .venv/bin/replica history\n"
        "  .venv/bin/replica status\n"
        "  .venv/bin/replica check-fixes --deep\n"
        "  .venv/bin/replica run --help",
        markup=True,
    )


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _deployment(stage: Stage, settings: Settings) -> Deployment:
    return connect_deployment(
        settings.model_copy(
            update={
                "source_url": SecretStr(stage.urls.source_url),
                "target_url": SecretStr(stage.urls.target_url),
                "exports": str(stage.exports),
                "schema_file": DEFAULT_SPEC_FILE,
            }
        )
    )


@contextmanager
def _chapter(what: str) -> Iterator[None]:
    started = time.monotonic()
    console.print(f"[bold]{what}[/] …")
    yield
    console.print(f"  done in {time.monotonic() - started:.1f} s")
