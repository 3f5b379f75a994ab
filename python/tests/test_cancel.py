"""Queries are cancelled by who has their tickets, from any connection; endpoints are renewed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from conftest import NO_REFRESH
from flight_messages import CANCELLED, CANCELLING, NOT_CANCELLABLE, cancel, renew
from flight_sql_messages import descriptor, packed, prepare, unpacked
from pyarrow import flight
from tokens import create_token, stock_client
from waiting import until

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase

ROWS = 20_000
COUNT = "SELECT count(*) AS n FROM n"
# Until its client goes away.
ENDLESS = "SELECT count(*) FROM n AS a, n AS b, n AS c WHERE a.id + b.id + c.id = -{}"
MANY_ROWS = "SELECT a.id, a.t FROM n AS a, n AS b WHERE a.id + b.id <> {}"
UNKNOWN = "no such ticket"


@pytest.fixture(scope="module")
def server(new_database: NewDatabase) -> Iterator[RailForgeServer]:
    """A server where one query at a time has a place, and the next one does not wait for long."""
    url = new_database(
        f"CREATE TABLE n AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, {ROWS}) AS i"
    )
    arguments = [*NO_REFRESH, "--max-queries", "1", "--queue-timeout", "500ms", "--result-cache-memory", "0B"]
    with RailForgeServer({"shop": url}, arguments=arguments, authentication=True) as started:
        token = create_token(started, "loader")
        with rail_forge.connect(started.flight, token=token) as client:
            client.refresh()
        yield started


@pytest.fixture(scope="module")
def owner_token(server: RailForgeServer) -> str:
    return create_token(server, "owner")


@pytest.fixture(scope="module")
def owner(server: RailForgeServer, owner_token: str) -> Iterator[flight.FlightClient]:
    with stock_client(server, f"Bearer {owner_token}") as client:
        yield client


@pytest.fixture
def another(server: RailForgeServer, owner_token: str) -> Iterator[flight.FlightClient]:
    """Another connection of the owner's."""
    with stock_client(server, f"Bearer {owner_token}") as client:
        yield client


@pytest.fixture(scope="module")
def stranger(server: RailForgeServer) -> Iterator[flight.FlightClient]:
    with stock_client(server, f"Bearer {create_token(server, 'stranger')}") as client:
        yield client


def info_of(client: flight.FlightClient, sql: str) -> flight.FlightInfo:
    return client.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()))


def rest_of(reader: flight.FlightStreamReader) -> pa.Table:
    """The batches one by one: pyarrow's `read_all` takes a query that was cancelled for a Ctrl-C."""
    return pa.Table.from_batches([chunk.data for chunk in reader], reader.schema)


def read(client: flight.FlightClient, info: flight.FlightInfo) -> pa.Table:
    [endpoint] = info.endpoints
    return rest_of(client.do_get(endpoint.ticket))


def there_is_a_place(client: flight.FlightClient) -> bool:
    try:
        table = read(client, info_of(client, COUNT))
    except flight.FlightUnavailableError:
        return False
    assert table.to_pydict() == {"n": [ROWS]}
    return True


def test_a_query_is_cancelled_from_another_connection(
    owner: flight.FlightClient, another: flight.FlightClient
) -> None:
    info = info_of(owner, ENDLESS.format(1))
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read, owner, info)
        until(lambda: not there_is_a_place(another), "the query runs")
        assert cancel(another, info) in (CANCELLED, CANCELLING)
        until(lambda: cancel(another, info) == CANCELLED, "the query has ended")
        with pytest.raises(flight.FlightCancelledError, match="the query was cancelled"):
            reading.result()
    until(lambda: there_is_a_place(another), "its place is free")


def test_a_query_whose_rows_nobody_reads_is_cancelled(
    owner: flight.FlightClient, another: flight.FlightClient
) -> None:
    info = info_of(owner, MANY_ROWS.format(-1))
    reader = owner.do_get(info.endpoints[0].ticket)
    assert reader.read_chunk().data.num_rows > 0
    until(lambda: cancel(another, info) == CANCELLED, "the query has ended")
    # What was on its way is read before.
    with pytest.raises(flight.FlightCancelledError, match="the query was cancelled"):
        rest_of(reader)
    until(lambda: there_is_a_place(another), "its place is free")


def test_nobody_cancels_what_is_anothers(
    owner: flight.FlightClient, another: flight.FlightClient, stranger: flight.FlightClient
) -> None:
    info = info_of(owner, ENDLESS.format(3))
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read, owner, info)
        until(lambda: not there_is_a_place(another), "the query runs")
        with pytest.raises(KeyError, match=UNKNOWN):
            cancel(stranger, info)
        assert not there_is_a_place(another)
        assert not reading.done()
        until(lambda: cancel(another, info) == CANCELLED, "the query has ended")
        with pytest.raises(flight.FlightCancelledError):
            reading.result()
    until(lambda: there_is_a_place(another), "its place is free")


