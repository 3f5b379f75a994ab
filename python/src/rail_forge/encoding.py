"""Record batches as bytes that a web response streams: JSON, Arrow IPC, Parquet.

Each gives chunks as the batches come, so that a response begins with its first rows and holds one batch at a
time. They take batches from anywhere: `client.sql(...)`, a queryset, Polars.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True)
class Format:
    """A form of a response: its name in a URL, its media type, and what makes chunks of batches."""

    name: str
    media_type: str
    chunks: Callable[[pa.Schema, Iterable[pa.RecordBatch]], Iterator[bytes]]


def json_chunks(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Write rows as a JSON array of objects.

    Decimals become strings, which keep their digits, and so do dates, times and durations (ISO 8601); NaN and
    infinity become null, for which JSON has no number. A float of 32 bits is written by its shortest decimal.
    """
    names = [json.dumps(name) for name in schema.names]
    before = "["
    for batch in batches:
        lines = []
        for row in zip(*(_plain(column) for column in batch.columns), strict=True):
            cells = ",".join(
                f"{name}:{json.dumps(_encoded(cell), ensure_ascii=False)}"
                for name, cell in zip(names, row, strict=True)
            )
            lines.append(f"{before}{{{cells}}}")
            before = ",\n"
        yield "".join(lines).encode()
    yield b"[]" if before == "[" else b"]"


def ipc_chunks(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Write rows as a stream of Arrow IPC."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield _taken(sink)
    yield _taken(sink)


def parquet_chunks(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Write rows as a Parquet file, a row group for each batch.

    Raises ValueError at once, and not with the first chunk, for an interval: Parquet has no type for it.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - of those who ask for it

    refused = [field.name for field in schema if pa.types.is_interval(_innermost(field.type))]
    if refused:
        raise ValueError(
            f"Parquet has no type for intervals, and so none for {', '.join(map(repr, refused))}"
        )

    def chunks() -> Iterator[bytes]:
        sink = _Growing()
        with pq.ParquetWriter(sink, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                yield sink.take()
        yield sink.take()

    return chunks()


FORMATS = (
    Format("json", "application/json", json_chunks),
    Format("arrow", "application/vnd.apache.arrow.stream", ipc_chunks),
    Format("parquet", "application/vnd.apache.parquet", parquet_chunks),
)


def format_for(accept: str | None = None, name: str | None = None) -> Format:
    """Return the format of a name, or the first that an Accept header names; JSON where neither says one.

    Raises ValueError for a name that is none.
    """
    if name is not None:
        found = next((one for one in FORMATS if one.name == name), None)
        if found is None:
            raise ValueError(
                f"there is no format {name!r}; there are {', '.join(one.name for one in FORMATS)}"
            )
        return found
    wanted = [part.partition(";")[0].strip().lower() for part in (accept or "").split(",")]
    by_type = {one.media_type: one for one in FORMATS}
    return next((by_type[media_type] for media_type in wanted if media_type in by_type), FORMATS[0])


class _Growing(io.RawIOBase):
    """A file of which what was written is taken away, and whose length goes on."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        count = len(memoryview(data).cast("B"))
        self._written += data
        self._length += count
        return count

    def tell(self) -> int:
        return self._length

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


def _taken(sink: io.BytesIO) -> bytes:
    taken = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return taken


def _plain(column: pa.Array) -> list[Any]:
    if pa.types.is_float32(_innermost(column.type)):  # by the shortest decimal, as PostgreSQL shows it
        shown = column.cast(_with_innermost(column.type, pa.string()))
        column = shown.cast(_with_innermost(column.type, pa.float64()))
    values: list[Any] = column.to_pylist()
    return values


def _innermost(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values within lists; of no list, the type itself."""
    return _innermost(kind.value_type) if _is_list(kind) else kind


def _with_innermost(kind: pa.DataType, innermost: pa.DataType) -> pa.DataType:
    """Return lists as those of a type, with values of another."""
    return pa.list_(_with_innermost(kind.value_type, innermost)) if _is_list(kind) else innermost


def _is_list(kind: pa.DataType) -> bool:
    checks = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_one(kind) for is_one in checks)


def _encoded(value: Any) -> Any:
    """Return a value as one that JSON has."""
    encoded: Any
    match value:
        case None | bool() | int() | str():
            encoded = value
        case float():
            encoded = value if isfinite(value) else None
        case Decimal():
            encoded = format(value, "f")
        case pa.MonthDayNano():
            encoded = _duration(value)
        case datetime() | date() | time():
            encoded = value.isoformat()
        case timedelta():
            encoded = _duration(
                pa.MonthDayNano([0, value.days, (value.seconds * 10**6 + value.microseconds) * 1_000])
            )
        case bytes():
            encoded = value.hex()
        case list() | tuple():
            encoded = [_encoded(item) for item in value]
        case dict():
            encoded = {str(key): _encoded(item) for key, item in value.items()}
        case _:
            encoded = str(value)
    return encoded


def _duration(interval: pa.MonthDayNano) -> str:
    """Return an interval as ISO 8601 has it, such as P1M2DT3.5S."""
    seconds = Decimal(interval.nanoseconds) / 10**9
    parts = [f"{interval.months}M" if interval.months else "", f"{interval.days}D" if interval.days else ""]
    of_day = f"T{seconds.normalize():f}S" if seconds else ""
    return f"P{''.join(parts)}{of_day}" if any(parts) or of_day else "PT0S"
