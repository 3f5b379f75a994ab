"""Every call of Flight, of Flight SQL and of reflection is refused without valid credentials.

Only the handshake and health checks are not. Services that nobody has added yet are in the layer's own tests.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import grpc_calls
import pyarrow as pa
import pytest
from error_details import ErrorInfo, Listening
from flight_messages import options_body
from google.protobuf import any_pb2
from pyarrow import flight
from tokens import REFUSED, stock_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from rail_forge_testbed.server import RailForgeServer

    Call = Callable[[flight.FlightClient], object]

# Commands and actions of FlightSql.proto and Flight.proto, those that RailForge does not answer included.
QUERIES = (
    "CommandGetCatalogs",
    "CommandGetCrossReference",
    "CommandGetDbSchemas",
    "CommandGetExportedKeys",
    "CommandGetImportedKeys",
    "CommandGetPrimaryKeys",
    "CommandGetSqlInfo",
    "CommandGetTableTypes",
    "CommandGetTables",
    "CommandGetXdbcTypeInfo",
    "CommandPreparedStatementQuery",
    "CommandStatementQuery",
    "CommandStatementSubstraitPlan",
)
UPDATES = (
    "CommandPreparedStatementQuery",
    "CommandPreparedStatementUpdate",
    "CommandStatementIngest",
    "CommandStatementSubstraitPlan",
    "CommandStatementUpdate",
)
ACTIONS = (
    "BeginSavepoint",
    "BeginTransaction",
    "CancelFlightInfo",
    "CancelQuery",
    "ClosePreparedStatement",
    "CloseSession",
    "CreatePreparedStatement",
    "CreatePreparedSubstraitPlan",
    "EndSavepoint",
    "EndTransaction",
    "GetSessionOptions",
    "RenewFlightEndpoint",
    "SetSessionOptions",
    "make_coffee",
    "rail_forge.queries",
    "rail_forge.refresh",
    "rail_forge.status",
)
# What pyarrow does not call, and what there is not.
PATHS = (
    f"/{grpc_calls.FLIGHT}/PollFlightInfo",
    f"/{grpc_calls.FLIGHT}/Handshake/",
    f"/{grpc_calls.FLIGHT}/NoSuchCall",
    *(f"/{service}/ServerReflectionInfo" for service in grpc_calls.REFLECTIONS),
    "/grpc.health.v1.Health/List",
    "/grpc.channelz.v1.Channelz/GetServers",
)
NOT_AUTHENTICATED = ErrorInfo("NOT_AUTHENTICATED", "rail-forge", {})
BATCH = pa.RecordBatch.from_pylist([{"a": 1}])


def packed(name: str) -> bytes:
    """A message of FlightSql.proto without any of its fields."""
    envelope = any_pb2.Any(type_url=f"type.googleapis.com/arrow.flight.protocol.sql.{name}")
    return bytes(envelope.SerializeToString())


def described(name: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(packed(name))


def put(name: str) -> Call:
    def call(client: flight.FlightClient) -> object:
        writer, reader = client.do_put(described(name), BATCH.schema)
        with writer:
            writer.write_batch(BATCH)
            writer.done_writing()
            return reader.read()

    return call


def describe(asked: flight.FlightDescriptor) -> Call:
    return lambda client: client.get_flight_info(asked)


def schema_of(asked: flight.FlightDescriptor) -> Call:
    return lambda client: client.get_schema(asked)


def get(name: str) -> Call:
    return lambda client: client.do_get(flight.Ticket(packed(name))).read_all()


def act(name: str) -> Call:
    return lambda client: list(client.do_action((name, b"")))


def exchange(client: flight.FlightClient) -> object:
    writer, reader = client.do_exchange(flight.FlightDescriptor.for_command(b"SELECT 1"))
    with writer:
        return reader.read_chunk()


def calls() -> dict[str, Call]:
    """Every call, by what it is."""
    every: dict[str, Call] = {
        "ListFlights": lambda client: list(client.list_flights()),
        "ListFlights of a pattern": lambda client: list(client.list_flights(b"shop.%")),
        "ListActions": lambda client: list(client.list_actions()),
        "DoExchange": exchange,
        "DoGet of nonsense": lambda client: client.do_get(flight.Ticket(b"nonsense")).read_all(),
    }
    plain = {
        "SQL": flight.FlightDescriptor.for_command(b"SELECT 1"),
        "a path": flight.FlightDescriptor.for_path("public", "orders"),
    }
    for name, asked in [*plain.items(), *((name, described(name)) for name in QUERIES)]:
        every[f"GetFlightInfo of {name}"] = describe(asked)
        every[f"GetSchema of {name}"] = schema_of(asked)
    for name in ("TicketStatementQuery", *QUERIES):
        every[f"DoGet of {name}"] = get(name)
    for name in UPDATES:
        every[f"DoPut of {name}"] = put(name)
    for name in ACTIONS:
        every[f"DoAction of {name}"] = act(name)
    every["DoAction of SetSessionOptions with an option"] = lambda client: list(
        client.do_action(("SetSessionOptions", options_body({"schema": "public"})))
    )
    return every


def outcomes(server: RailForgeServer, authorization: str | None) -> dict[str, Exception | None]:
    """What comes of every call, side by side: refusals come later and later."""
    every = calls()

    def outcome(call: Call) -> Exception | None:
        try:
            call(client)
        except Exception as error:  # noqa: BLE001 - it is looked at
            return error
        return None

    with stock_client(server, authorization) as client, ThreadPoolExecutor(len(every)) as pool:
        return dict(zip(every, pool.map(outcome, every.values()), strict=True))


def is_refusal(error: Exception | None) -> bool:
    """Whether an error is UNAUTHENTICATED, in the server's words."""
    # pyarrow's GetSchema raises OSError whatever the code is; the code is in its text.
    kinds = (flight.FlightUnauthenticatedError, OSError)
    return isinstance(error, kinds) and "unauthenticated" in str(error).lower() and REFUSED in str(error)