def test_a_ticket_that_was_cancelled_is_not_read(owner: flight.FlightClient) -> None:
    info, other = info_of(owner, COUNT), info_of(owner, COUNT)
    assert [cancel(owner, info) for _ in range(2)] == [CANCELLED] * 2
    for _ in range(2):
        with pytest.raises(flight.FlightCancelledError, match="the query was cancelled"):
            read(owner, info)
    assert read(owner, other).to_pydict() == {"n": [ROWS]}


def test_a_query_that_has_ended_can_be_cancelled(owner: flight.FlightClient) -> None:
    info = info_of(owner, COUNT)
    assert read(owner, info).to_pydict() == {"n": [ROWS]}
    assert cancel(owner, info) == CANCELLED


def test_the_query_of_a_prepared_statement_is_cancelled_and_the_statement_is_not(
    owner: flight.FlightClient,
) -> None:
    handle = prepare(owner, COUNT).prepared_statement_handle
    asked = descriptor("CommandPreparedStatementQuery", prepared_statement_handle=handle)
    info = owner.get_flight_info(asked)
    assert cancel(owner, info) == CANCELLED
    with pytest.raises(flight.FlightCancelledError):
        read(owner, info)
    assert read(owner, owner.get_flight_info(asked)).to_pydict() == {"n": [ROWS]}


def test_what_is_at_hand_is_not_cancelled(owner: flight.FlightClient) -> None:
    info = owner.get_flight_info(descriptor("CommandGetCatalogs"))
    assert cancel(owner, info) == NOT_CANCELLABLE
    assert read(owner, info).num_rows == 1


def cancel_query(client: flight.FlightClient, info: flight.FlightInfo) -> Any:
    body = packed("ActionCancelQueryRequest", info=info.serialize())
    [result] = list(client.do_action(("CancelQuery", body)))
    return unpacked("ActionCancelQueryResult", result.body.to_pybytes()).result


def test_the_older_action_does_the_same(owner: flight.FlightClient, stranger: flight.FlightClient) -> None:
    info = info_of(owner, COUNT)
    with pytest.raises(KeyError, match=UNKNOWN):
        cancel_query(stranger, info)
    assert read(owner, info).num_rows == 1
    assert cancel_query(owner, info) == CANCELLED
    with pytest.raises(flight.FlightCancelledError):
        read(owner, info)


def with_endpoints(*endpoints: flight.FlightEndpoint) -> flight.FlightInfo:
    return flight.FlightInfo(pa.schema([]), flight.FlightDescriptor.for_command(b"x"), [*endpoints], -1, -1)


def test_what_is_no_ticket_is_refused(owner: flight.FlightClient) -> None:
    ticket = info_of(owner, COUNT).endpoints[0].ticket.ticket
    good = info_of(owner, COUNT)
    for forged in (b"", b"nonsense", ticket[:-1], packed("CommandStatementQuery", query=COUNT)):
        wrong = flight.FlightEndpoint(forged, [])
        with pytest.raises(KeyError, match=UNKNOWN):
            cancel(owner, with_endpoints(wrong))
        # All or none.
        with pytest.raises(KeyError, match=UNKNOWN):
            cancel(owner, with_endpoints(*good.endpoints, wrong))
        with pytest.raises(KeyError, match=UNKNOWN):
            renew(owner, wrong)
    assert read(owner, good).to_pydict() == {"n": [ROWS]}
    with pytest.raises(pa.ArrowInvalid, match="no endpoint"):
        cancel(owner, with_endpoints())
    for action in ("CancelFlightInfo", "RenewFlightEndpoint"):
        with pytest.raises(pa.ArrowInvalid, match="cannot be read"):
            list(owner.do_action((action, b"\xff\xff")))
        with pytest.raises(pa.ArrowInvalid, match="there is no"):
            list(owner.do_action((action, b"")))


def test_an_endpoint_is_renewed_for_its_owner(
    owner: flight.FlightClient, stranger: flight.FlightClient
) -> None:
    [endpoint] = info_of(owner, COUNT).endpoints
    renewed = flight.FlightEndpoint.deserialize(renew(owner, endpoint))
    assert (renewed.ticket, renewed.expiration_time) == (endpoint.ticket, None)
    assert rest_of(owner.do_get(renewed.ticket)).to_pydict() == {"n": [ROWS]}
    with pytest.raises(KeyError, match=UNKNOWN):
        renew(stranger, endpoint)
