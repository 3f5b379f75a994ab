"""What the end-to-end tests run on: real PostgreSQL servers, real data, real `rail-forge serve` processes.

The shop and TPC-H are loaded once for all tests, which must leave them as they are; a test that changes data,
or needs a server with other settings, makes its own with `new_database` and `serve`.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import adbc_driver_flightsql.dbapi as adbc
import psycopg
import pytest
import shop_project
from comparison import connect_as_reference
from java import Jvm, require_jdk
from pyarrow import flight
from tokens import SOURCE, create_token

import rail_forge
from rail_forge_testbed.postgres import EmbeddedPostgres, PostgresServer, postgres_server
from rail_forge_testbed.server import RailForgeServer
from rail_forge_testbed.shop import load_shop
from rail_forge_testbed.tpch import load_tpch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

SHOP_SCALE = 0.02
TPCH_SCALE_FACTOR = 0.1
NO_REFRESH = ("--initial-refresh", "never")
# Every query is computed, though the same was asked before.
NO_RESULTS = ("--result-cache-memory", "0B")


@dataclass(frozen=True)
class Served:
    """A database, how many rows its tables were loaded with, and a server that has refreshed them."""

    url: str
    rows: Mapping[str, int]
    server: RailForgeServer


class Serve(Protocol):
    """Starts servers that end with the test."""

    def __call__(
        self,
        sources: Mapping[str, str],
        *arguments: str,
        data_dir: Path | None = None,
        env: Mapping[str, str] | None = None,
        authentication: bool = False,
    ) -> RailForgeServer:
        """Start a server; it pulls nothing before it is asked, unless the arguments say otherwise."""


class NewDatabase(Protocol):
    """Makes databases, each for one test or one file of tests."""

    def __call__(self, *statements: str) -> str:
        """Create a database, run the statements in it, and give its URL."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out combinations of parameters that a module says are not possible."""

    def is_possible(item: pytest.Item) -> bool:
        check = getattr(getattr(item, "module", None), "is_possible", None)
        callspec = getattr(item, "callspec", None)
        return check is None or callspec is None or check(callspec.params)

    items[:] = filter(is_possible, items)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A server for tests that stop it or need its role `locked`, in any case an embedded one."""
    with EmbeddedPostgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_with_icu() -> Iterator[EmbeddedPostgres]:
    """A server that has the collations of ICU, in any case an embedded one."""
    with EmbeddedPostgres(icu=True) as server:
        yield server


@pytest.fixture
def stoppable_postgres(own_postgres: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """A server that the test may stop; the next test finds it running."""
    yield own_postgres
    own_postgres.restart()


@pytest.fixture(scope="session")
def shop(postgres: PostgresServer) -> Iterator[Served]:
    url = postgres.create_database("shop")
    rows = load_shop(url, SHOP_SCALE)
    with RailForgeServer({"shop": url}, arguments=NO_REFRESH) as server:
        refresh(server)
        yield Served(url, rows, server)


@pytest.fixture(scope="module")
def models(shop: Served) -> ModuleType:
    """The shop's models, in Django as the project of the examples sets it up."""
    return shop_project.models(shop)


@pytest.fixture(scope="session")
def tpch(postgres: PostgresServer) -> Iterator[Served]:
    url = postgres.create_database("tpch")
    rows = load_tpch(url, TPCH_SCALE_FACTOR)
    with RailForgeServer({"tpch": url}, arguments=NO_REFRESH) as server:
        refresh(server)
        yield Served(url, rows, server)


@pytest.fixture(scope="session")
def client(shop: Served) -> Iterator[rail_forge.Client]:
    """A client of the shop's server."""
    with rail_forge.connect(shop.server.flight) as connected:
        yield connected


@pytest.fixture(scope="session")
def stock(shop: Served) -> Iterator[flight.FlightClient]:
    """A client of the shop's server that knows nothing of RailForge."""
    with flight.connect(shop.server.flight) as connected:
        yield connected


@pytest.fixture(scope="module")
def adbc_connection(shop: Served) -> Iterator[Any]:
    """A connection to the shop's server by ADBC's DB-API."""
    with adbc.connect(shop.server.flight, autocommit=True) as connected:
        yield connected


@pytest.fixture
def cursor(adbc_connection: Any) -> Iterator[Any]:
    """A cursor of that connection."""
    with adbc_connection.cursor() as opened:
        yield opened


@pytest.fixture(scope="session")
def shop_reference(shop: Served) -> Iterator[psycopg.Connection]:
    """The shop's PostgreSQL, to compare with."""
    with connect_as_reference(shop.url) as connection:
        yield connection


@pytest.fixture(scope="session")
def jvm() -> Iterator[Jvm]:
    """A JVM with Arrow's JDBC driver, in which it is summer time nowhere: its time zone is UTC."""
    require_jdk()
    with Jvm() as started:
        yield started


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(
            sources: Mapping[str, str],
            *arguments: str,
            data_dir: Path | None = None,
            env: Mapping[str, str] | None = None,
            authentication: bool = False,
        ) -> RailForgeServer:
            when = () if "--initial-refresh" in arguments else NO_REFRESH
            server = RailForgeServer(
                sources,
                data_dir=data_dir,
                arguments=[*when, *arguments],
                env=env,
                authentication=authentication,
            )
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="module")
def guarded() -> Iterator[RailForgeServer]:
    """A server that asks for tokens, and has no tables. Every refusal slows the next one of its module."""
    with RailForgeServer({"shop": SOURCE}, arguments=NO_REFRESH, authentication=True) as started:
        yield started


@pytest.fixture(scope="module")
def reader_token(guarded: RailForgeServer) -> str:
    return create_token(guarded, "reader")


@pytest.fixture(scope="session")
def new_database(postgres: PostgresServer) -> NewDatabase:
    def create(*statements: str) -> str:
        url = postgres.create_database(f"test_{secrets.token_hex(4)}")
        run(url, *statements)
        return url

    return create


def run(url: str, *statements: str) -> None:
    """Run statements in a database, each in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    """Have whoever reads a table wait, until the end or until that of PostgreSQL."""
    with psycopg.connect(url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        with suppress(psycopg.OperationalError):
            connection.rollback()


def number(url: str, query: str) -> int:
    """The one number that a query gives."""
    with psycopg.connect(url, autocommit=True) as connection:
        [(found,)] = connection.execute(query.encode()).fetchall()
        return int(found)


def sessions(url: str) -> int:
    """How many connections RailForge has to a database."""
    return number(
        url,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'rail-forge%'",
    )


def refresh(server: RailForgeServer, *tables: str) -> list[rail_forge.RefreshedTable]:
    """Have a server pull its tables, all of which must succeed."""
    with rail_forge.connect(server.flight) as connected:
        return connected.refresh(*tables)


def answer(
    server: RailForgeServer, sql: str, params: Sequence[object] | None = None
) -> list[tuple[object, ...]]:
    """The rows of one query on a connection of its own."""
    with rail_forge.connect(server.flight) as connected:
        return connected.sql(sql, params).rows()


def computed(server: RailForgeServer) -> int:
    """How many results were computed, or are being computed."""
    with rail_forge.connect(server.flight) as client:
        results = client.status().results
    assert results is not None
    return results.misses
