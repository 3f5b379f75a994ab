"""RailForge's own Flight actions: what is asked and answered, as JSON on the wire and as dataclasses here."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from ._as_of import AsOf, read_as_of
from ._errors import RefreshError, ServerError, expected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

REFRESH = "rail_forge.refresh"
STATUS = "rail_forge.status"


@dataclass(frozen=True, slots=True)
class RefreshedTable:
    """What a refresh did to one table: its size now, and the moment that it now shows.

    When `error` is set the table still shows what it showed before, and `as_of` is None. A `live` table was
    described, and has no rows here.
    """

    catalog: str
    schema: str
    table: str
    rows: int
    bytes: int
    as_of: AsOf | None
    error: str | None
    live: bool = False

    @property
    def full_name(self) -> str:
        """The name to query and refresh the table by: `catalog.schema.table`."""
        return f"{self.catalog}.{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True)
class TableStatus:
    """One table on the server.

    `rows`, `bytes`, `as_of` and `lag_seconds` (how far the table is behind PostgreSQL) are None while there
    is no snapshot of it, and for a `live` table, whose rows PostgreSQL has; `rows` also where the token may
    not read all of them, and `bytes` where it may not read the whole table. `error` is what the last refresh
    failed with, None when it succeeded.
    """

    catalog: str
    schema: str
    table: str
    rows: int | None
    bytes: int | None
    as_of: AsOf | None
    lag_seconds: float | None
    error: str | None
    live: bool = False

    @property
    def full_name(self) -> str:
        """The name to query and refresh the table by: `catalog.schema.table`."""
        return f"{self.catalog}.{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One PostgreSQL database behind the server; `message` explains a `state` that is not the normal one."""

    catalog: str
    state: str
    message: str | None


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """The columns that a server keeps in memory.

    `bytes` are taken of `limit_bytes`, by so many `columns` of files. Since the server started, queries have
    read `hits` files from memory and `misses` files from where the snapshots are.
    """

    limit_bytes: int
    bytes: int
    columns: int
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class ResultsStatus:
    """The results that a server keeps for those who ask the same again.

    `bytes` are taken of `limit_bytes`, by so many `results`. Since the server started, `hits` queries found
    their result, and `misses` were computed whose result can be kept.
    """

    limit_bytes: int
    bytes: int
    results: int
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class FallbackStatus:
    """The queries that PostgreSQL has answered itself since the server started, because RailForge could not.

    `reasons` counts them by what RailForge does not support.
    """

    answered: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """A server's version, its sources and their tables.

    `stored_bytes` is the size of all files of the snapshots, those of replaced versions included; None when
    the server cannot tell. `cache` is None when the server keeps no columns in memory.
    """

    version: str
    sources: list[SourceStatus]
    tables: list[TableStatus]
    stored_bytes: int | None = None
    cache: CacheStatus | None = None
    results: ResultsStatus | None = None
    fallback: FallbackStatus | None = None


def refresh_request(tables: Sequence[str]) -> bytes:
    """Return the body of the refresh action; no tables means all."""
    return json.dumps({"tables": list(tables)}).encode()


def read_refresh(answers: Sequence[bytes]) -> list[RefreshedTable]:
    """Return what a refresh did; raises RefreshError when a table failed."""
    with expected("answer to a refresh"):
        events = [json.loads(answer) for answer in answers]
        done = next((event for event in events if event["event"] == "done"), None)
        if done is None:
            raise ServerError("the server ended the refresh without a word about its outcome")
        as_of = read_as_of(done)
        tables = [_refreshed_table(event, as_of) for event in events if event["event"] == "table"]
    if any(table.error is not None for table in tables):
        raise RefreshError(tables)
    return tables


def read_status(answers: Sequence[bytes]) -> ServerStatus:
    """Return the server's status from the one answer to the status action."""
    with expected("status"):
        [answer] = answers
        status = json.loads(answer)
        return ServerStatus(
            version=status["version"],
            sources=[read_dataclass(SourceStatus, source) for source in status["sources"]],
            tables=[_table_status(table) for table in status["tables"]],
            stored_bytes=status.get("stored_bytes"),
            cache=_read_if_told(CacheStatus, status.get("cache")),
            results=_read_if_told(ResultsStatus, status.get("results")),
            fallback=_read_if_told(FallbackStatus, status.get("fallback")),
        )


def _refreshed_table(event: Mapping[str, Any], as_of: AsOf | None) -> RefreshedTable:
    return RefreshedTable(
        catalog=event["catalog"],
        schema=event["schema"],
        table=event["table"],
        rows=event["rows"],
        bytes=event["bytes"],
        as_of=as_of if event["error"] is None else None,
        error=event["error"],
        live=event.get("live", False),
    )


def read_dataclass(kind: type[T], told: Mapping[str, Any]) -> T:
    """Return the dataclass of what was told, whatever else was."""
    return kind(**{field.name: told[field.name] for field in fields(kind)})


def _read_if_told(kind: type[T], told: Mapping[str, Any] | None) -> T | None:
    return None if told is None else read_dataclass(kind, told)


def _table_status(table: Mapping[str, Any]) -> TableStatus:
    return TableStatus(
        catalog=table["catalog"],
        schema=table["schema"],
        table=table["table"],
        rows=table["rows"],
        bytes=table["bytes"],
        as_of=read_as_of(table),
        lag_seconds=table["lag_seconds"],
        error=table["error"],
        live=table.get("live", False),
    )
