"""What the server says of its health and of its calls, to those who ask by gRPC's own services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import grpc_calls
import pytest
from conftest import refresh
from error_details import ErrorInfo
from google.protobuf import any_pb2
from grpc_reflection.v1alpha import reflection_pb2
from waiting import until_equal

if TYPE_CHECKING:
    from conftest import NewDatabase, Serve, Served

    from rail_forge_testbed.server import RailForgeServer

PACKAGE = "arrow.flight.protocol"


@pytest.mark.parametrize("service", ["", grpc_calls.FLIGHT])
def test_a_server_with_tables_is_serving(service: str, shop: Served) -> None:
    with grpc_calls.channel(shop.server) as opened:
        assert grpc_calls.health(opened, service) == "SERVING"


def test_a_service_that_there_is_not_is_not_found(shop: Served) -> None:
    with grpc_calls.channel(shop.server) as opened, pytest.raises(grpc.RpcError) as caught:
        grpc_calls.health(opened, "no.such.Service")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert grpc_calls.reason(caught.value) == ErrorInfo("INVALID_REQUEST", "rail-forge", {})


def test_whoever_watches_hears_of_the_first_tables(new_database: NewDatabase, serve: Serve) -> None:
    server = serve({"shop": new_database("CREATE TABLE t (id integer)")})
    with grpc_calls.channel(server) as opened:
        watched = grpc_calls.watch(opened)
        assert next(watched).status == 2
        refresh(server)
        assert next(watched).status == 1
        watched.cancel()
        until_equal(lambda: grpc_calls.health(opened), "SERVING", "the check says the same")


@pytest.mark.parametrize("service", grpc_calls.REFLECTIONS)
def test_reflection_lists_services_to_those_with_a_token(
    service: str, guarded: RailForgeServer, reader_token: str
) -> None:
    with grpc_calls.channel(guarded) as opened:
        found = grpc_calls.services(opened, service, reader_token)
        assert {grpc_calls.FLIGHT, "grpc.health.v1.Health", service} <= found
        with pytest.raises(grpc.RpcError) as caught:
            grpc_calls.services(opened, service)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_reflection_does_not_know_what_there_is_not(shop: Served) -> None:
    asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Message")
    with grpc_calls.channel(shop.server) as opened, pytest.raises(grpc.RpcError) as caught:
        grpc_calls.reflect(opened, grpc_calls.REFLECTIONS[0], [asked])
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert grpc_calls.reason(caught.value) == ErrorInfo("INVALID_REQUEST", "rail-forge", {})


@pytest.mark.parametrize("service", grpc_calls.REFLECTIONS)
def test_messages_are_as_reflection_describes_them(service: str, shop: Served) -> None:
    """A query by the described messages alone, as a tool makes it that knows nothing of Flight SQL."""
    with grpc_calls.channel(shop.server) as opened:
        described = grpc_calls.Described(opened, service)
        command = described.message(f"{PACKAGE}.sql.CommandStatementQuery")(
            query="SELECT count(*) FROM orders"
        )
        packed = any_pb2.Any()
        packed.Pack(command)
        descriptor = described.message(f"{PACKAGE}.FlightDescriptor")()
        descriptor.type = descriptor.CMD
        descriptor.cmd = packed.SerializeToString()
        answer = grpc_calls.call(
            opened, f"/{grpc_calls.FLIGHT}/GetFlightInfo", descriptor.SerializeToString()
        )
        info = described.message(f"{PACKAGE}.FlightInfo").FromString(answer)
        [endpoint] = info.endpoint
        assert (info.total_records, info.ordered, info.flight_descriptor.cmd) == (-1, True, descriptor.cmd)
        results = opened.unary_stream(
            f"/{grpc_calls.FLIGHT}/DoGet",
            request_serializer=type(endpoint.ticket).SerializeToString,
            response_deserializer=described.message(f"{PACKAGE}.FlightData").FromString,
        )(endpoint.ticket)
        [schema, *batches] = results
    assert schema.data_header
    assert any(batch.data_body for batch in batches)


def test_actions_are_listed_as_described(shop: Served) -> None:
    with grpc_calls.channel(shop.server) as opened:
        described = grpc_calls.Described(opened, grpc_calls.REFLECTIONS[0])
        listed = opened.unary_stream(
            f"/{grpc_calls.FLIGHT}/ListActions",
            request_serializer=described.message(f"{PACKAGE}.Empty").SerializeToString,
            response_deserializer=described.message(f"{PACKAGE}.ActionType").FromString,
        )(described.message(f"{PACKAGE}.Empty")())
        assert "rail_forge.status" in {action.type for action in listed}
