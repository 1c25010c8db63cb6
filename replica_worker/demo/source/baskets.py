"""Who bought what, when, for how much, and how it was paid: the sales of one day as numbers.

Owns: drawing a day's sales and their arithmetic, all in whole sen, so that sums are exact.
Does not know column names or Arrow (`sales_tables` spells the numbers as rows).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from replica_worker.demo.source import vocabulary as words
from replica_worker.demo.source.chain import Chain, Menu, Outlets
from replica_worker.demo.source.shape import PosShape

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TAX_PERCENT = 6
DELIVERY_FEE_SEN = 499
CASH = words.METHODS.index("Cash")
DELIVERY = words.CHANNELS.index("Delivery")
# Monday to Sunday, as parts of an ordinary day.
_WEEKDAY_RHYTHM = (0.84, 0.86, 0.90, 0.96, 1.14, 1.24, 1.10)
# Orders by hour: little after midnight, peaks at lunch and dinner.
_HOUR_SHARES = np.array(
    [12, 8, 4, 0, 0, 0, 2, 8, 14, 18, 34, 62, 110, 104, 58, 42, 46, 62, 96, 112, 92, 58, 36, 22],
    dtype=np.float64,
)
_SALES_STREAM, _LATE_STREAM = 11, 12


@dataclass(frozen=True, kw_only=True)
class Tickets:
    """The sales of a day, one element per sale."""

    outlet: Whole
    sequence: Whole
    second: Whole
    member: Whole
    channel: Whole
    method: Whole
    cancelled: Flags
    pending: Flags
    returned: Flags
    soft_deleted: Flags
    split: Flags

    @property
    def count(self) -> int:
        """How many sales there are."""
        return len(self.outlet)


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The items of a day's sales, one element per line, in the order of their sales. In sen."""

    sale: Whole
    number: Whole
    item: Whole
    quantity: Whole
    price: Whole
    cost: Whole
    discount_percent: Whole
    discount: Whole
    bill_discount: Whole
    subtotal: Whole
    tax: Whole


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What each sale comes to, in sen: total = net + tax + delivery + rounding."""

    net: Whole
    tax: Whole
    delivery: Whole
    rounding: Whole
    total: Whole
    item_discount: Whole
    bill_discount: Whole
    bill_discount_percent: Whole
    cost: Whole


@dataclass(frozen=True, kw_only=True)
class Payments:
    """How sales were paid, one element per payment; `days_later` than the sale. In sen."""

    sale: Whole
    method: Whole
    amount: Whole
    tendered: Whole
    days_later: Whole


@dataclass(frozen=True, kw_only=True)
class DayOfSales:
    """All sales of one day."""

    day: date
    tickets: Tickets
    lines: Lines
    totals: Totals
    payments: Payments


def draw_day(*, shape: PosShape, chain: Chain, day: date) -> DayOfSales:
    """Draw the sales of a day. Depends on the shape and the day only, not on other days."""
    rng = np.random.default_rng([shape.seed, _SALES_STREAM, day.toordinal()])
    rhythm = _WEEKDAY_RHYTHM[day.weekday()] * rng.uniform(0.97, 1.03)
    count = round(shape.sales_per_day * rhythm)
    tickets = _draw_tickets(rng, chain, day=day, count=count)
    return _complete(rng, chain.menu, day, tickets)


def draw_late_sales(*, shape: PosShape, chain: Chain, day: date, count: int) -> DayOfSales:
    """Draw plain sales that a till delivers late: nothing cancelled, split or returned."""
    rng = np.random.default_rng([shape.seed, _LATE_STREAM, day.toordinal()])
    none = np.zeros(count, dtype=bool)
    tickets = Tickets(
        outlet=np.full(count, rng.integers(0, len(chain.outlets.shares)), dtype=np.int64),
        sequence=90_001 + np.arange(count),
        second=np.sort(rng.integers(11 * 3600, 22 * 3600, size=count)),
        member=np.full(count, -1, dtype=np.int64),
        channel=np.zeros(count, dtype=np.int64),
        method=np.full(count, CASH, dtype=np.int64),
        cancelled=none,
        pending=none,
        returned=none,
        soft_deleted=none,
        split=none,
    )
    return _complete(rng, chain.menu, day, tickets)


def _complete(rng: np.random.Generator, menu: Menu, day: date, tickets: Tickets) -> DayOfSales:
    bill_percent = rng.choice([0, 5, 10], size=tickets.count, p=[0.94, 0.03, 0.03])
    lines = _draw_lines(rng, menu, tickets, bill_percent)
    totals = _add_up(tickets, lines, bill_percent)
    payments = _draw_payments(rng, tickets, totals)
    return DayOfSales(day=day, tickets=tickets, lines=lines, totals=totals, payments=payments)


def _draw_tickets(rng: np.random.Generator, chain: Chain, *, day: date, count: int) -> Tickets:
    outlet = rng.choice(len(chain.outlets.shares), size=count, p=_outlet_shares(chain.outlets, day))
    hour = rng.choice(24, size=count, p=_HOUR_SHARES / _HOUR_SHARES.sum())
    second = np.sort(hour * 3600 + rng.integers(0, 3600, size=count))
    is_member = rng.random(count) < 0.25
    member = np.where(is_member, rng.integers(0, chain.members.count, size=count), -1)
    cancelled = _some(rng, count, 0.012)
    pending = _some(rng, count, 0.004) & ~cancelled
    returned = _some(rng, count, 0.008) & ~cancelled & ~pending
    return Tickets(
        outlet=outlet,
        sequence=_running_number(outlet),
        second=second,
        member=member,
        channel=rng.choice(len(words.CHANNELS), size=count, p=words.CHANNEL_SHARES),
        method=rng.choice(len(words.METHODS), size=count, p=words.METHOD_SHARES),
        cancelled=cancelled,
        pending=pending,
        returned=returned,
        soft_deleted=_some(rng, count, 0.0015),
        split=_some(rng, count, 0.06),
    )


def _outlet_shares(outlets: Outlets, day: date) -> npt.NDArray[np.float64]:
    weekend = day.weekday() >= 5
    lift = outlets.weekend_lift if weekend else np.ones_like(outlets.shares)
    shares: npt.NDArray[np.float64] = outlets.shares * lift
    return shares / float(shares.sum())


def _some(rng: np.random.Generator, count: int, share: float) -> Flags:
    """Mark about `share` of the rows, and one at least: every day shows every kind of sale."""
    chosen = np.zeros(count, dtype=bool)
    chosen[rng.choice(count, size=max(1, round(count * share)), replace=False)] = True
    return chosen


def _running_number(group: Whole) -> Whole:
    """Number the members of each group from 1 in their order."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1])
    sizes = np.diff(np.append(starts, len(group)))
    numbers = np.empty(len(group), dtype=np.int64)
    numbers[order] = np.arange(len(group)) - np.repeat(starts, sizes) + 1
    return numbers


