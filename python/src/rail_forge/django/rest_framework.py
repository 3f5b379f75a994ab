"""Renderers of Django REST framework for the formats that `stream` has.

REST framework refuses what no renderer of a view is for before the view is called. A view with these
renderers is asked for by Accept headers and by `?format=`, and streams what was chosen:

    @api_view(["GET"])
    @renderer_classes(RENDERERS)
    def revenue(request):
        return stream(Order.objects.using("analytics").values("total"), request)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest
from django.core.serializers.json import DjangoJSONEncoder
from rest_framework.exceptions import ParseError
from rest_framework.renderers import BaseRenderer

from rail_forge.encoding import FORMATS

from .responses import requested_format, stream_as

if TYPE_CHECKING:
    from django.db import models
    from django.http import StreamingHttpResponse
    from rest_framework.request import Request


class StreamRenderer(BaseRenderer):
    """Has a format chosen; what it renders itself are errors, as JSON."""

    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - REST framework's signature
        renderer_context: Any = None,
    ) -> bytes:
        """Return the data of an error as JSON, and say so in the response."""
        response = (renderer_context or {}).get("response")
        if response is not None:
            response.content_type = response["Content-Type"] = "application/json"
        return json.dumps(data, cls=DjangoJSONEncoder).encode()


# One for each format, the first of which is that of requests that name none.
RENDERERS: tuple[type[StreamRenderer], ...] = tuple(
    type(f"{one.name.title()}Renderer", (StreamRenderer,), {"media_type": one.media_type, "format": one.name})
    for one in FORMATS
)


def stream(queryset: models.QuerySet[Any], request: Request) -> StreamingHttpResponse:
    """Return `rail_forge.django.stream` of the format that was negotiated.

    A format that has no place for a column is a ParseError, which REST framework answers with 400.
    """
    try:
        return stream_as(requested_format(name=request.accepted_renderer.format), queryset)
    except BadRequest as error:
        raise ParseError(str(error)) from error
