"""The rows of the shop, as Arrow tables: the same seed and scale give the same rows.

Everything is computed a column at a time. What holds between the tables, and tests may rely on: an order's
total is the sum of its lines, nobody orders before they joined, ids follow the time of the order without a
gap, and nothing happens after the end of 2025. Sales grow and shrink with the year, the week, the region and
the department, so that a chart of them looks like a shop's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rail_forge_testbed._shop import _words as words
from rail_forge_testbed._shop._catalogue import Categories, Products
from rail_forge_testbed._shop._columns import ids
from rail_forge_testbed._shop._customers import Customers
from rail_forge_testbed._shop._lines import Lines
from rail_forge_testbed._shop._orders import Orders

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["shop_tables"]

CUSTOMERS, PRODUCTS, ORDERS = 100_000, 20_000, 1_000_000  # at scale 1
FEWEST_CUSTOMERS, FEWEST_PRODUCTS, FEWEST_ORDERS = 50, 200, 100  # at any scale


def shop_tables(scale: float, seed: int) -> Iterator[tuple[str, pa.Table]]:
    """Every table by its name, those that others refer to first."""
    if scale <= 0:
        raise ValueError(f"the scale must be positive, not {scale}")
    yield "region", _regions()
    categories = Categories()
    yield "category", categories.table()
    products = Products(
        max(FEWEST_PRODUCTS, round(PRODUCTS * scale)), categories, _generator(seed, "product")
    )
    yield "product", products.table()
    customers = Customers(max(FEWEST_CUSTOMERS, round(CUSTOMERS * scale)), _generator(seed, "customer"))
    orders = Orders(max(FEWEST_ORDERS, round(ORDERS * scale)), customers, _generator(seed, "orders"))
    yield "customer", customers.table(orders.customer, orders.placed_at)
    lines = Lines(orders, products, _generator(seed, "order_line"))
    yield "orders", orders.table(lines.totals())
    yield "order_line", lines.table()
    yield "Gift Wrap", _gift_wraps()


def _generator(seed: int, table: str) -> np.random.Generator:
    # One for each table: a change to one table leaves the others as they are.
    return np.random.default_rng([seed, *table.encode()])


def _regions() -> pa.Table:
    regions = words.REGIONS
    return pa.table(
        {
            "id": ids(len(regions)),
            "name": [region.name for region in regions],
            "continent": [region.continent for region in regions],
            "currency": [region.currency for region in regions],
            "utc_offset_hours": [region.utc_offset_hours for region in regions],
        }
    )


def _gift_wraps() -> pa.Table:
    sizes, numbers, stock = zip(*words.GIFT_WRAPS, strict=True)
    return pa.table({"id": ids(len(sizes)), "Größe": sizes, "select": numbers, "it's": stock})
