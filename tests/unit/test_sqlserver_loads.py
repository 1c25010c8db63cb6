"""What the SQL Server engine loads as arrays: exact texts of every type, in bounded pieces."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from replica_worker.engines.sqlserver.loaders import split_arrays
from replica_worker.engines.sqlserver.reads import RowLimit
from replica_worker.engines.sqlserver.texts import as_texts


def shown(values: list[object], kind: pa.DataType) -> list[object]:
    return as_texts(pa.record_batch({"c": pa.array(values, kind)})).column(0).to_pylist()


@pytest.mark.parametrize(
    ("kind", "values", "texts"),
    [
        (pa.int64(), [-(2**63), 2**63 - 1], ["-9223372036854775808", "9223372036854775807"]),
        (pa.uint8(), [0, 255], ["0", "255"]),
        (pa.bool_(), [True, False], ["1", "0"]),
        (
            pa.decimal128(38, 20),
            [Decimal("1e-20"), Decimal("-1.2e-7"), Decimal(0), Decimal("-123456789012345678.5")],
            [
                "0.00000000000000000001",
                "-0.00000012000000000000",
                "0.00000000000000000000",
                "-123456789012345678.50000000000000000000",
            ],
        ),
        (pa.decimal128(38, 0), [Decimal("9" * 38), Decimal("-" + "9" * 38)],
         ["9" * 38, "-" + "9" * 38]),
        (pa.float64(), [0.1, 5e-324, 1.7976931348623157e308], None),
        (pa.date32(), [date(1, 1, 1), date(9999, 12, 31)], ["0001-01-01", "9999-12-31"]),
        (
            pa.timestamp("us"),
            [datetime(1753, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 997000)],
            ["1753-01-01 00:00:00.000000", "9999-12-31 23:59:59.997000"],
        ),
        (pa.binary(), [b"", b"\x00\xff", b"abc\x00"], ["", "00ff", "61626300"]),
        (pa.binary(8), [b"\x00" * 8, b"\xff" * 8], ["00" * 8, "ff" * 8]),
        (
            pa.string(),
            ["", "  trailing  ", 'a"b\\c', "\x00\x01\x1f\t\r\n", "é😀\u2028", "\\u0041", "null"],
            None,
        ),
    ],
)  # fmt: skip
def test_value_is_text_that_names_it_exactly(kind, values, texts) -> None:
    found = shown([*values, None], kind)
    assert found.pop() is None
    if pa.types.is_floating(kind):
        found = [float(text) for text in found]
    assert found == (values if texts is None else texts)


def test_rows_keep_their_columns_together_also_in_a_slice() -> None:
    batch = pa.record_batch(
        {
            "a": pa.array([1, None, 3]),
            "b": pa.array([b"x", None, b"yz"]),
            "c": pa.array([Decimal("1.50"), None, Decimal("-0.01")], pa.decimal128(9, 2)),
            "d": pa.array(["p", '"', None]),
        }
    )
    assert as_texts(batch.slice(1)).to_pylist() == [
        {"a": None, "b": None, "c": None, "d": '"'},
        {"a": "3", "b": "797a", "c": "-0.01", "d": None},
    ]


def test_pieces_are_bounded_by_bytes_and_lose_no_row() -> None:
    sizes = [10] * 500 + [3_000] * 30 + [5_000, 200_000] + [10] * 500
    texts = pa.record_batch(
        {"n": [str(n) for n in range(len(sizes))], "s": ["x" * size for size in sizes]}
    )
    pieces = list(split_arrays(texts, 64 * 1024))
    assert [piece.num_rows for piece in pieces if max(map(len, piece["s"].to_pylist())) > 4000] == [
        1,
        1,
    ]
    for piece in pieces:
        widest = max(map(len, piece["s"].to_pylist()))
        assert piece.num_rows == 1 or piece.num_rows * 2 * widest <= 64 * 1024
    found = pa.Table.from_batches(pieces)
    assert sorted(found["n"].to_pylist()) == sorted(texts["n"].to_pylist())
    assert dict(zip(found["n"].to_pylist(), found["s"].to_pylist(), strict=True)) == dict(
        zip(texts["n"].to_pylist(), texts["s"].to_pylist(), strict=True)
    )


def test_rows_without_any_value_are_a_piece() -> None:
    texts = pa.record_batch({"a": pa.array([None, None], pa.string())})
    assert [piece.num_rows for piece in split_arrays(texts, 1 << 20)] == [2]


def test_fetches_grow_only_as_far_as_the_widest_row_allows() -> None:
    limit = RowLimit.by_bytes(1_000_000)
    rows = limit.first()
    sizes = [rows]
    for widest in (10, 10, 10, 300_000, 300_000, 2_000_000):
        rows = limit.after(rows, widest)
        sizes.append(rows)
    assert sizes == [1, 2, 4, 8, 3, 3, 1]
