"""Responses of views: a queryset's rows as JSON, Arrow IPC or Parquet, streamed from its record batches."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Q
from django.db.models.constants import LOOKUP_SEP
from django.http import StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time

from rail_forge.encoding import format_for

from .frames import aiter_chunks, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from django.db import models
    from django.http import HttpRequest

    from rail_forge.encoding import Format

    from .frames import Read

_FORMAT = "format"
_AS_OF = "X-As-Of"
_MAX_PAGE_ROWS = 10_000
_NO_TOKEN = "the page's token is none"


def stream(
    queryset: models.QuerySet[Any],
    request: HttpRequest | None = None,
    *,
    format: str | None = None,  # noqa: A002
) -> StreamingHttpResponse:
    """Return a response that streams a queryset's rows; see `to_arrow` for its columns.

    `format` is `json`, `arrow` or `parquet`. Without it the request says: its parameter `format`, or its
    Accept header. A request for another format is a BadRequest. Errors of the query come before the response
    begins, and so does a ValueError for a column that the format has no type for, a BadRequest where the
    request has chosen it. Of RailForge's rows, the header `X-As-Of` says for which moment they are true.
    """
    return _varied(stream_as(_format(request, format), queryset), request, format)


def stream_as(chosen: Format, queryset: models.QuerySet[Any]) -> StreamingHttpResponse:
    """Return a response that streams a queryset's rows in a format."""
    rows = rows_of(queryset)
    try:
        chunks = chosen.chunks(rows.schema, rows.batches)
    except BaseException:
        rows.close()
        raise
    return _streaming(chosen, chunks, rows)


async def astream(
    queryset: models.QuerySet[Any],
    request: HttpRequest | None = None,
    *,
    format: str | None = None,  # noqa: A002
) -> StreamingHttpResponse:
    """Return what `stream` does, for a view that is `async`: the event loop goes on while rows are read."""
    chosen = _format(request, format)
    rows, chunks = await aiter_chunks(queryset, chosen.chunks)
    return _varied(_streaming(chosen, chunks, rows), request, format)


def _streaming(chosen: Format, chunks: Any, rows: Read) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks, content_type=chosen.media_type, headers=as_of_header(rows))


def _varied(
    response: StreamingHttpResponse, request: HttpRequest | None, name: str | None
) -> StreamingHttpResponse:
    """Tell caches that the response depends on a header, if it does."""
    if name is None and request is not None:
        patch_vary_headers(response, ["Accept"])
    return response


def as_of_header(rows: Read) -> dict[str, str]:
    """Return the header that says for which moment rows are true, where that is known."""
    return {} if rows.as_of is None else {_AS_OF: rows.as_of.isoformat()}


def _format(request: HttpRequest | None, name: str | None) -> Format:
    if name is not None or request is None:
        return format_for(name=name)
    return requested_format(request.headers.get("Accept"), request.GET.get(_FORMAT))


def requested_format(accept: str | None = None, name: str | None = None) -> Format:
    """Return the format that a request asks for, by its Accept header or by its name.

    One that there is not is a BadRequest, and so is one that has no type for a column, when its chunks are
    made.
    """

    def chunks(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
        with _bad_requests():
            return chosen.chunks(schema, batches)

    with _bad_requests():
        chosen = format_for(accept, name)
    return replace(chosen, chunks=chunks)


@contextmanager
def _bad_requests() -> Iterator[None]:
    """What is wrong with a format that the request has chosen is wrong with the request."""
    try:
        yield
    except ValueError as error:
        raise BadRequest(str(error)) from error


@dataclass(frozen=True)
class KeysetPage:
    """One page: a queryset of its rows, and what to ask the next one with; None at the end."""

    rows: list[Any]
    next: str | None


def keyset_page(
    queryset: models.QuerySet[Any], *keys: str, size: int = 100, after: str | None = None
) -> KeysetPage:
    """Return the rows behind the last one of the page before, in the order of `keys`.

    A page takes as long as the first, however far it is: rows are found by their keys and not counted. Each
    key is a field, with `-` before it for the other direction; together they are of one row, and none is
    NULL. `after` is the `next` of the page before. Raises BadRequest when it is none, and ValueError for a
    page of no size, and for a key that rows do not have, or whose values have no place in a token.
    """
    if not keys or not 1 <= size <= _MAX_PAGE_ROWS:
        raise ValueError(f"a page takes keys and a size from 1 to {_MAX_PAGE_ROWS}")
    names = [key.removeprefix("-") for key in keys]
    ordered = queryset.order_by(*keys)
    if after is not None:
        behind = _behind(keys, _read_token(after, len(keys)))
        try:
            ordered = ordered.filter(behind)
        except (ArithmeticError, TypeError, ValidationError, ValueError) as error:
            # A value that its field does not have.
            raise BadRequest(_NO_TOKEN) from error
    rows = list(ordered[: size + 1])
    # Also of a page that has no next one, so that what is wrong with a key is told by the first row.
    token = _token(queryset.model, rows[:size][-1], names) if rows else None
    return KeysetPage(rows[:size], token if len(rows) > size else None)


def _behind(keys: tuple[str, ...], values: list[Any]) -> Q:
    """Return the condition that a row comes behind one with these values."""
    condition, same = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        name = key.removeprefix("-")
        comparison = "lt" if key.startswith("-") else "gt"
        condition |= same & Q(**{f"{name}__{comparison}": value})
        same &= Q(**{name: value})
    return condition


# How values that JSON has no form of are written, by a letter, and read.
_KINDS: dict[str, tuple[type, Any]] = {
    "t": (datetime, parse_datetime),
    "d": (date, parse_date),
    "c": (time, parse_time),
    "i": (timedelta, parse_duration),
    "n": (Decimal, Decimal),
    "u": (UUID, UUID),
}


def _token(model: type[models.Model], row: Any, names: list[str]) -> str:
    written = []
    for name in names:
        value = _value(model, row, name)
        kind = next((letter for letter, (kind, _) in _KINDS.items() if isinstance(value, kind)), "")
        if not kind and not isinstance(value, (str, int, float)):
            raise ValueError(f"{name!r} of a row is {value!r}, which is no key of a page")
        shown = value.isoformat() if kind in {"t", "d", "c"} else str(value) if kind else value
        written.append([kind, shown])
    return base64.urlsafe_b64encode(json.dumps(written).encode()).decode().rstrip("=")


def _value(model: type[models.Model], row: Any, name: str) -> Any:
    """Return what a row has for a key; `pk` may have another name, and `__` leads to other objects."""
    of_primary_key = model._meta.pk.name  # noqa: SLF001 - Django's public name for it
    try:
        if isinstance(row, dict):
            return row[of_primary_key if name == "pk" and name not in row else name]
        # An annotation's own name may have `__` in it.
        return getattr(row, name) if hasattr(row, name) else reduce(getattr, name.split(LOOKUP_SEP), row)
    except (AttributeError, KeyError) as error:
        raise ValueError(f"the rows of a page have no {name!r}, which is one of its keys") from error


def _read_token(token: str, count: int) -> list[Any]:
    try:
        written = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        values = [_KINDS[kind][1](value) if kind else value for kind, value in written]
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise BadRequest(_NO_TOKEN) from error
    if len(values) != count or not all(map(_is_key, values)):
        raise BadRequest(_NO_TOKEN)
    return values


def _is_key(value: Any) -> bool:
    """Return whether a row may have this as its key; texts of PostgreSQL's have no NUL and no surrogates."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    return value is not None and not isinstance(value, (dict, list))
