"""Examining a deployment: everything the work needs, each part by itself and under a time limit.

The parts are looked at side by side, so that one end that is down or silent neither stops nor
delays what is found about the others. Changes nothing that stays: a staging table and a small
file are made, and removed again.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from replica_worker.engines.interface import Engine
from replica_worker.engines.values import Side
from replica_worker.errors import DatabaseUnreachableError, ReplicaError
from replica_worker.model.findings import Finding, ok, refused, warning
from replica_worker.model.specs import ColumnSpec, Strategy, TableSpec
from replica_worker.model.types import SqlType
from replica_worker.usecases.chunk_work import staging_prefix
from replica_worker.usecases.deployment import Deployment
from replica_worker.usecases.migrate import find_unapplied, migrations_in_force

_LITTLE_ROOM = 5 * 1024**3  # bytes; a night of a large chain is some hundred megabytes

Part = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was found about one part of the deployment."""

    part: str
    findings: tuple[Finding, ...]


def examine_parts(parts: Mapping[str, Part], *, limit_seconds: float) -> Iterator[Examination]:
    """Look at all parts side by side; their findings in the given order.

    A part that has not ended after `limit_seconds` is reported with what it found until then.
    """
    deadline = time.monotonic() + limit_seconds
    examiners = [_Examiner(name, part) for name, part in parts.items()]
    for examiner in examiners:
        examiner.start()
    for examiner in examiners:
        examiner.join(max(0.0, deadline - time.monotonic()))
        yield examiner.report(limit_seconds)


class _Examiner(threading.Thread):
    """A daemon, because a driver that hangs cannot be stopped: the command ends without it."""

    def __init__(self, name: str, part: Part) -> None:
        super().__init__(name=f"examine {name}", daemon=True)
        self._part_name = name
        self._part = part
        self._found: list[Finding] = []
        self._bug: Exception | None = None

    def run(self) -> None:
        try:
            for finding in self._part():
                self._found.append(finding)
        except ReplicaError as error:
            what = error.operation if self._found else "reachable"
            self._found.append(refused(what, error.cause, error.next_step))
        except Exception as error:
            self._bug = error

    def report(self, limit_seconds: float) -> Examination:
        """What was found; an error that nobody foresaw is raised here, in the caller's thread."""
        if self._bug is not None:
            raise self._bug
        found = list(self._found)
        if self.is_alive():
            late = refused(
                "answer",
                f"none within {limit_seconds:g} s; what comes after the lines above is not known",
                "Find out what keeps it: network, a lock, or a server without room",
            )
            found.append(late)
        return Examination(part=self._part_name, findings=tuple(found))


def examine_source(deployment: Deployment) -> Iterator[Finding]:
    """The source: server, session, rights, and every table of the specs."""
    tables = deployment.spec.tables
    yield from deployment.source.examine(Side.SOURCE, tables)
    yield from _examine_tables(deployment.source, Side.SOURCE, tables)


def examine_warehouse(deployment: Deployment, migrations: Path) -> Iterator[Finding]:
    """The warehouse: server, session, rights, migrations, tables, and whether rows can be staged.

    `migrations` is the folder of the engine's migration files.
    """
    tables = deployment.spec.tables
    yield from deployment.target.examine(Side.WAREHOUSE, tables)
    yield _examine_migrations(deployment, migrations)
    yield from _examine_tables(deployment.target, Side.WAREHOUSE, tables)
    yield _examine_staging(deployment)


def examine_exports(deployment: Deployment) -> Iterator[Finding]:
    """The archive: whether files can be kept there, and how much room is left."""
    scheme, separator, _ = deployment.exports.partition("://")
    place = f"{scheme} store" if separator else f"folder {deployment.exports}"  # a URL holds keys
    try:
        free = deployment.archive.try_out()
    except ReplicaError as error:
        yield refused("writable", f"{place}: {error.cause}", error.next_step)
        return
    yield ok("writable", f"{place}: a file was written, read back and removed")
    if free is None:
        return
    room = f"{free / 1024**3:,.1f} GiB free"
    if free >= _LITTLE_ROOM:
        yield ok("room", room)
    else:
        yield warning("room", room, "Make room, or set REPLICA_EXPORTS to a larger place")


