"""The parts of a table-spec file that a source needs: tables, columns, types.

Owns: reading them from the parsed JSON and the Arrow and PostgreSQL type of each SQL type.
Does not check the file (the product's own reader does) and knows no values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

_TYPE = re.compile(r"(?P<name>\w+)(?:\((?P<arguments>[^)]*)\))?")

_SIMPLE_TYPES: dict[str, tuple[pa.DataType, str]] = {
    "bigint": (pa.int64(), "bigint"),
    "int": (pa.int32(), "integer"),
    "smallint": (pa.int16(), "smallint"),
    # PostgreSQL has no unsigned byte.
    "tinyint": (pa.int16(), "smallint"),
    "date": (pa.date32(), "date"),
    "datetime": (pa.timestamp("us"), "timestamp(3)"),
    "rowversion": (pa.binary(8), "bytea"),
}


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """One column: its name and its type as SQL Server spells it."""

    name: str
    sql_type: str
    nullable: bool

    @cached_property
    def family(self) -> str:
        """The type's name without its arguments, lower case."""
        return self._parsed()[0]

    @cached_property
    def text_limit(self) -> int | None:
        """How many characters a text column takes; None for a MAX column."""
        arguments = self._parsed()[1]
        return None if arguments == "max" else int(arguments)

    @cached_property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type that the generator builds."""
        return self._types()[0]

    @cached_property
    def postgresql_type(self) -> str:
        """The column type in the demo's PostgreSQL source."""
        return self._types()[1]

    def _parsed(self) -> tuple[str, str]:
        found = _TYPE.fullmatch(self.sql_type.strip().lower())
        if found is None:
            raise ValueError(f"column {self.name}: cannot read the type {self.sql_type!r}")
        return found["name"], (found["arguments"] or "").replace(" ", "")

    def _types(self) -> tuple[pa.DataType, str]:
        family, arguments = self._parsed()
        if family in _SIMPLE_TYPES:
            return _SIMPLE_TYPES[family]
        if family == "decimal":
            precision, scale = (int(number) for number in arguments.split(","))
            return pa.decimal128(precision, scale), f"numeric({precision},{scale})"
        if family in ("varchar", "nvarchar"):
            return pa.string(), "text" if arguments == "max" else f"varchar({arguments})"
        raise ValueError(f"column {self.name}: the demo source has no values of {self.sql_type}")


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """One table that exists at the source."""

    name: str
    key: tuple[str, ...]
    day_column: str | None
    rowversion: str
    columns: tuple[SourceColumn, ...]

    @cached_property
    def column_names(self) -> frozenset[str]:
        """Names of all columns."""
        return frozenset(column.name for column in self.columns)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The schema of the record batches that fill the table."""
        return pa.schema([pa.field(column.name, column.arrow_type) for column in self.columns])


@dataclass(frozen=True, kw_only=True)
class SourceSchema:
    """The source schema's name and its tables by name."""

    name: str
    tables: Mapping[str, SourceTable]


def read_source_schema(spec_json: Mapping[str, Any]) -> SourceSchema:
    """Read the tables that the demo source has: those marked `if_exposed` are not exposed here."""
    tables = [
        _read_table(entry) for entry in spec_json["tables"] if not entry.get("if_exposed", False)
    ]
    return SourceSchema(
        name=spec_json["source_schema"], tables={table.name: table for table in tables}
    )


def _read_table(entry: Mapping[str, Any]) -> SourceTable:
    columns = tuple(
        SourceColumn(
            name=column["name"], sql_type=column["type"], nullable=column.get("nullable", True)
        )
        for column in entry["columns"]
    )
    return SourceTable(
        name=entry["name"],
        key=tuple(entry["key"]),
        day_column=entry.get("day_column"),
        rowversion=entry["rowversion"],
        columns=columns,
    )
