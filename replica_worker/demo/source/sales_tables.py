"""The rows of APP_4_SALES, APP_4_SALESITEM and APP_4_PAYMENT for one day.

Owns: which column carries which number or text of a day's sales. Does not draw sales
(`baskets` does) and does not fill the columns that no fact decides (`table_draft` does).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replica_worker.demo.source import arrow_columns as columns
from replica_worker.demo.source import vocabulary as words
from replica_worker.demo.source.baskets import TAX_PERCENT, DayOfSales
from replica_worker.demo.source.chain import Chain
from replica_worker.demo.source.shape import IdBlock
from replica_worker.demo.source.source_spec import SourceSchema
from replica_worker.demo.source.table_draft import DATE_FORMATS, TableDraft, epoch_days

SALES, SALES_ITEMS, PAYMENTS = "APP_4_SALES", "APP_4_SALESITEM", "APP_4_PAYMENT"
SALES_TABLES = (SALES, SALES_ITEMS, PAYMENTS)

_Whole = npt.NDArray[np.int64]
_MILLISECONDS_A_DAY = 86_400_000
_MIDNIGHT_TRADE_ENDS = 3 * 3600
_WALK_IN = "CASH"
_DONE, _OPEN, _VOID = "Completed", "Pending", "Cancelled"


@dataclass(frozen=True, kw_only=True)
class _PerSale:
    """Texts and numbers of each sale that more than one of its tables repeats."""

    sales_no: pa.Array
    location_id: pa.Array
    customer_id: pa.Array
    customer_name: pa.Array
    cashier: pa.Array
    session: pa.Array
    end_of_day_log: pa.Array
    terminal: pa.Array
    status: pa.Array
    date_format: _Whole
    calendar_day: _Whole
    business_day: _Whole


class SalesRows:
    """Spells a day of sales as rows of the three sales tables."""

    def __init__(
        self,
        *,
        schema: SourceSchema,
        chain: Chain,
        seed: int,
        day_of_sales: DayOfSales,
        ids: IdBlock,
        part: int = 0,
    ) -> None:
        """Prepare what the tables share; `part` tells batches of one day apart."""
        self._schema = schema
        self._chain = chain
        self._seed = seed
        self._sold = day_of_sales
        self._ids = ids
        self._part = part
        self._rng = np.random.default_rng([seed, 21, day_of_sales.day.toordinal(), part])
        self._shared = self._share()

    def batch(self, table: str, *, first_rowversion: int) -> pa.RecordBatch:
        """Return the day's rows of one of the three tables."""
        if table == SALES:
            draft = self._sales()
        elif table == SALES_ITEMS:
            draft = self._items()
        else:
            draft = self._payments()
        return draft.finish(first_rowversion=first_rowversion)

    def _draft(self, table: str, rows: int) -> TableDraft:
        return TableDraft(
            table=self._schema.tables[table],
            rows=rows,
            day=self._sold.day,
            seed=self._seed,
            part=self._part,
        )

    def _share(self) -> _PerSale:
        tickets, outlets = self._sold.tickets, self._chain.outlets
        outlet = pa.array(tickets.outlet)
        code = outlets.code.take(outlet)
        date_text = self._sold.day.strftime("%y%m%d")
        is_member = tickets.member >= 0
        member = pa.array(tickets.member, mask=~is_member)
        members = self._chain.members
        days = np.full(tickets.count, epoch_days(self._sold.day), dtype=np.int64)
        after_midnight = tickets.second < _MIDNIGHT_TRADE_ENDS
        cashier_index = (tickets.outlet * 3 + tickets.second // 28_800) % len(words.CASHIERS)
        status = np.where(tickets.cancelled, 2, np.where(tickets.pending, 1, 0))
        return _PerSale(
            sales_no=columns.joined(code, date_text, columns.digits(tickets.sequence, 5)),
            location_id=outlets.location_id.take(outlet),
            customer_id=pa.compute.fill_null(members.code.take(member), ""),
            customer_name=pa.compute.fill_null(members.name.take(member), _WALK_IN),
            cashier=pa.array(words.CASHIERS).take(pa.array(cashier_index)),
            session=columns.joined("DS-", code, "-", date_text),
            end_of_day_log=columns.joined("EOD-", code, "-", date_text),
            terminal=columns.joined(code, "-T", columns.digits(tickets.second % 3 + 1, 2)),
            status=pa.array([_DONE, _OPEN, _VOID]).take(pa.array(status)),
            # A till keeps its date format; tills differ.
            date_format=tickets.outlet % DATE_FORMATS,
            calendar_day=days,
            business_day=days - after_midnight,
        )

    def _sales(self) -> TableDraft:
        tickets, shared = self._sold.tickets, self._shared
        draft = self._draft(SALES, tickets.count)
        draft.put(self._sale_identity())
        draft.put(self._sale_money())
        draft.put(self._sale_documents())
        draft.put_dates("SALES_DATE", shared.calendar_day, shared.date_format)
        draft.put_dates("BUSINESS_DATE", shared.business_day, shared.date_format)
        draft.put_dates(
            "SETTLEMENT_DATE", shared.calendar_day + 1, shared.date_format, missing=tickets.pending
        )
        draft.put_times("NOW_TIME", tickets.second)
        self._put_cancellation(draft)
        return draft

    def _put_cancellation(self, draft: TableDraft) -> None:
        tickets, shared = self._sold.tickets, self._shared
        kept = ~tickets.cancelled
        reasons = pa.array(["Salah pesanan", "customer changed mind ", "重复下单", "Wrong item\n"])
        reason = reasons.take(pa.array(tickets.second % len(reasons)))
        draft.put(
            {
                "CANCEL_BY": columns.blanked(shared.cashier, kept),
                "CANCEL_REMARK": columns.blanked(reason, kept),
                "CANCEL_LOCATION_ID": columns.blanked(shared.location_id, kept),
            }
        )
        draft.put_dates("CANCEL_DATE", shared.calendar_day, shared.date_format, missing=kept)
        cancelled_at = np.minimum(tickets.second + 240, 86_399)
        draft.put_times("CANCEL_TIME", cancelled_at, missing=kept)

    def _sale_identity(self) -> dict[str, pa.Array]:
        tickets, outlets, shared = self._sold.tickets, self._chain.outlets, self._shared
        outlet = pa.array(tickets.outlet)
        channel = pa.array(words.CHANNELS).take(pa.array(tickets.channel))
        member = pa.array(tickets.member, mask=tickets.member < 0)
        sale_id = self._ids.sale + np.arange(tickets.count)
        return {
            "ID": pa.array(sale_id),
            "SALES_NO": shared.sales_no,
            "RECIPIENT": shared.customer_name,
            "CUSTOMER_ID": shared.customer_id,
            "CUSTOMER_NAME": shared.customer_name,
            "CUSTOMER_EMAIL": self._chain.members.email.take(member),
            "RECIPIENT_CONTACT": self._chain.members.mobile.take(member),
            "CASHIER": shared.cashier,
            "SALES_PERSON": shared.cashier,
            "SALES_PERSON_USERNAME": shared.cashier,
            "BILL_STREET": outlets.street.take(outlet),
            "BILL_CITY": outlets.city.take(outlet),
            "BILL_STATE": outlets.state.take(outlet),
            "BILL_POSTCODE": outlets.postcode.take(outlet),
            "SALE_LOCATION": shared.location_id,
            "SALES_STATUS": shared.status,
            "SALES_TYPE": channel,
            "SUBSALES_TYPE": channel,
            "SALESCHANNEL": channel,
            "DELIVERY_TYPE": columns.blanked(channel, tickets.channel != 3),
            "BOOL_IS_RETURNSALES": _flags(tickets.returned),
            "BOOL_ISREFUND": _flags(tickets.returned),
            "WBDELETED": _flags(tickets.soft_deleted),
            "REF_SALES_ID": columns.blanked(pa.array(sale_id - tickets.count), ~tickets.returned),
            "ORDERID": pa.array(sale_id * 3 + 1),
        }

    def _sale_money(self) -> dict[str, pa.Array]:
        tickets, totals = self._sold.tickets, self._sold.totals
        paid_at_all = ~tickets.pending & ~tickets.cancelled
        paid = np.where(paid_at_all, totals.total, 0)
        tendered = np.zeros(tickets.count, dtype=np.int64)
        np.add.at(tendered, self._sold.payments.sale, self._sold.payments.tendered)
        return {
            "DOUBLE_TOTAL_AMOUNT": columns.money(totals.total),
            "DOUBLE_FOREIGN_TOTAL_AMOUNT": columns.money(totals.total),
            "DOUBLE_NET_AMOUNT": columns.money(totals.net),
            "DOUBLE_MGST_TAX_AMOUNT": columns.money(totals.tax),
            "DOUBLE_FOREIGN_TAX_AMOUNT": columns.money(totals.tax),
            "DOUBLE_DELIVERYCHARGEAMOUNT": columns.money(totals.delivery),
            "DOUBLE_ROUNDINGAMOUNT": columns.money(totals.rounding),
            "DOUBLE_FOREIGN_ROUNDING_AMOUNT": columns.money(totals.rounding),
            "DOUBLE_PAID_AMOUNT": columns.money(paid),
            "DOUBLE_BALANCE_AMOUNT": columns.money(np.where(tickets.pending, totals.total, 0)),
            "DOUBLE_TENDERED_AMOUNT": columns.money(tendered),
            "DOUBLE_TOTAL_ITEM_DISCOUNT_AMOUNT": columns.money(totals.item_discount),
            "DOUBLE_TOTAL_BILL_DISCOUNT_AMOUNT": columns.money(totals.bill_discount),
            "DOUBLE_DISCOUNT_PERCENTAGE": columns.quantity(totals.bill_discount_percent),
            "DOUBLE_TAX_PERCENTAGE": _constant_quantity(TAX_PERCENT, tickets.count),
            "DOUBLE_COST": columns.money(totals.cost),
            "DOUBLE_PROFIT": columns.money(totals.net - totals.cost),
            "PAYMENT_STATUS": pa.array(["Paid", "Unpaid"]).take(pa.array(~paid_at_all * 1)),
        }

    def _sale_documents(self) -> dict[str, pa.Array]:
        tickets, shared = self._sold.tickets, self._shared
        posted = shared.calendar_day * _MILLISECONDS_A_DAY + tickets.second * 1000
        posted += self._rng.integers(0, 1000, size=tickets.count)
        unposted = tickets.second % 10 < 7
        return {
            "DECLARATIONSESSIONID": shared.session,
            "EODLOGID": shared.end_of_day_log,
            "STOREEODID": shared.end_of_day_log,
            "ORDERTERMINALID": shared.terminal,
            "POS_REF_ID": shared.terminal,
            "DOC_GUID": columns.guids(self._rng, tickets.count),
            "E_LHDN_UUID": columns.blanked(columns.guids(self._rng, tickets.count), unposted),
            # Malaysia is eight hours ahead of UTC.
            "DATETIMEUTC_LHDN_VALIDATE_DATE": columns.datetimes(posted - 28_800_000, unposted),
            "START_TIME": columns.clock(tickets.second),
            "END_TIME": columns.clock(np.minimum(tickets.second + 300, 86_399)),
        }

    def _items(self) -> TableDraft:
        lines, shared, tickets = self._sold.lines, self._shared, self._sold.tickets
        draft = self._draft(SALES_ITEMS, len(lines.sale))
        draft.put(self._item_identity())
        draft.put(self._item_money())
        formats, calendar_day = shared.date_format[lines.sale], shared.calendar_day[lines.sale]
        draft.put_dates("SALES_DATE", calendar_day, formats)
        draft.put_dates("BUSINESS_DATE", shared.business_day[lines.sale], formats)
        draft.put_dates(
            "SALESITEMSAVED_DATETIME", calendar_day, formats, seconds=tickets.second[lines.sale]
        )
        return draft

    def _item_identity(self) -> dict[str, pa.Array]:
        lines, shared, menu = self._sold.lines, self._shared, self._chain.menu
        sale, item = pa.array(lines.sale), pa.array(lines.item)
        name, session = menu.name.take(item), shared.session.take(sale)
        location = shared.location_id.take(sale)
        channel = pa.array(words.CHANNELS).take(pa.array(self._sold.tickets.channel[lines.sale]))
        item_id = self._ids.item + np.arange(len(lines.sale))
        return {
            "ID": pa.array(item_id),
            "ITEM_CODE": menu.code.take(item),
            "ONSALES_ITEM_CODE": menu.code.take(item),
            "ITEM_NAME": name,
            "DESCRIPTION": name,
            "ITEM_TYPE": menu.category.take(item),
            "ITEM_CATEGORY": menu.category.take(item),
            "SALES_NO": shared.sales_no.take(sale),
            "SALES_LOCATION": location,
            "INSTORE_LOCATION": location,
            "CUSTOMER_ID": shared.customer_id.take(sale),
            "CUSTOMER_NAME": shared.customer_name.take(sale),
            "ITEMINDEX": columns.digits(lines.number, 2),
            "SALES_PERSON": shared.cashier.take(sale),
            "SALES_PERSON_USERNAME": shared.cashier.take(sale),
            "DECLARATIONSESSIONID": session,
            "EODLOGID": shared.end_of_day_log.take(sale),
            "STOREEODID": shared.end_of_day_log.take(sale),
            "ORDERTERMINALID": shared.terminal.take(sale),
            "SALESITEM_SALES_TYPE": channel,
            "ORDERITEMID": pa.array(item_id * 3 + 2),
            "WBDELETED": _flags(self._sold.tickets.soft_deleted[lines.sale]),
        }

    def _item_money(self) -> dict[str, pa.Array]:
        lines = self._sold.lines
        price, subtotal = columns.money(lines.price), columns.money(lines.subtotal)
        tax, discount = columns.money(lines.tax), columns.money(lines.discount)
        sold = columns.quantity(lines.quantity)
        return {
            "DOUBLE_PRICE": price,
            "DOUBLE_SALE_PRICE": price,
            "DOUBLE_ENTER_PRICE": price,
            "DOUBLE_MANUFACTURER_SUGGESTED_RETAIL_PRICE": price,
            "DOUBLE_FOREIGN_UNIT_PRICE": price,
            "INT_QUANTITY": sold,
            "INT_SHIPPED_QUANTITY": sold,
            "DOUBLE_UOM_ENTER_QUANTITY": sold,
            "DOUBLE_UOM_QUANTITY": sold,
            "DOUBLE_COST": columns.money(lines.cost),
            "DOUBLE_PROFIT": columns.money(lines.subtotal - lines.cost * lines.quantity),
            "DOUBLE_DISCOUNT_PERCENTAGE": columns.quantity(lines.discount_percent),
            "DOUBLE_TOTAL_DISCOUNT_AMOUNT": discount,
            "DOUBLE_TOTAL_BILL_LEVEL_DISCOUNT_AMOUNT": columns.money(lines.bill_discount),
            "DOUBLE_SUB_TOTAL": subtotal,
            "DOUBLE_FOREIGN_SUBTOTAL": subtotal,
            "DOUBLE_MGST_TAX_AMOUNT": tax,
            "DOUBLE_TOTAL_TAX_AMOUNT": tax,
            "BOOL_ISFOC": _flags(lines.discount_percent == 100),
        }

    def _payments(self) -> TableDraft:
        payments, shared, tickets = self._sold.payments, self._shared, self._sold.tickets
        draft = self._draft(PAYMENTS, len(payments.sale))
        draft.put(self._payment_identity())
        formats = shared.date_format[payments.sale]
        paid_on = shared.calendar_day[payments.sale] + payments.days_later
        draft.put_dates("DATE", paid_on, formats)
        draft.put_dates("BUSINESS_DATE", shared.business_day[payments.sale], formats)
        draft.put_times("TIME", tickets.second[payments.sale])
        return draft

    def _payment_identity(self) -> dict[str, pa.Array]:
        payments, shared, tickets = self._sold.payments, self._shared, self._sold.tickets
        sale = pa.array(payments.sale)
        amount = columns.money(payments.amount)
        cashier = shared.cashier.take(sale)
        count = len(payments.sale)
        return {
            "ID": pa.array(self._ids.payment + np.arange(count)),
            "INVOICE_ID": shared.sales_no.take(sale),
            "CUSTOMER_ID": shared.customer_id.take(sale),
            "DOUBLE_AMOUNT": amount,
            "DOUBLE_FOREIGN_AMOUNT": amount,
            "DOUBLE_TENDERED": columns.money(payments.tendered),
            "METHOD": pa.array(words.METHODS).take(pa.array(payments.method)),
            "REFERENCE": columns.digits(self._rng.integers(0, 10**12, size=count), 12),
            "LOCATION_ID": shared.location_id.take(sale),
            "BOOL_ISVOID": _flags(tickets.cancelled[payments.sale]),
            "WBDELETED": _flags(tickets.soft_deleted[payments.sale]),
            "RECEIVED_BY": cashier,
            "RECEIVED_BY_CASHIER_NAME": cashier,
            "DECLARATIONSESSIONID": shared.session.take(sale),
            "EODLOGID": shared.end_of_day_log.take(sale),
            "STOREEODID": shared.end_of_day_log.take(sale),
            "TERMINAL_ID": shared.terminal.take(sale),
            "ORDERTERMINALID": shared.terminal.take(sale),
        }


def _flags(marked: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(marked).cast(pa.int16())


def _constant_quantity(value: int, count: int) -> pa.Array:
    return columns.quantity(np.full(count, value, dtype=np.int64))
