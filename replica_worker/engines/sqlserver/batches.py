"""Splitting a script at its GO lines, as sqlcmd does, but not inside strings or comments."""

from __future__ import annotations

import re
from collections.abc import Iterator

_GO = re.compile(r"[ \t]*GO(?:[ \t]+(\d+))?[ \t]*(?:--[^\n]*)?", re.I)
# What may hold a line that only looks like GO: strings, bracketed and quoted names, comments.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]|\"(?:[^\"]|\"\")*\"|--[^\n]*|\n", re.S)


def split_batches(script: str) -> list[str]:
    """The batches of a script, in order, without empty ones; `GO n` repeats its batch."""
    text = script.replace("\r\n", "\n")
    line_starts = [0, *_outer_line_starts(text)]
    batches: list[str] = []
    begin = 0
    for start in line_starts:
        if start < begin:
            continue
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)]
        if match := _GO.fullmatch(line):
            batches += [text[begin:start]] * int(match.group(1) or 1)
            begin = end + 1 if end >= 0 else len(text)
    batches.append(text[begin:])
    return [batch.strip() for batch in batches if batch.strip()]


def _outer_line_starts(text: str) -> Iterator[int]:
    """Where lines begin that do not lie inside a string, a quoted name or a comment."""
    at = 0
    while at < len(text):
        if text.startswith("/*", at):
            at = _after_block_comment(text, at)
            continue
        if match := _TOKEN.match(text, at):
            at = match.end()
            if match.group() == "\n":
                yield at
            continue
        at += 1


def _after_block_comment(text: str, at: int) -> int:
    """Behind a block comment; they nest in T-SQL."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)
