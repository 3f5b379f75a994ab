"""The 99 queries of TPC-DS at scale factor 0.1: RailForge's rows are PostgreSQL's, in the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from comparison import by_value, connect_as_reference, first_difference, in_total_order, reference_rows
from conftest import NO_REFRESH, Served, refresh
from tpcds_statements import CHANGES, NUMBERS, tpcds_statements

import rail_forge
from rail_forge_testbed.server import RailForgeServer
from rail_forge_testbed.tpcds import load_tpcds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

    from rail_forge_testbed.postgres import PostgresServer

SCALE_FACTOR = 0.1
REFERENCE_SETTINGS = {
    # Several CTEs are joined with themselves. PostgreSQL takes them for far smaller than they are and joins
    # them in nested loops: query 4 then takes minutes instead of a second.
    "enable_nestloop": "off",
    "jit": "off",
    "work_mem": "64MB",
    "statement_timeout": "180s",
}


@pytest.fixture(scope="module")
def tpcds(postgres: PostgresServer) -> Iterator[Served]:
    url = postgres.create_database("tpcds")
    rows = load_tpcds(url, SCALE_FACTOR)
    with RailForgeServer({"tpcds": url}, arguments=NO_REFRESH) as server:
        refresh(server)
        yield Served(url, rows, server)


@pytest.fixture(scope="module")
def tpcds_client(tpcds: Served) -> Iterator[rail_forge.Client]:
    with rail_forge.connect(tpcds.server.flight) as client:
        yield client


@pytest.fixture(scope="module")
def tpcds_reference(tpcds: Served) -> Iterator[psycopg.Connection]:
    with connect_as_reference(tpcds.url) as connection:
        for name, value in REFERENCE_SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        yield connection


@pytest.fixture(scope="module")
def statements() -> Mapping[int, str]:
    return tpcds_statements()


def test_every_query_is_there(statements: Mapping[int, str]) -> None:
    assert sorted(statements) == list(NUMBERS)
    assert set(CHANGES) <= set(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_rows_are_those_of_postgresql(
    number: int,
    statements: Mapping[int, str],
    tpcds_client: rail_forge.Client,
    tpcds_reference: psycopg.Connection,
) -> None:
    sql = in_total_order(tpcds_reference, statements[number])
    wanted = reference_rows(tpcds_reference, sql)
    got = tpcds_client.sql(sql).rows()
    assert any(cell for row in wanted for cell in row)
    assert first_difference(got, wanted, by_value) is None


def test_all_rows_were_loaded(tpcds: Served, tpcds_client: rail_forge.Client) -> None:
    assert {table.table: table.rows for table in tpcds_client.status().tables} == tpcds.rows
