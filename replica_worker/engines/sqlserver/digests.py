"""The statements that digest rows, each under a name that says what it is for.

A row is written down as `model/encoding.py` says, by one CONCAT, which writes a NULL as nothing.

For UTF-8 the text of a column goes through a UTF-8 collation, which SQL Server has since 2019;
everything else is ASCII, whose bytes are the same in every code page. For UTF-16 the whole row is
nvarchar. (A server that keeps nvarchar as UTF-8 inside hashes and measures UTF-8 there.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from replica_worker.engines.sqlserver.fragments import (
    Fragment,
    column_of,
    compose,
    join,
)
from replica_worker.engines.sqlserver.statements import day_value, key_as_json, option, rows_of
from replica_worker.engines.sqlserver.types import EXACT_COLLATION, UTF8_COLLATION, strategy_for
from replica_worker.engines.values import RowSelection
from replica_worker.model.digests import Digest, DigestKind, bucket_bits, hashed_columns
from replica_worker.model.encoding import Encoding, is_sized
from replica_worker.model.specs import ColumnSpec

_ARGUMENTS_PER_CALL = 90  # CONCAT takes 254 arguments, on some servers 100
_MOST_SHORT_FIELDS = 100  # of some 40 characters each: CONCAT without MAX holds 4,000 (nvarchar)
_COMMA_LINE = ",\n              "
_SUMS = Fragment(
    """COUNT_BIG(*) AS [rows],
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 1, 8) AS bigint) AS decimal(38,0))), 0)) AS high,
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 9, 8) AS bigint) AS decimal(38,0))), 0)) AS low"""
)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a digest depends on beside the rows and the kind."""

    zone: ZoneInfo
    encoding: Encoding
    max_dop: int = 0  # processors; 0: as the server likes


def digest_of(kind: DigestKind, sums: Sequence[Any]) -> Digest:
    """The digest that a row of counts and sums means."""
    rows, high, low = sums
    return Digest.from_sums(kind=kind, rows=int(rows), high=int(high), low=int(low))


def digest_rows(selection: RowSelection, kind: DigestKind, terms: Terms) -> Fragment:
    """Row count and the sums of the two halves of the row hashes, as text."""
    return compose(
        """
        SELECT {sums}
          FROM (SELECT {hash} AS h
                  {rows}) AS hashed{option}
        """,
        sums=_SUMS,
        hash=_md5(hashed_columns(selection.table, kind), terms.encoding),
        rows=rows_of(selection, terms.zone),
        option=option(terms.max_dop),
    )


def digest_days(selection: RowSelection, kind: DigestKind, terms: Terms) -> Fragment:
    """The same for each day, behind the day."""
    day = day_value(selection, terms.zone)
    return _digest_groups(selection, kind, terms, day)


def digest_buckets(selection: RowSelection, kind: DigestKind, of: int, terms: Terms) -> Fragment:
    """The same for each of `of` buckets of keys, behind the bucket's number."""
    return _digest_groups(selection, kind, terms, _bucket(selection, of, terms.encoding))


def _digest_groups(
    selection: RowSelection, kind: DigestKind, terms: Terms, group: Fragment
) -> Fragment:
    return compose(
        """
        SELECT g,
               {sums}
          FROM (SELECT {group} AS g,
                       {hash} AS h
                  {rows}) AS hashed
         GROUP BY g{option}
        """,
        sums=_SUMS,
        group=group,
        hash=_md5(hashed_columns(selection.table, kind), terms.encoding),
        rows=rows_of(selection, terms.zone),
        option=option(terms.max_dop),
    )


def select_row_hashes(
    selection: RowSelection, kind: DigestKind, buckets: frozenset[int] | None, of: int, terms: Terms
) -> Fragment:
    """Key, as JSON, and hash of every selected row, in these of `of` buckets only."""
    also = [] if buckets is None else [_is_among(_bucket(selection, of, terms.encoding), buckets)]
    return compose(
        "SELECT {key} AS [key],\n       {hash} AS hash\n  {rows}{option}",
        key=key_as_json(selection.table),
        hash=compose(
            "LOWER(CONVERT(varchar(32), {md5}, 2))",
            md5=_md5(hashed_columns(selection.table, kind), terms.encoding),
        ),
        rows=rows_of(selection, terms.zone, also=also),
        option=option(terms.max_dop),
    )


def _is_among(bucket: Fragment, buckets: frozenset[int]) -> Fragment:
    if not buckets:
        return Fragment("1 = 0")
    numbers = ", ".join(str(int(number)) for number in sorted(buckets))
    return compose("{bucket} IN ({numbers})", bucket=bucket, numbers=numbers)


def _bucket(selection: RowSelection, of: int, encoding: Encoding) -> Fragment:
    """The first bits of the hash of the key."""
    return compose(
        "CAST(SUBSTRING({md5}, 1, 2) AS int) / {rest}",
        md5=_md5(selection.table.key_columns, encoding),
        rest=1 << (16 - bucket_bits(of)),
    )


def _md5(columns: Sequence[ColumnSpec], encoding: Encoding) -> Fragment:
    """MD5, as 16 bytes, of the row's encoding."""
    is_short = len(columns) <= _MOST_SHORT_FIELDS and not any(is_sized(c.type) for c in columns)
    empty = Fragment("N''" if encoding == "utf-16" else "''")
    if not is_short:
        is_wide = encoding == "utf-16"
        empty = compose("CAST({e} AS {t}(max))", e=empty, t="nvarchar" if is_wide else "varchar")
    pieces = [piece for column in columns for piece in _field(column, encoding)]
    calls = [
        _concat(empty, pieces[at : at + _ARGUMENTS_PER_CALL])
        for at in range(0, len(pieces), _ARGUMENTS_PER_CALL)
    ]
    whole = calls[0] if len(calls) == 1 else _concat(empty, calls)
    return compose("HASHBYTES('MD5', {whole})", whole=whole)


def _concat(empty: Fragment, pieces: Sequence[Fragment]) -> Fragment:
    """CONCAT has the type of its widest argument, so the first one sets it."""
    return compose("CONCAT({empty}, {pieces})", empty=empty, pieces=join(_COMMA_LINE, pieces))


def _field(column: ColumnSpec, encoding: Encoding) -> list[Fragment]:
    """What CONCAT makes a column's field of."""
    live, end = column_of("t", column.name), Fragment("','")
    text = strategy_for(column.type).hashed(live)
    if not is_sized(column.type):
        return [text, end]
    size = compose("DATALENGTH({live})", live=live)
    if column.type.is_text:
        if encoding == "utf-8":
            text = compose("CAST({text} COLLATE {c} AS varchar(max))", text=text, c=UTF8_COLLATION)
        else:  # columns of several collations could not be joined
            text = compose("{text} COLLATE {c}", text=text, c=EXACT_COLLATION)
        size = compose("DATALENGTH({text})", text=text)
    return [size, Fragment("':'"), text, end]
