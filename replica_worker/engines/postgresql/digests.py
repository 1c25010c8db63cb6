"""The statements that digest rows, each under a name that says what it is for.

A row is written down as `model/encoding.py` says, by one call of `concat`: it writes a NULL as
nothing, and every other value by its type's own output function, without a cast to text. Both
halves of the MD5 are cut from one value: bytes where the server makes numbers of them, bits before
PostgreSQL 18.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from psycopg import sql

from replica_worker.engines.postgresql.statements import (
    column_of,
    day_value,
    key_as_json,
    rows_of,
)
from replica_worker.engines.postgresql.types import strategy_for
from replica_worker.engines.values import RowSelection
from replica_worker.model.digests import DigestKind, bucket_bits, hashed_columns
from replica_worker.model.specs import ColumnSpec

_ARGUMENTS_PER_CALL = 90  # a PostgreSQL function takes 100 arguments

_comma = sql.SQL(", ")
_comma_line = sql.SQL(",\n              ")
# As "char", whose output is copied without being measured first.
_end, _colon = sql.SQL("','::\"char\""), sql.SQL("':'::\"char\"")
_CASTS_BYTES = 180_000  # the version that makes a number of bytes
_BY_BYTES = ("substring(h, 1, 8)::bigint", "substring(h, 9)::bigint")
_BY_BITS = ("h::bit(64)::bigint", "substring(h, 65)::bigint")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a digest's statement depends on beside the rows."""

    zone: ZoneInfo
    server_version: int  # as the server numbers it: 150004

    @property
    def casts_bytes(self) -> bool:
        """Whether the server makes numbers of bytes, which is cheaper than by bits."""
        return self.server_version >= _CASTS_BYTES


def _sums(terms: Terms) -> sql.Composable:
    high, low = _BY_BYTES if terms.casts_bytes else _BY_BITS
    return sql.SQL(
        """count(*)                            AS rows,
               coalesce(sum({high}), 0)::text  AS high,
               coalesce(sum({low}), 0)::text   AS low"""
    ).format(high=sql.SQL(high), low=sql.SQL(low))


def digest_rows(selection: RowSelection, kind: DigestKind, terms: Terms) -> sql.Composable:
    """Row count and the sums of the two halves of the row hashes."""
    return sql.SQL(
        """
        SELECT {sums}
          FROM (SELECT {hash} AS h
                  {rows}
                OFFSET 0) AS hashed
        """
    ).format(
        sums=_sums(terms), hash=_hash(selection, kind, terms), rows=rows_of(selection, terms.zone)
    )


def digest_days(selection: RowSelection, kind: DigestKind, terms: Terms) -> sql.Composable:
    """The same for each day, behind the day."""
    return _digest_groups(selection, kind, terms, day_value(selection.table, terms.zone))


def digest_buckets(
    selection: RowSelection, kind: DigestKind, of: int, terms: Terms
) -> sql.Composable:
    """The same for each of `of` buckets of keys, behind the bucket's number."""
    return _digest_groups(selection, kind, terms, _bucket(selection, of))


def _digest_groups(
    selection: RowSelection, kind: DigestKind, terms: Terms, group: sql.Composable
) -> sql.Composable:
    # OFFSET 0 keeps the planner from hashing a row once for each use of h.
    return sql.SQL(
        """
        SELECT g,
               {sums}
          FROM (SELECT {group} AS g,
                       {hash} AS h
                  {rows}
                OFFSET 0) AS hashed
         GROUP BY g
        """
    ).format(
        sums=_sums(terms),
        group=group,
        hash=_hash(selection, kind, terms),
        rows=rows_of(selection, terms.zone),
    )


def select_row_hashes(
    selection: RowSelection,
    kind: DigestKind,
    buckets: frozenset[int] | None,
    of: int,
    terms: Terms,
) -> sql.Composable:
    """Key and hash of every selected row, in these of `of` buckets only."""
    among: sql.Composable = sql.SQL("")
    if buckets is not None:
        among = sql.SQL("\n   AND {bucket} = ANY({buckets}::int[])").format(
            bucket=_bucket(selection, of), buckets=sql.Literal(sorted(buckets))
        )
    return sql.SQL("SELECT {key}::text AS key,\n       {hash} AS hash\n  {rows}{among}").format(
        key=key_as_json(selection.table),
        hash=_md5(hashed_columns(selection.table, kind)),
        rows=rows_of(selection, terms.zone),
        among=among,
    )


def _bucket(selection: RowSelection, of: int) -> sql.Composable:
    """The first bits of the hash of the key."""
    return sql.SQL("('x' || left({hash}, 4))::bit({bits})::int").format(
        hash=_md5(selection.table.key_columns), bits=sql.SQL(str(bucket_bits(of)))
    )


def _hash(selection: RowSelection, kind: DigestKind, terms: Terms) -> sql.Composable:
    """The 128 bits of a row's hash, as the sums take them."""
    made = "decode({hash}, 'hex')" if terms.casts_bytes else "('x' || {hash})::bit(128)"
    return sql.SQL(made).format(hash=_md5(hashed_columns(selection.table, kind)))


def _md5(columns: Iterable[ColumnSpec]) -> sql.Composable:
    """MD5 of the row's encoding, as hexadecimal text."""
    pieces = [piece for column in columns for piece in _field(column)]
    calls = [
        sql.SQL("concat({})").format(_comma_line.join(pieces[at : at + _ARGUMENTS_PER_CALL]))
        for at in range(0, len(pieces), _ARGUMENTS_PER_CALL)
    ]
    whole = calls[0] if len(calls) == 1 else sql.SQL("concat({})").format(_comma.join(calls))
    return sql.SQL("md5({})").format(whole)


def _field(column: ColumnSpec) -> list[sql.Composable]:
    """What `concat` makes a column's field of."""
    strategy, live = strategy_for(column.type), column_of("t", column.name)
    field = [strategy.hashed(live), _end]
    return [strategy.size(live), _colon, *field] if strategy.size else field
