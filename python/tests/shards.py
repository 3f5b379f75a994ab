"""Servers of sources of several databases, and what both sides have."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import psycopg
from mirror import Mirror, mirror, scales
from psycopg import sql
from wire_types import with_decimals

from rail_forge_testbed.postgres_text import texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    import rail_forge
    from rail_forge_testbed.server import RailForgeServer

Texts = tuple[str | None, ...]

NAMES = ("eu", "us")


def sharded(
    urls: Sequence[str],
    refresh: str | None = None,
    *further: str,
    names: Sequence[str] | None = NAMES,
) -> str:
    """A `[[source]]` named shop; its shards have these names, as many as there are URLs, or none."""
    lines = ["[[source]]", 'name = "shop"', f"urls = {toml(urls)}", *further]
    if names is not None:
        lines.append(f"shard_names = {toml(names[: len(urls)])}")
    if refresh is not None:
        lines.append(f"refresh = {{ {refresh} }}")
    return "\n".join([*lines, ""])


def toml(texts: Sequence[str]) -> str:
    """A list of texts."""
    return json.dumps(list(texts), ensure_ascii=False)


@dataclass(frozen=True)
class Shards:
    """A server, and the databases that it shows as one, by the names of the shards."""

    mirrors: Mapping[str, Mirror]

    @property
    def any(self) -> Mirror:
        """What is the same for all of them."""
        return next(iter(self.mirrors.values()))

    @property
    def client(self) -> rail_forge.Client:
        return self.any.client

    def run(self, shard: str, *statements: str) -> None:
        self.mirrors[shard].run(*statements)

    def refresh(self) -> Counter[str]:
        """Refresh; gives how many rows were read of each table from which some were."""
        return self.any.refresh()

    def errors(self) -> Mapping[str, str]:
        """Refresh; gives why tables have failed."""
        return self.any.try_refresh().errors

    def differences(self, *tables: str, column: str = "shard") -> list[str]:
        """What is different between the server's tables and those of the databases together, in words."""
        return [
            f"{table}: {list(found)[:2]}"
            for table in tables
            if (found := self._difference(table, column)) is not None
        ]

    def _difference(self, table: str, column: str) -> Sequence[object] | None:
        frame = self.client.sql(f"SELECT * FROM {table}").arrow()
        *names, last = frame.schema.names
        if last != column:
            return list(frame.schema.names)
        got = Counter(zip(*map(texts, frame.columns), strict=True))
        wanted = Counter[Texts]()
        for shard, both in self.mirrors.items():
            wanted.update(self._rows(both.database, table, names, shard, frame.schema))
        counted: Sequence[object] = self.client.sql(f"SELECT count(*) FROM {table}").rows()
        if counted != [(wanted.total(),)]:
            return counted
        return None if got == wanted else [*(got - wanted).items(), "missing", *(wanted - got).items()]

    @staticmethod
    def _rows(
        database: psycopg.Connection, table: str, names: Sequence[str], shard: str, schema: pa.Schema
    ) -> list[Texts]:
        if database.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
            return []
        printed = ", ".join(f"{sql.Identifier(name).as_string()}::text" for name in names)
        found = database.execute(f"SELECT {printed} FROM {table}".encode()).fetchall()
        return [
            tuple(
                cell if cell is None or scale is None else with_decimals(cell, scale)
                for cell, scale in zip((*row, shard), scales(schema), strict=True)
            )
            for row in found
        ]


class Start(Protocol):
    """Starts a server of one source of several databases."""

    def __call__(
        self, urls: Sequence[str], refresh: str | None = None, *further: str, names: Sequence[str] = NAMES
    ) -> Shards:
        """Start it; it has pulled nothing."""


@contextmanager
def shards(server: RailForgeServer, urls: Sequence[str], names: Sequence[str] = NAMES) -> Iterator[Shards]:
    """Connects to the server and to all databases."""
    with ExitStack() as stack:
        both = zip(names, urls, strict=False)
        yield Shards({name: stack.enter_context(mirror(server, url)) for name, url in both})
