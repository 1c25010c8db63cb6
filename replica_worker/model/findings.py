"""What an examination found: one line per thing that was checked, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"  # the work goes on, but not as safely or as fast as it could
    REFUSED = "refused"  # the work would fail


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was checked."""

    what: str  # a few words: "server version"
    found: str
    mark: Mark
    advice: str = ""  # what to do; empty where all is well


def ok(what: str, found: str) -> Finding:
    """All is well."""
    return Finding(what=what, found=found, mark=Mark.OK)


def warning(what: str, found: str, advice: str) -> Finding:
    """It works, but should be mended."""
    return Finding(what=what, found=found, mark=Mark.WARNING, advice=advice)


def refused(what: str, found: str, advice: str) -> Finding:
    """The work would fail."""
    return Finding(what=what, found=found, mark=Mark.REFUSED, advice=advice)
