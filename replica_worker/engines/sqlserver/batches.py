"""Splitting a script at its GO lines, as sqlcmd does, but not inside strings or comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import repeat

_GO = re.compile(r"[ \t]*GO(?:[ \t]+(\d+))?[ \t]*(?:--[^\n]*)?\r?", re.I)
# What may hold a line that only looks like GO: strings, bracketed and quoted names, comments. A
# doubled quote ends one string and begins the next, which comes to the same.
_TOKEN = re.compile(r"'[^']*'|\[[^\]]*(?:\]\][^\]]*)*\]|\"[^\"]*\"|--[^\n]*|/\*|\n")
_COMMENT_ENDS = re.compile(r"/\*|\*/")


def split_batches(script: str) -> Iterator[str]:
    """The batches of a script, in order, without empty ones; `GO n` repeats its batch."""
    begin = 0
    for start in _outer_line_starts(script):
        end = script.find("\n", start)
        end = end if end >= 0 else len(script)
        if match := _GO.fullmatch(script, start, end):
            yield from _repeated(script[begin:start], int(match.group(1) or 1))
            begin = end
    yield from _repeated(script[begin:], 1)


def _repeated(text: str, times: int) -> Iterator[str]:
    batch = text.strip()
    return repeat(batch, times if batch else 0)


def _outer_line_starts(text: str) -> Iterator[int]:
    """Where lines begin that do not lie inside a string, a quoted name or a comment."""
    yield 0
    at = 0
    while match := _TOKEN.search(text, at):
        at = match.end()
        if match.group() == "\n":
            yield at
        elif match.group() == "/*":
            at = _after_block_comment(text, at)


def _after_block_comment(text: str, at: int) -> int:
    """Behind a block comment that began before `at`; they nest in T-SQL."""
    depth = 1
    for match in _COMMENT_ENDS.finditer(text, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)
