"""The chain itself: its outlets, its menu, its members, drawn once from the seed.

Owns: what sales refer to, as pools that rows are taken from. Does not fill tables
(`reference_tables` does) and makes no sales.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replica_worker.demo.source import arrow_columns as columns
from replica_worker.demo.source import vocabulary as words
from replica_worker.demo.source.shape import PosShape

Whole = npt.NDArray[np.int64]
_OUTLET_STREAM, _MENU_STREAM, _MEMBER_STREAM = 1, 2, 3
# The pair that a case-insensitive comparison takes for one outlet.
_UPPER_TWIN, _LOWER_TWIN = "GPO10", "gpo10"


@dataclass(frozen=True, kw_only=True)
class Outlets:
    """Outlets by index; `shares` is what part of the chain's sales each makes."""

    code: pa.Array
    location_id: pa.Array
    name: pa.Array
    street: pa.Array
    city: pa.Array
    state: pa.Array
    postcode: pa.Array
    shares: npt.NDArray[np.float64]
    weekend_lift: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Menu:
    """Items by index, with price and cost in sen; popularity falls with the index's rank."""

    code: pa.Array
    name: pa.Array
    category: pa.Array
    price: Whole
    cost: Whole
    shares: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Members:
    """Customers of the loyalty scheme, in order of joining; `first` is the first one's number."""

    first: int
    code: pa.Array
    given_name: pa.Array
    family_name: pa.Array
    name: pa.Array
    email: pa.Array
    mobile: pa.Array

    @property
    def count(self) -> int:
        """How many members there are."""
        return len(self.code)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Everything that sales refer to."""

    outlets: Outlets
    menu: Menu
    members: Members


def make_chain(shape: PosShape) -> Chain:
    """Draw the chain that the shape describes."""
    return Chain(
        outlets=_make_outlets(shape),
        menu=_make_menu(shape),
        members=make_members(seed=shape.seed, first=1, count=shape.customers),
    )


def make_members(*, seed: int, first: int, count: int) -> Members:
    """Draw `count` members from number `first` on."""
    rng = np.random.default_rng([seed, _MEMBER_STREAM, first])
    community = rng.choice(3, size=count, p=[0.6, 0.25, 0.15])
    given = _pick_by_community(
        rng, community, (words.MALAY_GIVEN, words.CHINESE_GIVEN, words.TAMIL_GIVEN)
    )
    family = _pick_by_community(
        rng, community, (words.MALAY_FAMILY, words.CHINESE_FAMILY, words.TAMIL_FAMILY)
    )
    number = columns.digits(np.arange(first, first + count), 7)
    return Members(
        first=first,
        code=columns.joined("MB", number),
        given_name=given,
        family_name=family,
        name=columns.joined(given, " ", family),
        email=columns.joined("member", number, "@example.com"),
        mobile=columns.joined("01", columns.digits(rng.integers(10_000_000, 99_999_999, count), 8)),
    )


def _pick_by_community(
    rng: np.random.Generator, community: Whole, pools: tuple[tuple[str, ...], ...]
) -> pa.Array:
    sizes = np.array([len(pool) for pool in pools])
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    index = offsets[community] + rng.integers(0, sizes[community])
    return pa.array([name for pool in pools for name in pool]).take(pa.array(index))


def _make_outlets(shape: PosShape) -> Outlets:
    rng = np.random.default_rng([shape.seed, _OUTLET_STREAM])
    count = shape.outlets
    # Outlets are few, so lists are clear enough here.
    places = [words.CITIES[index % len(words.CITIES)] for index in range(count)]
    codes = [
        f"{place[0]}{index // len(words.CITIES) + 1:02d}" for index, place in enumerate(places)
    ]
    names = [
        f"{place[1]} {words.SITES[(index * 5 + index // 8) % len(words.SITES)]}"
        for index, place in enumerate(places)
    ]
    codes[0], codes[1] = _UPPER_TWIN, _LOWER_TWIN
    names[0], names[1] = "GPO Kuala Lumpur", "gpo kuala lumpur (kiosk)"
    location_ids = columns.guids(rng, count).to_pylist()
    location_ids[::3] = [text.upper() for text in location_ids[::3]]
    location_ids[0], location_ids[1] = location_ids[0].upper(), location_ids[0].lower()
    streets = [
        f"No. {7 + 3 * index}, {words.STREETS[index % len(words.STREETS)]}"
        for index in range(count)
    ]
    shares = 1 / np.power(rng.permutation(count) + 3.0, 0.8)
    return Outlets(
        code=pa.array(codes),
        location_id=pa.array(location_ids),
        name=pa.array(names),
        street=pa.array(streets),
        city=pa.array([place[1] for place in places]),
        state=pa.array([place[2] for place in places]),
        postcode=pa.array([place[3] for place in places]),
        shares=shares / shares.sum(),
        weekend_lift=rng.uniform(0.6, 1.6, size=count),
    )


def _make_menu(shape: PosShape) -> Menu:
    rng = np.random.default_rng([shape.seed, _MENU_STREAM])
    codes, names, categories, prices = [], [], [], []
    for index in range(shape.items):
        category, letters, dish, price = words.DISHES[index % len(words.DISHES)]
        edition = index // len(words.DISHES)
        variant = words.VARIANTS[edition % len(words.VARIANTS)]
        issue = edition // len(words.VARIANTS)
        codes.append(f"{letters}{index + 1:05d}")
        names.append(f"{dish}{variant}" + (f" v{issue + 1}" if issue else ""))
        categories.append(category)
        prices.append(price + 50 * (edition % len(words.VARIANTS)))
    price_in_sen = np.array(prices, dtype=np.int64)
    shares = 1 / np.power(rng.permutation(shape.items) + 2.0, 0.9)
    return Menu(
        code=pa.array(codes),
        name=pa.array(names),
        category=pa.array(categories),
        price=price_in_sen,
        cost=price_in_sen * rng.integers(28, 45, size=shape.items) // 100,
        shares=shares / shares.sum(),
    )
