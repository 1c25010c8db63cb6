"""How plans, runs and chunks look, to people and to programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from replica_worker.ledger.audit import AuditRow
from replica_worker.ledger.chunk_rows import ChunkRow
from replica_worker.ledger.runs import Run
from replica_worker.model.chunks import STRAYS, Action, ChunkState, Plan, RunStatus
from replica_worker.model.days import DayRange
from replica_worker.model.digests import Verdict
from replica_worker.model.late import AGES, NEARLY_ALL, Lateness
from replica_worker.model.source_use import SourceUse

console = Console(highlight=False)
notes = Console(stderr=True, highlight=False)

_STATUS_STYLE = {
    RunStatus.SUCCEEDED: "green",
    RunStatus.FAILED: "red",
    RunStatus.RUNNING: "cyan",
    RunStatus.CANCELLING: "yellow",
    RunStatus.CANCELLED: "yellow",
}
_MOST_ERRORS = 10


def plain_table(*headers: str, numbers: Sequence[str] = ()) -> Table:
    """A table that fits eighty columns: no frame, names never cut, numbers to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold underline")
    for header in headers:
        is_number = header in numbers
        table.add_column(header, justify="right" if is_number else "left", no_wrap=True)
    return table


def print_plan(plan: Plan) -> None:
    """What a run would do."""
    console.print(f"{plan.kind}: {len(plan.chunks)} chunks, {plan.first_day} to {plan.last_day}")
    table = plain_table("table", "action", "first day", "last day", "chunks", numbers=["chunks"])
    groups: dict[tuple[str, Action, bool], list[date]] = {}
    for chunk in plan.chunks:
        groups.setdefault((chunk.table, chunk.action, chunk.day == STRAYS), []).append(chunk.day)
    for (name, action, is_strays), days in groups.items():
        first, last = ("strays", "") if is_strays else (str(min(days)), str(max(days)))
        table.add_row(name, action, first, last, str(len(days)))
    console.print(table)


def print_result(run: Run, chunks: Sequence[ChunkRow], audit: Sequence[AuditRow]) -> None:
    """What a closed run did, and what is left to do about it."""
    console.print(status_view(run, chunks))
    repaired = [row for row in audit if row.verdict is Verdict.REPAIRED]
    for row in repaired:
        if row.note:
            console.print(f"{_place(row)}: {row.note}", markup=False)
    for row in audit:
        if row.verdict is Verdict.DIFFERS:
            console.print(
                f"[red]differs[/] {_place(row)}: {row.source_rows} rows at the source, "
                f"{row.target_rows} in the warehouse"
            )


def print_unbalanced(days: Sequence[date]) -> None:
    """Say on which days a run found books that do not balance; its work is done all the same."""
    if days:
        which = f"{days[0]}" if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"
        console.print(
            f"books do not balance on {which}: `replica audit --start {days[0]} --end {days[-1]}`",
            markup=False,
            soft_wrap=True,
        )


def status_view(run: Run, chunks: Sequence[ChunkRow]) -> RenderableType:
    """A run's head line, a row a table, and its first errors."""
    style = _STATUS_STYLE[run.status]
    head = (
        f"run {run.run_id}\n[{style}]{run.status}[/] after {_duration(run)}, "
        f"{DayRange.inclusive(run.first_day, run.last_day)}, asked by {run.asked_by}"
    )
    figures = ["chunks", "rows", "inserted", "updated", "deleted"]
    table = plain_table("table", "action", *figures, "verdict", numbers=figures)
    for name, action in dict.fromkeys((row.chunk.table, row.action) for row in chunks):
        mine = [row for row in chunks if (row.chunk.table, row.action) == (name, action)]
        table.add_row(name, action, *_figures(mine), _outcome(mine))
    troubles = [_trouble(row) for row in chunks if row.state.is_trouble]
    more = len(troubles) - _MOST_ERRORS
    if more > 0:
        troubles = [*troubles[:_MOST_ERRORS], Text(f"… and {more} more")]
    return Group(head, table, _asked(_use_of(run, chunks)), *troubles)


def _use_of(run: Run, chunks: Sequence[ChunkRow]) -> SourceUse:
    """What was asked of the source for the run so far; a closed run has it all in its row."""
    if run.status.is_final:
        return run.source_use
    return sum((row.source_use for row in chunks), run.source_use)


