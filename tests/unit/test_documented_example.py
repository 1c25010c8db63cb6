"""The example in docs/explanation/reconciliation.md is what the encoding makes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from support.specs import columns, daily, spec_text

from replica_worker.model.digests import DigestKind
from replica_worker.model.encoding import buckets_of, digest_rows, encode_rows
from replica_worker.model.specs import parse_specs

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "reconciliation.md"


def test_example_is_what_the_encoding_makes() -> None:
    kinds = columns(
        ID="bigint!", DAY="date", TOTAL="decimal(16,4)", NOTE="varchar(40)", REF="varchar(40)",
        VOID="bit",
    )  # fmt: skip
    spec = parse_specs(spec_text(daily("SALES", ["ID"], "DAY", columns=kinds)), origin="example")
    (table,) = spec.tables
    row = {
        "ID": 42,
        "DAY": date(2026, 3, 14),
        "TOTAL": Decimal("1.5"),
        "NOTE": "café",
        "REF": None,
        "VOID": False,
    }
    batch = pa.RecordBatch.from_pylist([row], schema=table.arrow_schema)
    (written,) = encode_rows(batch, table.columns)
    digest = str(digest_rows(table, [batch], DigestKind.CONTENT))
    page = PAGE.read_text(encoding="utf-8")
    assert f"bytes    {written.decode()} " in page
    assert f"digest   {digest} " in page
    assert f"MD5      {digest[-32:-16]} {digest[-16:]} " in page
    (few,), (many,) = buckets_of(table, batch, 64), buckets_of(table, batch, 4096)
    assert f": {few} of 64, {many} of 4,096" in page
