"""How a row is written down before it is hashed: the same text in every engine and here.

Owns the encoding and computes it from Arrow batches: the reference that the engines' SQL is
tested against, and the digest of rows that lie in a file. The columns' fields follow each other.

    field := text ","                    types whose text holds no comma and is never empty
           | length ":" text ","         texts and bytes; `length` counts the value's bytes
    NULL  := the same with length and text left out

So a reader who knows the columns' types can tell where each field ends, and NULL from an empty
value: rows that differ are written down differently.

| type | text |
|---|---|
| integers, bit | decimal digits; 0 or 1 |
| decimal(p,s), money, smallmoney | all s digits behind the point: 1.5000 |
| float, real | the IEEE bytes in hexadecimal, first byte first |
| date | 2026-03-14 |
| datetime, smalldatetime, datetime2 | microseconds since 2000-01-01 as 16 hexadecimal digits (two's complement); of datetime2(7) and the next two the seventh digit of a second follows |
| time | microseconds since midnight, likewise; the seventh digit of time(7) |
| datetimeoffset | as datetime2(7) in UTC, then the offset in minutes |
| char, nchar | without the blanks behind, which only fill the column up |
| other texts, xml | as they are |
| rowversion, bytes | hexadecimal digits |
| uniqueidentifier | 36 lower-case characters |
"""  # noqa: E501

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Literal

import pyarrow as pa

from replica_worker.model.digests import (
    KEY_BUCKETS,
    Digest,
    DigestKind,
    bucket_bits,
    hashed_columns,
)
from replica_worker.model.specs import ColumnSpec, TableSpec
from replica_worker.model.types import SqlType

Encoding = Literal["utf-8", "utf-16"]
"""The bytes that the text of a row, and the lengths in it, are made of (utf-16: no mark, LE)."""

EPOCH = datetime(2000, 1, 1)

_SIZED_BYTES = frozenset({"binary", "varbinary", "image"})
_CODECS = {"utf-8": "utf-8", "utf-16": "utf-16-le"}
_MICROSECOND = timedelta(microseconds=1)
_MASK = (1 << 64) - 1

_Text = Callable[[Any], str]


def is_sized(sql_type: SqlType) -> bool:
    """Whether a field of this type begins with its value's length."""
    return sql_type.is_text or sql_type.base in _SIZED_BYTES


def encode_rows(
    batch: pa.RecordBatch, columns: Iterable[ColumnSpec], encoding: Encoding = "utf-8"
) -> Iterator[bytes]:
    """The encoding of each row of a batch of the spec's Arrow schema."""
    fields = [_fields(batch.column(column.name), column.type, encoding) for column in columns]
    for row in zip(*fields, strict=True):
        yield "".join(row).encode(_CODECS[encoding])


def digest_rows(
    table: TableSpec,
    batches: Iterable[pa.RecordBatch],
    kind: DigestKind,
    encoding: Encoding = "utf-8",
) -> Digest:
    """The digest of the rows, as an engine computes it of the same rows."""
    rows = high = low = 0
    for batch in batches:
        for text in encode_rows(batch, hashed_columns(table, kind), encoding):
            halves = struct.unpack(">qq", _md5(text))
            rows, high, low = rows + 1, high + halves[0], low + halves[1]
    return Digest.from_sums(kind=kind, rows=rows, high=high, low=low)


def row_hashes(
    table: TableSpec, batch: pa.RecordBatch, kind: DigestKind, encoding: Encoding = "utf-8"
) -> list[str]:
    """The hash of each row, as `Snapshot.row_hashes` gives it."""
    return [_md5(text).hex() for text in encode_rows(batch, hashed_columns(table, kind), encoding)]


def buckets_of(
    table: TableSpec, batch: pa.RecordBatch, of: int = KEY_BUCKETS, encoding: Encoding = "utf-8"
) -> list[int]:
    """In which of so many buckets each row lies."""
    rest = 16 - bucket_bits(of)
    texts = encode_rows(batch, table.key_columns, encoding)
    return [int.from_bytes(_md5(text)[:2]) >> rest for text in texts]


def _md5(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).digest()


def _fields(array: pa.Array, sql_type: SqlType, encoding: Encoding) -> list[str]:
    text_of = _text_writer(sql_type)
    if pa.types.is_time64(array.type):
        array = array.view(pa.int64())  # nanoseconds: Python's time holds no such digits
    if not is_sized(sql_type):
        return ["," if value is None else f"{text_of(value)}," for value in array.to_pylist()]
    codec = _CODECS[encoding]
    return [
        ":," if value is None else _sized(value, text_of(value), codec)
        for value in array.to_pylist()
    ]


def _sized(value: str | bytes, text: str, codec: str) -> str:
    size = len(value) if isinstance(value, bytes) else len(text.encode(codec))
    return f"{size}:{text},"


def _text_writer(sql_type: SqlType) -> _Text:
    """How values of a type, as Arrow gives them to Python, are written."""
    base = sql_type.base
    if base in _WRITERS:
        return _WRITERS[base]
    if base in ("char", "nchar"):
        return lambda value: str(value).rstrip(" ")
    if sql_type.is_text:
        return str
    if base in _SIZED_BYTES:
        return lambda value: value.hex()
    if base == "time":
        return _seventh_digit_time if sql_type.scale == 7 else _time
    return _fine_instant if sql_type.scale == 7 else _instant


def _hex(number: int) -> str:
    return f"{number & _MASK:016x}"


def _instant(value: datetime) -> str:
    return _hex((value - EPOCH) // _MICROSECOND)


def _fine_instant(value: str) -> str:
    """`2026-11-22 01:30:00.1234567`, with as many digits of a second as there are."""
    whole, _, fraction = value.partition(".")
    digits = f"{fraction:0<7}"
    seconds = datetime.fromisoformat(whole) - EPOCH
    return _hex(seconds // _MICROSECOND + int(digits[:6])) + digits[6]


def _offset_instant(value: str) -> str:
    """`2026-11-22 01:30:00.1234567 +08:00`: local time and its offset."""
    local, _, offset = value.rpartition(" ")
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    minutes = -minutes if offset[0] == "-" else minutes
    instant = _fine_instant(local)
    micros = int(instant[:16], 16)
    return f"{_hex(micros - minutes * 60_000_000)}{instant[16]}{minutes}"


def _time(value: int) -> str:
    return _hex(value // 1000)


def _seventh_digit_time(value: int) -> str:
    return f"{_hex(value // 1000)}{value // 100 % 10}"


def _date(value: date) -> str:
    return value.isoformat()


_WRITERS: dict[str, _Text] = {
    **dict.fromkeys(("bigint", "int", "smallint", "tinyint"), str),
    "bit": lambda value: "1" if value else "0",
    **dict.fromkeys(("decimal", "money", "smallmoney"), lambda value: f"{value:f}"),
    "float": lambda value: struct.pack(">d", value).hex(),
    "real": lambda value: struct.pack(">f", value).hex(),
    "date": _date,
    "datetime": _instant,
    "smalldatetime": _instant,
    "datetimeoffset": _offset_instant,
    "rowversion": lambda value: value.hex(),
    "uniqueidentifier": lambda value: str(value).lower(),
}
