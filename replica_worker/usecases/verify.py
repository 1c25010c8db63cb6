"""Proving that copies are equal, by content, without changing anything.

Both sides digest every replicated column, many days in one query. Where a day's digests differ,
`row_report` finds the rows and columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

from replica_worker.engines.values import RowSelection, Side
from replica_worker.errors import ReplicaError, SchemaMismatchError
from replica_worker.model.chunks import STRAYS
from replica_worker.model.days import ONE_DAY, DayRange, dated_days
from replica_worker.model.digests import Digest, DigestKind
from replica_worker.model.specs import TableSpec
from replica_worker.usecases.deployment import Deployment, read_today
from replica_worker.usecases.proof_log import ProofLog
from replica_worker.usecases.row_report import Both, RowDifference, report_rows

_DAYS_PER_QUERY = 31
_NOTHING = Digest.from_sums(kind=DigestKind.CONTENT, rows=0, high=0, low=0)


@dataclass(frozen=True, kw_only=True)
class ChunkProof:
    """What was found of one chunk."""

    table: str
    day: date | None  # None: the whole table; STRAYS: a daily table's strays
    source: Digest | None = None  # None: the source does not expose the table, or proven earlier
    target: Digest | None = None
    earlier_rows: int | None = None  # rows of a chunk that was proven equal before a resumption
    differences: tuple[RowDifference, ...] = ()  # the first of them
    difference_count: int = 0

    @property
    def is_strays(self) -> bool:
        """Whether the chunk is a daily table's strays."""
        return self.day == STRAYS

    @property
    def is_exposed(self) -> bool:
        """Whether the source had the table to compare."""
        return self.source is not None or self.earlier_rows is not None

    @property
    def is_equal(self) -> bool:
        """Whether both sides are proven equal (a table not exposed has nothing to compare)."""
        return self.source is None or self.source == self.target

    @property
    def source_rows(self) -> int | None:
        """Rows at the source; None if it does not expose the table."""
        return self.source.rows if self.source else self.earlier_rows

    @property
    def target_rows(self) -> int | None:
        """Rows in the warehouse; None if there was nothing to compare."""
        return self.target.rows if self.target else self.earlier_rows


def verify_range(
    deployment: Deployment,
    *,
    tables: Sequence[str],
    days: DayRange,
    most_differences: int = 20,
    log: ProofLog | None = None,
) -> Iterator[ChunkProof]:
    """Compare every chunk of the range, table by table, and its strays; one proof a chunk.

    `most_differences` bounds the rows that are read whole of each chunk. Chunks that `log` has
    are passed over; those that are found equal are added to it.
    """
    today = read_today(deployment)
    for spec in deployment.spec.select(tables):
        with _open_both(deployment) as both:
            if not _is_comparable(spec, both):
                yield ChunkProof(table=spec.name, day=None)
                continue
        yield from _logged(_Verification(deployment, spec, most_differences, log), days, today)


def count_chunks(deployment: Deployment, *, tables: Sequence[str], days: DayRange) -> int:
    """How many chunks a verification of the range compares."""
    specs = deployment.spec.select(tables)
    return sum(len(days) + 1 if spec.is_daily else 1 for spec in specs)


@contextmanager
def _open_both(deployment: Deployment) -> Iterator[Both]:
    with (
        deployment.source.open_snapshot() as source,
        deployment.target.open_snapshot() as target,
    ):
        yield Both(source=source, target=target)


def _is_comparable(spec: TableSpec, both: Both) -> bool:
    if not both.source.require_table(spec, Side.SOURCE):
        if spec.if_exposed:
            return False
        where, advice = "at the source", "Grant SELECT on it, or mark it `if_exposed`"
    elif not both.target.require_table(spec, Side.WAREHOUSE):
        where, advice = "in the warehouse", "Run `replica migrate`"
    else:
        return True
    raise SchemaMismatchError(
        operation="compare the copies",
        cause=f"table {spec.name} is not {where}",
        next_step=advice,
    )


