"""Values on their way into SQL and out of results, each as psycopg has it under Django's PostgreSQL backend.

Django's SQL is made for literals: a parameter without a type, in GROUP BY above all, is another query. So
values become literals here, by psycopg's own adapters, and types that come as PostgreSQL's text are read by
psycopg's own loaders.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import psycopg
from django.db.backends.postgresql.psycopg_any import get_adapters_template
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.hstore import HstoreLoader

from rail_forge.dbapi import DataError, ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    from rail_forge._values import ReadText

# Types whose text is what Python gets.
_TEXTS = frozenset({"text", "character varying", "character", "name", '"char"', "citext", "xml"})


class _Context:
    """What psycopg's adapters take instead of a connection."""

    def __init__(self, adapters: AdaptersMap) -> None:
        self.adapters = adapters
        self.connection = None


class Values:
    """The adapters of one connection; `timezone` is None where Django uses no time zones.

    `timezone_name` is that of the session, whose clock moments show then.
    """

    def __init__(self, timezone: tzinfo | None, timezone_name: str) -> None:
        self.timezone = timezone
        self._context = _Context(_adapters(timezone, timezone_name))

    def literal(self, value: object) -> str:
        """Return a value as a literal of SQL.

        Raises DataError for a value that has none, and ProgrammingError for a type that has none.
        """
        try:
            return Transformer(self._context).as_literal(value).decode()
        except psycopg.DataError as error:
            raise DataError(str(error)) from error
        except psycopg.Error as error:
            raise ProgrammingError(str(error)) from error

    def reader_of(self, type_name: str) -> ReadText | None:
        """Return what reads the text of a type by its PostgreSQL name; None when the text is wanted."""
        if type_name == "hstore":
            return _read_hstore
        return None if type_name in _TEXTS else _reader(self._context.adapters, type_name)


@lru_cache(maxsize=64)
def _adapters(timezone: tzinfo | None, timezone_name: str) -> AdaptersMap:
    adapters = AdaptersMap(get_adapters_template(timezone is not None, timezone))
    session = ZoneInfo(timezone_name)

    class Moment(TimestamptzLoader):
        # Django's has psycopg know the zone of the session from its connection, of which there is none.
        def load(self, data: Any) -> datetime:
            moment = super().load(data).astimezone(timezone or session)
            return moment if timezone is not None else moment.replace(tzinfo=None)

    adapters.register_loader("timestamptz", Moment)
    return adapters


def _read_hstore(text: str) -> Any:
    return HstoreLoader(0).load(text.encode())


@lru_cache(maxsize=256)
def _reader(adapters: AdaptersMap, type_name: str) -> ReadText | None:
    info = adapters.types.get(type_name.removesuffix("[]"))
    if info is None:
        return None
    oid = info.array_oid if type_name.endswith("[]") else info.oid
    loader = adapters.get_loader(oid, Format.TEXT)
    if loader is None:
        return None
    load: Callable[[bytes], Any] = loader(oid, _Context(adapters)).load
    return lambda text: load(text.encode())