def _draw_lines(
    rng: np.random.Generator, menu: Menu, tickets: Tickets, bill_percent: Whole
) -> Lines:
    sizes = np.minimum(1 + rng.poisson(4.2, size=tickets.count), 14)
    sale = np.repeat(np.arange(tickets.count), sizes)
    count = len(sale)
    item = rng.choice(len(menu.price), size=count, p=menu.shares)
    sign = np.where(tickets.returned, -1, 1)[sale]
    quantity = rng.choice([1, 2, 3, 6], size=count, p=[0.78, 0.16, 0.05, 0.01]) * sign
    percent = rng.choice(
        [0, 10, 15, 20, 50, 100], size=count, p=[0.91, 0.04, 0.02, 0.01, 0.01, 0.01]
    )
    gross = menu.price[item] * quantity
    discount = _percent_of(gross, percent)
    bill_discount = _percent_of(gross - discount, bill_percent[sale])
    subtotal = gross - discount - bill_discount
    return Lines(
        sale=sale,
        number=np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1,
        item=item,
        quantity=quantity,
        price=menu.price[item],
        cost=menu.cost[item],
        discount_percent=percent,
        discount=discount,
        bill_discount=bill_discount,
        subtotal=subtotal,
        tax=_percent_of(subtotal, np.full(count, TAX_PERCENT)),
    )


def _percent_of(sen: Whole, percent: Whole) -> Whole:
    """Return the share rounded half away from zero, as tills do."""
    result: Whole = np.sign(sen) * ((np.abs(sen) * percent + 50) // 100)
    return result


def _add_up(tickets: Tickets, lines: Lines, bill_percent: Whole) -> Totals:
    def per_sale(values: Whole) -> Whole:
        starts = np.flatnonzero(lines.number == 1)
        result: Whole = np.add.reduceat(values, starts)
        return result

    net, tax = per_sale(lines.subtotal), per_sale(lines.tax)
    delivered = (tickets.channel == DELIVERY) & ~tickets.returned
    delivery = np.where(delivered, DELIVERY_FEE_SEN, 0).astype(np.int64)
    exact = net + tax + delivery
    # There are no 1-sen coins: a bill paid in cash alone is rounded to 5 sen.
    in_cash = (tickets.method == CASH) & ~tickets.split
    payable = np.where(in_cash, np.sign(exact) * ((np.abs(exact) + 2) // 5 * 5), exact)
    return Totals(
        net=net,
        tax=tax,
        delivery=delivery,
        rounding=payable - exact,
        total=payable,
        item_discount=per_sale(lines.discount),
        bill_discount=per_sale(lines.bill_discount),
        bill_discount_percent=bill_percent,
        cost=per_sale(lines.cost * lines.quantity),
    )


def _draw_payments(rng: np.random.Generator, tickets: Tickets, totals: Totals) -> Payments:
    # A pending sale waits for its money: it has no payment.
    parts = np.where(tickets.pending, 0, np.where(tickets.split, 2, 1))
    sale = np.repeat(np.arange(tickets.count), parts)
    is_second = np.concatenate([[False], sale[1:] == sale[:-1]])
    is_first_of_two = tickets.split[sale] & ~is_second
    total = totals.total[sale]
    half = total // 2
    amount = np.where(is_first_of_two, half, np.where(is_second, total - half, total))
    other_method = (tickets.method[sale] + 1) % len(words.METHODS)
    method = np.where(is_second, other_method, tickets.method[sale])
    note = rng.choice([1, 500, 1000, 5000], size=len(sale))
    in_cash = (method == CASH) & (amount > 0)
    tendered = np.where(in_cash, -(-amount // note) * note, amount)
    may_be_late = ~tickets.cancelled[sale] & ~tickets.soft_deleted[sale]
    late = _some(rng, len(sale), 0.01) & may_be_late
    return Payments(
        sale=sale,
        method=method,
        amount=amount,
        tendered=tendered,
        days_later=np.where(late, 1, 0),
    )
