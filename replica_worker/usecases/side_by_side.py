"""Asking both databases at once: neither waits for the other's answer.

Only for reads, and only with one connection a side: a driver's connection is one thread's at a
time.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Theirs = TypeVar("Theirs")
Ours = TypeVar("Ours")


def ask_both(theirs: Callable[[], Theirs], ours: Callable[[], Ours]) -> tuple[Theirs, Ours]:
    """What the source and the warehouse answer; the source is asked in a thread of its own.

    The source's error is raised if both fail. Returns or raises when both have ended.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="source") as thread:
        asked = thread.submit(theirs)
        try:
            answer = ours()
        except BaseException:
            asked.result()
            raise
        return asked.result(), answer
