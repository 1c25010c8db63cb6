"""Counts of rows that a merge changed, and the guard on how many it may delete."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MergeCounts:
    """What a merge did to the target."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(self, other: MergeCounts) -> MergeCounts:
        return MergeCounts(
            inserted=self.inserted + other.inserted,
            updated=self.updated + other.updated,
            deleted=self.deleted + other.deleted,
        )

    @property
    def changed(self) -> int:
        """Rows touched in all."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True, kw_only=True)
class DeleteGuard:
    """How many rows of a chunk may be deleted without a person's word.

    Half a day that vanishes is far more often a source that answered wrongly (a lost partition,
    a restored backup, a wrong database) than half a day that was really deleted.
    """

    largest_share: float = 0.5  # of the chunk's rows in the warehouse
    allow_all: bool = False  # a person allowed it
    free_rows: int = 0  # so many may go, whatever share that is

    def objection(self, *, deleted: int, present: int) -> str | None:
        """Why deleting `deleted` of `present` rows is refused; None if it is not."""
        if self.allow_all or deleted <= self.free_rows:
            return None
        if deleted >= present:
            return f"all {present:,} rows of the chunk would be deleted"
        if deleted <= present * self.largest_share:
            return None
        return (
            f"{deleted:,} of {present:,} rows would be deleted, more than "
            f"{self.largest_share:.0%} of the chunk"
        )
