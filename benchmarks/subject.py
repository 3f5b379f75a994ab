"""What every subject of a measurement relies on: a database that goes again, servers, and right answers.

A fast refresh that gives other rows than PostgreSQL is no result: `require_same` refuses it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rail_forge_testbed.postgres import PostgresServer

NEVER_BY_ITSELF = ("--initial-refresh", "never", "--result-cache-memory", "0B")


@dataclass(frozen=True)
class Settings:
    """How much is measured: `scale` 1 is what the wanted numbers are about, less is for trying out."""

    runs: int
    scale: float

    def scaled(self, number: int) -> int:
        """That many at scale 1."""
        return max(1, round(number * self.scale))


class WrongAnswerError(RuntimeError):
    """RailForge answered otherwise than PostgreSQL."""


@contextmanager
def database(postgres: PostgresServer, name: str) -> Iterator[str]:
    """An empty database, by its URL; dropped at the end, lest it is vacuumed during the next subject."""
    url = postgres.create_database(name)
    try:
        yield url
    finally:
        created = sql.Identifier(unquote(urlsplit(url).path.removeprefix("/")))
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(created))


def settle(url: str) -> None:
    """Do now what PostgreSQL would do in the background during the measurement."""
    execute(url, "VACUUM (FREEZE, ANALYZE)", "CHECKPOINT")


def execute(url: str, *statements: str) -> None:
    """Run the statements, each in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def served(configuration: str) -> Iterator[tuple[RailForgeServer, rail_forge.Client]]:
    """A server on that configuration file, which refreshes only when told, and a client of it."""
    with tempfile.TemporaryDirectory(prefix="rail-forge-benchmark-") as directory:
        file = Path(directory) / "rail-forge.toml"
        file.write_text(configuration)
        with (
            RailForgeServer({}, arguments=["--config", str(file), *NEVER_BY_ITSELF]) as server,
            rail_forge.connect(server.flight) as client,
        ):
            yield server, client


def source(name: str, url: str, *lines: str) -> str:
    """The part of a configuration file that declares a source; `lines` are further ones of it."""
    return "\n".join(["[[source]]", f"name = {json.dumps(name)}", f"url = {json.dumps(url)}", *lines, ""])


def require_same(url: str, client: rail_forge.Client, select: str, tables: Sequence[str]) -> None:
    """Compare `SELECT {select} FROM table` between each of RailForge's tables and PostgreSQL.

    `tables` are full names, `catalog.schema.table`.
    """
    expected: dict[str, object] = {}
    for table in tables:
        name = table.partition(".")[2]
        if name not in expected:
            with psycopg.connect(url) as connection:
                expected[name] = connection.execute(f"SELECT {select} FROM {name}".encode()).fetchall()
        answer = [tuple(row) for row in client.sql(f"SELECT {select} FROM {table}").rows()]
        if answer != expected[name]:
            raise WrongAnswerError(f"{table}: {select} is {answer}, and {expected[name]} in PostgreSQL")


def progress(text: str) -> None:
    """Say on standard error what is being done."""
    print(f"  {text} ...", file=sys.stderr, flush=True)  # noqa: T201 - a benchmark prints