class _Verification:
    """The comparison of one table."""

    def __init__(
        self, deployment: Deployment, spec: TableSpec, most: int, log: ProofLog | None
    ) -> None:
        self.deployment = deployment
        self.spec = spec
        self.most = most
        self.log = log
        self.all_rows = RowSelection(table=spec, side=Side.SOURCE)

    def known(self, day: date | None) -> ChunkProof | None:
        """The proof of a chunk that was proven equal before."""
        rows = self.log.rows_of(self.spec.name, day) if self.log else None
        if rows is None:
            return None
        return ChunkProof(table=self.spec.name, day=day, earlier_rows=rows)

    def whole(self) -> ChunkProof:
        """The proof of a table that is not cut by days."""
        return self._by_one_digest(self.all_rows, None)

    def strays(self, today: date) -> ChunkProof:
        """The proof of a daily table's strays."""
        rows = replace(self.all_rows, outside=dated_days(today), dateless=True)
        return self._by_one_digest(rows, STRAYS)

    def each_day(self, days: DayRange) -> Iterator[ChunkProof]:
        """The proofs of many days, by one query a side.

        What breaks a long query off may let a shorter one through: what is left is cut in half.
        """
        done = 0
        try:
            with _open_both(self.deployment) as both:
                rows = self.all_rows.within(days)
                theirs, ours = both.ask(
                    lambda snapshot, side: snapshot.digest_days(rows.on(side), DigestKind.CONTENT)
                )
                for day in days:
                    digests = (theirs.get(day, _NOTHING), ours.get(day, _NOTHING))
                    one_day = rows.within(DayRange.one(day))
                    proof = self._prove(both, one_day, day, *digests)
                    done += 1
                    yield proof
        except ReplicaError as error:
            if not error.retryable or len(days) == 1:
                raise
            rest = DayRange(first=days.first + done * ONE_DAY, end=days.end)
            middle = rest.first + timedelta(days=(len(rest) + 1) // 2)
            for half in (DayRange(first=rest.first, end=middle), replace(rest, first=middle)):
                if len(half):
                    yield from self.each_day(half)

    def _by_one_digest(self, rows: RowSelection, day: date | None) -> ChunkProof:
        with _open_both(self.deployment) as both:
            theirs, ours = both.ask(
                lambda snapshot, side: snapshot.digest(rows.on(side), DigestKind.CONTENT)
            )
            return self._prove(both, rows, day, theirs, ours)

    def _prove(
        self, both: Both, rows: RowSelection, day: date | None, source: Digest, target: Digest
    ) -> ChunkProof:
        proof = ChunkProof(table=self.spec.name, day=day, source=source, target=target)
        if proof.is_equal:
            return proof
        row_count = max(source.rows, target.rows)
        differences, count = report_rows(both, rows, row_count=row_count, most=self.most)
        return replace(proof, differences=differences, difference_count=count)


def _logged(verification: _Verification, days: DayRange, today: date) -> Iterator[ChunkProof]:
    """The table's proofs; those found equal go into the log."""
    log = verification.log
    for proof in _each_chunk(verification, days, today):
        if log and proof.source and proof.is_equal:
            log.add(proof.table, proof.day, proof.source.rows)
        yield proof


def _each_chunk(verification: _Verification, days: DayRange, today: date) -> Iterator[ChunkProof]:
    if not verification.spec.is_daily:
        yield verification.known(None) or verification.whole()
        return
    open_days: list[date] = []
    for day in days:
        known = verification.known(day)
        if known is None:
            open_days.append(day)
        if open_days and (known or len(open_days) == _DAYS_PER_QUERY or day == days.last):
            yield from verification.each_day(DayRange.inclusive(open_days[0], open_days[-1]))
            open_days = []
        if known:
            yield known
    yield verification.known(STRAYS) or verification.strays(today)
