"""The size and the seed of a demo source, and the number ranges that follow from them.

Owns: `PosShape`, its checks, and which IDs belong to which day. Does not generate a single row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

_INT32_LIMIT = 2**31
_ITEMS_PER_SALE_AT_MOST = 14
_PAYMENTS_PER_SALE_AT_MOST = 2
_FIRST_ITEM_ID = 9_400_000_000
_FIRST_PAYMENT_ID = 1_000_000
_LATE_SALES_AT_MOST = 16


@dataclass(frozen=True, kw_only=True)
class IdBlock:
    """The first ID of each of the three sales tables in one run of rows."""

    sale: int
    item: int
    payment: int


@dataclass(frozen=True, kw_only=True)
class PosShape:
    """How much of a restaurant chain to make. Equal shapes give byte-identical sources.

    The source covers `days` days from `first_day`; `end` is the day after the last one, the day
    that has not been traded (and so not been replicated) yet.
    """

    first_day: date
    seed: int = 5013
    days: int = 14
    sales_per_day: int = 900
    outlets: int = 40
    items: int = 400
    customers: int = 3_000
    vouchers: int = 60

    def __post_init__(self) -> None:
        """Refuse a shape that the generator cannot make believable."""
        least = {
            "days": 2,
            "sales_per_day": 40,
            "outlets": 2,
            "items": 10,
            "customers": 1,
            "vouchers": 1,
        }
        for field, minimum in least.items():
            if getattr(self, field) < minimum:
                raise ValueError(f"{field} must be at least {minimum}")

    @property
    def end(self) -> date:
        """The day after the last day that the source covers."""
        return self.first_day + timedelta(days=self.days)

    def days_covered(self) -> tuple[date, ...]:
        """Every day that the source covers, in order."""
        return tuple(self.first_day + timedelta(days=index) for index in range(self.days))

    def ids_of(self, day: date) -> IdBlock:
        """The IDs of a day's own sales. Gaps stay between days, as identity columns leave them."""
        return self._block((day - self.first_day).days * self._sales_reserved())

    def late_ids_of(self, day: date) -> IdBlock:
        """The IDs of sales that an offline till delivers on `day` for an earlier day."""
        days_before = (day - self.first_day).days
        return self._block((days_before + 1) * self._sales_reserved() - _LATE_SALES_AT_MOST)

    def _sales_reserved(self) -> int:
        return 2 * self.sales_per_day + _LATE_SALES_AT_MOST

    def _block(self, sales_before: int) -> IdBlock:
        # Sale IDs pass the int32 limit on the second day: whoever stores them in an int notices.
        first_sale = _INT32_LIMIT - self._sales_reserved()
        return IdBlock(
            sale=first_sale + sales_before,
            item=_FIRST_ITEM_ID + sales_before * _ITEMS_PER_SALE_AT_MOST,
            payment=_FIRST_PAYMENT_ID + sales_before * _PAYMENTS_PER_SALE_AT_MOST,
        )
