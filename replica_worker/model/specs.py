"""Table specs: what is replicated of each table, as read from the spec file and proven usable.

`parse_specs` takes the file's text and gives frozen values, or one `SpecError` that names the
table and column at fault. Does not open files and knows no live database.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from replica_worker.errors import SpecError, UsageError
from replica_worker.model.business import BusinessCheck, build_business_check
from replica_worker.model.reading import DateFormat, IndexSpec, check_date_formats, check_index
from replica_worker.model.sensitive import is_named_sensitive
from replica_worker.model.spec_document import ColumnDocument, SpecDocument, TableDocument
from replica_worker.model.types import MAX_LENGTH, SqlType

SQL_TYPE_FIELD = b"sql_type"
"""Key of the Arrow field metadata that carries a column's SQL type."""

_OUR_OWN_TABLES = frozenset(
    {
        "replica_run_history",
        "etl_progress",
        "dimension_refresh_audit",
        "replica_certified",
        "replica_endpoint",
        "replica_imbalance",
        "replica_migration",
        "replica_watermark",
    }
)
_INCOMPARABLE = frozenset({"text", "ntext", "image", "xml"})


class Strategy(StrEnum):
    """How a table is cut into chunks."""

    DAILY = "daily"
    SNAPSHOT = "snapshot"
    INCREMENTAL = "incremental"


@dataclass(frozen=True, kw_only=True)
class ColumnSpec:
    """One replicated column."""

    name: str
    type: SqlType
    nullable: bool
    date_formats: tuple[
        DateFormat, ...
    ] = ()  # of a text that is a date; the first that fits counts
    sensitive: bool = False  # its values are shown to nobody

    @property
    def field(self) -> pa.Field:
        """The column's Arrow field, with its SQL type in the metadata."""
        return pa.field(
            self.name, self.type.arrow, self.nullable, {SQL_TYPE_FIELD: str(self.type).encode()}
        )


@dataclass(frozen=True, kw_only=True)
class DayFrom:
    """Where a child table's day comes from: the parent's row that it belongs to."""

    parent: str  # the parent's name at the source
    parent_target: str  # the parent's name in the warehouse
    parent_day: ColumnSpec
    on: tuple[tuple[str, str], ...]  # (child's column, parent's column)


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """What is replicated of one table. Only replicated columns are listed."""

    name: str
    target_name: str
    source_schema: str
    target_schema: str
    strategy: Strategy
    key: tuple[str, ...]
    columns: tuple[ColumnSpec, ...]
    left_out: tuple[str, ...] = ()  # columns listed in the file and not replicated
    day_column: str | None = None
    day_from: DayFrom | None = None
    rowversion: str | None = None
    if_exposed: bool = False  # its absence at the source is no error
    indexes: tuple[IndexSpec, ...] = ()  # for those who read the warehouse

    @cached_property
    def _by_name(self) -> dict[str, ColumnSpec]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> ColumnSpec:
        """The replicated column of that name; KeyError if there is none."""
        return self._by_name[name]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the replicated columns, in the file's order."""
        return tuple(column.name for column in self.columns)

    @property
    def key_columns(self) -> tuple[ColumnSpec, ...]:
        """The key's columns, in the key's order."""
        return tuple(self.column(name) for name in self.key)

    @property
    def other_columns(self) -> tuple[ColumnSpec, ...]:
        """The replicated columns that are not part of the key."""
        return tuple(column for column in self.columns if column.name not in self.key)

    @property
    def view_name(self) -> str:
        """Name of the view that shows the table's date texts as dates, where it has some."""
        return f"v_{self.target_name}"

    @property
    def date_texts(self) -> tuple[ColumnSpec, ...]:
        """The text columns that hold dates."""
        return tuple(column for column in self.columns if column.date_formats)

    @property
    def is_daily(self) -> bool:
        """Whether chunks of this table are days."""
        return self.strategy is Strategy.DAILY

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The schema of the table's record batches and Parquet files."""
        return pa.schema([column.field for column in self.columns])


@dataclass(frozen=True, kw_only=True)
class ReplicaSpec:
    """All table specs of a spec file."""

    source_schema: str
    target_schema: str
    tables: tuple[TableSpec, ...]
    business_checks: tuple[BusinessCheck, ...] = ()

    def table(self, name: str) -> TableSpec:
        """The spec of that table; UsageError names the nearest known one."""
        for table in self.tables:
            if table.name == name:
                return table
        known = [table.name for table in self.tables]
        folded = {table.upper(): table for table in known}
        near = difflib.get_close_matches(name.upper(), folded, n=1, cutoff=0.4)
        hint = f"did you mean {folded[near[0]]}?" if near else "known: " + ", ".join(known)
        raise UsageError(
            operation="choose the tables",
            cause=f"no table {name!r} in the spec file; {hint}",
            next_step="Name a table of the spec file",
        )

    def select(self, names: Sequence[str]) -> tuple[TableSpec, ...]:
        """The specs of the named tables in the file's order; of all tables if none is named."""
        wanted = {self.table(name).name for name in names}
        return tuple(table for table in self.tables if not wanted or table.name in wanted)


