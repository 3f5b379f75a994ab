"""Turns the values for `$1`, `$2`, ... into the one-row batch that Flight SQL binds to a statement.

pyarrow infers each value's type and the server does the casting, since it alone knows what the query needs.
This module steps in only where the inference would change what a value means, or would pick an Arrow type
that PostgreSQL has no counterpart for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
# The types of pandas' NaT and NA. Those of pandas and numpy go by their names: neither has to be installed.
_MISSING = frozenset({"NaTType", "NAType"})


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
    except (TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise ValueError(f"cannot send parameter {name}: {error}") from error


def _inferable(value: object) -> object:
    """Return `value` as something for which pyarrow infers the right type."""
    kind = type(value).__name__
    if kind in _MISSING:
        return None
    if kind in {"datetime64", "timedelta64"}:
        value = _of_numpy(value, kind)
    _check(value)
    match value:
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC)
        case timedelta():
            # An interval, as psycopg sends it: a day stays a day, which may have 23 or 25 hours.
            nanoseconds = (value.seconds * 1_000_000 + value.microseconds) * 1_000
            return pa.MonthDayNano([0, value.days, nanoseconds])
        case pa.MonthDayNano():
            return value  # itself a tuple, but no list
        case UUID():
            return str(value)
    values = _listed(value)
    return value if values is None else _inferable_list(values)


def _check(value: object) -> None:
    """Refuse what would become another value, or what Arrow or PostgreSQL does not have."""
    match value:
        case int() if not _INT64_MIN <= value <= _INT64_MAX:
            raise ValueError("an int beyond 64 bits; pass a Decimal")
        case Decimal() if not value.is_finite():
            raise ValueError(f"Arrow's decimals have no {value}; pass a float")
        case datetime() | timedelta() if _nanoseconds(value):
            raise ValueError(f"{value} has nanoseconds; round it to microseconds, as PostgreSQL has them")
        case time() if value.tzinfo is not None:
            raise ValueError("a time with a time zone, which Arrow does not have")
        case dict() | set() | frozenset():
            kind = type(value).__name__
            raise ValueError(f"a {kind}; pass a list, or json.dumps(...) where the query expects JSON")


def _inferable_list(values: list[object]) -> list[object]:
    """Return `values` made inferable; refuse mixtures of which pyarrow would drop the times or the zones."""
    inferable = [_inferable(value) for value in values]
    moments = [value for value in inferable if isinstance(value, date)]
    kinds = {(isinstance(moment, datetime), getattr(moment, "tzinfo", None) is None) for moment in moments}
    if len(kinds) > 1:
        raise ValueError("a list that mixes dates, datetimes with and datetimes without a time zone")
    return inferable


def _listed(value: Any) -> list[object] | None:
    """Return the values of a list, or of a column of numpy, pandas, Polars or Arrow; None for all else."""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "ndarray":
        return list(value)
    if hasattr(value, "isna") and hasattr(value, "tolist"):  # pandas', in which NaN stands for NULL
        return [None if missing else item for item, missing in zip(value.tolist(), value.isna(), strict=True)]
    if hasattr(value, "to_arrow"):  # Polars', whose own lists lose nanoseconds
        value = value.to_arrow()
    values: list[object] | None = value.to_pylist() if hasattr(value, "to_pylist") else None
    return values


def _of_numpy(value: Any, kind: str) -> object:
    """Return a datetime64 as a date or a datetime, whichever its unit is of, a timedelta64 as a timedelta.

    NaT is None.
    """
    told = value.item()
    if isinstance(told, int):  # for units finer than microseconds, and for what Python does not have
        micros = value.astype(f"{kind}[us]")
        told = micros.item()
        try:
            is_same = micros == value
        except TypeError:  # of months and years, which are as long as they are
            is_same = False
        if not is_same or isinstance(told, int):
            raise ValueError(f"{value} is no {kind.removesuffix('64')} of Python, which has microseconds")
    return told


def _nanoseconds(value: datetime | timedelta) -> int:
    """Return those of a Timestamp or Timedelta of pandas, beside its microseconds; 0 for others."""
    return getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0)
