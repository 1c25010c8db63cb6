"""Spec texts, written as short as a test needs them."""

from __future__ import annotations

import json
from typing import Any

SOURCE_SCHEMA = "COM_5013"
TARGET_SCHEMA = "dbo"


def column(name: str, sql_type: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": sql_type, **more}


def columns(**types: str) -> list[dict[str, Any]]:
    """Columns by name and type; a type that ends in `!` takes no NULL."""
    return [
        column(name, sql_type.rstrip("!"), nullable=not sql_type.endswith("!"))
        for name, sql_type in types.items()
    ]


def daily(name: str, key: list[str], day_column: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "strategy": "daily", "key": key, "day_column": day_column, **more}


def spec_text(*tables: dict[str, Any], **more: Any) -> str:
    document = {
        "version": 1,
        "source_schema": SOURCE_SCHEMA,
        "target_schema": TARGET_SCHEMA,
        "tables": list(tables),
        **more,
    }
    return json.dumps(document)


SALES = daily(
    "SALES",
    ["ID"],
    "DAY",
    columns=columns(ID="bigint!", DAY="date", AMOUNT="decimal(16,4)", NOTE="varchar(200)"),
)
"""A daily table without a rowversion: digests cover its content."""

VERSIONED = daily(
    "VERSIONED",
    ["ID"],
    "DAY",
    rowversion="RV",
    columns=columns(ID="bigint!", DAY="date", NOTE="varchar(200)", RV="rowversion"),
)
"""A daily table with a rowversion: digests cover keys and rowversions."""

ITEMS = {
    "name": "ITEMS",
    "strategy": "snapshot",
    "key": ["ID"],
    "columns": columns(ID="bigint!", NAME="nvarchar(100)"),
}
STAFF = {
    "name": "STAFF",
    "strategy": "incremental",
    "key": ["ID"],
    "rowversion": "RV",
    "columns": columns(ID="bigint!", NAME="nvarchar(100)", RV="rowversion"),
}
LINES = {
    "name": "LINES",
    "strategy": "daily",
    "key": ["SALE_ID", "LINE_NO"],
    "day_from": {"table": "SALES", "on": {"SALE_ID": "ID"}},
    "columns": columns(SALE_ID="bigint!", LINE_NO="int!", ITEM="varchar(50)"),
}
"""A child of SALES that has no day of its own."""
