"""The details of errors as any gRPC client reads them: by the `protobuf` package, from status.proto."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from pyarrow import flight

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = "grpc-status-details-bin"

_PACKAGE = "google.rpc"
_Field = descriptor_pb2.FieldDescriptorProto


@dataclass(frozen=True)
class ErrorInfo:
    """Why a call failed, for programs."""

    reason: str
    domain: str
    metadata: Mapping[str, str]


def _messages() -> tuple[Any, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="own_status.proto", package=_PACKAGE, syntax="proto3")
    info = file.message_type.add(name="ErrorInfo")
    for number, field in ((1, "reason"), (2, "domain")):
        info.field.add(number=number, name=field, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    # A map is a repeated message with a key and a value.
    entry = info.nested_type.add(name="MetadataEntry")
    entry.options.map_entry = True
    for number, field in ((1, "key"), (2, "value")):
        entry.field.add(number=number, name=field, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    info.field.add(
        number=3,
        name="metadata",
        type=_Field.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.ErrorInfo.MetadataEntry",
        label=_Field.LABEL_REPEATED,
    )
    status = file.message_type.add(name="Status")
    status.field.add(number=1, name="code", type=_Field.TYPE_INT32, label=_Field.LABEL_OPTIONAL)
    status.field.add(number=2, name="message", type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    # Of type google.protobuf.Any, which is written as its bytes are.
    status.field.add(number=3, name="details", type=_Field.TYPE_BYTES, label=_Field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = [pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in ("ErrorInfo", "Status")]
    info_class, status_class = (message_factory.GetMessageClass(described) for described in found)
    return info_class, status_class


_Info, _Status = _messages()


def _read(packed: bytes) -> ErrorInfo:
    info = _Info()
    assert any_pb2.Any.FromString(packed).Unpack(info), packed
    return ErrorInfo(info.reason, info.domain, dict(info.metadata))


def read_details(details: bytes) -> ErrorInfo:
    """The one `ErrorInfo` of a `google.rpc.Status`, which tells the same as the error."""
    status = _Status.FromString(details)
    assert status.code
    assert status.message
    [packed] = status.details
    return _read(packed)


def error_info(error: BaseException) -> ErrorInfo:
    """The one `ErrorInfo` among the details that ADBC hands out with an error."""
    details: list[tuple[bytes | str, bytes]] = getattr(error, "details", [])
    packed = [value for key, value in details if key in (HEADER, HEADER.encode())]
    assert len(packed) == 1, details
    return _read(packed[0])


class _Listener(flight.ClientMiddleware):  # type: ignore[misc]
    def __init__(self, heard: list[bytes]) -> None:
        super().__init__()
        self._heard = heard

    def received_headers(self, headers: Mapping[str, list[bytes]]) -> None:
        self._heard.extend(headers.get(HEADER, []))


class Listening(flight.ClientMiddlewareFactory):  # type: ignore[misc]
    """Hears the details of the errors of a client of pyarrow, whose exceptions do not have them."""

    def __init__(self) -> None:
        super().__init__()
        self._heard: list[bytes] = []

    def start_call(self, _info: object) -> _Listener:
        return _Listener(self._heard)

    def error_info(self) -> ErrorInfo:
        """The one `ErrorInfo` of the one error since this was asked before."""
        [details] = self._heard
        self._heard.clear()
        return read_details(details)
