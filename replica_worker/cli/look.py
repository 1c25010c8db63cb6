"""Commands that only look: `status`, `history`, `verify`."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live

from replica_worker.cli.options import (
    end_option,
    json_option,
    past_range,
    start_option,
    tables_option,
)
from replica_worker.cli.progress import follow_proofs
from replica_worker.cli.render import (
    console,
    history_table,
    lateness_as_json,
    lateness_table,
    run_as_json,
    status_view,
)
from replica_worker.cli.render_forecast import when
from replica_worker.cli.render_proofs import print_proofs, print_proofs_as_json
from replica_worker.cli.session import Session, open_session, require_metadata_tables
from replica_worker.ledger.runs import Run
from replica_worker.model.days import DayRange, business_day
from replica_worker.model.late import measure_lateness
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.forecast import expected_end
from replica_worker.usecases.proof_log import ProofLog
from replica_worker.usecases.verify import count_chunks, verify_range

_WATCH_SECONDS = 1.0
_WIDE = 160  # columns; more than a row of the history takes


@click.command()
@click.argument("run_id", required=False, metavar="[RUN]")
@json_option
@click.option("--watch", is_flag=True, help="Keep the picture up to date until the run is done.")
@click.option("--late", is_flag=True, help="How late the source's fixes came, by table.")
def status(run_id: str | None, as_json: bool, watch: bool, late: bool) -> None:
    """Show where a run stands; without RUN, the newest one."""
    if late and (run_id or watch):
        raise click.UsageError("--late is about all runs: it takes no RUN and no --watch")
    with open_session() as session:
        deployment = session.deployment
        require_metadata_tables(deployment)
        if late:
            _show_lateness(deployment, as_json=as_json)
            return
        found = _find(deployment, run_id)
        if found is None:
            click.echo("null" if as_json else "no run yet")
        elif as_json:
            chunks = deployment.ledger.chunks.of_run(found.run_id)
            end = _expected_end(deployment, found)
            document = run_as_json(found, chunks)
            document["expected_end"] = end.isoformat(timespec="seconds") if end else None
            click.echo(json.dumps(document, indent=1))
        elif watch:
            _watch(deployment, found.run_id)
        else:
            console.print(_picture(deployment, found))


def _show_lateness(deployment: Deployment, *, as_json: bool) -> None:
    found = measure_lateness(
        (
            fix.table,
            (business_day(now=fix.checked_at, zone=deployment.zone) - fix.day).days,
            fix.rows,
        )
        for fix in deployment.ledger.history.late_fixes()
    )
    if as_json:
        click.echo(json.dumps([lateness_as_json(one) for one in found], indent=1))
    elif found:
        console.print(lateness_table(found))
    else:
        click.echo("no late fix was found yet")


def _find(deployment: Deployment, run_id: str | None) -> Run | None:
    if run_id:
        return deployment.ledger.runs.find(run_id)
    newest = deployment.ledger.runs.latest(1)
    return newest[0] if newest else None


def _picture(deployment: Deployment, run: Run) -> RenderableType:
    view = status_view(run, deployment.ledger.chunks.of_run(run.run_id))
    end = _expected_end(deployment, run)
    return (
        Group(view, f"done about {when(end, deployment.zone)}, at the pace so far") if end else view
    )


def _expected_end(deployment: Deployment, run: Run) -> datetime | None:
    standing, _ = deployment.ledger.paces.standing(run.run_id)
    return expected_end(deployment, run, standing)


def _watch(deployment: Deployment, run_id: str) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            run = deployment.ledger.runs.find(run_id)
            live.update(_picture(deployment, run), refresh=True)
            if run.status.is_final:
                return
            time.sleep(_WATCH_SECONDS)


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@json_option
def history(limit: int, as_json: bool) -> None:
    """List the runs, newest first."""
    with open_session() as session:
        require_metadata_tables(session.deployment)
        runs = session.deployment.ledger.runs.latest(limit)
    if as_json:
        click.echo(json.dumps([run_as_json(run) for run in runs], indent=1))
    elif runs:
        # A run's id is there to be copied: where the window is too narrow, lines wrap, whole.
        wide = Console(highlight=False, width=max(console.width, _WIDE))
        wide.print(history_table(runs))
    else:
        click.echo("no run yet")


@click.command()
@start_option
@end_option
@tables_option
@click.option(
    "--most",
    type=click.IntRange(0, 1000),
    default=20,
    show_default=True,
    help="Rows of each chunk that are read whole where they differ.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep what is proven in FILE, and go on from what it has.",
)
@json_option
@click.pass_context
def verify(
    context: click.Context,
    start: date,
    end: date,
    tables: tuple[str, ...],
    most: int,
    resume: Path | None,
    as_json: bool,
) -> None:
    """Prove by content that both sides are equal; print the rows and columns that are not."""
    with open_session() as session:
        days = past_range(session.settings, start, end)
        total = count_chunks(session.deployment, tables=tables, days=days)
        log = ProofLog(resume, _compared(session, tables, days)) if resume else None
        found = verify_range(
            session.deployment, tables=tables, days=days, most_differences=most, log=log
        )
        say = print_proofs_as_json if as_json else print_proofs
        is_equal = say(follow_proofs(found, total))
    context.exit(0 if is_equal else 1)


def _compared(session: Session, tables: Sequence[str], days: DayRange) -> dict[str, str]:
    """What a verification compares, by name; of the URLs neither user nor password."""
    specs = session.deployment.spec.select(tables)
    text = repr((specs, session.settings.timezone))
    return {
        "specs": hashlib.sha256(text.encode()).hexdigest(),
        "tables": ", ".join(spec.name for spec in specs),
        "source": session.deployment.source_name,
        "warehouse": session.deployment.target_name,
        "days": str(days),
    }