def parse_specs(text: str, *, origin: str) -> ReplicaSpec:
    """Read a spec file's text; `origin` (its path) is named in the SpecError of a bad one."""
    try:
        document = SpecDocument.model_validate_json(text)
    except ValidationError as error:
        raise _error(origin, _first_problem(error, text)) from None
    try:
        return _build(document)
    except ValueError as error:
        raise _error(origin, str(error)) from None


def _error(origin: str, cause: str) -> SpecError:
    return SpecError(
        operation=f"read the table specs of {origin}",
        cause=cause,
        next_step="Mend the spec file; docs/reference/spec-file.md describes its fields",
    )


def _first_problem(error: ValidationError, text: str) -> str:
    """The first thing pydantic found, with the table's name in place of its number."""
    problem = error.errors(include_url=False, include_input=False)[0]
    where = [str(part) for part in problem["loc"]]
    if where[:1] == ["tables"] and len(where) > 1:
        where[0:2] = [_name_in_json(text, int(where[1]))]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{'.'.join(where) or 'the file'}: {problem['msg']}{more}"


def _name_in_json(text: str, index: int) -> str:
    class _Names(BaseModel):
        class _Named(BaseModel):
            name: str = "?"

        tables: list[_Named] = []

    try:
        return f"table {_Names.model_validate_json(text).tables[index].name}"
    except (ValidationError, IndexError):
        return f"table number {index + 1}"


def _build(document: SpecDocument) -> ReplicaSpec:
    if not document.tables:
        raise ValueError("no table is listed")
    _refuse_doubles((table.name for table in document.tables), "table", "the file")
    _refuse_doubles(
        (table.target_name or table.name for table in document.tables), "target_name", "the file"
    )
    for table in document.tables:
        if (table.target_name or table.name).lower() in _OUR_OWN_TABLES:
            raise ValueError(
                f"table {table.name}: the warehouse has a metadata table of that name; "
                "give it another target_name"
            )
    documents = {table.name: table for table in document.tables}
    tables = {table.name: _build_table(table, document, documents) for table in document.tables}
    _refuse_doubles(
        (check.name for check in document.business_checks), "business check", "the file"
    )
    spec = ReplicaSpec(
        source_schema=document.source_schema,
        target_schema=document.target_schema,
        tables=tuple(tables.values()),
        business_checks=tuple(
            build_business_check(check, tables) for check in document.business_checks
        ),
    )
    _refuse_views_named_like_tables(spec)
    return spec


def _refuse_views_named_like_tables(spec: ReplicaSpec) -> None:
    names = {table.target_name.lower() for table in spec.tables}
    for table in spec.tables:
        if table.date_texts and table.view_name.lower() in names:
            raise ValueError(
                f"table {table.name} has a view {table.view_name}, which is also a target_name"
            )


def _refuse_doubles(names: Iterable[str], what: str, where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name} stands twice in {where}")
        seen.add(name)


def _build_table(
    table: TableDocument, document: SpecDocument, documents: dict[str, TableDocument]
) -> TableSpec:
    columns = _build_columns(table)
    spec = TableSpec(
        name=table.name,
        target_name=table.target_name or table.name,
        source_schema=document.source_schema,
        target_schema=document.target_schema,
        strategy=Strategy(table.strategy),
        key=tuple(table.key),
        columns=columns,
        left_out=tuple(column.name for column in table.columns if not column.replicate),
        day_column=table.day_column,
        day_from=_build_day_from(table, documents),
        rowversion=table.rowversion,
        if_exposed=table.if_exposed,
        indexes=_build_indexes(table, columns),
    )
    _check_key(spec)
    _check_day(spec)
    _check_rowversion(spec)
    return spec


def _build_columns(table: TableDocument) -> tuple[ColumnSpec, ...]:
    if not any(column.replicate for column in table.columns):
        raise ValueError(f"table {table.name}: no replicated column is listed")
    _refuse_doubles((column.name for column in table.columns), "column", f"table {table.name}")
    columns = []
    for column in table.columns:
        try:
            sql_type = SqlType.parse(column.type)
        except ValueError as error:
            if not column.replicate:
                continue
            raise ValueError(f"table {table.name}, column {column.name}: {error}") from None
        if column.replicate:
            columns.append(_build_column(table, column, sql_type))
    return tuple(columns)


