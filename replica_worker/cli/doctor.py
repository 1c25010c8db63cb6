"""`replica doctor`: what the work needs, found or missing, and how to mend it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from replica_worker.cli.options import json_option, today
from replica_worker.cli.render import console
from replica_worker.cli.session import Session, open_session
from replica_worker.cli.setup import FOLDERS
from replica_worker.model.findings import Finding, Mark, ok
from replica_worker.settings import MIGRATIONS_FOLDER
from replica_worker.usecases.examine import (
    Examination,
    Part,
    examine_exports,
    examine_parts,
    examine_source,
    examine_warehouse,
)

_STATEMENT_SECONDS = 20.0
_LIMIT_SECONDS = 60.0

_STYLE = {Mark.OK: "green", Mark.WARNING: "yellow", Mark.REFUSED: "bold red"}


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check every connection, right, version and setting, and say how to mend each."""
    reports: list[Examination] = []
    with open_session(most_seconds=_STATEMENT_SECONDS) as session:
        for report in examine_parts(_parts(session), limit_seconds=_LIMIT_SECONDS):
            reports.append(report)
            if not as_json:
                _print_report(report)
    marks = Counter(finding.mark for report in reports for finding in report.findings)
    if as_json:
        click.echo(json.dumps(_as_json(reports), indent=1))
    else:
        console.print(", ".join(f"{marks[mark]} {mark}" for mark in Mark))
    context.exit(1 if marks[Mark.REFUSED] else 0)


def _parts(session: Session) -> dict[str, Part]:
    deployment = session.deployment
    migrations = MIGRATIONS_FOLDER / FOLDERS[deployment.target.dialect]
    parts: dict[str, Part] = {
        "settings": lambda: _settings(session),
        "source": lambda: examine_source(deployment),
        "warehouse": lambda: examine_warehouse(deployment, migrations),
        "exports": lambda: examine_exports(deployment),
    }
    if not session.is_embedded:
        parts["broker"] = _broker
    return parts


def _settings(session: Session) -> Iterator[Finding]:
    settings, spec = session.settings, session.deployment.spec
    yield ok("spec file", f"{settings.schema_file}: {len(spec.tables)} tables")
    yield ok("time zone", f"{settings.timezone}, where it is {today(settings)}")


def _broker() -> Iterable[Finding]:
    from replica_worker.tasks.examination import examine_broker  # imports Celery

    return examine_broker()


def _print_report(report: Examination) -> None:
    table = Table(
        box=None, pad_edge=False, show_header=False, title=report.part, title_justify="left"
    )
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in report.findings:
        words = Text(finding.found)
        if finding.advice:
            words.append(f"\n→ {finding.advice}", style="italic")
        table.add_row(Text(finding.mark, _STYLE[finding.mark]), Text(finding.what), words)
    console.print(table)
    console.print()


def _as_json(reports: Sequence[Examination]) -> list[dict[str, str]]:
    return [
        {"part": report.part, **asdict(finding)}
        for report in reports
        for finding in report.findings
    ]
