"""The port of probes and metrics, which asks nobody for a token: what a client may take there is little."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tokens import SOURCE
from waiting import until

from rail_forge_testbed.probes import get

if TYPE_CHECKING:
    from conftest import Serve

    from rail_forge_testbed.server import RailForgeServer

MOST_CLIENTS = 64
MAX_REQUEST_BYTES = 16 << 10
# A client has ten seconds to ask for something.
CLOSED_SECONDS = 20.0
BEGINNING = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nlong: "
END = b"\r\n\r\n"


@pytest.fixture
def server(serve: Serve) -> RailForgeServer:
    return serve({"shop": SOURCE})


def connect(server: RailForgeServer) -> socket.socket:
    address = urlsplit(server.http)
    return socket.create_connection((address.hostname, address.port), timeout=CLOSED_SECONDS)


def told(client: socket.socket) -> bytes:
    """All that a client is told until it is disconnected."""
    with client.makefile("rb") as answer:
        return answer.read()


def is_answered(server: RailForgeServer) -> bool:
    try:
        return get(f"{server.http}/healthz") == (200, "ok\n")
    except OSError:
        return False


def test_clients_that_ask_nothing_leave_their_places_to_others(server: RailForgeServer) -> None:
    silent = [connect(server) for _ in range(MOST_CLIENTS)]
    try:
        assert not is_answered(server)
        assert [told(client) for client in silent] == [b""] * MOST_CLIENTS
        until(lambda: is_answered(server), "there are places again")
    finally:
        for client in silent:
            client.close()


def test_a_request_without_end_is_refused(server: RailForgeServer) -> None:
    with connect(server) as client:
        client.sendall(BEGINNING.ljust(MAX_REQUEST_BYTES, b"x"))
        assert told(client).startswith(b"HTTP/1.1 431 ")


def test_a_connection_is_for_one_request(server: RailForgeServer) -> None:
    with connect(server) as client:
        client.sendall(BEGINNING.ljust(MAX_REQUEST_BYTES - len(END) - 1, b"x") + END)
        answer = told(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nok\n")
