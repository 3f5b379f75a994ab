"""Arrow's stream as a DoPut carries it, as pairs of metadata and body: valid ones of every type, and changed.

The metadata is a flatbuffer, of which any number may be another: offsets and lengths of buffers, counts,
widths, enums.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from .odd import BYTES, change_bytes, change_number

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

Part = tuple[bytes, bytes]
MOST_COLUMNS = 4
# Sizes of flatbuffers' numbers.
WIDTHS = (1, 2, 4, 4, 8, 8, 8)
# A body that claims to be so long when its compression is undone.
CLAIMS = (1 << 46, 1 << 62, -2, (1 << 63) - 1, 1 << 33)

_UNITS = ("s", "ms", "us", "ns")
PRIMITIVE: tuple[pa.DataType, ...] = (
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms")),
    *(pa.time64("us"), pa.time64("ns"), pa.month_day_nano_interval()),
    *(pa.timestamp(unit) for unit in _UNITS),
    *(pa.timestamp("us", zone) for zone in ("UTC", "+05:30", "Europe/Berlin", "nonsense", "", "+99:99")),
    *(pa.duration(unit) for unit in _UNITS),
    *(
        pa.decimal32(9, 2),
        pa.decimal64(18, 0),
        pa.decimal128(38, 10),
        pa.decimal128(5, -3),
        pa.decimal128(1, 30),
    ),
    *(pa.decimal256(76, 0), pa.decimal256(40, 39)),
    *(pa.binary(1), pa.binary(16), pa.binary(5000)),
)
TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())
_EXTREMES = (
    *(b"\x00", b"\xff", b"\x7f", b"\x80"),
    *(b"\x00\x00\x80\x7f", b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x00\x00\x00\x00\x00\x00\x00\x80"),
    *(b"\x00\x00\x00\x00\x00\x00\xf8\x7f", b"\x01"),
)


def random_array(chance: random.Random, rows: int = 1, depth: int = 3) -> pa.Array:  # noqa: PLR0911 - a type each
    """An array of any type, of values that may be extreme."""
    luck = chance.random()
    if depth == 0 or luck < 0.45:
        return _primitive(chance, chance.choice(PRIMITIVE), rows)
    if luck < 0.65:
        return _texts(chance, chance.choice(TEXTS), rows)
    if luck < 0.70:
        return chance.choice((pa.nulls(rows), pa.array(([None, True, False] * rows)[:rows], pa.bool_())))
    length = chance.choice((0, 1, 2, 5))
    if luck < 0.83:
        values = random_array(chance, length * rows, depth - 1)
        if chance.random() < 0.2:
            return pa.FixedSizeListArray.from_arrays(values, length) if length else pa.nulls(rows)
        kind = chance.choice((pa.ListArray, pa.LargeListArray))
        return kind.from_arrays([length * row for row in range(rows + 1)], values)
    if luck < 0.90:
        inner = [random_array(chance, rows, depth - 1) for _ in range(chance.choice((1, 2, 3)))]
        return pa.StructArray.from_arrays(inner, [f"f{index % 2}" for index in range(len(inner))])
    if luck < 0.96:
        inner = [random_array(chance, rows, depth - 1) for _ in range(chance.choice((1, 2, 3)))]
        kinds = pa.array([chance.randrange(len(inner)) for _ in range(rows)], pa.int8())
        if chance.random() < 0.5:
            return pa.UnionArray.from_sparse(kinds, inner)
        return pa.UnionArray.from_dense(kinds, pa.array(range(rows), pa.int32()), inner)
    return _rare(chance, rows)


def _primitive(chance: random.Random, kind: pa.DataType, rows: int) -> pa.Array:
    if chance.random() < 0.1:
        return pa.nulls(rows, kind)
    width = kind.bit_width // 8
    value = chance.choice(_EXTREMES) if chance.random() < 0.7 else chance.randbytes(width)
    value = (value * width)[:width] if len(value) < width else value[-width:]
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(value * rows)])


def _texts(chance: random.Random, kind: pa.DataType, rows: int) -> pa.Array:
    value = chance.choice(
        ("", "1", "NaN", "2024-02-30", "x" * 20, "é\u0000", "[1, {}]", "{a,NULL}", "1e999", "x" * 9000)
    )
    return pa.array([value] * rows).cast(kind) if "view" not in str(kind) else pa.array([value] * rows, kind)


def _rare(chance: random.Random, rows: int) -> pa.Array:
    kinds = (
        lambda: pa.array(["a"] * rows).dictionary_encode(),
        lambda: pc.run_end_encode(pa.array([7] * rows)) if rows else pa.nulls(0),
        lambda: pa.array([[("k", 1)]] * rows, pa.map_(pa.string(), pa.int32())),
        lambda: pa.array([[1, 2]] * rows, pa.list_view(pa.int64())),
        lambda: pa.array([[None]] * rows, pa.list_(pa.null())),
        lambda: pa.array([{}] * rows, pa.struct([])),
    )
    return chance.choice(kinds)()


def stream(arrays: Sequence[pa.Array], *, compression: str | None = None) -> list[Part]:
    """The messages of one batch, its schema first."""
    batch = pa.RecordBatch.from_arrays(list(arrays), [f"${index}" for index in range(1, len(arrays) + 1)])
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    parts: list[Part] = []
    reader = pa.ipc.MessageReader.open_stream(sink.getvalue())
    for message in reader:
        body = message.body
        parts.append((message.metadata.to_pybytes(), b"" if body is None else body.to_pybytes()))
    return parts


def random_stream(chance: random.Random) -> list[Part]:
    """A valid stream, mostly of one row."""
    rows = chance.choice((1, 1, 1, 1, 1, 1, 0, 2))
    compression = chance.choice((None,) * 10 + ("lz4", "zstd"))
    arrays = [random_array(chance, rows) for _ in range(chance.choice((1, 1, 1, 1, 2, MOST_COLUMNS, 0)))]
    return stream(arrays, compression=compression)


def change_stream(chance: random.Random, parts: list[Part]) -> list[Part]:
    """The stream with something changed: a number of its metadata, its body, its order."""
    how = chance.randrange(12)
    if how == 0:
        place = chance.randrange(len(parts) + 1)
        return [*parts[:place], chance.choice(parts), *parts[place:]]
    if how == 1 and len(parts) > 1:
        return chance.choice((parts[1:], parts[:-1], parts[::-1], parts * 3))
    if how == 2:
        return [chance.choice(claims())(), *parts[1:]]
    place = chance.randrange(len(parts)) if chance.random() < 0.3 else len(parts) - 1
    header, body = parts[place]
    if how == 3:
        body = change_bytes(chance, body)
    elif how == 4 and len(body) >= 8:
        body = struct.pack("<q", chance.choice(CLAIMS)) + body[8:]
    elif how == 5:
        header = change_bytes(chance, header)
    else:
        if chance.random() < 0.4:
            place = 0
            header, body = parts[0]
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            header = change_metadata(chance, header)
    return [*parts[:place], (header, body), *parts[place + 1 :]]


def change_metadata(chance: random.Random, header: bytes) -> bytes:
    """The flatbuffer with another number at a place that could have one."""
    width = chance.choice(WIDTHS)
    if len(header) < width:
        return header + chance.choice(BYTES)
    place = chance.randrange(len(header) // width) * width
    before = int.from_bytes(header[place : place + width], "little", signed=True)
    after = change_number(chance, before) & ((1 << 8 * width) - 1)
    return header[:place] + after.to_bytes(width, "little") + header[place + width :]


@cache
def _wide(columns: int) -> Part:
    return stream([pa.nulls(1)] * columns)[0]


@cache
def _deep(levels: int) -> Part:
    kind: pa.DataType = pa.int8()
    for _ in range(levels):
        kind = pa.list_(kind)
    return pa.schema([pa.field("$1", kind)]).serialize().to_pybytes()[8:], b""


@cache
def _shared(width: int, depth: int, name_bytes: int) -> Part:
    return shared_fields(width, depth, name_bytes), b""


def claims() -> Sequence[Callable[[], Part]]:
    """Schemas that are much more than their bytes."""
    wide = [lambda columns=columns: _wide(columns) for columns in (2_000, 20_000, 100_000)]
    deep = [lambda levels=levels: _deep(levels) for levels in (20, 60, 100, 2_000)]
    sizes = (
        (100, 2, 100),
        (1_000, 1, 100_000),
        (10, 5, 1_000),
        (30, 4, 10),
        (2, 18, 0),
        (2, 60, 1),
        (900, 2, 100),
    )
    shared = [lambda size=size: _shared(*size) for size in sizes]
    return [*wide, *deep, *shared]


def shared_fields(width: int, depth: int, name_bytes: int) -> bytes:
    """A schema whose fields are all the same one, which has children that are all the same one, and so on.

    Its bytes are few, and what it stands for are width^depth fields.
    """
    out = bytearray(4)

    def aligned() -> int:
        out.extend(bytes(-len(out) % 4))
        return len(out)

    def table(cells: dict[int, int]) -> dict[int, int]:
        """Writes a table of four-byte cells; gives their places, and its own as -1."""
        vtable = aligned()
        count = max(cells, default=-1) + 1
        offsets = [0] * count
        for index, slot in enumerate(sorted(cells)):
            offsets[slot] = 4 + 4 * index
        out.extend(struct.pack(f"<HH{count}H", 4 + 2 * count, 4 + 4 * len(cells), *offsets))
        place = aligned()
        out.extend(struct.pack("<i", place - vtable))
        for slot in sorted(cells):
            out.extend(struct.pack("<I", cells[slot]))
        return {-1: place, **{slot: place + offsets[slot] for slot in cells}}

    def link(place: int, target: int) -> None:
        out[place : place + 4] = struct.pack("<I", target - place)

    def children(place: int) -> list[int]:
        """Writes a vector of offsets, linked from a place; gives where they stand."""
        at = aligned()
        link(place, at)
        out.extend(struct.pack("<I", width) + bytes(4 * width))
        return [at + 4 + 4 * index for index in range(width)]

    # Slots of Message: version, header's type, header; of Schema: fields; of Field: name, type's type, type,
    # children.
    message = table({0: 4, 1: 1, 2: 0})
    link(0, message[-1])
    schema = table({1: 0})
    link(message[2], schema[-1])
    waiting = children(schema[1])
    for level in range(depth):
        is_last = level == depth - 1
        field = table({0: 0, 2: 5 if is_last else 13, 3: 0} | ({} if is_last else {5: 0}))
        for place in waiting:
            link(place, field[-1])
        at = aligned()
        link(field[0], at)
        out.extend(struct.pack("<I", name_bytes) + b"n" * name_bytes + b"\x00")
        link(field[3], table({})[-1])
        waiting = [] if is_last else children(field[5])
    aligned()
    return bytes(out)
