"""Turns record batches into rows of Python objects, for those who want rows: PEP 249, and Django through it.

Values are of the types that psycopg gives for the same columns, so that code which has talked to PostgreSQL
finds what it knows: UUIDs, timedeltas, times in the session's time zone, a `real` by its shortest decimal.
JSON and all types that have no Arrow type of their own stay PostgreSQL's text, unless somebody has a reader
for them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

Row: TypeAlias = "tuple[Any, ...]"
# What reads PostgreSQL's text of one value of a type.
ReadText: TypeAlias = "Callable[[str], object]"

# As psycopg, which takes every month of an interval for 30 days, and every year for 365.
_DAYS_OF_MONTH, _DAYS_OF_YEAR, _MONTHS_OF_YEAR = 30, 365, 12

# A batch may hold 100,000 rows of which one is asked for: so many become objects at once.
ROWS_AT_ONCE = 1_000


class UnreadableColumn(ValueError):
    """A column with a value that Python has no object for, such as a date after the year 9999."""


def type_name(field: pa.Field) -> str:
    """Return PostgreSQL's name of a column's type, such as `numeric` or `text[]`."""
    told: bytes | None = (field.metadata or {}).get(b"ARROW:FLIGHT:SQL:TYPE_NAME")
    return str(field.type) if told is None else told.decode()


class RowReader:
    """Reads the batches of one schema as rows.

    Timestamps with a time zone are shown in `timezone`, without saying so unless `has_time_zones`.
    `reader_of` gives what reads the text of a type by its PostgreSQL name, None for types whose text stays.
    """

    def __init__(
        self,
        schema: pa.Schema,
        timezone: str,
        reader_of: Callable[[str], ReadText | None],
        *,
        has_time_zones: bool = True,
    ) -> None:
        self._timezone = timezone
        self._reader_of = reader_of
        self._has_time_zones = has_time_zones
        self._names = schema.names
        self._columns = [self._of_column(field.type, type_name(field)) for field in schema]

    def rows(self, batch: pa.RecordBatch) -> Iterator[list[Row]]:
        """Iterate over a batch's rows, ROWS_AT_ONCE at a time; raises UnreadableColumn."""
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            part = batch.slice(start, ROWS_AT_ONCE)
            if not self._columns:  # zip() would lose the rows of `SELECT FROM orders`
                yield [()] * part.num_rows
                continue
            columns = map(_objects, self._names, self._columns, part.columns)
            yield list(zip(*columns, strict=True))

    def _of_column(self, kind: pa.DataType, name: str) -> Callable[[pa.Array], list[Any]]:
        """Return what turns a column into objects; `name` is what PostgreSQL calls its type."""
        if pa.types.is_list(kind):
            element = self._of_column(kind.value_type, name.removesuffix("[]"))
            return lambda array: _lists(array, element)
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            return partial(_moments, timezone=self._timezone, has_time_zones=self._has_time_zones)
        if pa.types.is_float32(kind):
            return lambda array: [_unless_none(float, text) for text in array.cast(pa.string()).to_pylist()]
        if pa.types.is_interval(kind):
            return lambda array: [_unless_none(_timedelta, value) for value in array.to_pylist()]
        read = self._reader_of(name) if pa.types.is_string(kind) else None
        if read is not None:
            return lambda array: [_unless_none(read, value) for value in array.to_pylist()]
        return lambda array: array.to_pylist()


@lru_cache
def _zone(name: str) -> tzinfo:
    """Return a time zone by its name, which may be in any case, as for PostgreSQL.

    Raises ValueError for what only PostgreSQL knows, such as `GMT+3`.
    """
    if name.upper() == "UTC":  # is known where no zones are installed
        return UTC
    known = {zone.lower(): zone for zone in available_timezones()}.get(name.lower())
    if known is None:
        raise ValueError(f'Python has no time zone "{name}"')
    return ZoneInfo(known)


def _objects(name: str, read: Callable[[pa.Array], list[Any]], column: pa.Array) -> list[Any]:
    try:
        return read(column)
    except (OverflowError, ValueError) as error:
        raise UnreadableColumn(
            f'Python cannot hold a value of the column "{name}" ({error}); cast it to text'
        ) from error


def _lists(array: pa.ListArray, read: Callable[[pa.Array], list[Any]]) -> list[list[Any] | None]:
    values = read(array.flatten())
    rows: list[list[Any] | None] = []
    start = 0
    for length in array.value_lengths().to_pylist():
        rows.append(None if length is None else values[start : start + length])
        start += length or 0
    return rows


def _moments(array: pa.TimestampArray, timezone: str, *, has_time_zones: bool) -> list[datetime | None]:
    zone = _zone(timezone)

    def shown(moment: datetime) -> datetime:
        local = zone.fromutc(moment.replace(tzinfo=zone))
        return local if has_time_zones else local.replace(tzinfo=None)

    # As moments of UTC without saying so, for which pyarrow looks up no zone.
    moments = array.view(pa.timestamp(array.type.unit)).to_pylist()
    return [_unless_none(shown, moment) for moment in moments]


def _unless_none(read: Callable[[Any], Any], value: object) -> Any:
    return None if value is None else read(value)


def _timedelta(interval: pa.MonthDayNano) -> timedelta:
    years, months = divmod(abs(interval.months), _MONTHS_OF_YEAR)
    days = years * _DAYS_OF_YEAR + months * _DAYS_OF_MONTH
    days = interval.days + (days if interval.months >= 0 else -days)
    return timedelta(days=days, microseconds=interval.nanoseconds // 1_000)
