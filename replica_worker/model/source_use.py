"""What was asked of the source: the measure of how kind the work is to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class SourceUse:
    """A tally that grows while the work goes on."""

    connections: int = 0  # opened
    statements: int = 0  # answered, at least in part; the catalogue's are counted, too
    rows: int = 0  # that came, whole or as hashes
    bytes: int = 0  # that came, as they lie in Arrow
    seconds: float = 0.0  # in which the source was waited for

    def __add__(self, other: SourceUse) -> SourceUse:
        return SourceUse(
            connections=self.connections + other.connections,
            statements=self.statements + other.statements,
            rows=self.rows + other.rows,
            bytes=self.bytes + other.bytes,
            seconds=self.seconds + other.seconds,
        )

    def __neg__(self) -> SourceUse:
        return SourceUse(
            connections=-self.connections,
            statements=-self.statements,
            rows=-self.rows,
            bytes=-self.bytes,
            seconds=-self.seconds,
        )
