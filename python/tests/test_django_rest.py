"""Views of Django REST framework: the format is negotiated, and the rows are PostgreSQL's."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from django.db.models import Value
from django.test.utils import override_settings
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture
def get(models: ModuleType) -> Iterator[Callable[..., Any]]:
    """Asks a view for the regions; `duration` adds a column that Parquet has no type for."""
    with override_settings(
        REST_FRAMEWORK={"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []}
    ):
        from rest_framework.decorators import api_view, renderer_classes  # noqa: PLC0415 - reads the settings
        from rest_framework.test import APIRequestFactory  # noqa: PLC0415

        from rail_forge.django.rest_framework import RENDERERS, stream  # noqa: PLC0415

        def regions(request: Any) -> Any:
            queryset = models.Region.objects.using("analytics").order_by("id").values("id", "name")
            if "duration" in request.GET:
                queryset = queryset.annotate(took=Value(timedelta(seconds=1)))
            return stream(queryset, request)

        view = api_view(["GET"])(renderer_classes(RENDERERS)(regions))

        def asked(query: str = "", **headers: str) -> Any:
            response = view(APIRequestFactory().get(f"/{query}", headers=headers))
            return response if response.streaming else response.render()

        yield asked


def test_the_format_is_negotiated(get: Callable[..., Any], models: ModuleType) -> None:
    wanted = list(models.Region.objects.using("default").order_by("id").values("id", "name"))
    for query, headers in (("", {}), ("?format=json", {}), ("", {"accept": "application/json"})):
        assert json.loads(get(query, **headers).getvalue()) == wanted
    for query, headers in (("?format=arrow", {}), ("", {"accept": ARROW})):
        response = get(query, **headers)
        assert response["Content-Type"] == ARROW
        assert pa.ipc.open_stream(response.getvalue()).read_all().to_pylist() == wanted
    assert parquet.read_table(io.BytesIO(get("?format=parquet").getvalue())).to_pylist() == wanted


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"accept": "text/csv"}, 406),
        ("?format=xml", {}, 404),
        ("?format=parquet&duration=1", {}, 400),
        ("?duration=1", {"accept": "application/vnd.apache.parquet"}, 400),
    ],
)
def test_what_cannot_be_answered_is_refused(
    get: Callable[..., Any], query: str, headers: dict[str, str], status: int
) -> None:
    response = get(query, **headers)
    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    assert json.loads(response.content)["detail"]
