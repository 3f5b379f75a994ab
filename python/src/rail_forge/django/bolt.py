"""Responses of Django-Bolt: a queryset's rows as JSON, Arrow IPC or Parquet, from its record batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest
from django_bolt.exceptions import HTTPException
from django_bolt.responses import StreamingResponse

from .frames import aiter_chunks
from .responses import as_of_header, requested_format

if TYPE_CHECKING:
    from django.db import models


async def stream(
    queryset: models.QuerySet[Any],
    *,
    format: str | None = None,  # noqa: A002
    accept: str | None = None,
) -> StreamingResponse:
    """Return a response that streams a queryset's rows, as `rail_forge.django.stream` does.

    `format` is `json`, `arrow` or `parquet`; without it, `accept` says, the request's header. What the format
    has no place for, and a format that there is not, are an HTTPException with 400.
    """
    try:
        chosen = requested_format(accept, format)
        rows, chunks = await aiter_chunks(queryset, chosen.chunks)
    except BadRequest as error:
        raise HTTPException(400, str(error)) from error
    # Of which caches have to know.
    varies = {"Vary": "Accept"} if format is None else {}
    return StreamingResponse(chunks, media_type=chosen.media_type, headers=as_of_header(rows) | varies)
