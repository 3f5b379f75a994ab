"""Protobuf's bytes as trees of fields, which need not be what any schema says, and changes of them.

What cannot be read as fields stays bytes. Field numbers are those of Flight.proto and FlightSql.proto.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .odd import change_bytes, change_number, change_text

if TYPE_CHECKING:
    import random

VARINT, FIXED64, LENGTH, GROUP_START, GROUP_END, FIXED32 = range(6)
ANY_PREFIX = "type.googleapis.com/"
FLIGHT_SQL = "arrow.flight.protocol.sql."
MOST_DEPTH = 6
# Of more, fields take too long.
MOST_BYTES = 1 << 15
NESTED = (5, 30, 90, 100, 101, 2_000, 20_000)
REPEATED = (2, 2, 3, 100, 100, 1_000, 20_000)
# A varint has at most so many bytes of seven bits.
LONGEST_VARINT = 10


@dataclass(frozen=True)
class Field:
    """One field. `claimed` is written as its length, instead of the true one."""

    number: int
    kind: int
    value: int | bytes | tuple[Field, ...]
    claimed: int | None = None


Fields = tuple[Field, ...]


def text(number: int, value: str | bytes) -> Field:
    """A string or bytes."""
    return Field(number, LENGTH, value.encode() if isinstance(value, str) else value)


def integer(number: int, value: int) -> Field:
    """An integer, a boolean or an enum."""
    return Field(number, VARINT, value)


def nested(number: int, *fields: Field) -> Field:
    """A message in a message."""
    return Field(number, LENGTH, fields)


def packed(name: str, *fields: Field) -> Fields:
    """A `google.protobuf.Any` with a message of Flight SQL."""
    return (text(1, ANY_PREFIX + FLIGHT_SQL + name), nested(2, *fields))


def varint(value: int) -> bytes:
    """An integer in protobuf's form; negative ones in two's complement."""
    value &= (1 << 64) - 1
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def encode(fields: Fields) -> bytes:
    """The bytes."""
    return b"".join(_encoded(field) for field in fields)


def _encoded(field: Field) -> bytes:
    tag = varint(field.number << 3 | field.kind)
    if isinstance(field.value, int):
        if field.kind == VARINT:
            return tag + varint(field.value)
        width = 8 if field.kind == FIXED64 else 4
        return tag + (field.value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    content = field.value if isinstance(field.value, bytes) else encode(field.value)
    if field.kind != LENGTH:
        return tag + content
    return tag + varint(len(content) if field.claimed is None else field.claimed) + content


def decode(content: bytes, depth: int = 0) -> Fields | None:
    """The fields, those in fields included; none where these are no fields."""
    fields: list[Field] = []
    place = 0
    while place < len(content):
        tag = _read_varint(content, place)
        if tag is None or tag[0] >> 3 == 0:
            return None
        (value, place), number, kind = tag, tag[0] >> 3, tag[0] & 7
        if kind == VARINT:
            read = _read_varint(content, place)
            if read is None:
                return None
            value, place = read
            fields.append(Field(number, kind, value))
        elif kind == LENGTH:
            read = _read_varint(content, place)
            if read is None or read[1] + read[0] > len(content):
                return None
            length, place = read
            inner = content[place : place + length]
            place += length
            within = decode(inner, depth + 1) if inner and depth < MOST_DEPTH else None
            fields.append(Field(number, kind, inner if within is None else within))
        elif kind in (FIXED32, FIXED64):
            width = 8 if kind == FIXED64 else 4
            if place + width > len(content):
                return None
            fields.append(Field(number, kind, int.from_bytes(content[place : place + width], "little")))
            place += width
        else:
            return None
    return tuple(fields)


def _read_varint(content: bytes, place: int) -> tuple[int, int] | None:
    value = 0
    for index, byte in enumerate(content[place : place + LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, place + index + 1
    return None


def change(chance: random.Random, content: bytes) -> bytes:
    """The same with one thing changed: within its fields if it has any."""
    fields = decode(content) if len(content) < MOST_BYTES else None
    if not fields or chance.random() < 0.1:
        return change_bytes(chance, content)
    return encode(_changed(chance, fields))


def _changed(chance: random.Random, fields: Fields) -> Fields:
    if not fields:
        return (Field(chance.randint(1, 5), VARINT, change_number(chance, 0)),)
    place = chance.randrange(len(fields))
    field = fields[place]
    if isinstance(field.value, tuple) and chance.random() < 0.7:
        inside = replace(field, value=_changed(chance, field.value))
        return (*fields[:place], inside, *fields[place + 1 :])
    return (*fields[:place], *_instead_of(chance, field), *fields[place + 1 :])


def _instead_of(chance: random.Random, field: Field) -> Fields:  # noqa: PLR0911 - a change each
    how = chance.randrange(10)
    if how == 0:
        return ()
    if how == 1:
        return (field,) * chance.choice(REPEATED) if len(_encoded(field)) < 200 else (field, field)
    if how == 2:
        return (replace(field, number=chance.choice((0, 1, 2, 3, 4, 5, 7, 1000, 19_000, (1 << 29) - 1))),)
    if how == 3:
        return (Field(field.number, chance.choice((GROUP_START, GROUP_END, 6, 7)), _bytes_of(field)),)
    if how == 4:
        other = chance.choice((VARINT, FIXED32, FIXED64))
        return (Field(field.number, other, change_number(chance, 1)),)
    if how == 5 and field.kind == LENGTH:
        length = len(_bytes_of(field))
        claims = (0, length + 1, max(length - 1, 0), 1 << 20, (1 << 31) - 1, 1 << 32, (1 << 63) - 1, -1)
        return (replace(field, claimed=chance.choice(claims)),)
    if how == 6:
        return (_deep(field, chance.choice(NESTED)),)
    if isinstance(field.value, int):
        return (replace(field, value=change_number(chance, field.value)),)
    content = _bytes_of(field)
    if how == 7 and (prefix := f"{ANY_PREFIX}{FLIGHT_SQL}".encode()) in content:
        other_name = chance.choice(("CommandGetTables", "TicketStatementQuery", "Nothing", "", "é"))
        return (text(field.number, prefix + other_name.encode()),)
    changed = change_text(chance, content) if chance.random() < 0.5 else change_bytes(chance, content)
    return (Field(field.number, LENGTH, changed),)


def _deep(field: Field, levels: int) -> Field:
    """The field within messages of its own number."""
    content = _encoded(field)
    tag = varint(field.number << 3 | LENGTH)
    heads: list[bytes] = []
    length = len(content)
    # From the inside to the outside.
    for _ in range(levels):
        heads.append(tag + varint(length))
        length += len(heads[-1])
    content = b"".join(reversed(heads)) + content
    return Field(field.number, LENGTH, content)


def _bytes_of(field: Field) -> bytes:
    if isinstance(field.value, int):
        return varint(field.value)
    return field.value if isinstance(field.value, bytes) else encode(field.value)
