"""API tokens for tests, and stock clients that show something with every call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flight_sql_messages import read
from pyarrow import flight

from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Serve

    from rail_forge_testbed.server import RailForgeServer

# What everybody is told who is refused.
REFUSED = "does not know who is calling"
# Nobody listens there: what is asked needs no tables.
SOURCE = "postgres://app@127.0.0.1:1/shop"
ONE = "SELECT 1 AS one"
FOR_ONE = flight.FlightDescriptor.for_command(ONE.encode())


def guarded_server(serve: Serve, *arguments: str, data_dir: Path | None = None) -> RailForgeServer:
    """A server that asks for tokens, and has no tables."""
    return serve({"shop": SOURCE}, *arguments, data_dir=data_dir, authentication=True)


def create_token(server: RailForgeServer, name: str, *arguments: str) -> str:
    """Create a token of a server that keeps them in its data folder."""
    return str(described_token(server, name, *arguments)["token"])


def described_token(server: RailForgeServer, name: str, *arguments: str) -> dict[str, Any]:
    """The same, with all that is told of it."""
    place = ("--data-dir", str(server.data_dir), "--json")
    ended = run_cli("token", "create", name, *arguments, *place)
    assert ended.returncode == 0, ended.stderr
    described: dict[str, Any] = json.loads(ended.stdout)
    return described


def revoke_token(server: RailForgeServer, name: str) -> None:
    ended = run_cli("token", "revoke", name, "--data-dir", str(server.data_dir))
    assert ended.returncode == 0, ended.stderr


def stock_client(
    server: RailForgeServer, authorization: str | None, *others: flight.ClientMiddlewareFactory
) -> flight.FlightClient:
    """A client that knows nothing of RailForge, and sends this header with every call."""
    shown = [] if authorization is None else [_Shown(authorization)]
    return flight.connect(server.flight, middleware=[*shown, *others])


def answers(server: RailForgeServer, authorization: str) -> bool:
    """Whether a stock client is answered that shows this; any other error than a refusal is one."""
    with stock_client(server, authorization) as client:
        try:
            table = read(client, FOR_ONE)
        except flight.FlightUnauthenticatedError:
            return False
    assert table.to_pydict() == {"one": [1]}
    return True


def log_in(server: RailForgeServer, user: str, password: str) -> str:
    """The header that a login of pyarrow gives."""
    with flight.connect(server.flight) as client:
        name, value = client.authenticate_basic_token(user, password)
        assert name == b"authorization"
        return str(value.decode())


class _Shown(flight.ClientMiddlewareFactory):  # type: ignore[misc]
    def __init__(self, authorization: str) -> None:
        super().__init__()
        self._authorization = authorization

    def start_call(self, info: object) -> flight.ClientMiddleware:  # noqa: ARG002 - pyarrow's signature
        return _Header(self._authorization)


class _Header(flight.ClientMiddleware):  # type: ignore[misc]
    def __init__(self, authorization: str) -> None:
        super().__init__()
        self._authorization = authorization

    def sending_headers(self) -> dict[str, str]:
        return {"authorization": self._authorization}
