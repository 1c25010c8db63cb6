"""How rows are written down before they are hashed: as documented, and never two alike."""

from __future__ import annotations

import hashlib
import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.specs import columns, spec_text

from replica_worker.model import encoding
from replica_worker.model.digests import KEY_BUCKETS, DigestKind, bucket_bits
from replica_worker.model.encoding import Encoding
from replica_worker.model.specs import TableSpec, parse_specs

MIDNIGHT = datetime(2000, 1, 1)
EXAMPLES: list[tuple[str, Any, str]] = [
    ("int", -42, "-42,"),
    ("bit", True, "1,"),
    ("decimal(16,4)", Decimal("1.5"), "1.5000,"),
    ("decimal(38,20)", Decimal("0"), "0.00000000000000000000,"),
    ("decimal(18,0)", Decimal("7"), "7,"),
    ("money", Decimal("-0.0001"), "-0.0001,"),
    ("float", 1.5, "3ff8000000000000,"),
    ("float", -0.0, "8000000000000000,"),
    ("real", 1.5, "3fc00000,"),
    ("date", date(1, 1, 1), "0001-01-01,"),
    ("datetime", MIDNIGHT + timedelta(milliseconds=3), "0000000000000bb8,"),
    ("datetime2(6)", MIDNIGHT - timedelta(microseconds=1), "ffffffffffffffff,"),
    ("datetime2(7)", "2000-01-01 00:00:00.0000017", "00000000000000017,"),
    ("datetime2(7)", "1999-12-31 23:59:59.9999999", "ffffffffffffffff9,"),
    ("datetimeoffset(7)", "2000-01-01 08:00:00.0000000 +08:00", "00000000000000000480,"),
    ("datetimeoffset(0)", "1999-12-31 18:30:00 -05:30", "00000000000000000-330,"),
    ("time(0)", 1_000_000_000, "00000000000f4240,"),
    ("time(7)", 100, "00000000000000001,"),
    ("varchar(9)", "caf\u00e9", "5:caf\u00e9,"),
    ("varchar(9)", "", "0:,"),
    ("varchar(9)", "a ", "2:a ,"),
    ("char(9)", "a        ", "1:a,"),
    ("varbinary(9)", b"\x00\xff", "2:00ff,"),
    ("varbinary(9)", b"", "0:,"),
    ("rowversion", bytes(6) + b"\x07\xd1", "00000000000007d1,"),
    (
        "uniqueidentifier",
        "6F9619FF-8B86-D011-B42D-00C04FC964FF",
        "6f9619ff-8b86-d011-b42d-00c04fc964ff,",
    ),
    ("varchar(9)", None, ":,"),
    ("image", None, ":,"),
    ("int", None, ","),
]


def table_of(**types: str) -> TableSpec:
    table = {"name": "T", "strategy": "snapshot", "key": ["K"], "columns": columns(**types)}
    return parse_specs(spec_text(table), origin="test").tables[0]


def batch_of(table: TableSpec, *rows: tuple[Any, ...]) -> pa.RecordBatch:
    arrays = [
        pa.array(values, field.type)
        for values, field in zip(zip(*rows, strict=True), table.arrow_schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)


def encoded(table: TableSpec, *rows: tuple[Any, ...], by: Encoding = "utf-8") -> list[bytes]:
    return list(encoding.encode_rows(batch_of(table, *rows), table.columns, by))


@pytest.mark.parametrize(("sql_type", "value", "field"), EXAMPLES, ids=str)
def test_field_is_as_documented(sql_type: str, value: Any, field: str) -> None:
    assert encoded(table_of(K="int!", V=sql_type), (1, value)) == [f"1,{field}".encode()]


def test_utf_16_counts_the_bytes_that_nvarchar_has() -> None:
    row = encoded(table_of(K="int!", V="nvarchar(9)"), (1, "\u00e9\U0001f35f"), by="utf-16")
    assert row == ["1,6:\u00e9\U0001f35f,".encode("utf-16-le")]


TYPES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "varchar(50)": st.text(st.sampled_from(":,0123 aAN"), max_size=6),
    "nvarchar(50)": st.text(max_size=6),
    "varbinary(50)": st.binary(max_size=4),
    "decimal(9,2)": st.decimals(-999, 999, places=2),
    "float": st.floats(allow_nan=False),
    "bit": st.booleans(),
    "date": st.dates(),
    "datetime2(6)": st.datetimes(),
    "time(7)": st.integers(0, 863_999_999_999).map(lambda ticks: ticks * 100),
    "uniqueidentifier": st.uuids().map(str),
}


