"""Calls of the server by grpcio, for what pyarrow cannot ask: health, reflection, calls that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from error_details import HEADER, ErrorInfo, read_details
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rail_forge_testbed.server import RailForgeServer

FLIGHT = "arrow.flight.protocol.FlightService"
# Both versions have the same messages.
REFLECTIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
SECONDS = 30.0
WATCH_SECONDS = 120.0


def channel(server: RailForgeServer) -> Any:
    """A channel to the server's port of Flight."""
    return grpc.insecure_channel(server.flight.removeprefix("grpc://"))


def bearer(token: str | None) -> list[tuple[str, str]]:
    return [] if token is None else [("authorization", f"Bearer {token}")]


def reason(error: grpc.RpcError) -> ErrorInfo:
    """The one `ErrorInfo` that an error carries."""
    [details] = [value for key, value in error.trailing_metadata() or () if key == HEADER]
    return read_details(details)


def call(opened: Any, path: str, request: bytes = b"", token: str | None = None) -> bytes:
    """The answer to any call that has one request and one answer, both as bytes."""
    answer = opened.unary_unary(path)(request, timeout=SECONDS, metadata=bearer(token))
    assert isinstance(answer, bytes)
    return answer


def health(opened: Any, service: str = "") -> str:
    """What the server says of its health, or of that of one of its services."""
    asked = health_pb2.HealthCheckRequest(service=service)
    answer = health_pb2_grpc.HealthStub(opened).Check(asked, timeout=SECONDS)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def watch(opened: Any) -> Any:
    """The stream of what the server says of its health. One that says nothing ends, and its test fails."""
    return health_pb2_grpc.HealthStub(opened).Watch(health_pb2.HealthCheckRequest(), timeout=WATCH_SECONDS)


def reflect(opened: Any, service: str, asked: Iterable[Any], token: str | None = None) -> list[Any]:
    """The answers to questions of server reflection."""
    ask = opened.stream_stream(
        f"/{service}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    return list(ask(iter(list(asked)), timeout=SECONDS, metadata=bearer(token)))


def services(opened: Any, service: str, token: str | None = None) -> set[str]:
    """The services that there are, as reflection lists them."""
    [answer] = reflect(opened, service, [reflection_pb2.ServerReflectionRequest(list_services="")], token)
    return {each.name for each in answer.list_services_response.service}


class Described:
    """The messages that reflection describes."""

    def __init__(self, opened: Any, service: str) -> None:
        self._opened, self._service = opened, service
        self._pool = descriptor_pool.DescriptorPool()
        self._known: set[str] = set()

    def message(self, name: str) -> Any:
        """The class of a message."""
        asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=name)
        self._add(asked)
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(name))

    def _add(self, asked: Any) -> None:
        [answer] = reflect(self._opened, self._service, [asked])
        for packed in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(packed)
            if file.name in self._known:
                continue
            for needed in file.dependency:
                self._add(reflection_pb2.ServerReflectionRequest(file_by_filename=needed))
            self._known.add(file.name)
            self._pool.AddSerializedFile(packed)