def _build_column(table: TableDocument, column: ColumnDocument, sql_type: SqlType) -> ColumnSpec:
    try:
        check_date_formats(column.date_formats, sql_type)
    except ValueError as error:
        raise ValueError(f"table {table.name}, column {column.name}: {error}") from None
    return ColumnSpec(
        name=column.name,
        type=sql_type,
        nullable=column.nullable and column.name not in table.key,
        date_formats=tuple(column.date_formats),
        sensitive=is_named_sensitive(column.name) if column.sensitive is None else column.sensitive,
    )


def _build_indexes(table: TableDocument, columns: Sequence[ColumnSpec]) -> tuple[IndexSpec, ...]:
    types = {column.name: column.type for column in columns}
    indexes = [IndexSpec(on=tuple(one.on), include=tuple(one.include)) for one in table.indexes]
    try:
        for index in indexes:
            check_index(index, types)
    except ValueError as error:
        raise ValueError(f"table {table.name}: {error}") from None
    _refuse_doubles((", ".join(one.on) for one in indexes), "an index on", f"table {table.name}")
    return tuple(indexes)


def _build_day_from(table: TableDocument, documents: dict[str, TableDocument]) -> DayFrom | None:
    if table.day_from is None:
        return None
    parent = documents.get(table.day_from.table)
    where = f"table {table.name}: day_from"
    if parent is None:
        raise ValueError(f"{where} names table {table.day_from.table}, which is not in the file")
    if parent.day_column is None:
        raise ValueError(f"{where} names table {parent.name}, which has no day_column of its own")
    if not table.day_from.on:
        raise ValueError(f"{where}.on names no columns")
    parent_columns = {column.name: column for column in _build_columns(parent)}
    child_columns = {column.name for column in _build_columns(table)}
    for child_name, parent_name in table.day_from.on.items():
        if child_name not in child_columns:
            raise ValueError(f"{where}.on: {child_name} is no replicated column of {table.name}")
        if parent_name not in parent_columns:
            raise ValueError(f"{where}.on: {parent_name} is no replicated column of {parent.name}")
    if parent.day_column not in parent_columns:
        raise ValueError(f"table {parent.name}: day_column {parent.day_column} is not replicated")
    return DayFrom(
        parent=parent.name,
        parent_target=parent.target_name or parent.name,
        parent_day=parent_columns[parent.day_column],
        on=tuple(table.day_from.on.items()),
    )


def _check_key(spec: TableSpec) -> None:
    if not spec.key:
        raise ValueError(f"table {spec.name}: the key names no column")
    _refuse_doubles(spec.key, "column", f"the key of table {spec.name}")
    for name in spec.key:
        if name not in spec.column_names:
            raise ValueError(f"table {spec.name}: key column {name} is not a replicated column")
        column = spec.column(name)
        if column.type.base in _INCOMPARABLE or column.type.length == MAX_LENGTH:
            raise ValueError(
                f"table {spec.name}: key column {name} has type {column.type}, "
                "which cannot be compared; name another key"
            )


def _check_day(spec: TableSpec) -> None:
    if not spec.is_daily:
        if spec.day_column or spec.day_from:
            raise ValueError(
                f"table {spec.name}: strategy {spec.strategy} has no day; "
                "drop day_column/day_from or make the strategy daily"
            )
        return
    if (spec.day_column is None) == (spec.day_from is None):
        raise ValueError(f"table {spec.name}: strategy daily needs a day_column or a day_from")
    if spec.day_column is None:
        return
    if spec.day_column not in spec.column_names:
        raise ValueError(
            f"table {spec.name}: day_column {spec.day_column} is not a replicated column"
        )
    if not spec.column(spec.day_column).type.is_day:
        raise ValueError(
            f"table {spec.name}: day_column {spec.day_column} has type "
            f"{spec.column(spec.day_column).type}; it must be date, datetime, datetime2 "
            "or datetimeoffset"
        )


def _check_rowversion(spec: TableSpec) -> None:
    if spec.rowversion is None:
        if spec.strategy is Strategy.INCREMENTAL:
            raise ValueError(f"table {spec.name}: strategy incremental needs a rowversion")
        return
    if spec.rowversion not in spec.column_names:
        raise ValueError(
            f"table {spec.name}: rowversion {spec.rowversion} is not a replicated column"
        )
    if spec.column(spec.rowversion).type.base not in ("rowversion", "binary", "varbinary"):
        raise ValueError(
            f"table {spec.name}: rowversion {spec.rowversion} has type "
            f"{spec.column(spec.rowversion).type}; it must be rowversion"
        )
