"""The spec file's fields as they are written: names, defaults, what may stand in each.

What the fields mean together is checked in `specs`, which makes values of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, StringConstraints

from replica_worker.model.reading import DateFormat

_LONGEST_IDENTIFIER = 128  # SQL Server's sysname

Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=_LONGEST_IDENTIFIER, pattern=r"^[^\x00-\x1f]+$")
]

CheckName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,20}$")]
"""It stands behind a word of ours in the audit's check_name."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnDocument(_Document):
    """A column of the file."""

    name: Identifier
    type: str
    nullable: bool = True
    replicate: bool = True
    date_formats: list[DateFormat] = []
    sensitive: bool | None = None  # None: as its name says


class IndexDocument(_Document):
    """A covering index that a table asks for."""

    on: list[Identifier]
    include: list[Identifier] = []


class DayFromDocument(_Document):
    """How a child table is dated by its parent."""

    table: Identifier
    on: dict[Identifier, Identifier]


class TableDocument(_Document):
    """A table of the file."""

    name: Identifier
    strategy: Literal["daily", "snapshot", "incremental"]
    key: list[Identifier]
    columns: list[ColumnDocument]
    target_name: Identifier | None = None
    day_column: Identifier | None = None
    day_from: DayFromDocument | None = None
    rowversion: Identifier | None = None
    if_exposed: bool = False
    indexes: list[IndexDocument] = []


class BookDocument(_Document):
    """A table of a business check."""

    table: Identifier
    number: Identifier
    location: Identifier | None = None
    left_out: dict[Identifier, list[StrictInt | StrictStr]] = {}


class LinesDocument(BookDocument):
    """A table of lines of a business check."""

    amount: list[Identifier]
    equals: list[Identifier]
    late_days: int = 0


class BusinessCheckDocument(_Document):
    """Tables whose books must balance."""

    name: CheckName
    header: BookDocument
    lines: list[LinesDocument]


class SpecDocument(_Document):
    """The whole file."""

    version: Literal[1]
    source_schema: Identifier
    target_schema: Identifier
    tables: list[TableDocument]
    business_checks: list[BusinessCheckDocument] = []
