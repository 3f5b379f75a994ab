"""What a block of `analytics()` demands of the reads within it, and how times are written."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextvars import Token

_UNITS_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Block:
    """The database that reads go to, and how old its tables may be, in seconds; None when any age will do."""

    alias: str
    max_staleness: float | None


_current: ContextVar[Block | None] = ContextVar("rail_forge_analytics", default=None)


def current() -> Block | None:
    """Return the innermost block around this."""
    return _current.get()


def enter(block: Block) -> Token[Block | None]:
    """Begin a block, and return what `leave` takes."""
    return _current.set(block)


def leave(token: Token[Block | None]) -> None:
    """End the block that has begun with this."""
    _current.reset(token)


def max_staleness_of(alias: str) -> float | None:
    """Return the staleness, in seconds, that the block around this allows a database; None for any."""
    block = _current.get()
    return block.max_staleness if block is not None and block.alias == alias else None


def seconds(time: float | timedelta | str) -> float:
    """Return a time in seconds, which may be written with a unit: `"250ms"`, `"5s"`, `"2m"`, `"1h"`.

    Raises ValueError when it is none, or is less than 0.
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
    if not told >= 0:
        raise ValueError(f"{time!r} is less than 0 seconds")
    return told
