"""Commands for when things went wrong: `retry`, `cancel`, `replay`, `undo`."""

from __future__ import annotations

import time
from datetime import date

import click

from replica_worker.cli.options import (
    end_option,
    past_range,
    start_option,
    tables_option,
    work_options,
)
from replica_worker.cli.render import print_plan, print_troubles
from replica_worker.cli.session import Session, open_session, require_metadata_tables, this_worker
from replica_worker.cli.work import OpenRun, bring_about, carry_out
from replica_worker.errors import ArchiveError
from replica_worker.ledger.options import RunOptions
from replica_worker.model.chunks import TROUBLE_STATES, Plan, RunKind
from replica_worker.model.days import DayRange
from replica_worker.usecases.runs import (
    cancel_run,
    finalize_run,
    plan_run,
    recover_chunks,
    retry_run,
)
from replica_worker.usecases.undo import plan_undo_of

_POLL_SECONDS = 0.5

run_argument = click.argument("run_id", metavar="RUN")
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")


@click.command()
@run_argument
@dry_run_option
@work_options
@click.pass_context
def retry(
    context: click.Context,
    run_id: str,
    dry_run: bool,
    wait: bool,
    inline: bool,
    allow_deletes: bool,
) -> None:
    """Do the failed and refused chunks of a run again, in the same run."""
    with open_session() as session:
        deployment = session.deployment
        require_metadata_tables(deployment)
        run = deployment.ledger.runs.find(run_id)
        troubles = deployment.ledger.chunks.of_run(run_id, states=TROUBLE_STATES)
        if not troubles:
            click.echo(f"nothing to do: no chunk of run {run_id} failed or was refused")
            return
        if dry_run:
            print_troubles(troubles)
            return

        def begin() -> str:
            retry_run(deployment, run_id, allow_deletes=allow_deletes)
            return run_id

        work = OpenRun(kind=run.kind, chunks=run.chunks, begin=begin)
        context.exit(bring_about(session, work, wait=wait, inline=inline))


@click.command()
@run_argument
@click.option("--wait", is_flag=True, help="Return when the chunks under way have ended.")
def cancel(run_id: str, wait: bool) -> None:
    """Hand out no more chunks of a run; those under way end as they would."""
    with open_session() as session:
        deployment = session.deployment
        require_metadata_tables(deployment)
        waiting = cancel_run(deployment, run_id)
        if waiting is None:
            status = deployment.ledger.runs.find(run_id).status
            click.echo(f"nothing to do: run {run_id} has ended as {status}")
            return
        click.echo(f"run {run_id}: {waiting} waiting chunks cancelled")
        if _ended(session, run_id):
            return
        if not wait:
            click.echo("chunks are under way; the run is closed when they have ended")
            return
        while not _ended(session, run_id):
            time.sleep(_POLL_SECONDS)


def _ended(session: Session, run_id: str) -> bool:
    """Whether the run is closed; if nothing of it is under way any more, close it."""
    deployment = session.deployment
    recover_chunks(deployment, run_id)
    finalize_run(deployment, run_id, worker=this_worker())
    status = deployment.ledger.runs.find(run_id).status
    if status.is_final:
        click.echo(f"run {run_id} ended as {status}")
    return status.is_final


@click.command()
@start_option
@end_option
@tables_option
@dry_run_option
@work_options
@click.pass_context
def replay(
    context: click.Context,
    start: date,
    end: date,
    tables: tuple[str, ...],
    dry_run: bool,
    wait: bool,
    inline: bool,
    allow_deletes: bool,
) -> None:
    """Make the warehouse what the archive holds of a range; the source is not touched."""
    with open_session() as session:
        days = past_range(session.settings, start, end)
        plan = plan_run(session.deployment, RunKind.REPLAY, days=days, tables=tables)
        _require_chunks(session, plan)
        _name_gaps(session, plan, days)
        if dry_run:
            print_plan(plan)
            return
        options = RunOptions(allow_deletes=allow_deletes)
        context.exit(carry_out(session, plan, options, wait=wait, inline=inline))


@click.command()
@run_argument
@dry_run_option
@click.option("--inline", is_flag=True, help="Work in this process, without a broker.")
@click.option("--wait", is_flag=True, help="Show progress until the run is done.")
@click.pass_context
def undo(context: click.Context, run_id: str, dry_run: bool, wait: bool, inline: bool) -> None:
    """Put back the rows that a run deleted, moved or overwrote; the source is not touched."""
    with open_session() as session:
        require_metadata_tables(session.deployment)
        plan = plan_undo_of(session.deployment, run_id)
        if not plan.chunks:
            click.echo(f"nothing to do: run {run_id} took no row away")
            return
        if dry_run:
            print_plan(plan)
            return
        options = RunOptions(undo_of=run_id)
        context.exit(carry_out(session, plan, options, wait=wait, inline=inline))


def _require_chunks(session: Session, plan: Plan) -> None:
    if plan.chunks:
        return
    raise ArchiveError(
        operation="replay",
        cause=f"the archive holds nothing of {DayRange.inclusive(plan.first_day, plan.last_day)}",
        next_step="Check REPLICA_EXPORTS, and the tables and days",
    )


def _name_gaps(session: Session, plan: Plan, days: DayRange) -> None:
    """Say which days the archive lacks: they stay as they are."""
    found: dict[str, set[date]] = {}
    for chunk in plan.chunks:
        found.setdefault(chunk.table, set()).add(chunk.day)
    for spec in session.deployment.spec.select(plan.tables):
        wanted = set(days) if spec.is_daily else {days.last}
        missing = sorted(wanted - found.get(spec.name, set()))
        if missing:
            click.echo(
                f"not in the archive, left as it is: {spec.name}, {len(missing)} days from "
                f"{missing[0]} to {missing[-1]}"
                if spec.is_daily
                else f"not in the archive, left as it is: {spec.name}",
                err=True,
            )
