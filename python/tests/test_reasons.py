"""The reason that each error carries for programs, as the stock ADBC driver hands it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import psycopg
import pyarrow as pa
import pytest
from adbc_driver_flightsql import DatabaseOptions
from error_details import ErrorInfo, Listening, error_info
from flight_messages import renew
from flight_sql_messages import command, descriptor, put
from pyarrow import flight

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Served

PRIORITY_HEADER = f"{DatabaseOptions.RPC_CALL_HEADER_PREFIX.value}x-rail-forge-priority"


@pytest.mark.parametrize(
    ("sql", "reason", "metadata"),
    [
        ("SELEC 1", "SYNTAX_ERROR", {"line": "1", "column": "1"}),
        ("SELECT *\nFROM orders WHERE", "SYNTAX_ERROR", {"line": "2", "column": "18"}),
        ("SELECT 'é', 'open", "SYNTAX_ERROR", {"line": "1", "column": "13"}),
        ("SELECT totl FROM orders", "INVALID_QUERY", {}),
        ("SELECT abs('x'::text)", "INVALID_QUERY", {}),
        ("SELECT no_such_function(1)", "UNSUPPORTED", {}),
        ("SELECT * FROM ordres", "UNKNOWN_TABLE", {}),
        ("DELETE FROM orders", "READ_ONLY", {}),
        ("SELECT 1; SELECT 2", "UNSUPPORTED", {}),
        (f"SELECT {'(' * 100}1{')' * 100}", "TOO_LARGE", {}),
    ],
)
def test_what_is_wrong_with_a_statement(sql: str, reason: str, metadata: dict[str, str], cursor: Any) -> None:
    with pytest.raises(adbc.Error) as caught:
        cursor.execute(sql)
    assert error_info(caught.value) == ErrorInfo(reason, "rail-forge", metadata)


@pytest.mark.parametrize(
    "sql",
    ["SELECT 'abc'::integer", "SELECT '2024-02-30'::date", "SELECT 'yo'::boolean", "SELECT '1e999'::float8"],
)
def test_values_have_the_sqlstate_of_postgresql(
    sql: str, cursor: Any, shop_reference: psycopg.Connection
) -> None:
    with pytest.raises(psycopg.DataError) as wanted:
        shop_reference.execute(sql.encode())
    with pytest.raises(adbc.Error) as caught:
        cursor.execute(sql)
    assert error_info(caught.value) == ErrorInfo(
        "INVALID_VALUE", "rail-forge", {"sqlstate": str(wanted.value.sqlstate)}
    )


def test_parameters_that_do_not_fit(cursor: Any) -> None:
    with pytest.raises(adbc.Error) as caught:
        cursor.execute("SELECT id FROM orders WHERE id = $1", ["x"])
    assert error_info(caught.value).reason == "INVALID_PARAMETER"


def test_headers_that_cannot_be_read(shop: Served) -> None:
    with (
        adbc.connect(shop.server.flight, autocommit=True, db_kwargs={PRIORITY_HEADER: "high"}) as connected,
        connected.cursor() as cursor,
        pytest.raises(adbc.Error, match="interactive or batch") as caught,
    ):
        cursor.execute("SELECT 1")
    assert error_info(caught.value) == ErrorInfo("INVALID_REQUEST", "rail-forge", {})


def test_what_is_not_there_says_so(cursor: Any) -> None:
    with pytest.raises(adbc.Error) as caught:
        cursor.adbc_ingest("x", pa.table({"a": [1]}))
    assert error_info(caught.value).reason in ("READ_ONLY", "UNSUPPORTED")


@pytest.mark.parametrize(
    "name", ["ä" * 5_000, "x y" * 5_000, "%" * 5_000, "\N{WHITE SMILING FACE}\t" * 5_000]
)
def test_long_texts_arrive(name: str, cursor: Any, stock: flight.FlightClient) -> None:
    """Clients drop an answer whose headers are longer than they read."""
    sql = f'SELECT "{name}" FROM orders'
    with pytest.raises(pa.ArrowInvalid, match=r'Flight returned invalid argument error.*column "') as plain:
        stock.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()))
    assert name[:500] in str(plain.value)
    with pytest.raises(adbc.ProgrammingError, match='column "') as caught:
        cursor.execute(sql)
    assert error_info(caught.value).reason == "INVALID_QUERY"


def for_sql(sql: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(sql.encode())


def exchange(client: flight.FlightClient) -> None:
    writer, reader = client.do_exchange(for_sql("SELECT 1"))
    with writer:
        reader.read_chunk()


def update(client: flight.FlightClient) -> None:
    asked = descriptor("CommandStatementUpdate", query="DELETE FROM orders")
    put(client, asked, pa.RecordBatch.from_pylist([{"a": 1}]))


CALLS: dict[str, tuple[Callable[[flight.FlightClient], object], str, dict[str, str]]] = {
    "a descriptor": (
        lambda client: client.get_flight_info(flight.FlightDescriptor.for_command(b"\xff\xfe")),
        "INVALID_REQUEST",
        {},
    ),
    "GetSchema": (lambda client: client.get_schema(for_sql("SELECT * FROM ordres")), "UNKNOWN_TABLE", {}),
    "a handle": (
        lambda client: command(
            client, "CommandPreparedStatementQuery", prepared_statement_handle=b"\xff\xff"
        ),
        "UNKNOWN_STATEMENT",
        {},
    ),
    "a transaction": (
        lambda client: command(client, "CommandStatementQuery", query="SELECT 1", transaction_id=b"another"),
        "UNKNOWN_TRANSACTION",
        {},
    ),
    "an action": (lambda client: list(client.do_action("make_coffee")), "UNSUPPORTED", {}),
    "a refresh": (
        lambda client: list(client.do_action(("rail_forge.refresh", b'{"tables": ["ordres"]}'))),
        "UNKNOWN_TABLE",
        {"table": "ordres"},
    ),
    "ListFlights": (lambda client: list(client.list_flights(b"\xff")), "INVALID_REQUEST", {}),
    "a session": (lambda client: list(client.do_action("CloseSession")), "UNKNOWN_SESSION", {}),
    "a ticket": (
        lambda client: renew(client, flight.FlightEndpoint(b"nonsense", [])),
        "UNKNOWN_STATEMENT",
        {},
    ),
    "DoExchange": (exchange, "UNSUPPORTED", {}),
    "DoPut": (update, "READ_ONLY", {}),
    "DoGet": (
        lambda client: client.do_get(flight.Ticket(b"nonsense")).read_all(),
        "INVALID_REQUEST",
        {},
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_says_why_it_is_refused(name: str, shop: Served) -> None:
    call, reason, metadata = CALLS[name]
    listening = Listening()
    with (
        flight.FlightClient(shop.server.flight, middleware=[listening]) as client,
        pytest.raises((pa.ArrowException, KeyError, NotImplementedError, flight.FlightError)),
    ):
        call(client)
    assert listening.error_info() == ErrorInfo(reason, "rail-forge", metadata)


@pytest.mark.parametrize("value", ["total", "id", "id::double precision"])
def test_a_stream_that_breaks_says_why(value: str, shop: Served, shop_reference: psycopg.Connection) -> None:
    sql = f"SELECT {value} / (id - id) AS x FROM orders"
    with pytest.raises(psycopg.DataError) as wanted:
        shop_reference.execute(sql.encode())
    listening = Listening()
    with flight.FlightClient(shop.server.flight, middleware=[listening]) as client:
        [endpoint] = client.get_flight_info(for_sql(sql)).endpoints
        with pytest.raises(pa.ArrowInvalid, match="division by zero"):
            client.do_get(endpoint.ticket).read_all()
    assert listening.error_info() == ErrorInfo(
        "INVALID_VALUE", "rail-forge", {"sqlstate": str(wanted.value.sqlstate)}
    )
