"""Texts and bytes as views, for clients that ask for them: the same values, in the types of Polars itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest
from conftest import NO_REFRESH, refresh
from cookies import CookieJar
from flight_messages import set_options
from flight_sql_messages import descriptor, packed, prepare, unpacked
from pyarrow import flight

from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase, Served

VIEWS = flight.FlightCallOptions(headers=[(b"x-rail-forge-views", b"true")])
NO_VIEWS = flight.FlightCallOptions(headers=[(b"x-rail-forge-views", b"false")])
EVERY_KIND = "SELECT id, short, long, fixed, bytes, list FROM t ORDER BY id"
TABLE = """
    CREATE TABLE t AS SELECT
        i AS id, 'text ' || i AS short, repeat(md5(i::text), 20) AS long,
        (i % 100)::text::character(4) AS fixed,
        convert_to('bytes of ' || i, 'UTF8') AS bytes, ARRAY['a', 'element number ' || i] AS list
    FROM generate_series(1, 20000) AS i
"""
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def server(new_database: NewDatabase) -> Iterator[RailForgeServer]:
    url = new_database(TABLE, "UPDATE t SET short = NULL, bytes = NULL WHERE id % 3 = 0")
    with RailForgeServer({"shop": url}, arguments=NO_REFRESH) as started:
        refresh(started)
        yield started


@pytest.fixture(scope="module")
def client(server: RailForgeServer) -> Iterator[flight.FlightClient]:
    with flight.connect(server.flight) as connected:
        yield connected


def for_sql(sql: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(sql.encode())


def read(client: flight.FlightClient, sql: str, options: flight.FlightCallOptions = None) -> pa.Table:
    """The whole result; its schema has to be the one that FlightInfo has announced."""
    info = client.get_flight_info(for_sql(sql), options)
    table = client.do_get(info.endpoints[0].ticket, options).read_all()
    assert table.schema.equals(info.schema, check_metadata=True)
    return table


def buffer_bytes(table: pa.Table) -> int:
    return sum(batch.get_total_buffer_size() for batch in table.to_batches())


def test_columns_are_views_and_the_values_are_the_same(client: flight.FlightClient) -> None:
    plain, views = read(client, EVERY_KIND), read(client, EVERY_KIND, VIEWS)
    assert [str(field.type) for field in views.schema] == [
        "int32",
        "string_view",
        "string_view",
        "string_view",
        "binary_view",
        # What is inside of a column stays: pandas does not read it otherwise.
        str(plain.schema.field("list").type),
    ]
    assert not any(pa.types.is_string_view(type_) for type_ in plain.schema.types)
    assert [field.metadata for field in views.schema] == [field.metadata for field in plain.schema]
    assert views.to_pydict() == plain.to_pydict()
    assert views["fixed"][0].as_py() == "1   "


def test_every_call_announces_the_same(client: flight.FlightClient) -> None:
    sql = "SELECT long, bytes FROM t WHERE id < 3 ORDER BY id"
    wanted = read(client, sql, VIEWS).schema
    assert client.get_schema(for_sql(sql), VIEWS).schema.equals(wanted, check_metadata=True)
    body = packed("ActionCreatePreparedStatementRequest", query=sql)
    [result] = list(client.do_action(("CreatePreparedStatement", body), VIEWS))
    prepared = unpacked("ActionCreatePreparedStatementResult", result.body.to_pybytes())
    assert pa.ipc.read_schema(pa.py_buffer(prepared.dataset_schema)).equals(wanted, check_metadata=True)
    # A handle and a ticket keep what they were made with, whatever later calls say.
    asked = descriptor(
        "CommandPreparedStatementQuery", prepared_statement_handle=prepared.prepared_statement_handle
    )
    for options in (None, NO_VIEWS):
        info = client.get_flight_info(asked, options)
        assert info.schema.equals(wanted, check_metadata=True)
        got = client.do_get(info.endpoints[0].ticket, options).read_all()
        assert got.schema.equals(wanted, check_metadata=True)
    plain = prepare(client, sql).prepared_statement_handle
    asked = descriptor("CommandPreparedStatementQuery", prepared_statement_handle=plain)
    assert client.get_flight_info(asked, VIEWS).schema.field("long").type == pa.string()


def test_a_session_has_them_too(server: RailForgeServer) -> None:
    with flight.connect(server.flight, middleware=[CookieJar()]) as client:
        sql = "SELECT long FROM t LIMIT 1"
        assert set_options(client, views=True) == {}
        assert read(client, sql).schema.types == [pa.string_view()]
        assert read(client, sql, NO_VIEWS).schema.types == [pa.string()]
        [info] = client.list_flights()
        assert info.schema.field("long").type == pa.string_view()
        table = client.do_get(info.endpoints[0].ticket).read_all()
        assert table.schema.equals(info.schema, check_metadata=True)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT long FROM t",
        "SELECT long FROM t WHERE id % 100 = 1",
        "SELECT long FROM t ORDER BY md5(long) LIMIT 10",
        "SELECT t.long, s.i FROM t, generate_series(1, 20) AS s(i) WHERE t.id < 500",
    ],
)
def test_nothing_is_sent_but_the_texts_of_the_rows(sql: str, client: flight.FlightClient) -> None:
    plain, views = read(client, sql), read(client, sql, VIEWS)
    assert views.num_rows == plain.num_rows
    # Beside the texts a view has 16 bytes.
    assert buffer_bytes(views) < 2 * buffer_bytes(plain) + MEBIBYTE
    assert all(batch.get_total_buffer_size() < 3 * MEBIBYTE for batch in views.to_batches())


def test_empty_results_and_nulls_alone(client: flight.FlightClient) -> None:
    assert read(client, "SELECT long FROM t WHERE false", VIEWS).schema.types == [pa.string_view()]
    nulls = read(client, "SELECT NULL AS x, ''::text AS y", VIEWS)
    assert nulls.to_pydict() == {"x": [None], "y": [""]}
    assert nulls.schema.types == [pa.string_view()] * 2


def test_polars_reads_them(client: flight.FlightClient) -> None:
    plain, views = pl.from_arrow(read(client, EVERY_KIND)), pl.from_arrow(read(client, EVERY_KIND, VIEWS))
    assert isinstance(plain, pl.DataFrame)
    assert isinstance(views, pl.DataFrame)
    assert views.equals(plain)
    assert views.schema == plain.schema


def test_another_value_is_refused(shop: Served) -> None:
    wrong = flight.FlightCallOptions(headers=[(b"x-rail-forge-views", b"yes")])
    with (
        flight.connect(shop.server.flight) as client,
        pytest.raises(pa.ArrowInvalid, match="x-rail-forge-views may say true or false"),
    ):
        client.get_flight_info(for_sql("SELECT 1"), wrong)
