"""`replica schema pull`, `diff`, `ddl`: specs from a live source, drift, CREATE TABLE text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from replica_worker.cli.options import json_option, tables_option
from replica_worker.cli.render import console, plain_table
from replica_worker.cli.session import open_session
from replica_worker.usecases.schema import Drift, WantedTable, find_drift, pull_specs


@click.group()
def schema() -> None:
    """Specs from a live source, drift between specs and both ends, CREATE TABLE text."""


@schema.command()
@click.option("--table", "tables", multiple=True, required=True, metavar="T", help="May repeat.")
@click.option("--schema", "schema_name", metavar="S", help="Default: the spec file's.")
@click.option("--day", "days", multiple=True, metavar="T=COLUMN", help="Day column of a table.")
@click.option("--key", "keys", multiple=True, metavar="T=COLUMN,…", help="Key of a table.")
@click.option("--output", type=click.Path(path_type=Path), help="A new file, not stdout.")
def pull(
    tables: tuple[str, ...],
    schema_name: str | None,
    days: tuple[str, ...],
    keys: tuple[str, ...],
    output: Path | None,
) -> None:
    """Write the specs of live source tables as a spec file."""
    day_of = _by_table("--day", days, tables)
    key_of = _by_table("--key", keys, tables)
    if output is not None and output.exists():
        raise click.UsageError(f"{output} exists already; --output wants a new file")
    wanted = [
        WantedTable(
            name=name,
            day_column=day_of.get(name),
            key=tuple(key_of[name].split(",")) if name in key_of else (),
        )
        for name in dict.fromkeys(tables)
    ]
    with open_session() as session:
        source_schema = schema_name or session.deployment.spec.source_schema
        document, notes = pull_specs(session.deployment, schema=source_schema, wanted=wanted)
    for note in notes:
        click.echo(note, err=True)
    if output is None:
        click.echo(spec_file_text(document), nl=False)
        return
    try:
        output.write_text(spec_file_text(document), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {output}")


def _by_table(option: str, words: Sequence[str], tables: Sequence[str]) -> dict[str, str]:
    """`T=COLUMN` words as a mapping; a usage error for words that are none."""
    found = {}
    for word in words:
        table, separator, columns = word.partition("=")
        if not separator or not columns:
            raise click.UsageError(f"{option} {word!r} is not understood; write it like T=COLUMN")
        if table not in tables:
            raise click.UsageError(f"{option} {word!r} names a table that no --table names")
        found[table] = columns
    return found


@schema.command()
@tables_option
@json_option
@click.pass_context
def diff(context: click.Context, tables: tuple[str, ...], as_json: bool) -> None:
    """Show where the live tables of both ends are not what the specs say."""
    with open_session() as session:
        specs = session.deployment.spec.select(tables)
        drifts = list(find_drift(session.deployment, specs))
    if as_json:
        click.echo(json.dumps([asdict(drift) for drift in drifts], indent=1))
    elif drifts:
        _print_drifts(drifts)
    else:
        click.echo(f"no drift: {len(specs)} tables are as specified on both sides")
    context.exit(1 if drifts else 0)


def _print_drifts(drifts: Sequence[Drift]) -> None:
    table = plain_table("table", "side", "column", "what")
    table.columns[-1].no_wrap = False
    for drift in drifts:
        table.add_row(*map(Text, (drift.table, drift.side, drift.column, drift.what)))
    console.print(table)


@schema.command()
@tables_option
def ddl(tables: tuple[str, ...]) -> None:
    """Print the statements that make the target tables; connects to nothing."""
    with open_session() as session:
        deployment = session.deployment
        texts = [deployment.target.table_ddl(table) for table in deployment.spec.select(tables)]
    click.echo("\n".join(texts), nl=False)


def spec_file_text(document: Mapping[str, Any]) -> str:
    """A spec file's text with a line a column, as the shipped one has."""
    head = {name: value for name, value in document.items() if name != "tables"}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    tables = ",\n".join(_table_text(table) for table in document["tables"])
    return "{" + ",\n ".join(lines) + f',\n "tables": [\n{tables}\n ]' + "}\n"


def _table_text(table: Mapping[str, Any]) -> str:
    head = [
        f"     {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in table.items()
        if name != "columns"
    ]
    columns = ",\n".join(
        f"       {json.dumps(column, ensure_ascii=False)}" for column in table["columns"]
    )
    return "    {\n" + ",\n".join([*head, f'     "columns": [\n{columns}\n     ]']) + "\n    }"