@pytest.mark.parametrize(
    "authorization",
    [None, "{token}", "Bearer {changed}", f"Bearer rf_{'0' * 16}_{'0' * 64}"],
    ids=["nothing", "no scheme", "a wrong secret", "an unknown token"],
)
def test_every_call_is_refused(
    authorization: str | None, guarded: RailForgeServer, reader_token: str
) -> None:
    changed = reader_token[:-1] + ("0" if reader_token[-1] != "0" else "1")
    shown = None if authorization is None else authorization.format(token=reader_token, changed=changed)
    for call, error in outcomes(guarded, shown).items():
        assert is_refusal(error), (call, error)


def test_with_a_token_none_is_refused(guarded: RailForgeServer, reader_token: str) -> None:
    """The calls above are such as reach the services."""
    found = outcomes(guarded, f"Bearer {reader_token}")
    for call, error in found.items():
        assert not is_refusal(error), (call, error)
    for call in (
        "ListActions",
        "ListFlights",
        "GetFlightInfo of SQL",
        "DoAction of SetSessionOptions with an option",
        "DoAction of rail_forge.status",
    ):
        assert found[call] is None, found[call]


def test_the_actions_that_are_offered_are_listed(guarded: RailForgeServer, reader_token: str) -> None:
    with stock_client(guarded, f"Bearer {reader_token}") as client:
        listed = {action.type: action.description for action in client.list_actions()}
    not_offered = {"BeginSavepoint", "EndSavepoint", "make_coffee"}
    assert set(listed) == set(ACTIONS) - not_offered
    assert all(listed.values())


@pytest.mark.parametrize("token", [None, f"rf_{'0' * 16}_{'0' * 64}"], ids=["nothing", "an unknown token"])
@pytest.mark.parametrize("path", PATHS)
def test_calls_that_pyarrow_does_not_make_are_refused(
    path: str, token: str | None, guarded: RailForgeServer
) -> None:
    with grpc_calls.channel(guarded) as opened, pytest.raises(grpc.RpcError, match=REFUSED) as caught:
        grpc_calls.call(opened, path, token=token)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert grpc_calls.reason(caught.value) == NOT_AUTHENTICATED


def test_a_refusal_says_why(guarded: RailForgeServer) -> None:
    listening = Listening()
    with flight.FlightClient(guarded.flight, middleware=[listening]) as client:
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.get_flight_info(flight.FlightDescriptor.for_command(b"SELECT 1"))
        assert listening.error_info() == NOT_AUTHENTICATED
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.authenticate_basic_token("nobody", "nothing")
        assert listening.error_info() == NOT_AUTHENTICATED


def test_health_needs_no_token(guarded: RailForgeServer) -> None:
    with grpc_calls.channel(guarded) as opened:
        assert grpc_calls.health(opened) == "NOT_SERVING"
        watched = grpc_calls.watch(opened)
        assert next(watched).status
        watched.cancel()


def test_a_call_that_there_is_not_says_so(guarded: RailForgeServer, reader_token: str) -> None:
    for path in (f"/{grpc_calls.FLIGHT}/NoSuchCall", "/no.such.Service/Call"):
        with grpc_calls.channel(guarded) as opened, pytest.raises(grpc.RpcError) as caught:
            grpc_calls.call(opened, path, token=reader_token)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert f"there is no call {path}" in str(caught.value.details())
        assert grpc_calls.reason(caught.value) == ErrorInfo("UNSUPPORTED", "rail-forge", {})


def test_a_message_that_is_too_long_says_so(guarded: RailForgeServer, reader_token: str) -> None:
    path = f"/{grpc_calls.FLIGHT}/GetFlightInfo"
    with grpc_calls.channel(guarded) as opened, pytest.raises(grpc.RpcError, match="too large") as caught:
        grpc_calls.call(opened, path, b"x" * (17 << 20), token=reader_token)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert grpc_calls.reason(caught.value) == ErrorInfo("TOO_LARGE", "rail-forge", {})
