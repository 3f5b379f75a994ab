"""PEP 249's type objects and constructors.

A column's `type_code` is PostgreSQL's name of its type, such as `numeric`; `type_code == NUMBER` tells its
kind.
"""

from __future__ import annotations

from datetime import date, datetime, time


class TypeObject:
    """Equal to the names of the types that it stands for."""

    def __init__(self, name: str, *types: str) -> None:
        self._name = name
        self._types = frozenset(types)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, str) and other in self._types)

    def __hash__(self) -> int:
        return hash(self._types)

    def __repr__(self) -> str:
        return f"rail_forge.dbapi.{self._name}"


STRING = TypeObject(
    "STRING",
    "text",
    "character varying",
    "character",
    "name",
    '"char"',
    "citext",
    "json",
    "jsonb",
    "uuid",
    "xml",
)
BINARY = TypeObject("BINARY", "bytea")
NUMBER = TypeObject("NUMBER", "smallint", "integer", "bigint", "real", "double precision", "numeric")
DATETIME = TypeObject(
    "DATETIME",
    "date",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "interval",
)
ROWID = TypeObject("ROWID", "oid")

Date = date
Time = time
Timestamp = datetime
Binary = bytes


def DateFromTicks(ticks: float) -> date:  # noqa: N802 - PEP 249's name
    """Return the local date of seconds since the epoch."""
    return date.fromtimestamp(ticks)  # noqa: DTZ012 - local, as PEP 249 has it


def TimeFromTicks(ticks: float) -> time:  # noqa: N802 - PEP 249's name
    """Return the local time of seconds since the epoch."""
    return TimestampFromTicks(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime:  # noqa: N802 - PEP 249's name
    """Return the local timestamp of seconds since the epoch."""
    return datetime.fromtimestamp(ticks)  # noqa: DTZ006 - local, as PEP 249 has it
