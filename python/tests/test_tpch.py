"""The 22 queries of TPC-H at scale factor 0.1: RailForge's rows are PostgreSQL's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from comparison import connect_as_reference, multiset, reference_rows, rows
from flight_sql_messages import read
from pyarrow import flight
from substrait_plans import datafusion, plan_descriptor, plan_of_sql

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from comparison import Row
    from conftest import Served
    from datafusion import SessionContext

QUERIES = Path(__file__).parent / "tpch"

# The positions of the columns that each query orders by; rows with equal keys may come in any order.
ORDER_KEYS: dict[int, tuple[int, ...]] = {
    1: (0, 1),
    2: (0, 2, 1, 3),
    3: (1, 2),
    4: (0,),
    5: (1,),
    6: (),
    7: (0, 1, 2),
    8: (0,),
    9: (0, 1),
    10: (2,),
    11: (1,),
    12: (0,),
    13: (1, 0),
    14: (),
    15: (0,),
    16: (3, 0, 1, 2),
    17: (),
    18: (4, 3),
    19: (),
    20: (0,),
    21: (1, 0),
    22: (0,),
}


@pytest.fixture(scope="module")
def tpch_client(tpch: Served) -> Iterator[rail_forge.Client]:
    with rail_forge.connect(tpch.server.flight) as client:
        yield client


@pytest.fixture(scope="module")
def tpch_reference(tpch: Served) -> Iterator[psycopg.Connection]:
    with connect_as_reference(tpch.url) as connection:
        yield connection


@pytest.fixture(scope="module")
def tpch_stock(tpch: Served) -> Iterator[flight.FlightClient]:
    with flight.connect(tpch.server.flight) as client:
        yield client


@pytest.fixture(scope="module")
def producer(tpch_stock: flight.FlightClient) -> SessionContext:
    return datafusion(tpch_stock)


def test_every_query_is_there() -> None:
    assert sorted(path.name for path in QUERIES.iterdir()) == [f"q{number:02}.sql" for number in ORDER_KEYS]


def check(number: int, got: list[Row], wanted: list[Row]) -> None:
    """The same rows, in the order that the query asks for."""
    keys = ORDER_KEYS[number]
    assert wanted
    assert multiset(got) == multiset(wanted)
    assert [[row[key] for key in keys] for row in got] == [[row[key] for key in keys] for row in wanted]


@pytest.mark.parametrize("number", ORDER_KEYS)
def test_rows_are_those_of_postgresql(
    number: int, tpch_client: rail_forge.Client, tpch_reference: psycopg.Connection
) -> None:
    sql = (QUERIES / f"q{number:02}.sql").read_text()
    check(number, tpch_client.sql(sql).rows(), reference_rows(tpch_reference, sql))


@pytest.mark.parametrize("number", ORDER_KEYS)
def test_rows_of_a_substrait_plan_are_those_of_postgresql(
    number: int, tpch_stock: flight.FlightClient, producer: SessionContext, tpch_reference: psycopg.Connection
) -> None:
    sql = (QUERIES / f"q{number:02}.sql").read_text()
    got = rows(read(tpch_stock, plan_descriptor(plan_of_sql(producer, sql))))
    check(number, got, reference_rows(tpch_reference, sql))


def test_all_rows_were_loaded(
    tpch: Served, tpch_client: rail_forge.Client, tpch_reference: psycopg.Connection
) -> None:
    status = {table.table: table.rows for table in tpch_client.status().tables}
    assert status == tpch.rows
    for table in tpch.rows:
        sql = f"SELECT count(*) FROM {table}"
        assert tpch_client.sql(sql).rows() == reference_rows(tpch_reference, sql) == [(tpch.rows[table],)]
