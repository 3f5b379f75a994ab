"""A server that is told to stop: running calls finish, new ones hear why not, and nothing keeps it."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc_calls
import pyarrow as pa
import pytest
from conftest import refresh
from error_details import ErrorInfo, Listening
from flight_sql_messages import close, prepare
from pyarrow import flight
from waiting import until, until_equal

from rail_forge_testbed.probes import get, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Serve, Served

    from rail_forge_testbed.server import RailForgeServer

# More than is on its way to a client that does not read.
LARGE = "SELECT l.* FROM order_line l, region r"
COUNT = "SELECT count(*) FROM orders"
ENDLESS = "SELECT sum(a.id * b.id) FROM order_line a, order_line b, order_line c"
# Of `grpc.health.v1`.
SERVING = 1
SHUTTING_DOWN = ErrorInfo("SHUTTING_DOWN", "rail-forge", {})
# No test waits for so long: what ends before has not waited for the time to be over.
LONG = ("--drain-timeout", "10m")
END_SECONDS = 20.0
# The server waits for so long for the first message of a handshake.
HANDSHAKE_SECONDS = 10.0


def for_sql(sql: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(sql.encode())


def ticket(client: flight.FlightClient, sql: str) -> flight.Ticket:
    [endpoint] = client.get_flight_info(for_sql(sql)).endpoints
    return endpoint.ticket


def started(serve: Serve, shop: Served, *arguments: str) -> RailForgeServer:
    server = serve({"shop": shop.url}, *arguments)
    refresh(server)
    return server


def tell(server: RailForgeServer, number: signal.Signals = signal.SIGTERM) -> None:
    """Tell the server to stop, and wait until it has heard it."""
    os.kill(server.pid, number)
    until(lambda: "stopping" in server.log, "the server has heard the signal")


def ended(server: RailForgeServer) -> int:
    """The exit code of a server that ends by itself."""
    until(lambda: server.exit_code() is not None, "the server has ended", END_SECONDS)
    code = server.exit_code()
    assert code is not None
    return code


def serving(watched: Iterator[Any]) -> None:
    """Wait until a watch tells that the server answers, a little after the first tables are there."""
    assert SERVING in (health.status for health in watched)


@contextmanager
def silent(opened: Any, path: str) -> Iterator[Any]:
    """A call whose client sends nothing, and does not end."""
    stop = threading.Event()

    def nothing() -> Iterator[Any]:
        stop.wait()
        yield from ()

    try:
        yield opened.stream_stream(path)(nothing())
    finally:
        stop.set()


class Draining:
    """A server that waits for one stream to end, and a client of it."""

    def __init__(self, server: RailForgeServer, listening: Listening, client: flight.FlightClient) -> None:
        self.server, self.listening, self.client = server, listening, client
        self.handle = prepare(client, COUNT).prepared_statement_handle
        self.ticket = ticket(client, COUNT)
        self._reader = client.do_get(ticket(client, LARGE))
        self.rows: int = self._reader.read_chunk().data.num_rows
        self.health = grpc_calls.channel(server)
        self.watched = grpc_calls.watch(self.health)
        serving(self.watched)
        tell(server)

    def read(self) -> int:
        """Read the stream to its end."""
        self.rows += sum(chunk.data.num_rows for chunk in self._reader)
        return self.rows


@pytest.fixture
def draining(serve: Serve, shop: Served) -> Iterator[Draining]:
    server = started(serve, shop, *LONG)
    listening = Listening()
    with flight.FlightClient(server.flight, middleware=[listening]) as client:
        found = Draining(server, listening, client)
        with found.health:
            yield found


def test_running_streams_finish_and_the_server_ends(draining: Draining, shop: Served) -> None:
    assert draining.read() == 12 * shop.rows["order_line"]
    assert ended(draining.server) == 0
    assert "some calls were still running" not in draining.server.log


def test_new_calls_are_refused_and_hear_why(draining: Draining) -> None:
    asks: list[Any] = [
        lambda client: client.get_flight_info(for_sql(COUNT)),
        lambda client: list(client.list_actions()),
        lambda client: list(client.do_action(("rail_forge.refresh", b""))),
        lambda client: prepare(client, COUNT),
    ]
    for ask in asks:
        with pytest.raises(flight.FlightUnavailableError, match="shutting down"):
            ask(draining.client)
        assert draining.listening.error_info() == SHUTTING_DOWN
    # So do those who come only now.
    with (
        flight.FlightClient(draining.server.flight) as late,
        pytest.raises(flight.FlightUnavailableError, match="shutting down"),
    ):
        late.get_flight_info(for_sql(COUNT))
    draining.read()
    assert ended(draining.server) == 0


def test_what_was_begun_can_be_ended(draining: Draining, shop: Served) -> None:
    assert draining.client.do_get(draining.ticket).read_all().column(0).to_pylist() == [shop.rows["orders"]]
    close(draining.client, draining.handle)
    draining.read()
    assert ended(draining.server) == 0


def test_probes_say_that_it_stops(draining: Draining) -> None:
    assert get(f"{draining.server.http}/healthz")[0] == 200
    code, text = get(f"{draining.server.http}/readyz")
    assert (code, text) == (503, "the server is shutting down\n")
    # Whoever watches hears it at once, and until the end.
    assert next(draining.watched).status == 2
    until_equal(lambda: grpc_calls.health(draining.health), "NOT_SERVING", "the check says so")
    draining.read()
    with pytest.raises(grpc.RpcError) as caught:
        next(draining.watched)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert ended(draining.server) == 0


def test_who_is_connected_and_asks_nothing_does_not_keep_it(serve: Serve, shop: Served) -> None:
    server = started(serve, shop, *LONG)
    with (
        flight.FlightClient(server.flight) as idle,
        grpc_calls.channel(server) as watching,
        grpc_calls.channel(server) as reflecting,
    ):
        idle.do_get(ticket(idle, COUNT)).read_all()
        # A ticket that nobody fetches.
        ticket(idle, COUNT)
        watched = grpc_calls.watch(watching)
        serving(watched)
        with silent(reflecting, f"/{grpc_calls.REFLECTIONS[0]}/ServerReflectionInfo") as reflection:
            before = time.monotonic()
            tell(server)
            assert ended(server) == 0
            assert time.monotonic() - before < END_SECONDS
        for stream in (watched, reflection):
            with pytest.raises(grpc.RpcError) as caught:
                list(stream)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_who_is_not_known_does_not_keep_it(serve: Serve, shop: Served) -> None:
    server = started(serve, shop, *LONG)
    with grpc_calls.channel(server) as stranger:
        grpc_calls.health(stranger)
        with silent(stranger, f"/{grpc_calls.FLIGHT}/Handshake"):
            # Sent behind the handshake on the same connection, so that the server has heard of that.
            grpc_calls.health(stranger)
            before = time.monotonic()
            tell(server)
            assert ended(server) == 0
            assert time.monotonic() - before < HANDSHAKE_SECONDS


class Asking:
    """A query that does not end, on a thread of its own."""

    def __init__(self, server: RailForgeServer) -> None:
        self.error: BaseException | None = None
        self.listening = Listening()
        self._client = flight.FlightClient(server.flight, middleware=[self.listening])
        self._asked = ticket(self._client, ENDLESS)
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        until(lambda: metrics(server).value("rail_forge_queries_running") == 1, "the query runs")

    def _ask(self) -> None:
        try:
            self._client.do_get(self._asked).read_all()
        except (pa.ArrowException, flight.FlightError) as error:
            self.error = error

    def join(self) -> None:
        self._thread.join()
        self._client.close()


def test_calls_that_do_not_end_in_time_hear_why(serve: Serve, shop: Served) -> None:
    server = started(serve, shop, "--drain-timeout", "500ms")
    asking = Asking(server)
    tell(server)
    assert ended(server) == 0
    asking.join()
    assert isinstance(asking.error, flight.FlightUnavailableError)
    assert "drain_timeout" in str(asking.error)
    assert asking.listening.error_info() == SHUTTING_DOWN
    assert "some calls were still running" in server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(number: signal.Signals, serve: Serve, shop: Served) -> None:
    server = started(serve, shop, *LONG)
    asking = Asking(server)
    tell(server, number)
    assert get(f"{server.http}/healthz")[0] == 200
    assert server.exit_code() is None
    os.kill(server.pid, number)
    assert ended(server) == 0
    asking.join()
    assert asking.error is not None
