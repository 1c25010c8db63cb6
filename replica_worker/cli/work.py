"""Commands that make a run: `run`, `backfill`, `check-fixes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import click

from replica_worker.cli.options import (
    DAY,
    end_option,
    past_day,
    past_range,
    start_option,
    tables_option,
    work_options,
)
from replica_worker.cli.progress import follow_run, follow_work
from replica_worker.cli.render import print_plan, print_result, print_unbalanced
from replica_worker.cli.render_forecast import forecast_as_json, print_forecast
from replica_worker.cli.session import (
    Session,
    open_session,
    require_inline_means,
    require_metadata_tables,
    this_worker,
    who_asks,
)
from replica_worker.errors import SettingsError
from replica_worker.ledger.options import RunOptions
from replica_worker.ledger.runs import Run
from replica_worker.model.chunks import Plan, RunKind, RunStatus
from replica_worker.model.days import ONE_DAY, DayRange, yesterday
from replica_worker.model.digests import Verdict
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.forecast import end_of, forecast_plan
from replica_worker.usecases.inline import work_inline
from replica_worker.usecases.runs import begin_run, finalize_run, plan_run


@click.command()
@click.option("--date", "day", type=DAY, help="T-0; default: yesterday.")
@tables_option
@click.option("--no-check-fixes", is_flag=True, help="Leave the day before (T-1) unchecked.")
@work_options
@click.pass_context
def run(
    context: click.Context,
    day: date | None,
    tables: tuple[str, ...],
    no_check_fixes: bool,
    wait: bool,
    inline: bool,
    allow_deletes: bool,
) -> None:
    """Load a day (T-0), then check the day before it (T-1) and repair what differs."""
    with open_session() as session:
        t0 = past_day(session.settings, day or _yesterday(session))
        plan = plan_run(
            session.deployment,
            RunKind.NIGHTLY,
            days=DayRange.one(t0),
            tables=tables,
            check_fixes=not no_check_fixes,
        )
        options = RunOptions(allow_deletes=allow_deletes)
        context.exit(carry_out(session, plan, options, wait=wait, inline=inline))


@click.command()
@start_option
@end_option
@tables_option
@click.option("--missing", is_flag=True, help="Only days that the ledger does not have.")
@click.option("--dry-run", is_flag=True, help="Print plan and forecast, and do nothing.")
@click.option(
    "--workers",
    type=click.IntRange(1, 10_000),
    help="With --dry-run: that share the work; default: those that listen.",
)
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print JSON for programs.")
@work_options
@click.pass_context
def backfill(
    context: click.Context,
    start: date,
    end: date,
    tables: tuple[str, ...],
    missing: bool,
    dry_run: bool,
    workers: int | None,
    as_json: bool,
    wait: bool,
    inline: bool,
    allow_deletes: bool,
) -> None:
    """Load every day of a range, the last one included."""
    if (workers or as_json) and not dry_run:
        raise click.UsageError("--workers and --json go with --dry-run only")
    with open_session() as session:
        days = past_range(session.settings, start, end)
        if missing:
            require_metadata_tables(session.deployment)
        if inline and not dry_run:  # before the rows are counted, which makes do with less
            require_inline_means(session)
        plan = plan_run(
            session.deployment, RunKind.BACKFILL, days=days, tables=tables, missing_only=missing
        )
        if dry_run:
            _foretell(session, plan, workers=workers, as_json=as_json)
            return
        if not plan.chunks:
            click.echo("nothing to do: the ledger has every day of the range")
            return
        options = RunOptions(allow_deletes=allow_deletes)
        context.exit(carry_out(session, plan, options, wait=wait, inline=inline))


def _foretell(session: Session, plan: Plan, *, workers: int | None, as_json: bool) -> None:
    """Print the plan and what it will take."""
    deployment = session.deployment
    forecast = forecast_plan(deployment, plan, workers=workers or _listening(session))
    end = None
    if forecast.seconds is not None:
        end = end_of(deployment, forecast.seconds, begin=datetime.now(UTC), kind=plan.kind)
    if as_json:
        click.echo(json.dumps(forecast_as_json(plan, forecast, end), indent=1))
        return
    print_plan(plan)
    print_forecast(forecast, end, deployment.zone)


def _listening(session: Session) -> int:
    """Worker processes that take backfills just now; 1 if none does, which is `--inline`."""
    if session.is_embedded or session.settings.broker_url is None:
        return 1
    from replica_worker.tasks.broker import count_processes
    from replica_worker.tasks.dispatch import queue_of

    return max(1, count_processes(queue_of(RunKind.BACKFILL)))


@click.command("check-fixes")
@click.option(
    "--date", "day", type=DAY, help="The day to check; default: the day before yesterday."
)
@tables_option
@click.option("--deep", is_flag=True, help="Compare every column even where rowversions agree.")
@click.option("--dry-run", is_flag=True, help="Compare and report; repair nothing.")
@work_options
@click.pass_context
def check_fixes(
    context: click.Context,
    day: date | None,
    tables: tuple[str, ...],
    deep: bool,
    dry_run: bool,
    wait: bool,
    inline: bool,
    allow_deletes: bool,
) -> None:
    """Compare a day on both sides and repair what differs."""
    with open_session() as session:
        t1 = past_day(session.settings, day or _yesterday(session) - ONE_DAY)
        plan = plan_run(
            session.deployment, RunKind.CHECK_FIXES, days=DayRange.one(t1), tables=tables
        )
        options = RunOptions(allow_deletes=allow_deletes, deep=deep, repair=not dry_run)
        context.exit(carry_out(session, plan, options, wait=wait or dry_run, inline=inline))


def _yesterday(session: Session) -> date:
    return yesterday(now=datetime.now(UTC), zone=session.settings.zone)


def carry_out(
    session: Session, plan: Plan, options: RunOptions, *, wait: bool, inline: bool
) -> int:
    """Record the run and see that it is worked on; the command's exit code."""

    def begin() -> str:
        run_id = begin_run(session.deployment, plan, asked_by=who_asks(), options=options)
        if run_id is None:
            raise RuntimeError("a new run id was taken already")
        return run_id

    work = OpenRun(kind=plan.kind, chunks=len(plan.chunks), begin=begin)
    return bring_about(session, work, wait=wait, inline=inline)


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """A run that is open once `begin` was called; that gives its id."""

    kind: RunKind
    chunks: int
    begin: Callable[[], str]


