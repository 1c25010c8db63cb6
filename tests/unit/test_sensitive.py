"""Columns whose values no report shows, by what the spec file says and by their names."""

from __future__ import annotations

import pytest
from support.specs import column, daily, spec_text

from replica_worker.model.specs import parse_specs


@pytest.mark.parametrize(
    ("name", "more", "is_sensitive"),
    [
        ("PASSWORD", {}, True),
        ("API_PASSWORD", {}, True),
        ("PIN", {}, True),
        ("PIN_2", {}, True),
        ("UserPin", {}, True),
        ("ACCESSTOKEN", {}, True),
        ("SHIPPING", {}, False),
        ("SPIN", {}, False),
        ("PINCODE_AREA", {}, False),
        ("PIN_COUNT", {"sensitive": False}, False),
        ("PHONE", {"sensitive": True}, True),
    ],
)
def test_the_field_decides_and_without_it_the_name(name, more, is_sensitive) -> None:
    key = [column("ID", "bigint", nullable=False), column("DAY", "date")]
    table = daily("T", ["ID"], "DAY", columns=[*key, column(name, "varchar(50)", **more)])
    spec = parse_specs(spec_text(table), origin="test")
    assert spec.table("T").column(name).sensitive is is_sensitive
