"""The orders: who placed them and when, and how far each has come by the end of the three years."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rail_forge_testbed._shop import _words as words
from rail_forge_testbed._shop._calendar import DAYS, END, HOUR_WEIGHTS, START, day_weights, months
from rail_forge_testbed._shop._columns import (
    DAY_US,
    HOUR_US,
    Ints,
    chance,
    dates,
    ids,
    money,
    pick,
    times,
    weighted,
)

if TYPE_CHECKING:
    from rail_forge_testbed._shop._customers import Customers

LINES_PER_ORDER = 3
STATUSES = ("pending", "paid", "shipped", "delivered", "returned", "cancelled")
PENDING, PAID, SHIPPED, DELIVERED, RETURNED, CANCELLED = range(6)
CANCELLED_SHARE, RETURNED_SHARE = 0.03, 0.04


class Orders:
    def __init__(self, count: int, customers: Customers, random: np.random.Generator) -> None:
        self._random = random
        self.count = count
        customer = weighted(count, customers.activity, random)
        placed_at = self._placed_at(customers.region[customer])
        order = np.argsort(placed_at, kind="stable")
        self.customer: Ints = customer[order]
        self.placed_at: Ints = placed_at[order]
        self.region: Ints = customers.region[self.customer]
        # One line for each order, and the rest where chance puts it: exactly LINES_PER_ORDER on average.
        extra = random.integers(0, count, count * (LINES_PER_ORDER - 1))
        self.lines: Ints = 1 + np.bincount(extra, minlength=count)
        self.month: Ints = months()[(self.placed_at - START) // DAY_US]

    def table(self, totals: Ints) -> pa.Table:
        random, count = self._random, self.count
        status, shipped_at, delivered_at, updated_at = self._progress()
        return pa.table(
            {
                "id": ids(count),
                "customer_id": self.customer + 1,
                "region_id": self.region + 1,
                "status": pick(STATUSES, status),
                "channel": self._channels(),
                "placed_at": times(self.placed_at),
                "shipped_at": times(shipped_at, np.isin(status, (PENDING, PAID, CANCELLED))),
                "delivered_on": dates(delivered_at, ~np.isin(status, (DELIVERED, RETURNED))),
                "total": money(totals),
                "coupon": pick(
                    words.COUPONS, random.integers(0, len(words.COUPONS), count), chance(count, 0.92, random)
                ),
                "note": pick(
                    words.NOTES, random.integers(0, len(words.NOTES), count), chance(count, 0.96, random)
                ),
                "updated_at": times(updated_at),
            }
        )

    def _placed_at(self, region: Ints) -> Ints:
        """A moment for each order: a day as the region's year goes, an hour as a day goes."""
        random = self._random
        day = np.empty(len(region), dtype=np.int64)
        for number in range(len(words.REGIONS)):
            here = np.flatnonzero(region == number)
            day[here] = weighted(len(here), day_weights(words.REGIONS[number]), random)
        hour = weighted(len(region), np.array(HOUR_WEIGHTS, dtype=np.float64), random)
        offset = np.array([each.utc_offset_hours for each in words.REGIONS])[region]
        local = day * DAY_US + hour * HOUR_US + random.integers(0, HOUR_US, len(region))
        # What a time zone pushes over one end of the three years comes in at the other.
        moments: Ints = START + (local - offset * HOUR_US) % (DAYS * DAY_US)
        return moments

    def _progress(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Status, and when the order was shipped, delivered and last changed."""
        random, count = self._random, self.count
        paid_at = self.placed_at + (random.exponential(0.05, count) * DAY_US).astype(np.int64)
        shipped_at = paid_at + (random.gamma(2.0, 0.7, count) * DAY_US).astype(np.int64)
        delivered_at = shipped_at + (random.gamma(3.0, 1.1, count) * DAY_US).astype(np.int64)
        returned_at = delivered_at + (random.uniform(1, 20, count) * DAY_US).astype(np.int64)
        cancelled_at = self.placed_at + (random.uniform(0, 1, count) * DAY_US).astype(np.int64)
        steps = np.stack([self.placed_at, paid_at, shipped_at, delivered_at, returned_at, cancelled_at])
        status: Ints = (steps[PAID : DELIVERED + 1] < END).sum(axis=0)
        luck = random.random(count)
        status[(luck < CANCELLED_SHARE) & (cancelled_at < END)] = CANCELLED
        status[(luck > 1 - RETURNED_SHARE) & (returned_at < END)] = RETURNED
        changed_at: Ints = steps[status, np.arange(count)]
        return status, shipped_at, delivered_at, changed_at

    def _channels(self) -> pa.Array:
        # Year by year the app takes over from the web.
        passed = (self.placed_at - START) / (END - START)
        web, app = 0.62 - 0.3 * passed, 0.18 + 0.34 * passed
        bounds = np.stack([web, web + app, np.full(self.count, 0.95)])
        return pick(words.CHANNELS, (self._random.random(self.count) > bounds).sum(axis=0))