def _asked(use: SourceUse) -> str:
    return (
        f"asked of the source: {use.connections:,} connections, {use.statements:,} statements, "
        f"{use.rows:,} rows, {use.bytes / 1e6:,.1f} MB, {use.seconds:,.1f} s"
    )


def print_troubles(chunks: Sequence[ChunkRow]) -> None:
    """Chunks that ended in trouble, and why, a line each."""
    console.print(f"{len(chunks)} chunks to be done again")
    for row in chunks:
        console.print(_trouble(row))


def _trouble(row: ChunkRow) -> Text:
    return Text.assemble((f"{row.state} ", "red"), row.error or str(row.chunk))


def _figures(rows: Sequence[ChunkRow]) -> list[str]:
    done = sum(row.state.is_final for row in rows)
    sums = (
        sum(row.rows_extracted for row in rows),
        sum(row.rows_inserted for row in rows),
        sum(row.rows_updated for row in rows),
        sum(row.rows_deleted for row in rows),
    )
    return [f"{done}/{len(rows)}", *(f"{number:,}" for number in sums)]


def _outcome(rows: Iterable[ChunkRow]) -> str:
    outcomes = Counter(
        str(row.verdict) if row.verdict else str(row.state)
        for row in rows
        if row.state is not ChunkState.PENDING
    )
    return ", ".join(
        name if len(outcomes) == 1 else f"{count} {name}" for name, count in outcomes.items()
    )


def history_table(runs: Sequence[Run]) -> Table:
    """Runs, a row each."""
    figures = ["chunks", "rows", "inserted", "updated", "deleted", "time"]
    table = plain_table("run", "status", "days", *figures, numbers=figures)
    for run in runs:
        table.add_row(
            run.run_id,
            f"[{_STATUS_STYLE[run.status]}]{run.status}[/]",
            str(run.last_day)
            if run.first_day == run.last_day
            else f"{run.first_day}…{run.last_day}",
            f"{run.chunks_done}/{run.chunks}",
            f"{run.rows_extracted:,}",
            f"{run.rows_inserted:,}",
            f"{run.rows_updated:,}",
            f"{run.rows_deleted:,}",
            _duration(run),
        )
    return table


def _place(row: AuditRow) -> str:
    return f"{row.table} {'strays' if row.day == STRAYS else row.day}"


def lateness_table(found: Sequence[Lateness]) -> Table:
    """Rows that changed late at the source, by their age in days."""
    labels = [_age_label(first, last) for first, last in AGES]
    figures = [*labels, "look-back"]
    table = plain_table("table", *figures, numbers=figures)
    for one in found:
        counts = [f"{rows:,}" for rows in one.rows_by_age]
        table.add_row(one.table, *counts, f"{one.look_back} days")
    return table


def lateness_as_json(one: Lateness) -> dict[str, Any]:
    """A table's late fixes as JSON-ready values."""
    return {
        "table": one.table,
        "rows": one.rows,
        "rows_by_age": {
            _age_label(first, last): rows
            for (first, last), rows in zip(AGES, one.rows_by_age, strict=True)
        },
        "look_back_days": one.look_back,
        "share": NEARLY_ALL,
    }


def _age_label(first: int, last: int | None) -> str:
    if last is None:
        return f">{first - 1}"
    return str(first) if first == last else f"{first}-{last}"


def run_as_json(run: Run, chunks: Sequence[ChunkRow] | None = None) -> dict[str, Any]:
    """A run, and its chunks if they are given, as JSON-ready values."""
    document = _plain(asdict(run))
    if chunks is not None:
        document["source_use"] = asdict(_use_of(run, chunks))
        document["chunk_list"] = [
            {
                "table": row.chunk.table,
                "day": row.chunk.day.isoformat(),
                **{name: value for name, value in _plain(asdict(row)).items() if name != "chunk"},
            }
            for row in chunks
        ]
    return document


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, (date, datetime)) else value
        for name, value in document.items()
    }


def _duration(run: Run) -> str:
    if run.ended_at is None:
        return "…"
    seconds = (run.ended_at - run.started_at).total_seconds()
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
