"""As much of protobuf's encoding as the few messages take that are written and read by hand.

Only length-delimited fields and flags are written; when reading, fields of other kinds are skipped, as
protobuf demands of fields that one does not know.
"""

from __future__ import annotations

# Protobuf's wire types: how the bytes after a field's tag are laid out.
_VARINT, _FIXED_64, _LENGTH_DELIMITED, _FIXED_32 = 0, 1, 2, 5
_FIXED_WIDTHS_BYTES = {_FIXED_64: 8, _FIXED_32: 4}

# A varint has seven bits of the number in each byte, the lowest first; the high bit says that more follow.
_SEVEN_BITS, _MORE = 0x7F, 0x80


def field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(value)) + value


def flag(number: int) -> bytes:
    """Return a boolean field that is true."""
    return _varint(number << 3 | _VARINT) + b"\x01"


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > _SEVEN_BITS:
        encoded.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def fields(message: bytes) -> list[tuple[int, bytes]]:
    """Return a message's length-delimited fields with their numbers, in order.

    Raises LookupError or ValueError when it is not a message.
    """
    found = []
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, wire_type = tag >> 3, tag & 0b111
        if wire_type == _VARINT:
            _, at = _read_varint(message, at)
            continue
        if wire_type == _LENGTH_DELIMITED:
            length, at = _read_varint(message, at)
            found.append((number, message[at : at + length]))
        else:
            length = _FIXED_WIDTHS_BYTES[wire_type]
        at += length
    if at != len(message):
        raise ValueError("a protobuf message ends in the middle of a field")
    return found


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that starts at `at`, and where the next thing starts."""
    value = shift = 0
    while message[at] & _MORE:
        value |= (message[at] & _SEVEN_BITS) << shift
        shift += 7
        at += 1
    return value | message[at] << shift, at + 1
