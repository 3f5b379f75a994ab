"""Columns of Arrow out of NumPy arrays, in the forms that PostgreSQL's CSV reader understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

HOUR_US = 3_600 * 1_000_000
DAY_US = 24 * HOUR_US


def ids(count: int) -> Ints:
    """1, 2, 3 and so on."""
    return np.arange(1, count + 1, dtype=np.int64)


def pick(values: Sequence[str], indexes: npt.NDArray[Any], missing: Mask | None = None) -> pa.Array:
    """The values at the indexes, NULL where missing."""
    return pa.array(values, pa.string()).take(pa.array(indexes, mask=missing))


def money(cents: Ints) -> pa.Array:
    """Whole cents as numeric(12, 2)."""
    # A decimal is a 128-bit integer: the low half is the number, the high half its sign.
    halves = np.empty((len(cents), 2), dtype=np.int64)
    halves[:, 0] = cents
    halves[:, 1] = cents >> 63
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(halves)])


def times(microseconds: Ints, missing: Mask | None = None) -> pa.Array:
    """Microseconds since 1970 as timestamps, NULL where missing."""
    # Without the time zone, which makes CSV twenty times slower: the reader has to know that it is UTC.
    return pa.array(microseconds, mask=missing).cast(pa.timestamp("us"))


def dates(microseconds: Ints, missing: Mask | None = None) -> pa.Array:
    """The days (in UTC) of microseconds since 1970, NULL where missing."""
    days = (microseconds // DAY_US).astype(np.int32)
    return pa.array(days, mask=missing).cast(pa.date32())


def uuids(count: int, random: np.random.Generator) -> pa.Array:
    """Random UUIDs (version 4), as text without hyphens."""
    data = random.integers(0, 256, (count, 16), dtype=np.uint8)
    data[:, 6] = data[:, 6] & 0x0F | 0x40  # version 4
    data[:, 8] = data[:, 8] & 0x3F | 0x80  # RFC 9562 variant
    text = np.frombuffer(data.tobytes().hex().encode(), dtype="S32")
    return pa.array(text).cast(pa.string())


def weighted(count: int, weights: Floats, random: np.random.Generator) -> Ints:
    """Indexes into the weights, each as likely as its weight."""
    bounds = np.cumsum(weights)
    indexes: Ints = np.searchsorted(bounds, random.random(count) * bounds[-1], side="right").astype(np.int64)
    return indexes


def chance(count: int, share: float, random: np.random.Generator) -> Mask:
    """True for about that share of the places."""
    mask: Mask = random.random(count) < share
    return mask
