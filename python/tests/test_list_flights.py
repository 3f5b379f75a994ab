"""ListFlights: every table that is served, with a ticket for its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from configuration import configuration, source
from conftest import refresh
from pyarrow import flight

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve, Served


def paths(client: flight.FlightClient, criteria: bytes = b"") -> list[tuple[str, ...]]:
    return [
        tuple(part.decode() for part in info.descriptor.path)
        for info in client.list_flights(criteria or None)
    ]


def test_every_table_is_described_as_by_its_path(shop: Served, stock: flight.FlightClient) -> None:
    infos = {info.descriptor.path[-1].decode(): info for info in stock.list_flights()}
    assert list(infos) == sorted(infos)
    assert set(infos) == set(shop.rows)
    for name, info in infos.items():
        assert info.descriptor.path == [b"shop", b"public", name.encode()]
        by_path = stock.get_flight_info(flight.FlightDescriptor.for_path("shop", "public", name))
        assert info.schema.equals(by_path.schema, check_metadata=True)
        assert json.loads(info.app_metadata) == json.loads(by_path.app_metadata)
        assert info.total_records == shop.rows[name]
        assert (info.total_bytes > 0) == (info.total_records > 0)
        [endpoint] = info.endpoints
        table = stock.do_get(endpoint.ticket).read_all()
        assert table.num_rows == info.total_records
        assert table.schema.equals(info.schema, check_metadata=True)


@pytest.mark.parametrize(
    ("pattern", "tables"),
    [
        ("shop.public.orders", ["orders"]),
        ("%.order%", ["order_line", "orders"]),
        ("%.order\\_%", ["order_line"]),
        ("shop.public._r%", ["order_line", "orders", "product"]),
        ("%Gift Wrap", ["Gift Wrap"]),
        ("attic.%", []),
        ("orders", []),
    ],
)
def test_criteria_are_a_pattern(pattern: str, tables: list[str], stock: flight.FlightClient) -> None:
    found = paths(stock, pattern.encode())
    assert found == [("shop", "public", table) for table in tables]


def test_criteria_that_cannot_be_read_are_refused(stock: flight.FlightClient) -> None:
    with pytest.raises(pa.ArrowInvalid, match="a pattern of LIKE"):
        list(stock.list_flights(b"\xff"))
    with pytest.raises(pa.ArrowInvalid, match="a pattern for names has more than"):
        list(stock.list_flights(b"_" * 2_000))


def test_live_tables_and_several_sources_are_listed(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    one = new_database("CREATE TABLE a AS SELECT 1 AS id", "CREATE TABLE b AS SELECT 2 AS id")
    other = new_database("CREATE TABLE a AS SELECT 3 AS id UNION SELECT 4")
    server = serve(
        {},
        *configuration(
            tmp_path,
            source(one, name="one", tables={"public.b": 'mode = "live"'}),
            source(other, name="other"),
        ),
    )
    with flight.connect(server.flight) as client:
        assert list(client.list_flights()) == []
        refresh(server)
        infos = list(client.list_flights())
        read = {
            tuple(info.descriptor.path): (
                info.total_records,
                sorted(client.do_get(info.endpoints[0].ticket).read_all()["id"].to_pylist()),
            )
            for info in infos
        }
        assert read == {
            (b"one", b"public", b"a"): (1, [1]),
            (b"one", b"public", b"b"): (-1, [2]),
            (b"other", b"public", b"a"): (2, [3, 4]),
        }
        assert paths(client, b"other.%") == [("other", "public", "a")]
