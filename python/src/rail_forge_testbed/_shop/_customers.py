"""The customers: where they live, how they are called, and when they joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rail_forge_testbed._shop import _words as words
from rail_forge_testbed._shop._calendar import END, START
from rail_forge_testbed._shop._columns import (
    DAY_US,
    Floats,
    Ints,
    chance,
    dates,
    ids,
    pick,
    times,
    uuids,
    weighted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Customers:
    def __init__(self, count: int, random: np.random.Generator) -> None:
        self._random = random
        self.count = count
        shares = np.array([region.customer_share for region in words.REGIONS])
        self.region = weighted(count, shares, random)
        # Some order every week and some never do.
        self.activity: Floats = random.lognormal(0, 1, count) * chance(count, 0.92, random)

    def table(self, buyer: Ints, placed_at: Ints) -> pa.Table:
        """The table; what they join before are the orders: who buys, and when, in the order of time."""
        random, count = self._random, self.count
        born = random.integers(-30 * 365, 37 * 365, count) * DAY_US
        return pa.table(
            {
                "id": ids(count),
                "public_id": uuids(count, random),
                "region_id": self.region + 1,
                "name": self._texts(_full_names),
                "email": [
                    f"customer.{number}@example.{'org' if number % 3 else 'com'}"
                    for number in range(1, count + 1)
                ],
                "city": self._texts(lambda region: region.cities),
                "birth_date": dates(born, chance(count, 0.3, random)),
                "loyalty_tier": pa.array(random.integers(1, 4, count), mask=chance(count, 0.6, random)),
                "is_business": chance(count, 0.12, random),
                "preferences": self._texts(_preferences),
                "joined_at": times(self._joined_at(buyer, placed_at)),
            }
        )

    def _texts(self, choices: Callable[[words.Region], Sequence[str]]) -> pa.Array:
        """A text for each customer, out of the choices that their region has."""
        texts: list[str] = []
        offsets = [0]
        for region in words.REGIONS:
            texts.extend(choices(region))
            offsets.append(len(texts))
        sizes = np.diff(offsets)[self.region]
        within = (self._random.random(self.count) * sizes).astype(np.int64)
        return pick(texts, np.array(offsets)[self.region] + within)

    def _joined_at(self, buyer: Ints, placed_at: Ints) -> Ints:
        """Some time before the first order; those without one joined at any time."""
        joined = self._random.integers(START, END, self.count)
        buyers, first = np.unique(buyer, return_index=True)
        joined[buyers] = placed_at[first] - self._random.integers(60_000_000, 40 * DAY_US, len(buyers))
        return joined


def _full_names(region: words.Region) -> list[str]:
    return [
        f"{family} {given}" if region.family_first else f"{given} {family}"
        for given in region.given_names
        for family in region.family_names
    ]


def _preferences(region: words.Region) -> list[str]:
    return [
        f'{{"language": "{region.language}", "newsletter": {often}, '
        f'"interests": ["{one.name}", "{two.name}"]}}'
        for often in ('"daily"', '"weekly"', "null")
        for one in words.DEPARTMENTS
        for two in words.DEPARTMENTS
        if one is not two
    ]
