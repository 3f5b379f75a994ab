"""The five Flight SQL messages that a prepared statement takes, written and read by hand.

pyarrow speaks Flight but not Flight SQL, and the `protobuf` package is a heavy dependency for messages of one
or two fields. Only length-delimited fields are written; when reading, fields of other kinds are skipped, as
protobuf demands of fields that one does not know. Anything beyond prepared statements does not belong here.
"""

from __future__ import annotations

from ._errors import expected

_TYPE_URL = "type.googleapis.com/arrow.flight.protocol.sql."

# Protobuf's wire types: how the bytes after a field's tag are laid out.
_VARINT, _FIXED_64, _LENGTH_DELIMITED, _FIXED_32 = 0, 1, 2, 5
_FIXED_WIDTHS_BYTES = {_FIXED_64: 8, _FIXED_32: 4}

# A varint has seven bits of the number in each byte, the lowest first; the high bit says that more follow.
_SEVEN_BITS, _MORE = 0x7F, 0x80


def create_prepared_statement(sql: str) -> bytes:
    """Return the body of the action `CreatePreparedStatement`."""
    return _any("ActionCreatePreparedStatementRequest", sql.encode())


def created_handle(body: bytes) -> bytes:
    """Return the statement's handle from the body of `CreatePreparedStatement`'s result."""
    with expected("answer to CreatePreparedStatement"):
        return _fields(_fields(body)[2])[1]


def prepared_statement_query(handle: bytes) -> bytes:
    """Return the descriptor's command that binds parameters to a statement, or runs it."""
    return _any("CommandPreparedStatementQuery", handle)


def bound_handle(metadata: bytes) -> bytes:
    """Return the handle that carries the bound parameters, from the metadata that answers the binding."""
    with expected("answer to the binding of parameters"):
        return _fields(metadata)[1]


def close_prepared_statement(handle: bytes) -> bytes:
    """Return the body of the action `ClosePreparedStatement`."""
    return _any("ActionClosePreparedStatementRequest", handle)


def _any(message: str, first_field: bytes) -> bytes:
    """Return a `google.protobuf.Any` that holds a Flight SQL message with its field 1 set."""
    return _field(1, (_TYPE_URL + message).encode()) + _field(2, _field(1, first_field))


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > _SEVEN_BITS:
        encoded.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _fields(message: bytes) -> dict[int, bytes]:
    """Return a message's length-delimited fields by number, the last one where a number repeats."""
    fields = {}
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, wire_type = tag >> 3, tag & 0b111
        if wire_type == _VARINT:
            _, at = _read_varint(message, at)
            continue
        if wire_type == _LENGTH_DELIMITED:
            length, at = _read_varint(message, at)
            fields[number] = message[at : at + length]
        else:
            length = _FIXED_WIDTHS_BYTES[wire_type]
        at += length
    if at != len(message):
        raise ValueError("a protobuf message ends in the middle of a field")
    return fields


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that starts at `at`, and where the next thing starts."""
    value = shift = 0
    while message[at] & _MORE:
        value |= (message[at] & _SEVEN_BITS) << shift
        shift += 7
        at += 1
    return value | message[at] << shift, at + 1
