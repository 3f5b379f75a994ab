"""Turns the values for `$1`, `$2`, ... into the one-row batch that Flight SQL binds to a statement.

pyarrow infers each value's type and the server does the casting, since it alone knows what the query needs.
This module steps in only where the inference would change what a value means, or would pick an Arrow type
that PostgreSQL has no counterpart for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pyarrow as pa

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def parameter_batch(params: Sequence[object]) -> pa.RecordBatch:
    """Return a batch of one row whose columns `$1`, `$2`, ... hold the values of `params`.

    Raises TypeError when `params` is not a sequence of values, ValueError when a value has no Arrow type.
    """
    if not isinstance(params, Sequence) or isinstance(params, (str, bytes, bytearray, memoryview)):
        kind = type(params).__name__
        raise TypeError(f"params must be a list or tuple with the values of $1, $2, ..., not a {kind}")
    columns = {f"${position}": value for position, value in enumerate(params, start=1)}
    arrays = [_column(name, value) for name, value in columns.items()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _column(name: str, value: object) -> pa.Array:
    try:
        return pa.array([_inferable(value)])
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot send parameter {name}: {error}") from error


def _inferable(value: object) -> object:
    """Return `value` as something for which pyarrow infers the right type."""
    match value:
        case int() if not _INT64_MIN <= value <= _INT64_MAX:
            raise ValueError("an int beyond 64 bits; pass a Decimal")
        case Decimal() if not value.is_finite():
            raise ValueError(f"Arrow's decimals have no {value}; pass a float")
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC)
        case time() if value.tzinfo is not None:
            raise ValueError("a time with a time zone, which Arrow does not have")
        case timedelta():
            # An interval, as psycopg sends it: a day stays a day, which may have 23 or 25 hours.
            nanoseconds = (value.seconds * 1_000_000 + value.microseconds) * 1_000
            return pa.MonthDayNano([0, value.days, nanoseconds])
        case pa.MonthDayNano():
            return value  # itself a tuple, but no list
        case UUID():
            return str(value)
        case list() | tuple():
            return _inferable_list(value)
        case dict() | set() | frozenset():
            kind = type(value).__name__
            raise ValueError(f"a {kind}; pass a list, or json.dumps(...) where the query expects JSON")
    return value


def _inferable_list(values: Sequence[object]) -> list[object]:
    """Return `values` made inferable; refuse mixtures of which pyarrow would drop the times or the zones."""
    moments = [value for value in values if isinstance(value, date)]
    if len({(type(moment), getattr(moment, "tzinfo", None) is None) for moment in moments}) > 1:
        raise ValueError("a list that mixes dates, datetimes with and datetimes without a time zone")
    return [_inferable(value) for value in values]
