"""What a chain does to yesterday's books after they were copied: fixes, voids, moves, late tills.

Owns: the late changes themselves, as SQL at the source, and the order they come in. Which keys
they touched is measured by `late_report`. Does not build the source (`load` does).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import sql

from replica_worker.demo.source import ddl
from replica_worker.demo.source import vocabulary as words
from replica_worker.demo.source.baskets import draw_late_sales
from replica_worker.demo.source.chain import make_chain, make_members
from replica_worker.demo.source.late_report import (
    Key,
    LateChanges,
    LateStep,
    compare_fingerprints,
    take_fingerprints,
)
from replica_worker.demo.source.load import add_day, connect, copy_batch
from replica_worker.demo.source.reference_tables import CUSTOMERS, ITEMS, ReferenceRows
from replica_worker.demo.source.sales_tables import (
    PAYMENTS,
    SALES,
    SALES_ITEMS,
    SALES_TABLES,
    SalesRows,
)
from replica_worker.demo.source.shape import PosShape
from replica_worker.demo.source.source_spec import SourceSchema, read_source_schema

_PRICE_FIXES, _VOIDS, _DELETIONS, _MOVES, _LATE_SALES, _SPELLINGS = 4, 5, 3, 1, 2, 2
_ITEM_PRICES, _NEW_MEMBERS, _NEW_PASSWORDS = 5, 4, 1
_PRICE_RISE, _TAX_RISE = 5, sql.SQL("0.30")
_T = TypeVar("_T")


def make_late_changes(
    *, connection_url: str, spec_json: Mapping[str, Any], shape: PosShape, t0: date
) -> LateChanges:
    """Change day `t0` - 1 after the fact and add day `t0`; report exactly what changed.

    The source must be one that `build_source` made of the same shape, with `t0` as its end, and
    unchanged since. Reference tables change too: prices, new members, a new password.
    """
    if t0 != shape.end:
        raise ValueError(f"t0 must be the day after the shape's last day, {shape.end}")
    schema, t1 = read_source_schema(spec_json), t0 - timedelta(days=1)
    earliest, after_t0 = t1 - timedelta(days=1), t0 + timedelta(days=1)
    with connect(connection_url) as connection:
        late = _LateHand(connection=connection, schema=schema, shape=shape, t0=t0)
        late.refuse_if_traded()
        before = take_fingerprints(connection, schema, first_day=earliest, end=t0)
        steps = [*late.change_sales(), late.deliver_late_sales(), *late.change_reference_tables()]
    add_day(connection_url=connection_url, spec_json=spec_json, shape=shape, day=t0)
    with connect(connection_url) as connection:
        after = take_fingerprints(connection, schema, first_day=earliest, end=after_t0)
    return LateChanges(
        t0=t0, t1=t1, steps=tuple(steps), changes=compare_fingerprints(before, after)
    )


class _LateHand:
    """Makes the changes in the connection's transaction; no sale is touched by two of them."""

    def __init__(
        self,
        *,
        connection: psycopg.Connection[tuple[Any, ...]],
        schema: SourceSchema,
        shape: PosShape,
        t0: date,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._shape = shape
        self._t0, self._t1 = t0, t0 - timedelta(days=1)
        self._random = random.Random(f"{shape.seed} {t0}")  # noqa: S311 - not for secrets

    def refuse_if_traded(self) -> None:
        sold = self._run(
            """
            SELECT count(*)
            FROM {sales}
            WHERE "DATETIME__SALES_DATE" = %(day)s
            """,
            day=self._t0,
        ).fetchone()
        if sold is not None and sold[0] > 0:
            raise ValueError(f"{self._t0} already has sales: these late changes were made before")

    def change_sales(self) -> list[LateStep]:
        walk_ins = self._pick(self._settled_sales(walk_ins=True), _SPELLINGS)
        others = sorted(set(self._settled_sales(walk_ins=False)) - set(walk_ins))
        wanted = (_PRICE_FIXES, _VOIDS, _DELETIONS, _MOVES, _SPELLINGS, _SPELLINGS)
        picked = iter(self._pick(others, sum(wanted)))
        fixes, voids, deletions, moves, cases, blanks = (
            [next(picked) for _ in range(count)] for count in wanted
        )
        return [
            self._fix_prices(fixes),
            self._void(voids),
            self._delete(deletions),
            self._move(moves, self._t1 - timedelta(days=1)),
            self._change_case(cases),
            self._add_trailing_blank(blanks),
            self._swap_null_and_empty(walk_ins),
        ]

    def deliver_late_sales(self) -> LateStep:
        chain = make_chain(self._shape)
        rows = SalesRows(
            schema=self._schema,
            chain=chain,
            seed=self._shape.seed,
            day_of_sales=draw_late_sales(
                shape=self._shape, chain=chain, day=self._t1, count=_LATE_SALES
            ),
            ids=self._shape.late_ids_of(self._t0),
            part=1,
        )
        sales_numbers: tuple[Key, ...] = ()
        for name in SALES_TABLES:
            batch = rows.batch(name, first_rowversion=0)
            copy_batch(self._connection, self._schema, name, batch, freeze=False)
            if name == SALES:
                sales_numbers = tuple(batch.column("SALES_NO").to_pylist())
        return LateStep(
            name="offline till",
            meaning="sales of a till that had no connection arrive a day late",
            subjects=sales_numbers,
        )

    def change_reference_tables(self) -> list[LateStep]:
        item_ids = self._pick(list(range(1, self._shape.items + 1)), _ITEM_PRICES)
        member_ids = self._pick(
            [number for number in range(1, self._shape.customers + 1) if number % 50],
            _NEW_PASSWORDS,
        )
        self._run(
            """
            UPDATE {item}
            SET "DOUBLE_SALE_PRICE" = "DOUBLE_SALE_PRICE" + 0.50,
                "DOUBLE_MARGIN" = "DOUBLE_MARGIN" + 0.50
            WHERE "ID" = ANY(%(ids)s)
            """,
            ids=item_ids,
        )
        # The column is not replicated, but its row gets a new row version, which is.
        self._run(
            """
            UPDATE {customer}
            SET "PASSWORD" = %(password)s
            WHERE "ID" = ANY(%(ids)s)
            """,
            ids=member_ids,
            password=f"{words.PLANTED_MARK}login-changed",
        )
        return [
            LateStep(name="item prices", meaning="menu prices rise", subjects=tuple(item_ids)),
            LateStep(
                name="new password",
                meaning="a member changes the password, a column that is not replicated",
                subjects=tuple(member_ids),
            ),
            self._enrol_members(),
        ]

    def _enrol_members(self) -> LateStep:
        members = make_members(
            seed=self._shape.seed, first=self._shape.customers + 1, count=_NEW_MEMBERS
        )
        reference = ReferenceRows(
            schema=self._schema, chain=make_chain(self._shape), shape=self._shape
        )
        batch = reference.batch_of_members(members, first_rowversion=0)
        copy_batch(self._connection, self._schema, CUSTOMERS, batch, freeze=False)
        return LateStep(
            name="new members",
            meaning="customers join",
            subjects=tuple(batch.column("ID").to_pylist()),
        )

    def _settled_sales(self, *, walk_ins: bool) -> list[str]:
        """Return completed sales of T-1 whose payments are all dated T-1 too."""
        rows = self._run(
            """
            SELECT s."SALES_NO"
            FROM {sales} AS s
            WHERE s."DATETIME__SALES_DATE" = %(day)s
              AND s."SALES_STATUS" = 'Completed'
              AND s."WBDELETED" = 0
              AND s."BOOL_IS_RETURNSALES" = 0
              AND (NOT %(walk_ins)s OR (s."CUSTOMER_ID" = '' AND s."CUSTOMER_EMAIL" IS NULL))
              AND NOT EXISTS (
                    SELECT FROM {payment} AS p
                    WHERE p."INVOICE_ID" = s."SALES_NO"
                      AND p."DATETIME__DATE" <> s."DATETIME__SALES_DATE")
            ORDER BY s."ID"
            """,
            day=self._t1,
            walk_ins=walk_ins,
        )
        return [sales_no for (sales_no,) in rows]

    def _fix_prices(self, sales: list[str]) -> LateStep:
        self._run(
            """
            UPDATE {items}
            SET "DOUBLE_PRICE" = "DOUBLE_PRICE" + {rise},
                "DOUBLE_ENTER_PRICE" = "DOUBLE_ENTER_PRICE" + {rise},
                "DOUBLE_SUB_TOTAL" = "DOUBLE_SUB_TOTAL" + {rise} * "INT_QUANTITY",
                "DOUBLE_PROFIT" = "DOUBLE_PROFIT" + {rise} * "INT_QUANTITY",
                "DOUBLE_MGST_TAX_AMOUNT" = "DOUBLE_MGST_TAX_AMOUNT" + {tax} * "INT_QUANTITY",
                "DOUBLE_TOTAL_TAX_AMOUNT" = "DOUBLE_TOTAL_TAX_AMOUNT" + {tax} * "INT_QUANTITY"
            WHERE "SALES_NO" = ANY(%(sales)s) AND "ITEMINDEX" = '01'
            """,
            sales=sales,
        )
        self._run(
            """
            UPDATE {sales} AS s
            SET "DOUBLE_NET_AMOUNT" = s."DOUBLE_NET_AMOUNT" + {rise} * i."INT_QUANTITY",
                "DOUBLE_PROFIT" = s."DOUBLE_PROFIT" + {rise} * i."INT_QUANTITY",
                "DOUBLE_MGST_TAX_AMOUNT" = s."DOUBLE_MGST_TAX_AMOUNT" + {tax} * i."INT_QUANTITY",
                "DOUBLE_TOTAL_AMOUNT"
                    = s."DOUBLE_TOTAL_AMOUNT" + ({rise} + {tax}) * i."INT_QUANTITY",
                "DOUBLE_PAID_AMOUNT" = s."DOUBLE_PAID_AMOUNT" + ({rise} + {tax}) * i."INT_QUANTITY"
            FROM {items} AS i
            WHERE s."SALES_NO" = ANY(%(sales)s)
              AND i."SALES_NO" = s."SALES_NO" AND i."ITEMINDEX" = '01'
            """,
            sales=sales,
        )
        # Of a split payment the first part takes the difference.
        self._run(
            """
            UPDATE {payment} AS p
            SET "DOUBLE_AMOUNT" = p."DOUBLE_AMOUNT" + ({rise} + {tax}) * i."INT_QUANTITY"
            FROM {items} AS i
            WHERE p."ID" IN (
                    SELECT min("ID") FROM {payment}
                    WHERE "INVOICE_ID" = ANY(%(sales)s)
                    GROUP BY "INVOICE_ID")
              AND i."SALES_NO" = p."INVOICE_ID" AND i."ITEMINDEX" = '01'
            """,
            sales=sales,
        )
        meaning = "a wrong price is corrected in item, header and payment"
        return LateStep(name="price fix", meaning=meaning, subjects=tuple(sales))

    def _void(self, sales: list[str]) -> LateStep:
        self._run(
            """
            UPDATE {sales}
            SET "SALES_STATUS" = 'Cancelled',
                "PAYMENT_STATUS" = 'Unpaid',
                "DOUBLE_PAID_AMOUNT" = 0,
                "CANCEL_BY" = 'Pengurus',
                "CANCEL_REMARK" = 'dibatalkan keesokan hari',
                "CANCEL_DATE" = to_char(%(day)s::date, 'YYYY-MM-DD'),
                "DATETIME__CANCEL_DATE" = %(day)s,
                "CANCEL_TIME" = '09:15:00 AM',
                "TIME__CANCEL_TIME" = '09:15:00',
                "CANCEL_LOCATION_ID" = "SALE_LOCATION"
            WHERE "SALES_NO" = ANY(%(sales)s)
            """,
            sales=sales,
            day=self._t0,
        )
        self._run(
            """
            UPDATE {payment}
            SET "BOOL_ISVOID" = 1
            WHERE "INVOICE_ID" = ANY(%(sales)s)
            """,
            sales=sales,
        )
        meaning = "a sale is voided the next morning, with its payments"
        return LateStep(name="void", meaning=meaning, subjects=tuple(sales))

    def _delete(self, sales: list[str]) -> LateStep:
        self._run('DELETE FROM {payment} WHERE "INVOICE_ID" = ANY(%(sales)s)', sales=sales)
        self._run('DELETE FROM {items} WHERE "SALES_NO" = ANY(%(sales)s)', sales=sales)
        self._run('DELETE FROM {sales} WHERE "SALES_NO" = ANY(%(sales)s)', sales=sales)
        meaning = "a sale disappears: header, items and payments"
        return LateStep(name="deletion", meaning=meaning, subjects=tuple(sales))

    def _move(self, sales: list[str], day: date) -> LateStep:
        for table in (SALES, SALES_ITEMS):
            self._run(
                """
                UPDATE {moved}
                SET "SALES_DATE" = to_char(%(day)s::date, 'DD/MM/YYYY'),
                    "DATETIME__SALES_DATE" = %(day)s,
                    "BUSINESS_DATE" = to_char(%(day)s::date, 'DD/MM/YYYY'),
                    "DATETIME__BUSINESS_DATE" = %(day)s,
                    "SRV_YYYY__SALES_DATE" = extract(year FROM %(day)s::date)
                WHERE "SALES_NO" = ANY(%(sales)s)
                """,
                moved=table,
                sales=sales,
                day=day,
            )
        self._run(
            """
            UPDATE {payment}
            SET "DATE" = to_char(%(day)s::date, 'DD/MM/YYYY'),
                "DATETIME__DATE" = %(day)s,
                "BUSINESS_DATE" = to_char(%(day)s::date, 'DD/MM/YYYY'),
                "DATETIME__BUSINESS_DATE" = %(day)s,
                "SRV_YYYY__DATE" = extract(year FROM %(day)s::date)
            WHERE "INVOICE_ID" = ANY(%(sales)s)
            """,
            sales=sales,
            day=day,
        )
        meaning = f"a sale was booked on the wrong day and moves to {day}"
        return LateStep(name="move", meaning=meaning, subjects=tuple(sales))

    def _change_case(self, sales: list[str]) -> LateStep:
        self._run(
            """
            UPDATE {sales}
            SET "SALES_TYPE" = upper("SALES_TYPE")
            WHERE "SALES_NO" = ANY(%(sales)s)
            """,
            sales=sales,
        )
        meaning = "a text changes in case only"
        return LateStep(name="case only", meaning=meaning, subjects=tuple(sales))

    def _add_trailing_blank(self, sales: list[str]) -> LateStep:
        self._run(
            """
            UPDATE {items}
            SET "ITEM_CATEGORY" = "ITEM_CATEGORY" || ' '
            WHERE "SALES_NO" = ANY(%(sales)s) AND "ITEMINDEX" = '01'
            """,
            sales=sales,
        )
        meaning = "a text gets a blank at its end"
        return LateStep(name="trailing blank only", meaning=meaning, subjects=tuple(sales))

    def _swap_null_and_empty(self, sales: list[str]) -> LateStep:
        self._run(
            """
            UPDATE {sales}
            SET "CUSTOMER_ID" = NULL,
                "CUSTOMER_EMAIL" = ''
            WHERE "SALES_NO" = ANY(%(sales)s)
            """,
            sales=sales,
        )
        meaning = "an empty text becomes NULL and a NULL becomes an empty text"
        return LateStep(name="NULL and empty", meaning=meaning, subjects=tuple(sales))

    def _pick(self, candidates: list[_T], count: int) -> list[_T]:
        if len(candidates) < count:
            raise ValueError("the day has too few plain sales; give the shape more sales_per_day")
        return self._random.sample(candidates, count)

    def _run(
        self, text: LiteralString, *, moved: str = SALES, **values: Any
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        names = {"sales": SALES, "items": SALES_ITEMS, "payment": PAYMENTS, "moved": moved}
        names |= {"item": ITEMS, "customer": CUSTOMERS}
        tables = {word: ddl.identifier(self._schema.name, table) for word, table in names.items()}
        rise = sql.Literal(_PRICE_RISE)
        return self._connection.execute(
            sql.SQL(text).format(**tables, rise=rise, tax=_TAX_RISE), values
        )