def _identity(value: Any) -> Any:
    """Equal for values that are the same to a database: 0.0 is not -0.0."""
    return (value, math.copysign(1, value)) if isinstance(value, float) else value


@given(st.data())
def test_rows_that_differ_are_written_down_differently(data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=4))
    row = st.tuples(*(st.none() | TYPES[sql_type] for sql_type in types))
    one, other = data.draw(row), data.draw(row)
    assume([_identity(value) for value in one] != [_identity(value) for value in other])
    table = table_of(K="int!", **{f"C{n}": sql_type for n, sql_type in enumerate(types)})
    first, second = encoded(table, (1, *one), (1, *other))
    assert first != second


SWAPS: list[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]] = [
    ([(1, "a", 5), (2, "b", 5)], [(1, "b", 5), (2, "a", 5)]),  # two rows swap a value
    ([(1, "a", 5), (2, "a", 7)], [(1, "a", 7), (2, "a", 5)]),
    ([(1, "a", 5), (2, "a", 7)], [(1, "a", 6), (2, "a", 6)]),  # what one gains the other loses
    ([(1, "a", 5), (2, "a", 5)], [(1, "b", 5), (2, "b", 5)]),  # a pair changes alike: XOR is blind
    ([(1, "a", None), (2, None, 5)], [(1, None, 5), (2, "a", None)]),
    ([(1, "a", 0), (2, "b", 0)], [(1, "ab", 0), (2, "", 0)]),
]


@pytest.mark.parametrize(("before", "after"), SWAPS, ids=str)
def test_edits_that_even_out_are_found(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]
) -> None:
    table = table_of(K="int!", A="varchar(9)", B="int")
    digests = [
        encoding.digest_rows(table, [batch_of(table, *rows)], DigestKind.CONTENT)
        for rows in (before, after)
    ]
    assert digests[0] != digests[1]
    assert digests[0].rows == digests[1].rows


def test_version_digest_covers_key_and_rowversion() -> None:
    spec = {
        "name": "T",
        "strategy": "snapshot",
        "key": ["K"],
        "rowversion": "V",
        "columns": columns(NOTE="varchar(9)", K="int!", V="rowversion"),
    }
    table = parse_specs(spec_text(spec), origin="test").tables[0]
    batch = batch_of(table, ("x", 1, bytes(8)))
    (found,) = encoding.row_hashes(table, batch, DigestKind.VERSION)
    assert found == hashlib.md5(b"1,0000000000000000,", usedforsecurity=False).hexdigest()


def test_keys_are_dealt_into_all_buckets() -> None:
    table = table_of(K="int!", V="int")
    rows = batch_of(table, *((number, None) for number in range(2000)))
    buckets = encoding.buckets_of(table, rows)
    assert [bucket >> 6 for bucket in encoding.buckets_of(table, rows, of=4096)] == buckets
    assert set(buckets) == set(range(KEY_BUCKETS))
    assert buckets[7] == hashlib.md5(b"7,", usedforsecurity=False).digest()[0] >> 2


@pytest.mark.parametrize("count", [0, 1, 3, 100, 1 << 17, -64])
def test_buckets_are_a_power_of_two(count: int) -> None:
    with pytest.raises(ValueError, match="not a power of two"):
        bucket_bits(count)
