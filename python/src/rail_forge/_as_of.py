"""The moment that an answer is true for.

Query results, refreshes and the status all carry it, in the same two JSON fields, so it is read in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class AsOf:
    """The committed PostgreSQL snapshot that an answer was computed on.

    `time` is when the snapshot was taken, aware and in UTC; `lsn` is its position in PostgreSQL's write-ahead
    log, in PostgreSQL's own notation, such as `0/1A2B3C8`.

    A result of live tables alone is read after it is planned: its `time` is that of planning, its `lsn` is
    `0/0`, and its rows are no older than that.
    """

    time: datetime
    lsn: str


def read_as_of(message: Mapping[str, Any]) -> AsOf | None:
    """Read the `as_of` and `lsn` fields of a server's JSON; None when the answer depends on no snapshot."""
    time, lsn = message["as_of"], message["lsn"]
    if time is None or lsn is None:
        return None
    return AsOf(datetime.fromisoformat(time).astimezone(UTC), lsn)
