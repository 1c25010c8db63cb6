"""Arrow arrays from numpy arrays, without a Python loop per row.

Owns: decimals, zero-padded numbers, GUIDs, row versions, dates and SQL Server datetimes as arrays.
Does not decide any value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.integer[Any]]
Mask = npt.NDArray[np.bool_]

DECIMAL_16_4 = pa.decimal128(16, 4)
_UNITS_PER_SEN = 100
_GUID_HYPHENS = (8, 13, 18, 23)


def blanked(array: pa.Array, missing: Mask | None) -> pa.Array:
    """Return the array with NULL where `missing` is true."""
    if missing is None or not missing.any():
        return array
    return pc.if_else(pa.array(missing), pa.scalar(None, array.type), array)


def money(sen: Integers, missing: Mask | None = None) -> pa.Array:
    """Return decimal(16,4) from whole sen (1/100 ringgit)."""
    # A decimal128 is two little-endian 64-bit words; the upper one only repeats the sign.
    words = np.empty((len(sen), 2), dtype="<i8")
    words[:, 0] = sen.astype(np.int64) * _UNITS_PER_SEN
    words[:, 1] = words[:, 0] >> 63
    array = pa.Array.from_buffers(DECIMAL_16_4, len(sen), [None, pa.py_buffer(words.tobytes())])
    return blanked(array, missing)


def quantity(whole: Integers) -> pa.Array:
    """Return decimal(16,4) from whole numbers."""
    return money(whole.astype(np.int64) * 100)


def whole_numbers(values: Integers, arrow_type: pa.DataType) -> pa.Array:
    """Return an integer array of the wanted width."""
    return pa.array(values).cast(arrow_type)


def digits(values: Integers, width: int) -> pa.Array:
    """Return numbers as text, padded with zeros to `width`."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    codes = (values.astype(np.int64)[:, None] // powers) % 10 + ord("0")
    return _fixed_width_text(codes.astype(np.uint8))


def guids(rng: np.random.Generator, count: int) -> pa.Array:
    """Return random GUIDs in lower case."""
    alphabet = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    codes = alphabet[rng.integers(0, 16, size=(count, 36))]
    codes[:, _GUID_HYPHENS] = ord("-")
    return _fixed_width_text(codes)


def joined(*parts: pa.Array | str) -> pa.Array:
    """Concatenate text arrays and constants row by row; NULL if any part is NULL."""
    return pc.binary_join_element_wise(*parts, "")


def rowversions(first: int, count: int) -> pa.Array:
    """Return `count` consecutive row versions as SQL Server stores them: 8 bytes, big-endian."""
    stamps = np.arange(first, first + count, dtype=">u8").tobytes()
    return pa.Array.from_buffers(pa.binary(8), count, [None, pa.py_buffer(stamps)])


def dates(epoch_days: Integers, missing: Mask | None = None) -> pa.Array:
    """Return dates from days since 1970-01-01."""
    return blanked(pa.array(epoch_days.astype(np.int32)).cast(pa.date32()), missing)


def datetimes(milliseconds: Integers, missing: Mask | None = None) -> pa.Array:
    """Return timestamps on SQL Server's datetime ticks (milliseconds end in 0, 3 or 7)."""
    ticks = (milliseconds.astype(np.int64) * 3 + 5) // 10
    on_tick = (ticks * 10 + 1) // 3
    return blanked(pa.array(on_tick * 1000).cast(pa.timestamp("us")), missing)


def clock(seconds: Integers) -> pa.Array:
    """Return HH:MM:SS of seconds since midnight."""
    seconds = seconds.astype(np.int64)
    hours, minutes = digits(seconds // 3600, 2), digits(seconds // 60 % 60, 2)
    return joined(hours, ":", minutes, ":", digits(seconds % 60, 2))


def clock_12h(seconds: Integers) -> pa.Array:
    """Return the till's way to print a time: 07:05:09 PM."""
    seconds = seconds.astype(np.int64)
    half = pa.array(["AM", "PM"]).take(pa.array(seconds // 43_200))
    return joined(clock((seconds // 3600 + 11) % 12 * 3600 + 3600 + seconds % 3600), " ", half)


def _fixed_width_text(codes: npt.NDArray[np.uint8]) -> pa.Array:
    count, width = codes.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)[: count + 1]
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(codes.tobytes())]
    return pa.Array.from_buffers(pa.string(), count, buffers)
