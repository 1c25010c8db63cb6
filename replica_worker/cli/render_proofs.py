"""How proofs look, to people and to programs: said as they are found, none is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

from replica_worker.cli.render import console, plain_table
from replica_worker.usecases.row_report import Cell, RowDifference
from replica_worker.usecases.verify import ChunkProof

_LONGEST_SHOWN = 80  # characters of a value; the JSON has it whole
_BEFORE = 20  # characters that are shown before the first that differs


@dataclass(kw_only=True)
class _Sums:
    """What is kept of a table's proofs."""

    chunks: int = 0
    earlier: int = 0
    equal: int = 0
    rows: int = 0
    differing_rows: int = 0
    is_exposed: bool = True

    def add(self, proof: ChunkProof) -> None:
        self.chunks += 1
        self.earlier += proof.earlier_rows is not None
        self.equal += proof.is_equal
        self.rows += proof.source_rows or 0
        self.differing_rows += proof.difference_count
        self.is_exposed = proof.is_exposed


def print_proofs(proofs: Iterable[ChunkProof]) -> bool:
    """Print the rows that differ as they are found, then a line a table; whether all is equal."""
    tables: dict[str, _Sums] = {}
    for proof in proofs:
        tables.setdefault(proof.table, _Sums()).add(proof)
        _print_differences(proof)
    _print_sums(tables)
    return all(sums.equal == sums.chunks for sums in tables.values())


def print_proofs_as_json(proofs: Iterable[ChunkProof]) -> bool:
    """Print a JSON list, an object a chunk as it is found; whether all is equal."""
    is_equal, separator = True, "["
    for proof in proofs:
        is_equal &= proof.is_equal
        click.echo(f"{separator}\n{json.dumps(_as_json(proof), ensure_ascii=False)}", nl=False)
        separator = ","
    click.echo("[]" if separator == "[" else "\n]")
    return is_equal


def _print_sums(tables: dict[str, _Sums]) -> None:
    figures = ["chunks", "rows", "differing rows"]
    table = plain_table("table", *figures, "equal", numbers=figures)
    for name, sums in tables.items():
        if not sums.is_exposed:
            table.add_row(name, "–", "–", "–", "not exposed by the source")
            continue
        equal = "[green]yes[/]" if sums.equal == sums.chunks else "[red]no[/]"
        if sums.earlier:
            equal = f"{equal} ({sums.earlier} proven earlier)"
        table.add_row(name, str(sums.chunks), f"{sums.rows:,}", f"{sums.differing_rows:,}", equal)
    console.print(table)


def _print_differences(proof: ChunkProof) -> None:
    for difference in proof.differences:
        place = f"{proof.table} {_label(proof)}"
        console.print(f"{place}: {difference.what}: {difference.key}", markup=False, soft_wrap=True)
        for cell in difference.cells:
            theirs, ours = _shown_side_by_side(cell)
            line = f"    {cell.column}: {theirs} at the source, {ours} in the warehouse"
            console.print(line, markup=False, soft_wrap=True)
    more = proof.difference_count - len(proof.differences)
    if more:
        console.print(f"{proof.table} {_label(proof)}: … and {more:,} more rows", markup=False)


def _shown_side_by_side(cell: Cell) -> tuple[str, str]:
    """Both values, quoted; of long ones the part around the first character that differs."""
    start = 0
    if cell.source is not None and cell.target is not None:
        pairs = enumerate(zip(cell.source, cell.target, strict=False))
        same = next((at for at, (one, other) in pairs if one != other), None)
        length = min(len(cell.source), len(cell.target))
        start = max(0, (length if same is None else same) - _BEFORE)
    return _shown(cell.source, start), _shown(cell.target, start)


def _shown(value: str | None, start: int) -> str:
    if value is None:
        return "NULL"
    if len(value) <= _LONGEST_SHOWN:
        return json.dumps(value, ensure_ascii=False)
    part = json.dumps(value[start : start + _LONGEST_SHOWN], ensure_ascii=False)
    end = " …" if start + _LONGEST_SHOWN < len(value) else ""
    return f"{'… ' if start else ''}{part}{end} ({len(value):,} characters)"


def _label(proof: ChunkProof) -> str:
    if proof.is_strays:
        return "strays"
    return str(proof.day or "whole table")


def _as_json(proof: ChunkProof) -> dict[str, Any]:
    return {
        "table": proof.table,
        "day": proof.day.isoformat() if proof.day and not proof.is_strays else None,
        "strays": proof.is_strays,
        "equal": proof.is_equal,
        "exposed": proof.is_exposed,
        "proven_earlier": proof.earlier_rows is not None,
        "source_rows": proof.source_rows,
        "target_rows": proof.target_rows,
        "different_rows": proof.difference_count,
        "differences": [_difference_as_json(one) for one in proof.differences],
    }


def _difference_as_json(difference: RowDifference) -> dict[str, Any]:
    return {
        "key": json.loads(difference.key),
        "what": difference.what,
        "columns": [
            {"column": cell.column, "source": cell.source, "target": cell.target}
            for cell in difference.cells
        ],
    }
