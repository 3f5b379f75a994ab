"""The lines of the orders: which products, how many, and at what price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rail_forge_testbed._shop import _words as words
from rail_forge_testbed._shop._calendar import DAYS, MONTHS, START, department_seasons, sale_days
from rail_forge_testbed._shop._columns import DAY_US, Ints, ids, money, weighted

if TYPE_CHECKING:
    from rail_forge_testbed._shop._catalogue import Products
    from rail_forge_testbed._shop._orders import Orders

YEARLY_PRICE_RISE = 0.03
SALE_DISCOUNT = 0.2
QUANTITY_WEIGHTS = (70.0, 17.0, 6.0, 4.0, 2.0, 1.0)  # of one piece, two pieces and so on


class Lines:
    def __init__(self, orders: Orders, products: Products, random: np.random.Generator) -> None:
        self._orders = orders
        self._order: Ints = np.repeat(np.arange(orders.count), orders.lines)
        self._starts: Ints = np.cumsum(orders.lines) - orders.lines
        self._product = self._choose(products, random)
        self._quantity = 1 + weighted(len(self._order), np.array(QUANTITY_WEIGHTS), random)
        self._unit_price = self._prices(products)

    def totals(self) -> Ints:
        totals: Ints = np.add.reduceat(self._quantity * self._unit_price, self._starts)
        return totals

    def table(self) -> pa.Table:
        count = len(self._order)
        return pa.table(
            {
                "id": ids(count),
                "order_id": self._order + 1,
                "product_id": self._product + 1,
                "position": np.arange(count) - self._starts[self._order] + 1,
                "quantity": self._quantity,
                "unit_price": money(self._unit_price),
            }
        )

    def _choose(self, products: Products, random: np.random.Generator) -> Ints:
        """A product for each line, by the taste of the region and the season of the month."""
        taste = random.uniform(0.5, 1.6, (len(words.REGIONS), len(words.DEPARTMENTS)))
        group = (self._orders.region * MONTHS + self._orders.month)[self._order].astype(np.int16)
        by_group = np.argsort(group, kind="stable")
        ends = np.cumsum(np.bincount(group, minlength=len(words.REGIONS) * MONTHS))
        chosen = np.empty(len(group), dtype=np.int64)
        start = 0
        for number, end in enumerate(ends):
            region, month = divmod(number, MONTHS)
            demand = taste[region] * department_seasons(words.REGIONS[region], month % 12 + 1)
            weights = products.popularity * demand[products.department]
            chosen[by_group[start:end]] = weighted(end - start, weights, random)
            start = end
        return chosen

    def _prices(self, products: Products) -> Ints:
        """What the products cost on the day: dearer every year, cheaper in the sale, in whole cents."""
        rise = (1 + YEARLY_PRICE_RISE) ** ((np.arange(DAYS) - DAYS) // 365)
        factors = np.where(sale_days(), 1 - SALE_DISCOUNT, 1.0) * rise
        day = (self._orders.placed_at - START) // DAY_US
        paid = products.price_cents[self._product] * factors[day][self._order]
        cents: Ints = np.rint(paid).astype(np.int64)
        return cents
