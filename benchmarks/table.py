"""The tables that are copied: a till's sales with 25 columns, and the same as wide as real ones.

Rows are spread evenly over the days and made in the database from the row's number alone, so
that every source of a size is the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

SCHEMA = "COM_5013"
TARGET_SCHEMA = "dbo"
KEY = "ID"
DAY_COLUMN = "SALES_DATE"
VERSION = "UPDATE_TIMESTAMP"
FIRST_DAY = date(2026, 1, 1)
SMALL, SMALL_FIRST_DAY = "SMALL_SALES", date(2024, 1, 1)  # so that none of many days is to come

_TIME_OF_DAY = "(DATE '{first}' + {day}) + interval '8 hours' + (n % 50400) * interval '{tick}'"


def _instant(tick: str) -> str:
    return _TIME_OF_DAY.replace("{tick}", tick)


# Name, type in the spec file, and the value as an expression of the row's number `n`, the table's
# {first} day and how many days the row's {day} comes after it.
_KEYS = (
    (KEY, "bigint", "n"),
    (DAY_COLUMN, "datetime", _instant("1 second")),
    (VERSION, "rowversion", "int8send(n)"),
)
_REST = (
    ("SALES_NO", "varchar(45)", "'S' || lpad(n::text, 12, '0')"),
    ("BUSINESS_DATE", "date", "DATE '{first}' + {day}"),
    ("LOCATION_ID", "int", "1000 + n % 61"),
    ("TERMINAL_NO", "smallint", "1 + n % 4"),
    ("CASHIER", "varchar(60)", "'Cashier ' || n % 700"),
    ("CUSTOMER_ID", "bigint", "CASE WHEN n % 3 = 0 THEN 500000 + n % 90000 END"),
    ("STATUS", "varchar(20)", "CASE WHEN n % 97 = 0 THEN 'Cancelled' ELSE 'Confirmed' END"),
    ("IS_VOID", "bit", "n % 97 = 0"),
    ("GRAND_TOTAL", "decimal(16,4)", "(n % 20000) / 100.0 + 5"),
    ("NET_AMOUNT", "decimal(16,4)", "(n % 20000) / 106.0 + 4.5"),
    ("TAX_AMOUNT", "decimal(16,4)", "(n % 1200) / 100.0"),
    ("DISCOUNT", "decimal(16,4)", "CASE WHEN n % 5 = 0 THEN (n % 300) / 100.0 ELSE 0 END"),
    ("ROUNDING", "decimal(16,4)", "(n % 5 - 2) / 100.0"),
    ("COST", "decimal(16,4)", "(n % 20000) / 250.0"),
    ("PAID", "decimal(16,4)", "(n % 20000) / 100.0 + 10"),
    ("ITEM_COUNT", "int", "1 + n % 9"),
    ("ORDER_TYPE", "varchar(20)", "(ARRAY['Dine in', 'Take away', 'Delivery'])[1 + n % 3]"),
    ("REMARK", "varchar(200)", "CASE WHEN n % 10 = 0 THEN 'no chilli, extra sauce ' || n END"),
    ("SHIFT_KEY", "varchar(36)", "md5((n % 5000)::text)"),
    ("CREATED_AT", "datetime", _instant("1.003 seconds")),
    ("UPDATED_AT", "datetime", _instant("1.017 seconds")),
    ("CHANNEL", "varchar(30)", "(ARRAY['pos', 'kiosk', 'app', 'web'])[1 + n % 4]"),
)
_STORED_AS = {"datetime": "timestamp(3)", "rowversion": "bytea", "bit": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the benchmark: how many rows and columns it has, over how many days."""

    name: str
    rows: int
    days: int
    columns: int = 25
    first_day: date = FIRST_DAY

    @property
    def rows_per_day(self) -> int:
        """Rows of each day; the last day may have fewer."""
        return max(1, -(-self.rows // self.days))

    @property
    def last_day(self) -> date:
        """The last day that has rows."""
        return self.first_day + timedelta(days=self.days - 1)

    def spec(self) -> dict[str, Any]:
        """The table as the spec file describes it."""
        return {
            "name": self.name,
            "strategy": "daily",
            "day_column": DAY_COLUMN,
            "key": [KEY],
            "rowversion": VERSION,
            "columns": [
                {"name": name, "type": kind, "nullable": name not in (KEY, DAY_COLUMN)}
                for name, kind, _ in self._columns()
            ],
        }

    def fill(self) -> list[str]:
        """Statements that make and fill the table at the source."""
        day = f"(n - 1) / {self.rows_per_day}"
        made = ", ".join(
            f'"{name}" {_stored_as(kind)}{" NOT NULL" if name in (KEY, DAY_COLUMN) else ""}'
            for name, kind, _ in self._columns()
        )
        values = ", ".join(
            value.replace("{first}", str(self.first_day)).replace("{day}", f"({day})")
            for _, _, value in self._columns()
        )
        name = f'"{SCHEMA}"."{self.name}"'
        return [
            f"CREATE TABLE {name} ({made})",
            f"INSERT INTO {name} SELECT {values} FROM generate_series(1, {self.rows}) AS n",
            f'ALTER TABLE {name} ADD PRIMARY KEY ("{KEY}")',
            f'CREATE INDEX ON {name} ("{DAY_COLUMN}")',
            f"VACUUM (FREEZE, ANALYZE) {name}",
        ]

    def _columns(self) -> list[tuple[str, str, str]]:
        """The columns, as many as asked for: those behind the first 25 repeat them."""
        chosen = list(_KEYS)
        for at in range(self.columns - len(_KEYS)):
            name, kind, value = _REST[at % len(_REST)]
            turn = at // len(_REST)
            chosen.append((f"{name}_{turn}" if turn else name, kind, value))
        return chosen


def spec_text(*tables: Table) -> str:
    """The spec file of the benchmark."""
    return json.dumps(
        {
            "version": 1,
            "source_schema": SCHEMA,
            "target_schema": TARGET_SCHEMA,
            "tables": [table.spec() for table in tables],
        }
    )


def _stored_as(kind: str) -> str:
    return _STORED_AS.get(kind, kind)
