"""The hand-written Flight SQL messages against the same ones as the `protobuf` package has them."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

from rail_forge import ServerError
from rail_forge import _flight_sql as flight_sql

PACKAGE = "arrow.flight.protocol.sql"
STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
UINT64 = descriptor_pb2.FieldDescriptorProto.TYPE_UINT64
FIXED64 = descriptor_pb2.FieldDescriptorProto.TYPE_FIXED64
FIXED32 = descriptor_pb2.FieldDescriptorProto.TYPE_FIXED32

# FlightSql.proto of Apache Arrow, as far as prepared statements use it: (number, name, type).
MESSAGES = {
    "ActionCreatePreparedStatementRequest": [(1, "query", STRING), (2, "transaction_id", BYTES)],
    "ActionCreatePreparedStatementResult": [
        (1, "prepared_statement_handle", BYTES),
        (2, "dataset_schema", BYTES),
        (3, "parameter_schema", BYTES),
    ],
    "ActionClosePreparedStatementRequest": [(1, "prepared_statement_handle", BYTES)],
    "CommandPreparedStatementQuery": [(1, "prepared_statement_handle", BYTES)],
    "DoPutPreparedStatementResult": [(1, "prepared_statement_handle", BYTES)],
    # What a later Flight SQL might send: a handle among fields of every other kind.
    "Later": [
        (9, "number", UINT64),
        (10, "wide", FIXED64),
        (11, "narrow", FIXED32),
        (1, "prepared_statement_handle", BYTES),
        (2000, "far", BYTES),
    ],
}

# Lengths on both sides of where a length takes one more byte.
TEXTS = ["SELECT 1", "x" * 127, "x" * 128, "x" * 16_383, "x" * 16_384, "SELECT 'Grüße, 世界'"]
HANDLES = [b"h", bytes(range(256)), b"\xff" * 20_000]


def build_pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="flight_sql.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            message.field.add(
                number=number,
                name=field,
                type=kind,
                label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


POOL = build_pool()


def message(name: str, **fields: object) -> Any:
    descriptor = POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")
    return message_factory.GetMessageClass(descriptor)(**fields)


def packed(name: str, **fields: object) -> bytes:
    """Return an Any that holds a message, as protobuf writes it."""
    envelope = any_pb2.Any()
    envelope.Pack(message(name, **fields))
    return bytes(envelope.SerializeToString(deterministic=True))


@pytest.mark.parametrize("sql", TEXTS)
def test_create_is_what_protobuf_writes(sql: str) -> None:
    assert flight_sql.create_prepared_statement(sql) == packed(
        "ActionCreatePreparedStatementRequest", query=sql
    )


@pytest.mark.parametrize("handle", HANDLES)
def test_query_is_what_protobuf_writes(handle: bytes) -> None:
    expected = packed("CommandPreparedStatementQuery", prepared_statement_handle=handle)
    assert flight_sql.prepared_statement_query(handle) == expected


def test_an_empty_query_is_still_a_query() -> None:
    envelope = any_pb2.Any.FromString(flight_sql.create_prepared_statement(""))
    request = message("ActionCreatePreparedStatementRequest", query="not empty")
    assert envelope.Unpack(request)
    assert request.query == ""


@pytest.mark.parametrize("handle", HANDLES)
def test_the_created_handle_is_read_among_schemas(handle: bytes) -> None:
    body = packed(
        "ActionCreatePreparedStatementResult",
        prepared_statement_handle=handle,
        dataset_schema=b"\x00" * 300,
        parameter_schema=b"\x01" * 300,
    )
    assert flight_sql.created_handle(body) == handle


@pytest.mark.parametrize("handle", HANDLES)
def test_the_bound_handle_is_read(handle: bytes) -> None:
    metadata = message("DoPutPreparedStatementResult", prepared_statement_handle=handle).SerializeToString()
    assert flight_sql.bound_handle(metadata) == handle


def test_fields_of_other_kinds_are_skipped() -> None:
    later = message(
        "Later", number=2**64 - 1, wide=2**60, narrow=7, prepared_statement_handle=b"handle", far=b"away"
    )
    assert flight_sql.bound_handle(later.SerializeToString()) == b"handle"


def test_the_last_of_repeated_fields_counts() -> None:
    first, second = (
        message("DoPutPreparedStatementResult", prepared_statement_handle=handle).SerializeToString()
        for handle in (b"first", b"second")
    )
    assert flight_sql.bound_handle(first + second) == b"second"


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(b"", id="no answer"),
        pytest.param(b"\x12\x01h", id="another field only"),
        pytest.param(b"\x0a", id="ends before the length"),
        pytest.param(b"\x0a\x05ha", id="ends within the value"),
        pytest.param(b"\x80", id="ends within the tag"),
        pytest.param(b"\x0a\x01h\x0d\x00", id="ends within a fixed-width field"),
        pytest.param(b"\x0b\x0a\x01h", id="a group, which proto3 does not have"),
    ],
)
def test_what_cannot_be_read_is_the_servers_error(metadata: bytes) -> None:
    with pytest.raises(ServerError, match="answer to the binding of parameters"):
        flight_sql.bound_handle(metadata)


def test_a_result_that_is_not_wrapped_is_the_servers_error() -> None:
    bare = message("ActionCreatePreparedStatementResult", prepared_statement_handle=b"h").SerializeToString()
    with pytest.raises(ServerError, match="answer to CreatePreparedStatement"):
        flight_sql.created_handle(bare)
