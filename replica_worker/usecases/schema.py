"""Specs from live tables, and drift between specs and live tables. Changes nothing anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from replica_worker.engines.interface import Snapshot
from replica_worker.engines.values import RowSelection, Side
from replica_worker.errors import SchemaMismatchError, UsageError
from replica_worker.model.live import LiveColumn, LiveTable, source_drift, target_drift
from replica_worker.model.specs import Strategy, TableSpec, parse_specs
from replica_worker.model.types import SqlType
from replica_worker.usecases.deployment import Deployment


@dataclass(frozen=True, kw_only=True)
class WantedTable:
    """A source table that a spec is asked for, and what its catalogue does not tell."""

    name: str
    day_column: str | None = None
    key: tuple[str, ...] = ()  # empty: the primary key, or else a unique index


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One way in which a live table is not what its spec says."""

    table: str
    side: Side
    column: str  # empty: of the table as a whole
    what: str


def pull_specs(
    deployment: Deployment, *, schema: str, wanted: Sequence[WantedTable]
) -> tuple[dict[str, Any], list[str]]:
    """A spec file's content for live source tables, and notes on what a person should look at.

    UsageError for a table that is not there or has no key; SpecError if no spec can be made.
    """
    tables: list[dict[str, Any]] = []
    notes: list[str] = []
    with deployment.source.open_snapshot() as snapshot:
        for one in wanted:
            live = snapshot.describe(schema, one.name)
            if live is None:
                raise UsageError(
                    operation="pull the specs",
                    cause=f"no table {one.name!r} in schema {schema!r} is visible for the login",
                    next_step="Check both names (case counts in PostgreSQL), and grant SELECT",
                )
            tables.append(_table_document(one, live))
            notes += _notes(one, live)
    document = {
        "version": 1,
        "source_schema": schema,
        "target_schema": deployment.spec.target_schema,
        "tables": tables,
    }
    parse_specs(json.dumps(document), origin="the source's catalogue")
    return document, notes


def _table_document(wanted: WantedTable, live: LiveTable) -> dict[str, Any]:
    document: dict[str, Any] = {"name": live.name, "strategy": Strategy.SNAPSHOT.value}
    if wanted.day_column:
        document["strategy"] = Strategy.DAILY.value
        document["day_column"] = _live_name(live, wanted.day_column)
    document["key"] = list(_key(wanted, live))
    if live.rowversion:
        document["rowversion"] = live.rowversion
    document["columns"] = [_column_document(column) for column in live.columns]
    return document


def _key(wanted: WantedTable, live: LiveTable) -> tuple[str, ...]:
    if wanted.key:
        return tuple(_live_name(live, name) for name in wanted.key)
    if live.keys:
        return live.keys[0]
    raise UsageError(
        operation="pull the specs",
        cause=f"table {live.name} has neither a primary key nor a unique index without NULLs",
        next_step=f"Name the columns that tell its rows apart: --key {live.name}=COLUMN[,COLUMN…]",
    )


def _live_name(live: LiveTable, name: str) -> str:
    column = live.column(name)
    if column is None:
        raise UsageError(
            operation="pull the specs",
            cause=f"table {live.name} has no column {name!r}",
            next_step=f"Its columns: {', '.join(one.name for one in live.columns)}",
        )
    return column.name


def _column_document(column: LiveColumn) -> dict[str, Any]:
    document: dict[str, Any] = {"name": column.name}
    if column.type is None:
        return {**document, "type": column.spelling, "replicate": False}
    document["type"] = str(column.type)
    if not column.nullable:
        document["nullable"] = False
    return document


def _notes(wanted: WantedTable, live: LiveTable) -> Iterator[str]:
    if wanted.day_column is None:
        yield (
            f"{live.name}: no day column was named, so its strategy is snapshot, the whole table "
            f"each time; for chunks of a day use --day {live.name}=COLUMN"
        )
    for column in live.columns:
        if column.type is None:
            yield f"{live.name}.{column.name} is left out: {_objection(column)}"


def _objection(column: LiveColumn) -> str:
    try:
        SqlType.parse(column.spelling)
    except ValueError as error:
        return str(error)
    return "it can be replicated"


def find_drift(deployment: Deployment, tables: Sequence[TableSpec]) -> Iterator[Drift]:
    """How the live tables of both ends differ from their specs, table by table."""
    for side, engine in ((Side.SOURCE, deployment.source), (Side.WAREHOUSE, deployment.target)):
        with engine.open_snapshot() as snapshot:
            for table in tables:
                yield from _drift_of(snapshot, table, side)


def _drift_of(snapshot: Snapshot, table: TableSpec, side: Side) -> Iterator[Drift]:
    place = RowSelection(table=table, side=side)
    live = snapshot.describe(place.schema_name, place.table_name)
    if live is None:
        if not (side is Side.SOURCE and table.if_exposed):
            what = f"{place.schema_name}.{place.table_name} is not there, or not visible"
            yield Drift(table=table.name, side=side, column="", what=what)
        return
    for column in table.columns:
        try:
            snapshot.require_table(replace(table, columns=(column,)), side)
        except SchemaMismatchError as error:
            what = error.cause.removeprefix(f"column {column.name} ")
            yield Drift(table=table.name, side=side, column=column.name, what=what)
    drift = source_drift if side is Side.SOURCE else target_drift
    for name, what in drift(table, live):
        yield Drift(table=table.name, side=side, column=name, what=what)
