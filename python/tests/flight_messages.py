"""Messages of Flight's own actions as a stock client has them: by the `protobuf` package, from Flight.proto.

Unlike Flight SQL's they are sent as they are, without an envelope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyarrow import flight

PACKAGE = "arrow.flight.protocol"

INVALID_NAME, INVALID_VALUE = 1, 2
CLOSED = 1
CANCELLED, CANCELLING, NOT_CANCELLABLE = 1, 2, 3

_Field = descriptor_pb2.FieldDescriptorProto
_VALUES = (
    ("string_value", _Field.TYPE_STRING),
    ("bool_value", _Field.TYPE_BOOL),
    ("int64_value", _Field.TYPE_SFIXED64),
    ("double_value", _Field.TYPE_DOUBLE),
)


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="stock_flight.proto", package=PACKAGE, syntax="proto3")

    def add(name: str, *fields: tuple[str, int]) -> Any:
        described = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, start=1):
            described.field.add(number=number, name=field, type=kind, label=_Field.LABEL_OPTIONAL)
        return described

    def add_map(owner: Any, field: str, value: str) -> None:
        # A map is a repeated message with a key and a value.
        name = "".join(part.capitalize() for part in field.split("_")) + "Entry"
        entry = owner.nested_type.add(name=name)
        entry.options.map_entry = True
        entry.field.add(number=1, name="key", type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
        entry.field.add(
            number=2,
            name="value",
            type=_Field.TYPE_MESSAGE,
            type_name=f".{PACKAGE}.{value}",
            label=_Field.LABEL_OPTIONAL,
        )
        owner.field.add(
            number=1,
            name=field,
            type=_Field.TYPE_MESSAGE,
            type_name=f".{PACKAGE}.{owner.name}.{name}",
            label=_Field.LABEL_REPEATED,
        )

    add("StringListValue").field.add(
        number=1, name="values", type=_Field.TYPE_STRING, label=_Field.LABEL_REPEATED
    )
    value = add("SessionOptionValue", *_VALUES)
    value.field.add(
        number=5,
        name="string_list_value",
        type=_Field.TYPE_MESSAGE,
        type_name=f".{PACKAGE}.StringListValue",
        label=_Field.LABEL_OPTIONAL,
    )
    value.oneof_decl.add(name="option_value")
    for field in value.field:
        field.oneof_index = 0
    add("OptionError", ("value", _Field.TYPE_INT32))
    add_map(add("SetSessionOptionsRequest"), "session_options", "SessionOptionValue")
    add_map(add("SetSessionOptionsResult"), "errors", "OptionError")
    add_map(add("GetSessionOptionsResult"), "session_options", "SessionOptionValue")
    add("CloseSessionResult", ("status", _Field.TYPE_INT32))
    # Messages of messages, which are written as their bytes are.
    add("CancelFlightInfoRequest", ("info", _Field.TYPE_BYTES))
    add("CancelFlightInfoResult", ("status", _Field.TYPE_INT32))
    add("RenewFlightEndpointRequest", ("endpoint", _Field.TYPE_BYTES))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _pool()


def _message(name: str, **fields: object) -> Any:
    described = _POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")
    return message_factory.GetMessageClass(described)(**fields)


def _act(client: flight.FlightClient, action: str, body: bytes, options: Any = None) -> bytes:
    [result] = list(client.do_action((action, body), options))
    return bytes(result.body.to_pybytes())


def _value(value: object) -> Any:
    match value:
        case None:
            return _message("SessionOptionValue")
        case bool():
            return _message("SessionOptionValue", bool_value=value)
        case int():
            return _message("SessionOptionValue", int64_value=value)
        case float():
            return _message("SessionOptionValue", double_value=value)
        case list():
            return _message("SessionOptionValue", string_list_value=_message("StringListValue", values=value))
        case _:
            return _message("SessionOptionValue", string_value=value)


def options_body(values: Mapping[str, object]) -> bytes:
    """The body of SetSessionOptions."""
    request = _message(
        "SetSessionOptionsRequest", session_options={name: _value(value) for name, value in values.items()}
    )
    return bytes(request.SerializeToString())


def set_options(client: flight.FlightClient, **values: object) -> dict[str, int]:
    """Set options of the session; gives the errors by name."""
    answer = _message("SetSessionOptionsResult")
    answer.ParseFromString(_act(client, "SetSessionOptions", options_body(values)))
    return {name: error.value for name, error in answer.errors.items()}


def get_options(client: flight.FlightClient) -> dict[str, object]:
    """The options of the session."""
    answer = _message("GetSessionOptionsResult")
    answer.ParseFromString(_act(client, "GetSessionOptions", b""))
    return {
        name: getattr(value, value.WhichOneof("option_value"))
        for name, value in answer.session_options.items()
    }


def close_session(client: flight.FlightClient) -> int:
    """Close the session; gives what has become of it."""
    answer = _message("CloseSessionResult")
    answer.ParseFromString(_act(client, "CloseSession", b""))
    return int(answer.status)


def cancel(client: flight.FlightClient, info: flight.FlightInfo) -> int:
    """Cancel the query of a FlightInfo; gives what has become of it."""
    request = _message("CancelFlightInfoRequest", info=info.serialize())
    answer = _message("CancelFlightInfoResult")
    answer.ParseFromString(_act(client, "CancelFlightInfo", request.SerializeToString()))
    return int(answer.status)


def renew(client: flight.FlightClient, endpoint: flight.FlightEndpoint) -> bytes:
    """Renew an endpoint; gives it as it is sent."""
    request = _message("RenewFlightEndpointRequest", endpoint=endpoint.serialize())
    return _act(client, "RenewFlightEndpoint", request.SerializeToString())
