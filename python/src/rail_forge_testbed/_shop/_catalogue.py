"""The catalogue: the tree of categories and the products in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rail_forge_testbed._shop import _words as words
from rail_forge_testbed._shop._calendar import START
from rail_forge_testbed._shop._columns import DAY_US, Floats, Ints, chance, dates, ids, money, pick

if TYPE_CHECKING:
    from collections.abc import Sequence

TAG_SHARE = 0.15  # of the products have a given tag


class Categories:
    """The tree, and the categories that products are in."""

    def __init__(self) -> None:
        self._rows: list[tuple[int | None, str, int]] = []
        self.leaves: list[int] = []
        self.departments: list[int] = []  # of the leaves
        self.kinds: list[str] = []  # of the leaves
        for number, department in enumerate(words.DEPARTMENTS):
            top = self._add(None, department.name, 0)
            for name, kinds in department.groups.items():
                group = self._add(top, name, 1)
                for place, kind in enumerate(kinds):
                    self._add_kind(group, kind, number, lines=2 if place == 0 else 1)

    def table(self) -> pa.Table:
        parents, names, depths = zip(*self._rows, strict=True)
        slugs = [f"{name.lower().replace(' ', '-')}-{number}" for number, name in enumerate(names, 1)]
        columns = {"parent_id": parents, "name": names, "slug": slugs, "depth": depths}
        return pa.table({"id": ids(len(names)), **columns})

    def _add_kind(self, group: int, kind: str, department: int, lines: int) -> None:
        parent = self._add(group, f"{kind}s", 2)
        for offset in range(lines):
            line = words.PRODUCT_LINES[(parent + offset) % len(words.PRODUCT_LINES)]
            self.leaves.append(self._add(parent, f"{line} {kind}s", 3))
            self.departments.append(department)
            self.kinds.append(kind)

    def _add(self, parent: int | None, name: str, depth: int) -> int:
        self._rows.append((parent, name, depth))
        return len(self._rows)


class Products:
    def __init__(self, count: int, categories: Categories, random: np.random.Generator) -> None:
        self._categories = categories
        self._random = random
        self.count = count
        self._leaf = random.integers(0, len(categories.leaves), count)
        self.department = np.array(categories.departments)[self._leaf]
        medians = np.array([department.median_price for department in words.DEPARTMENTS])
        whole = np.floor(medians[self.department] * np.exp(random.normal(0, 0.6, count))).astype(np.int64)
        self.price_cents: Ints = np.maximum(whole, 1) * 100 + random.choice([99, 95, 50, 0], count)
        # A few products make most of the sales.
        self.popularity: Floats = np.minimum(random.pareto(1.3, count) + 0.1, 60.0)

    def table(self) -> pa.Table:
        random, count = self._random, self.count
        first_launch = START - 5 * 365 * DAY_US
        launch = random.integers(first_launch, START, count)
        cost = np.rint(self.price_cents * random.uniform(0.35, 0.75, count)).astype(np.int64)
        names = self._names()
        return pa.table(
            {
                "id": ids(count),
                "category_id": np.array(self._categories.leaves)[self._leaf],
                "sku": [f"RF-{number:07d}" for number in range(1, count + 1)],
                "name": names,
                "description": pa.array(self._descriptions(names), mask=chance(count, 0.25, random)),
                "price": money(self.price_cents),
                "cost": money(cost),
                "weight_kg": pa.array(random.gamma(2.0, 1.5, count), mask=chance(count, 0.1, random)),
                "rating": pa.array(
                    random.beta(8, 2, count).astype(np.float32) * 5, mask=chance(count, 0.2, random)
                ),
                "stock": random.poisson(40, count) * chance(count, 0.93, random),
                "tags": self._tags(),
                "attributes": self._attributes(),
                "is_active": chance(count, 0.92, random),
                "launched_on": dates(launch),
            }
        )

    def _names(self) -> list[str]:
        makers = self._random.integers(0, len(words.MAKERS), self.count)
        adjectives = self._random.integers(0, len(words.ADJECTIVES), self.count)
        return [
            f"{words.MAKERS[maker]} {words.ADJECTIVES[adjective]} {self._categories.kinds[leaf]}"
            for maker, adjective, leaf in zip(makers, adjectives, self._leaf, strict=True)
        ]

    def _descriptions(self, names: Sequence[str]) -> list[str]:
        years = self._random.integers(1, 11, self.count)
        return [
            f"{name}: made to last, {year} years' warranty." for name, year in zip(names, years, strict=True)
        ]

    def _tags(self) -> pa.Array:
        # Every subset of the tags, as PostgreSQL writes an array; most products have few tags.
        subsets = [
            "{" + ",".join(f'"{tag}"' for bit, tag in enumerate(words.TAGS) if number >> bit & 1) + "}"
            for number in range(1 << len(words.TAGS))
        ]
        bits = self._random.random((self.count, len(words.TAGS))) < TAG_SHARE
        return pick(subsets, bits @ (1 << np.arange(len(words.TAGS))))

    def _attributes(self) -> pa.Array:
        texts = [
            f'{{"colour": "{colour}", "material": "{material}", "warranty_years": {years}, '
            f'"size": {{"w": {10 * years}, "h": {25 - years}.5}}, "fragile": {fragile}}}'
            for colour in words.COLOURS
            for material in words.MATERIALS
            for years in (1, 2, 5, 10)
            for fragile in ("true", "null")
        ]
        return pick(texts, self._random.integers(0, len(texts), self.count))