def _examine_tables(engine: Engine, side: Side, tables: Iterable[TableSpec]) -> Iterator[Finding]:
    """A line for each table that does not fit its spec, and one for all that do."""
    fitting, absent = 0, 0
    with engine.open_snapshot() as snapshot:
        for table in tables:
            try:
                is_there = snapshot.require_table(table, side)
            except DatabaseUnreachableError:
                raise
            except ReplicaError as error:
                yield refused(f"table {table.name}", error.cause, error.next_step)
                continue
            if is_there:
                fitting += 1
            elif side is Side.SOURCE and table.if_exposed:
                absent += 1
            else:
                yield _missing(table, side)
    found = f"{fitting} fit their specs"
    yield ok("tables", f"{found}, {absent} not exposed, as the specs allow" if absent else found)


def _missing(table: TableSpec, side: Side) -> Finding:
    if side is Side.WAREHOUSE:
        name = f"{table.target_schema}.{table.target_name}"
        return refused(f"table {table.name}", f"{name} is not there", "Run `replica migrate`")
    return refused(
        f"table {table.name}",
        f"{table.source_schema}.{table.name} is not there, or not visible for the login",
        "Grant SELECT on it, correct its name in the spec file, or set its `if_exposed`",
    )


def _examine_migrations(deployment: Deployment, folder: Path) -> Finding:
    what = "migrations"
    try:
        migrations = migrations_in_force(deployment, folder)
        missing, edited = find_unapplied(deployment, migrations)
    except Exception as error:
        known = deployment.target.translate_error(error, operation="read the migrations' record")
        if not isinstance(known, ReplicaError):
            raise
        return refused(what, known.cause, known.next_step)
    if missing:
        return refused(what, f"not applied: {', '.join(missing)}", "Run `replica migrate`")
    if edited:
        return warning(
            what,
            f"changed since they were applied: {', '.join(edited)}",
            "Run `replica migrate`; it says whether the live tables fit",
        )
    return ok(what, f"all {len(migrations)} are applied")


def _examine_staging(deployment: Deployment) -> Finding:
    """Load a row into a staging table as a chunk's rows are loaded, and drop the table."""
    table = _tried_table(deployment)
    name = f"{staging_prefix(table.target_schema)}doctor_{secrets.token_hex(6)}"
    warehouse = deployment.warehouse
    try:
        with warehouse.sql.connect() as connection:
            warehouse.create_staging(connection, table, name)
            connection.commit()
            try:
                row = pa.RecordBatch.from_pylist([{"ID": 1, "NOTE": "é"}], table.arrow_schema)
                arrived = warehouse.load_staging(connection, table, name, [row])
            finally:
                connection.rollback()
                warehouse.drop_staging(connection, name)
                connection.commit()
    except Exception as error:
        known = deployment.target.translate_error(error, operation="stage a row")
        if not isinstance(known, ReplicaError):
            raise
        return refused("staging", known.cause, known.next_step)
    if arrived != 1:
        return refused(
            "staging",
            f"one row was sent and {arrived} arrived",
            "Choose another way to load, if the engine offers one",
        )
    return ok("staging", "a row was loaded and its table dropped")


def _tried_table(deployment: Deployment) -> TableSpec:
    def column(name: str, sql_type: str, *, nullable: bool) -> ColumnSpec:
        return ColumnSpec(name=name, type=SqlType.parse(sql_type), nullable=nullable)

    return TableSpec(
        name="doctor",
        target_name="doctor",
        source_schema=deployment.spec.source_schema,
        target_schema=deployment.spec.target_schema,
        strategy=Strategy.SNAPSHOT,
        key=("ID",),
        columns=(
            column("ID", "bigint", nullable=False),
            column("NOTE", "nvarchar(20)", nullable=True),
        ),
    )
