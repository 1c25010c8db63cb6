"""`replica certify`: up to which day every day is proven equal."""

from __future__ import annotations

import json

import click

from replica_worker.cli.options import json_option, tables_option
from replica_worker.cli.render import console, plain_table
from replica_worker.cli.session import open_session, require_metadata_tables
from replica_worker.ledger.certified import Certificate, read_certificates


@click.command()
@tables_option
@json_option
def certify(tables: tuple[str, ...], as_json: bool) -> None:
    """Say up to which day every day of each table is proven equal, as the ledger has it."""
    with open_session() as session:
        deployment = session.deployment
        require_metadata_tables(deployment)
        found = read_certificates(
            deployment.warehouse.sql,
            deployment.ledger.metadata,
            [table.name for table in deployment.spec.tables if table.is_daily],
        )
        specs = deployment.spec.select(tables)
    named = {spec.name: found.get(spec.name) for spec in specs}
    # A table that may be missing at the source, and was never there, keeps nothing back.
    counting = [named[one.name] for one in specs if found.get(one.name) or not one.if_exposed]
    days = [one.certified_through if one else None for one in counting]
    through = None if None in days else min((day for day in days if day), default=None)
    if as_json:
        listed = [_as_json(name, certificate) for name, certificate in named.items()]
        overall = through.isoformat() if through else None
        click.echo(json.dumps({"certified_through": overall, "tables": listed}, indent=1))
        return
    table = plain_table("table", "first day", "certified through", "last day", "checked at (UTC)")
    for name, one in named.items():
        cells = (
            (one.first_day, one.certified_through or "not", one.last_day, one.checked_at or "–")
            if one
            else ("never loaded", "–", "–", "–")
        )
        table.add_row(name, *(str(cell).partition(".")[0] for cell in cells))
    console.print(table)
    console.print(f"certified through: {through or 'no day'}")


def _as_json(name: str, one: Certificate | None) -> dict[str, str | None]:
    values = {
        "first_day": one and one.first_day,
        "certified_through": one and one.certified_through,
        "last_day": one and one.last_day,
        "checked_at": one and one.checked_at,
    }
    return {"table": name, **{key: day.isoformat() if day else None for key, day in values.items()}}
