"""A stock pyarrow.flight client, without anything of `rail_forge`: plain Flight, and Flight SQL by hand."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from comparison import connect_as_reference, first_difference, reference_rows, rows
from conftest import refresh
from flight_sql_messages import close, command, descriptor, packed, prepare, put, read, run_bound
from pyarrow import flight

if TYPE_CHECKING:
    import psycopg
    from conftest import NewDatabase, Serve, Served

ORDERS = "SELECT id, total, placed_at, coupon FROM orders WHERE id <= 1000 ORDER BY id"


def for_sql(sql: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(sql.encode())


def test_sql_as_command(stock: flight.FlightClient, shop_reference: psycopg.Connection) -> None:
    got = read(stock, for_sql(ORDERS))
    assert first_difference(rows(got), reference_rows(shop_reference, ORDERS)) is None


def test_sql_as_flight_sql_statement(stock: flight.FlightClient, shop_reference: psycopg.Connection) -> None:
    got = command(stock, "CommandStatementQuery", query=ORDERS)
    assert first_difference(rows(got), reference_rows(shop_reference, ORDERS)) is None


@pytest.mark.parametrize(
    ("path", "table"),
    [
        (["orders"], "orders"),
        (["public", "orders"], "orders"),
        (["shop", "public", "orders"], "orders"),
        (["shop", "public", "Gift Wrap"], '"Gift Wrap"'),
        (["public", "Gift Wrap"], '"Gift Wrap"'),
    ],
)
def test_table_as_path(
    path: list[str], table: str, stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    got = read(stock, flight.FlightDescriptor.for_path(*path)).sort_by("id")
    wanted = reference_rows(shop_reference, f"SELECT * FROM {table} ORDER BY id")
    assert first_difference(rows(got), wanted) is None


def test_a_path_is_no_sql(stock: flight.FlightClient) -> None:
    path = flight.FlightDescriptor.for_path('orders" WHERE id = 1 --')
    with pytest.raises(KeyError, match="does not exist"):
        stock.get_flight_info(path)


@pytest.mark.parametrize(
    "asked",
    [
        for_sql(ORDERS),
        flight.FlightDescriptor.for_path("public", "orders"),
        descriptor("CommandStatementQuery", query=ORDERS),
        descriptor("CommandGetTables", include_schema=True),
        descriptor("CommandGetPrimaryKeys", table="orders"),
    ],
    ids=["sql", "path", "statement", "tables", "keys"],
)
def test_get_schema_is_that_of_the_result(asked: flight.FlightDescriptor, stock: flight.FlightClient) -> None:
    schema = stock.get_schema(asked).schema
    assert schema.equals(read(stock, asked).schema, check_metadata=True)


def test_info_carries_the_moment(stock: flight.FlightClient, shop: Served) -> None:
    info = stock.get_flight_info(for_sql(ORDERS))
    truth = json.loads(info.app_metadata)
    assert truth["engine"] == "datafusion"
    assert datetime.fromisoformat(truth["as_of"]).tzinfo is not None
    with connect_as_reference(shop.url) as reference:
        [(behind,)] = reference_rows(
            reference, "SELECT $1::text::pg_lsn <= pg_current_wal_lsn()", [truth["lsn"]]
        )
    assert behind is True


def test_a_ticket_can_be_read_twice_and_by_another_client(stock: flight.FlightClient, shop: Served) -> None:
    [endpoint] = stock.get_flight_info(for_sql(ORDERS)).endpoints
    first = stock.do_get(endpoint.ticket).read_all()
    with flight.connect(shop.server.flight) as other:
        assert other.do_get(endpoint.ticket).read_all().equals(first)


def test_a_ticket_is_for_the_snapshot_that_was_described(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    server = serve({"shop": url})
    refresh(server)
    with flight.connect(server.flight) as client, connect_as_reference(url) as reference:
        [endpoint] = client.get_flight_info(for_sql("SELECT id FROM t")).endpoints
        reference.execute("SET default_transaction_read_only = off")
        reference.execute("INSERT INTO t VALUES (2)")
        refresh(server)
        assert rows(client.do_get(endpoint.ticket).read_all()) == [(1,)]
        assert rows(read(client, for_sql("SELECT id FROM t ORDER BY id"))) == [(1,), (2,)]


def test_list_actions_names_what_there_is(stock: flight.FlightClient) -> None:
    offered = {action.type: action.description for action in stock.list_actions()}
    assert {"CreatePreparedStatement", "ClosePreparedStatement", "rail_forge.refresh"} <= set(offered)
    assert all(offered.values())
    [status] = list(stock.do_action("rail_forge.status"))
    assert json.loads(status.body.to_pybytes())["sources"][0]["catalog"] == "shop"


def test_unknown_action_and_unknown_command_are_refused(stock: flight.FlightClient) -> None:
    with pytest.raises(NotImplementedError, match=r"no action \"make_coffee\""):
        list(stock.do_action("make_coffee"))
    with pytest.raises(pa.ArrowInvalid, match="neither a Flight SQL command"):
        stock.get_flight_info(flight.FlightDescriptor.for_command(b"\xff\xfe\x00"))


def test_unreadable_tickets_are_refused(stock: flight.FlightClient) -> None:
    for ticket in [b"", b"nonsense", packed("CommandStatementUpdate", query="DELETE FROM orders")]:
        with pytest.raises((pa.ArrowException, KeyError, NotImplementedError, flight.FlightError)):
            stock.do_get(flight.Ticket(ticket)).read_all()
    assert rows(read(stock, for_sql("SELECT 1 AS one"))) == [(1,)]


def test_prepared_statement_with_a_bound_parameter(
    stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    sql = "SELECT id, total FROM orders WHERE total > $1 AND id <= $2 ORDER BY id"
    prepared = prepare(stock, sql)
    parameters = pa.ipc.read_schema(pa.py_buffer(prepared.parameter_schema))
    assert parameters.types == [pa.decimal128(12, 2), pa.int64()]
    dataset = pa.ipc.read_schema(pa.py_buffer(prepared.dataset_schema))
    assert dataset.types == [pa.int64(), pa.decimal128(12, 2)]

    for least in (Decimal("100.00"), Decimal("500.50")):
        row = pa.RecordBatch.from_pylist([{"a": least, "b": 900}])
        got = run_bound(stock, prepared.prepared_statement_handle, row)
        wanted = reference_rows(shop_reference, sql, [least, 900])
        assert first_difference(rows(got), wanted) is None
        assert got.schema.equals(dataset)
    close(stock, prepared.prepared_statement_handle)


def test_prepared_statement_without_parameters(stock: flight.FlightClient) -> None:
    prepared = prepare(stock, "SELECT count(*) AS n FROM region")
    assert len(pa.ipc.read_schema(pa.py_buffer(prepared.parameter_schema))) == 0
    handle = prepared.prepared_statement_handle
    got = command(stock, "CommandPreparedStatementQuery", prepared_statement_handle=handle)
    assert rows(got) == [(12,)]


@pytest.mark.parametrize(
    "row",
    [
        pa.RecordBatch.from_pylist([{"a": 1}, {"a": 2}]),
        pa.RecordBatch.from_pylist([{"a": 1, "b": 2}]),
        pa.RecordBatch.from_pylist([{"a": [1]}]),
        pa.RecordBatch.from_pylist([], schema=pa.schema([("a", pa.int64())])),
    ],
    ids=["two rows", "two columns", "a list", "no row"],
)
def test_parameters_that_do_not_fit_are_refused(row: pa.RecordBatch, stock: flight.FlightClient) -> None:
    prepared = prepare(stock, "SELECT id FROM orders WHERE id = $1")
    with pytest.raises((pa.ArrowInvalid, NotImplementedError), match="parameter"):
        run_bound(stock, prepared.prepared_statement_handle, row)


def test_foreign_handles_are_refused(stock: flight.FlightClient) -> None:
    with pytest.raises((KeyError, pa.ArrowInvalid)):
        command(stock, "CommandPreparedStatementQuery", prepared_statement_handle=b"\xff\xff nonsense")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("CommandStatementUpdate", {"query": "DELETE FROM orders"}),
        ("CommandStatementUpdate", {"query": "CREATE TABLE x (a int)"}),
        ("CommandStatementIngest", {"table": "x"}),
    ],
)
def test_updates_are_refused_as_read_only(
    name: str, fields: dict[str, str], stock: flight.FlightClient
) -> None:
    batch = pa.RecordBatch.from_pylist([{"a": 1}])
    with pytest.raises((pa.ArrowInvalid, NotImplementedError), match="changes nothing"):
        put(stock, descriptor(name, **fields), batch)


def exchange(client: flight.FlightClient, asked: flight.FlightDescriptor) -> None:
    writer, reader = client.do_exchange(asked)
    with writer:
        reader.read_chunk()


def test_other_calls_are_refused_and_do_no_harm(stock: flight.FlightClient) -> None:
    with pytest.raises(NotImplementedError):
        exchange(stock, for_sql("SELECT 1"))
    assert rows(read(stock, for_sql("SELECT 1 AS one"))) == [(1,)]


def test_compressed_parameters_are_refused(stock: flight.FlightClient) -> None:
    """Their decoder would believe any length that they claim."""
    prepared = prepare(stock, "SELECT count(*) FROM orders WHERE coupon = $1")
    row = pa.RecordBatch.from_pylist([{"a": "x" * 10_000}])
    asked = descriptor(
        "CommandPreparedStatementQuery", prepared_statement_handle=prepared.prepared_statement_handle
    )
    compressed = flight.FlightCallOptions(write_options=pa.ipc.IpcWriteOptions(compression="zstd"))
    with pytest.raises(pa.ArrowInvalid, match="without compression"):
        put(stock, asked, row, compressed)


def test_long_headers_are_read(stock: flight.FlightClient) -> None:
    options = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer " + b"x" * 30_000)])
    info = stock.get_flight_info(for_sql("SELECT 1 AS one"), options)
    assert stock.do_get(info.endpoints[0].ticket, options).read_all().to_pydict() == {"one": [1]}
