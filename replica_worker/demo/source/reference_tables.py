"""The rows of the tables that change slowly: items, customers, locations, vouchers.

Owns: which column carries what of the chain. Does not draw the chain (`chain` does) and does not
fill the columns that no fact decides (`table_draft` does).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from replica_worker.demo.source import arrow_columns as columns
from replica_worker.demo.source import vocabulary as words
from replica_worker.demo.source.chain import Chain, Members
from replica_worker.demo.source.shape import PosShape
from replica_worker.demo.source.source_spec import SourceSchema
from replica_worker.demo.source.table_draft import DATE_FORMATS, TableDraft, epoch_days

ITEMS, CUSTOMERS = "APP_4_ITEM", "APP_4_CUSTOMER"
LOCATIONS, VOUCHERS = "LOCATION_DETAIL", "APP_4_VOUCHER_MASTER"
REFERENCE_TABLES = (LOCATIONS, ITEMS, VOUCHERS, CUSTOMERS)

_REFERENCE_STREAM = 31
# Some members joined through an older platform whose numbers lie above int32.
_OLD_PLATFORM_OFFSET = 7_000_000_000


class ReferenceRows:
    """Spells the chain as rows of the reference tables."""

    def __init__(self, *, schema: SourceSchema, chain: Chain, shape: PosShape) -> None:
        """Prepare to spell the chain's tables."""
        self._schema = schema
        self._chain = chain
        self._shape = shape
        self._rng = np.random.default_rng([shape.seed, _REFERENCE_STREAM])

    def batch(self, table: str, *, first_rowversion: int) -> pa.RecordBatch:
        """Return all rows of one reference table."""
        spellings: dict[str, Callable[[], TableDraft]] = {
            ITEMS: self._items,
            LOCATIONS: self._locations,
            VOUCHERS: self._vouchers,
            CUSTOMERS: lambda: self._customers(self._chain.members),
        }
        return spellings[table]().finish(first_rowversion=first_rowversion)

    def batch_of_members(self, members: Members, *, first_rowversion: int) -> pa.RecordBatch:
        """Return the rows of members who joined later."""
        return self._customers(members).finish(first_rowversion=first_rowversion)

    def _draft(self, table: str, rows: int, part: int = 0) -> TableDraft:
        return TableDraft(
            table=self._schema.tables[table],
            rows=rows,
            day=self._shape.first_day,
            seed=self._shape.seed,
            part=part,
        )

    def _items(self) -> TableDraft:
        menu, rng = self._chain.menu, self._rng
        count = len(menu.price)
        draft = self._draft(ITEMS, count)
        price, cost = columns.money(menu.price), columns.money(menu.cost)
        profit = columns.money(menu.price - menu.cost)
        description = pa.array(words.TRICKY_TEXTS + words.LONG_TEXTS)
        draft.put(
            {
                "ID": pa.array(np.arange(1, count + 1)),
                "ITEM_CODE": menu.code,
                "ITEM_NAME": menu.name,
                "ITEM_TYPE": menu.category,
                "CATEGORY": menu.category,
                "ITEM_DESCRIPTION": description.take(pa.array(np.arange(count) % len(description))),
                "DOUBLE_SALE_PRICE": price,
                "DOUBLE_WEB_PRICE": price,
                "DOUBLE_MANUFACTURER_SUGGESTED_RETAIL_PRICE": price,
                "DOUBLE_COST": cost,
                "DOUBLE_AVG_COST": cost,
                "DOUBLE_LAST_STOCK_IN_COST": cost,
                "DOUBLE_AVG_PROFIT": profit,
                "DOUBLE_MARGIN": profit,
                "INT_TOTAL_QUANTITY_SOLD": columns.quantity(rng.integers(0, 90_000, size=count)),
                "WBDELETED": _rarely(rng, count, 0.005),
            }
        )
        formats = np.arange(count) % DATE_FORMATS
        created = epoch_days(self._shape.first_day) - rng.integers(1, 2_500, size=count)
        draft.put_dates("CREATION_DATE", created, formats)
        received = epoch_days(self._shape.first_day) - rng.integers(1, 60, size=count)
        draft.put_dates("LAST_RECEIVE_DATE", received, formats, missing=rng.random(count) < 0.2)
        return draft

    def _customers(self, members: Members) -> TableDraft:
        count = members.count
        # A stream of its own: members who join later do not depend on who was spelled before.
        rng = np.random.default_rng([self._shape.seed, _REFERENCE_STREAM, members.first])
        number = np.arange(members.first, members.first + count)
        number_text = columns.digits(number, 7)
        place = pa.array(rng.integers(0, len(self._chain.outlets.shares), size=count))
        outlets = self._chain.outlets
        draft = self._draft(CUSTOMERS, count, part=members.first)
        city, state = outlets.city.take(place), outlets.state.take(place)
        points = rng.integers(0, 500_000, size=count)
        draft.put(
            {
                "ID": pa.array(np.where(number % 50 == 0, number + _OLD_PLATFORM_OFFSET, number)),
                "CUSTOMER_CODE": members.code,
                "FIRST_NAME": members.given_name,
                "LAST_NAME": members.family_name,
                "COMPANY_NAME": members.name,
                "EMAIL": members.email,
                "API_USERNAME": members.email,
                "MOBILE": members.mobile,
                "PASSWORD": columns.joined(words.PLANTED_MARK, "login-", number_text),
                "API_PASSWORD": columns.joined(words.PLANTED_MARK, "api-", number_text),
                "BILL_STREET": outlets.street.take(place),
                "BILL_CITY": city,
                "BILL_STATE": state,
                "BILL_ZIPCODE": outlets.postcode.take(place),
                "DELIVER_CITY": city,
                "DELIVER_STATE": state,
                "LOCATION_ID": outlets.location_id.take(place),
                "LOCATION_NAME": outlets.name.take(place),
                "CREATED_LOCATION_ID": outlets.location_id.take(place),
                "DOUBLE_POINT_VALUE": columns.money(points),
                "DOUBLE_ACCUMULATE_VALUE": columns.money(points * 3),
                "DOUBLE_LIFETIME_ACCUMULATE_VALUE": columns.money(points * 7),
                "WBDELETED": _rarely(rng, count, 0.005),
            }
        )
        formats = number % DATE_FORMATS
        joined = epoch_days(self._shape.first_day) - rng.integers(1, 2_500, size=count)
        draft.put_dates("CREATION_DATE", joined, formats)
        born = epoch_days(self._shape.first_day) - rng.integers(18 * 365, 75 * 365, size=count)
        draft.put_dates("DOB", born, formats, missing=rng.random(count) < 0.3)
        draft.put_times("CREATION_TIME", rng.integers(9 * 3600, 22 * 3600, size=count))
        return draft

    def _locations(self) -> TableDraft:
        outlets = self._chain.outlets
        count = len(outlets.shares)
        draft = self._draft(LOCATIONS, count)
        number = np.arange(1, count + 1)
        phone = columns.joined("+603", columns.digits(20_000_000 + number * 137, 8))
        draft.put(
            {
                "LOCATION_INT_ID": columns.whole_numbers(number, pa.int32()),
                "ID": outlets.location_id,
                "LOCATIONNAME": outlets.name,
                "LOCATIONADDRESS": columns.joined(
                    outlets.street, ", ", outlets.postcode, " ", outlets.city
                ),
                "LOCATIONTEL": phone,
                "LOCATIONEMAIL": columns.joined(outlets.code, "@example.com"),
                "LOCATIONEXTEND1": outlets.code,
                "LOCATION_DELETED": _rarely(self._rng, count, 0.03),
                "LOCSTATUS": pa.array(["ACTIVE", "Active ", "CLOSED"]).take(
                    pa.array(np.where(number % 13 == 0, 2, number % 7 == 0))
                ),
            }
        )
        return draft

    def _vouchers(self) -> TableDraft:
        rng, count = self._rng, self._shape.vouchers
        draft = self._draft(VOUCHERS, count)
        number = np.arange(1, count + 1)
        terms = pa.array(words.LONG_TEXTS + words.TRICKY_TEXTS)
        title = pa.array(["RM5 off", "Free Teh Tarik", "免费咖啡", "Beli 1 Percuma 1  "])
        draft.put(
            {
                "ID": pa.array(number),
                "REWARD_RULE_ID": pa.array(number + 5_000_000_000),
                "RULE_TITLE": title.take(pa.array(number % len(title))),
                "RULE_DESCRIPTION": title.take(pa.array((number + 1) % len(title))),
                "REWARD_CODE": columns.joined("RW", columns.digits(number, 5)),
                "VOUCHER_PREFIX": columns.joined("V", columns.digits(number, 3)),
                "T_AND_C": terms.take(pa.array(number % len(terms))),
                "CURRENT_REDEMPTION_COUNT": columns.whole_numbers(
                    rng.integers(0, 5_000, size=count), pa.int32()
                ),
                "WBDELETED": _rarely(rng, count, 0.02),
            }
        )
        formats = number % DATE_FORMATS
        created = epoch_days(self._shape.first_day) - rng.integers(1, 400, size=count)
        draft.put_dates("CREATE_DATE", created, formats)
        draft.put_dates("ACTIVATE_DATE", created + 1, formats, missing=number % 9 == 0)
        draft.put_dates("EXPIRY_DATE", created + 365, formats, missing=number % 5 == 0)
        draft.put_times("CREATE_TIME", rng.integers(0, 86_400, size=count))
        draft.put_times("ACTIVATE_TIME", np.full(count, 0), missing=number % 9 == 0)
        draft.put_times("EXPIRY_TIME", np.full(count, 86_399), missing=number % 5 == 0)
        draft.put_times("CHILD_LAST_TIME", np.full(count, 86_399), missing=number % 3 == 0)
        return draft


def _rarely(rng: np.random.Generator, count: int, share: float) -> pa.Array:
    return pa.array(rng.random(count) < share).cast(pa.int16())
