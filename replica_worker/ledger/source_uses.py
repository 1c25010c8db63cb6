"""What was asked of the source, in the columns of runs and chunks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from replica_worker.model.source_use import SourceUse

_FIELDS = tuple(asdict(SourceUse()))


def read_use(row: Any) -> SourceUse:
    """What a row of runs, of chunks or of `sum_uses` says."""
    return SourceUse(**{name: getattr(row, f"source_{name}") for name in _FIELDS})


def add_use(table: sa.Table, use: SourceUse) -> dict[str, Any]:
    """Values of an UPDATE that adds `use` to what the row has; none if nothing was asked."""
    return {
        f"source_{name}": table.c[f"source_{name}"] + count
        for name, count in asdict(use).items()
        if count
    }


def sum_uses(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """Sums over the rows of a SELECT, for `read_use`."""
    return [
        sa.func.coalesce(sa.func.sum(table.c[f"source_{name}"]), 0).label(f"source_{name}")
        for name in _FIELDS
    ]
