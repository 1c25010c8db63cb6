"""Commands that only look: `status`, `history`, `verify`."""

from __future__ import annotations

import json
import time
from datetime import date

import click
from rich.console import Console
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
    print_proof,
    proof_as_json,
    run_as_json,
    status_view,
)
from replica_worker.cli.session import open_session, require_metadata_tables
from replica_worker.ledger.runs import Run
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.verify import count_chunks, verify_range

_WATCH_SECONDS = 1.0
_WIDE = 160  # columns; more than a row of the history takes


@click.command()
@click.argument("run_id", required=False, metavar="[RUN]")
@json_option
@click.option("--watch", is_flag=True, help="Keep the picture up to date until the run is done.")
def status(run_id: str | None, as_json: bool, watch: bool) -> None:
    """Show where a run stands; without RUN, the newest one."""
    with open_session() as session:
        deployment = session.deployment
        require_metadata_tables(deployment)
        found = _find(deployment, run_id)
        if found is None:
            click.echo("null" if as_json else "no run yet")
        elif as_json:
            chunks = deployment.ledger.chunks.of_run(found.run_id)
            click.echo(json.dumps(run_as_json(found, chunks), indent=1))
        elif watch:
            _watch(deployment, found.run_id)
        else:
            console.print(status_view(found, deployment.ledger.chunks.of_run(found.run_id)))


def _find(deployment: Deployment, run_id: str | None) -> Run | None:
    if run_id:
        return deployment.ledger.runs.find(run_id)
    newest = deployment.ledger.runs.latest(1)
    return newest[0] if newest else None


def _watch(deployment: Deployment, run_id: str) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            run = deployment.ledger.runs.find(run_id)
            live.update(status_view(run, deployment.ledger.chunks.of_run(run_id)), refresh=True)
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
@json_option
@click.pass_context
def verify(
    context: click.Context, start: date, end: date, tables: tuple[str, ...], as_json: bool
) -> None:
    """Prove by content that both sides are equal; print the rows that are not."""
    with open_session() as session:
        days = past_range(session.settings, start, end)
        total = count_chunks(session.deployment, tables=tables, days=days)
        found = verify_range(session.deployment, tables=tables, days=days)
        proofs = list(follow_proofs(found, total))
    if as_json:
        click.echo(json.dumps([proof_as_json(proof) for proof in proofs], indent=1))
    else:
        print_proof(proofs)
    context.exit(0 if all(proof.is_equal for proof in proofs) else 1)
