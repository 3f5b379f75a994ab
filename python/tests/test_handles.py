"""Handles of statements and tickets are for whom they were made, and as they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from flight_sql_messages import bind, command, descriptor, packed, prepare, unpacked
from pyarrow import flight
from tokens import create_token, guarded_server, stock_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Serve

    from rail_forge_testbed.server import RailForgeServer

UNKNOWN = "no such statement; prepare it again"
ROW = pa.RecordBatch.from_pylist([{"a": 1}])
SQL = "SELECT 41 + 1 AS n"


@pytest.fixture(scope="module")
def owner(guarded: RailForgeServer) -> Iterator[flight.FlightClient]:
    with stock_client(guarded, f"Bearer {create_token(guarded, 'owner')}") as client:
        yield client


@pytest.fixture(scope="module")
def stranger(guarded: RailForgeServer) -> Iterator[flight.FlightClient]:
    with stock_client(guarded, f"Bearer {create_token(guarded, 'stranger')}") as client:
        yield client


def handle_of_ticket(client: flight.FlightClient) -> bytes:
    [endpoint] = client.get_flight_info(flight.FlightDescriptor.for_command(SQL.encode())).endpoints
    return bytes(unpacked("TicketStatementQuery", endpoint.ticket.ticket).statement_handle)


def get(client: flight.FlightClient, handle: bytes) -> pa.Table:
    return client.do_get(flight.Ticket(packed("TicketStatementQuery", statement_handle=handle))).read_all()


def get_prepared(client: flight.FlightClient, handle: bytes) -> pa.Table:
    ticket = flight.Ticket(packed("CommandPreparedStatementQuery", prepared_statement_handle=handle))
    return client.do_get(ticket).read_all()


def describe_prepared(client: flight.FlightClient, handle: bytes) -> object:
    return client.get_flight_info(
        descriptor("CommandPreparedStatementQuery", prepared_statement_handle=handle)
    )


def bind_prepared(client: flight.FlightClient, handle: bytes) -> object:
    return bind(client, handle, ROW)


USES: dict[str, Callable[[flight.FlightClient, bytes], object]] = {
    "read a ticket": get,
    "read a prepared statement": get_prepared,
    "describe a prepared statement": describe_prepared,
    "bind to a prepared statement": bind_prepared,
}


def handle_for(use: str, client: flight.FlightClient) -> bytes:
    if use == "read a ticket":
        return handle_of_ticket(client)
    sql = "SELECT $1 + 41 AS n" if use == "bind to a prepared statement" else SQL
    return bytes(prepare(client, sql).prepared_statement_handle)


@pytest.mark.parametrize("use", USES)
def test_a_handle_is_its_owners_alone(
    use: str, owner: flight.FlightClient, stranger: flight.FlightClient
) -> None:
    handle = handle_for(use, owner)
    with pytest.raises(KeyError, match=UNKNOWN):
        USES[use](stranger, handle)
    USES[use](owner, handle)


@pytest.mark.parametrize("use", USES)
def test_a_forged_handle_is_unknown(use: str, owner: flight.FlightClient) -> None:
    handle = handle_for(use, owner)
    for forged in (
        handle.replace(b"41", b"42"),
        handle[32:],
        handle[:-1],
        handle[:31],
        bytes(32) + handle[32:],
        b"nonsense",
        b"",
    ):
        assert forged != handle
        with pytest.raises(KeyError, match=UNKNOWN):
            USES[use](owner, forged)


def test_bound_parameters_are_signed(owner: flight.FlightClient, stranger: flight.FlightClient) -> None:
    bound = bind(owner, bytes(prepare(owner, "SELECT $1 + 41 AS n").prepared_statement_handle), ROW)
    got = command(owner, "CommandPreparedStatementQuery", prepared_statement_handle=bound)
    assert got.to_pydict() == {"n": [42]}
    with pytest.raises(KeyError, match=UNKNOWN):
        describe_prepared(stranger, bound)


def test_a_login_is_the_same_principal(guarded: RailForgeServer, owner: flight.FlightClient) -> None:
    token = create_token(guarded, "both")
    with stock_client(guarded, f"Bearer {token}") as by_token, flight.connect(guarded.flight) as stock:
        _, login = stock.authenticate_basic_token("both", token)
        own, of_owner = handle_of_ticket(by_token), handle_of_ticket(owner)
        with stock_client(guarded, login.decode()) as by_login:
            assert get(by_login, own).to_pydict() == {"n": [42]}
            with pytest.raises(KeyError, match=UNKNOWN):
                get(by_login, of_owner)


def test_a_restart_keeps_handles(serve: Serve) -> None:
    server = guarded_server(serve)
    token = create_token(server, "patient")
    with stock_client(server, f"Bearer {token}") as client:
        handle = handle_for("read a prepared statement", client)
    server.stop()
    server.start()
    with stock_client(server, f"Bearer {token}") as client:
        assert get_prepared(client, handle).to_pydict() == {"n": [42]}
    server.stop()
    (server.data_dir / "signing.key").unlink()
    server.start()
    with stock_client(server, f"Bearer {token}") as client, pytest.raises(KeyError, match=UNKNOWN):
        get_prepared(client, handle)
