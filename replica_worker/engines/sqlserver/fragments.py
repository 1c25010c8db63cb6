"""Pieces of T-SQL with their parameters, put together by name.

Identifiers are quoted by `quote` alone, values travel as parameters in the order in which their
pieces stand in the text.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_FORMATTER = string.Formatter()


@dataclass(frozen=True)
class Fragment:
    """Text with `?` for every value."""

    text: str
    values: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.text


EMPTY = Fragment("")


def quote(*names: str) -> Fragment:
    """`[schema].[table]`; a closing bracket inside a name is doubled."""
    return Fragment(".".join("[" + name.replace("]", "]]") + "]" for name in names))


def column_of(alias: str, name: str) -> Fragment:
    """`alias.[name]`."""
    return Fragment(f"{alias}.{quote(name)}")


def value(literal: Any, sql_type: str) -> Fragment:
    """A parameter cast to the column's own type, so that no column is converted instead."""
    return Fragment(f"CAST(? AS {sql_type})", (literal,))


def compose(template: str, **parts: Fragment | str | int) -> Fragment:
    """Fill `{name}` fields with fragments; their values line up with their places."""
    text: list[str] = []
    values: list[Any] = []
    for literal, field, _, _ in _FORMATTER.parse(template):
        text.append(literal)
        if field is None:
            continue
        part = parts[field]
        text.append(str(part))
        if isinstance(part, Fragment):
            values.extend(part.values)
    return Fragment("".join(text), tuple(values))


def join(separator: str, pieces: Iterable[Fragment]) -> Fragment:
    """Pieces with a separator between them."""
    listed = list(pieces)
    return Fragment(
        separator.join(piece.text for piece in listed),
        tuple(value for piece in listed for value in piece.values),
    )
