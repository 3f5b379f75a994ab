"""What a block of `analytics()` demands of the reads within it, and how times are written."""

from __future__ import annotations

import math
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

_UNITS_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Block:
    """The database that reads go to, and how old its tables may be, in seconds; None when any age will do."""

    alias: str
    max_staleness: float | None


# From the outermost to the innermost.
_around: ContextVar[tuple[Block, ...]] = ContextVar("rail_forge_analytics", default=())


def current() -> Block | None:
    """Return the innermost block around this."""
    blocks = _around.get()
    return blocks[-1] if blocks else None


def enter(block: Block) -> None:
    """Begin a block."""
    _around.set((*_around.get(), block))


def leave() -> None:
    """End the innermost block."""
    _around.set(_around.get()[:-1])


def max_staleness_of(alias: str) -> float | None:
    """Return the staleness, in seconds, that the block around this allows a database; None for any."""
    block = current()
    return block.max_staleness if block is not None and block.alias == alias else None


def seconds(time: float | timedelta | str) -> float:
    """Return a time in seconds, which may be written with a unit: `"250ms"`, `"5s"`, `"2m"`, `"1h"`.

    Raises ValueError when it is none, is less than 0, or has no end.
    """
    if isinstance(time, timedelta):
        told = time.total_seconds()
    elif isinstance(time, str):
        number = time.rstrip("abcdefghijklmnopqrstuvwxyz")
        try:
            told = float(number) * _UNITS_SECONDS[time[len(number) :]]
        except (KeyError, ValueError):
            raise ValueError(f"{time!r} is no time: write it as 250ms, 5s, 2m or 1h") from None
    else:
        told = float(time)
    if not 0 <= told < math.inf:
        raise ValueError(f"{time!r} is no number of seconds from 0 on")
    return told