def bring_about(session: Session, work: OpenRun, *, wait: bool, inline: bool) -> int:
    """Open the run and see that it is worked on; the command's exit code."""
    deployment = session.deployment
    if session.is_embedded and not inline:
        click.echo("embedded servers have no workers: working in this process", err=True)
    if session.is_embedded or inline:
        require_metadata_tables(deployment)
        require_inline_means(session, reads_source=work.kind not in (RunKind.REPLAY, RunKind.UNDO))
        return _report(session, _work_here(deployment, work.begin(), work.chunks))
    return _send(session, work, wait=wait)


def _work_here(deployment: Deployment, run_id: str, chunks: int) -> Run:
    """Work on the run in this process; an interrupt cancels what is left of it."""
    try:
        with follow_work(deployment, run_id, chunks) as progress:
            return work_inline(
                deployment, run_id, worker=this_worker(), on_progress=progress.refresh
            )
    except KeyboardInterrupt:
        deployment.ledger.chunks.cancel_open(run_id)
        finalize_run(deployment, run_id, worker=this_worker())
        raise


def _send(session: Session, work: OpenRun, *, wait: bool) -> int:
    """Open the run and hand it to the broker; follow it if that was asked for."""
    if session.settings.broker_url is None:
        raise SettingsError(
            operation="reach the workers",
            cause="REPLICA_BROKER_URL is not set",
            next_step="Set it in the environment or in .env.local, or work without it by --inline",
        )
    # Celery is imported only where it is used: it takes longer to import than most commands run.
    from replica_worker.tasks.broker import count_listeners, require_broker
    from replica_worker.tasks.dispatch import dispatch_run, queue_of

    require_broker()
    require_metadata_tables(session.deployment)
    run_id = work.begin()
    dispatch_run(session.deployment, run_id, work.kind)
    click.echo(f"run {run_id}: {work.chunks} chunks")
    queue = queue_of(work.kind)
    if not count_listeners(queue):
        click.echo(
            f"no worker answers on queue {queue!r} yet; start one: "
            f"celery -A replica_worker.tasks.app worker -Q {queue}",
            err=True,
        )
    if not wait:
        click.echo(f"follow it with: replica status {run_id} --watch")
        return 0
    return _report(session, follow_run(session.deployment, run_id, work.chunks))


def _report(session: Session, run: Run) -> int:
    """Print what the run did; 0 if it succeeded and left no difference."""
    deployment = session.deployment
    audit = deployment.ledger.audit.of_run(run.run_id)
    print_result(run, deployment.ledger.chunks.of_run(run.run_id), audit)
    print_unbalanced(deployment.ledger.business.unbalanced_days(run.run_id))
    differs = any(row.verdict is Verdict.DIFFERS for row in audit)
    return 0 if run.status is RunStatus.SUCCEEDED and not differs else 1
