"""Arrow columns as texts that name every value exactly, in any language of the server.

Vectorised: no Python object is made per value here. SQL Server makes the staging column's type
from them (`staged.insert_texts`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_HEX_DIGITS = np.frombuffer(b"".join(f"{byte:02x}".encode() for byte in range(256)), np.uint16)


def as_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with every column as strings; NULL stays NULL."""
    return pa.RecordBatch.from_arrays(
        [_as_text(column) for column in batch.columns], names=batch.schema.names
    )


def _as_text(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.uint8()).cast(pa.string())
    if pa.types.is_decimal128(kind):
        return _decimal_text(column)
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _hex(column)
    return column.cast(pa.string())


def _decimal_text(column: pa.Array) -> pa.Array:
    """All digits, never with an exponent, which CAST to decimal does not read."""
    scale = column.type.scale
    unscaled = pa.Array.from_buffers(
        pa.decimal128(38, 0), len(column), column.buffers(), offset=column.offset
    ).cast(pa.string())
    if not scale:
        return unscaled
    sign = pc.if_else(pc.starts_with(unscaled, "-"), "-", "")
    digits = pc.ascii_lpad(pc.ascii_ltrim(unscaled, "-"), scale + 1, "0")
    whole = pc.utf8_slice_codeunits(digits, 0, -scale)
    fraction = pc.utf8_slice_codeunits(digits, -scale)
    return pc.binary_join_element_wise(sign, whole, ".", fraction, "")


def _hex(column: pa.Array) -> pa.Array:
    """Bytes as hexadecimal digits, as CONVERT reads them in style 2."""
    flat = column.cast(pa.binary()).fill_null(b"")
    _, offsets, content = flat.buffers()
    starts = np.frombuffer(offsets, np.int32)[flat.offset : flat.offset + len(flat) + 1]
    taken = np.frombuffer(content or b"", np.uint8)[starts[0] : starts[-1]]
    hexed = pa.StringArray.from_buffers(
        len(flat),
        pa.py_buffer(((starts - starts[0]) * 2).tobytes()),
        pa.py_buffer(_HEX_DIGITS[taken].tobytes()),
    )
    return pc.if_else(column.is_valid(), hexed, None)
