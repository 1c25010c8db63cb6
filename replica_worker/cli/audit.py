"""`replica audit`: whether the books of tables that belong together balance in the warehouse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import click

from replica_worker.cli.options import end_option, json_option, past_range, start_option
from replica_worker.cli.render import console, plain_table
from replica_worker.cli.session import open_session, require_metadata_tables
from replica_worker.model.books import BookFigures, BookPage, by_day
from replica_worker.usecases.business_checks import BooksFound, audit_books

_FAULTS = {
    "null_keys": "without a number",
    "duplicate_keys": "share their number",
    "orphans": "without a header",
    "headers_without": "headers without any",
    "headers_unbalanced": "headers of another amount",
}


@click.command()
@start_option
@end_option
@json_option
@click.pass_context
def audit(context: click.Context, start: date, end: date, as_json: bool) -> None:
    """Compare headers, items and payments in the warehouse; name the days and outlets at fault."""
    with open_session() as session:
        require_metadata_tables(session.deployment)
        found = list(audit_books(session.deployment, past_range(session.settings, start, end)))
    unbalanced = [(one.check.name, page) for one in found for page in one.unbalanced]
    if as_json:
        click.echo(json.dumps(_as_json(found, unbalanced), indent=1, ensure_ascii=False))
    elif not found:
        click.echo("the spec file names no business checks")
    else:
        _print(found, [page for _, page in unbalanced])
    context.exit(1 if unbalanced else 0)


def _print(found: Sequence[BooksFound], unbalanced: Sequence[BookPage]) -> None:
    if unbalanced:
        for page in sorted(unbalanced, key=lambda page: (page.day, page.table, page.location)):
            place = f"{page.day} {page.table} {page.location}".rstrip()
            console.print(f"{place}: {_say(page.figures)}", markup=False, soft_wrap=True)
        console.print()
    figures = ["days", "rows", "expected", "found"]
    sums = plain_table("check", "table", *figures, "balanced", numbers=figures)
    for (check, table), pages in _by_table(found).items():
        total = sum((page.figures for page in pages), BookFigures())
        sums.add_row(
            check,
            table,
            str(len({page.day for page in pages})),
            f"{total.rows or 0:,}",
            _money(total.amount_expected),
            _money(total.amount_found),
            "[green]yes[/]" if total.is_balanced else "[red]no[/]",
        )
    console.print(sums)


def _by_table(found: Sequence[BooksFound]) -> dict[tuple[str, str], list[BookPage]]:
    """The pages by check and table, those of tables of which nothing was loaded left out."""
    tables: dict[tuple[str, str], list[BookPage]] = {}
    for one in found:
        for page in one.pages:
            tables.setdefault((one.check.name, page.table), []).append(page)
    return tables


def _say(figures: BookFigures) -> str:
    counts = [
        f"{words}: {getattr(figures, name)}"
        for name, words in _FAULTS.items()
        if getattr(figures, name)
    ]
    if figures.amount_expected != figures.amount_found:
        expected, found = map(_money, (figures.amount_expected, figures.amount_found))
        counts.append(f"{expected} expected, {found} found")
    return "; ".join(counts)


def _money(amount: Decimal | None) -> str:
    """With the digits that it has, two at least."""
    if amount is None:
        return "–"
    whole, _, behind = f"{amount:,f}".partition(".")
    return f"{whole}.{behind.rstrip('0'):0<2}"


def _as_json(
    found: Sequence[BooksFound], unbalanced: Sequence[tuple[str, BookPage]]
) -> dict[str, Any]:
    return {
        "balanced": not unbalanced,
        "days": [
            {"check": one.check.name, **_page_as_json(page)}
            for one in found
            for page in by_day(one.pages)
        ],
        "unbalanced": [{"check": check, **_page_as_json(page)} for check, page in unbalanced],
    }


def _page_as_json(page: BookPage) -> dict[str, Any]:
    figures = {
        name: str(figure) if isinstance(figure, Decimal) else figure
        for name, figure in asdict(page.figures).items()
    }
    return {
        "table": page.table,
        "day": page.day.isoformat(),
        "location": page.location,
        **figures,
    }
