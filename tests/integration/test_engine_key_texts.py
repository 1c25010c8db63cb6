"""A key has one text, whichever engine wrote it, and the text finds the row again."""

from __future__ import annotations

import json

import pytest
from support.engines import Bench
from support.specs import columns

from replica_worker.engines.values import KeyList, RowSelection, Side
from replica_worker.model.digests import DigestKind

KEYS = [
    ("bigint", "-42", "-42"),
    ("bit", "true", "1"),
    ("decimal(16,4)", "1.5", "1.5000"),
    ("money", "-0.0001", "-0.0001"),
    ("date", "'0001-01-01'", "0001-01-01"),
    ("datetime", "'2026-03-14 15:09:26.5'", "2026-03-14 15:09:26.500"),
    ("smalldatetime", "'2026-03-14 15:09:00'", "2026-03-14 15:09:00"),
    ("datetime2(0)", "'0001-01-01 00:00:00'", "0001-01-01 00:00:00"),
    ("datetime2(6)", "'2026-03-14 15:09:26.5'", "2026-03-14 15:09:26.500000"),
    ("datetime2(7)", "'2026-03-14 15:09:26.5'", "2026-03-14 15:09:26.5000000"),
    ("datetimeoffset(7)", "'2026-03-14 08:00:00.5+08'", "2026-03-14 00:00:00.5000000 +00:00"),
    ("time(3)", "'15:09:26.5'", "15:09:26.5000000"),
    ("char(9)", "'a b'", "a b"),
    ("varchar(20)", "'a/b\\\"c  '", 'a/b\\"c  '),
    ("nvarchar(20)", "E'\u4e2d\U0001f35f\\t\\x01'", "\u4e2d\U0001f35f\t\x01"),
    ("varbinary(9)", "'\\x00ff'", "00ff"),
    ("rowversion", "'\\x00000000000007d1'", "00000000000007d1"),
    ("uniqueidentifier", "'3F2504E0-4F89-11D3-9A0C-0305E82C3301'",
     "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
]  # fmt: skip


@pytest.mark.parametrize(("sql_type", "literal", "text"), KEYS, ids=lambda part: str(part)[:30])
def test_key_has_one_text_that_finds_its_row(
    bench: Bench, sql_type: str, literal: str, text: str
) -> None:
    (table,) = bench.make(
        {
            "name": "KEYED",
            "strategy": "snapshot",
            "key": ["ID", "K"],
            "columns": columns(ID="int!", K=f"{sql_type}!"),
        }
    )
    bench.fill(table, ("1", literal))
    rows = RowSelection(table=table, side=Side.SOURCE)
    with bench.snapshot(Side.SOURCE) as source:
        (hashed,) = [
            row
            for batch in source.row_hashes(rows, DigestKind.CONTENT)
            for row in batch.to_pylist()
        ]
        keys = [KeyList(json=f"[{hashed['key']}]", count=1)]
        found = sum(batch.num_rows for batch in source.read_by_key(table, Side.SOURCE, keys))
    assert json.loads(hashed["key"]) == {"k0": "1", "k1": text}
    assert hashed["key"] == json.dumps({"k0": "1", "k1": text}, ensure_ascii=False)
    assert found == 1
