"""Responses of views: streams in each format, in views of both kinds, and pages by keys."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.exceptions import BadRequest
from django.db import ProgrammingError, connections
from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    TimeField,
    Value,
)
from django.db.models.functions import Cast
from django.test import RequestFactory
from waiting import until, until_idle

from rail_forge.django import astream, keyset_page, stream

if TYPE_CHECKING:
    from types import ModuleType

    import psycopg
    from conftest import Served

ALIASES = ["analytics", "default"]


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


@pytest.mark.parametrize("alias", ALIASES)
def test_a_queryset_is_streamed_in_each_format(alias: str, models: ModuleType) -> None:
    regions = models.Region.objects.using(alias).order_by("pk").values("id", "name")
    request = RequestFactory().get("/", headers={"accept": "application/vnd.apache.arrow.stream"})
    response = stream(regions)
    assert response["Content-Type"] == "application/json"
    assert "Vary" not in response
    assert stream(regions, request)["Vary"] == "Accept"
    assert ("X-As-Of" in response) == (alias == "analytics")
    rows = json.loads(body_of(response))
    assert rows[0] == {"id": 1, "name": "North America"}
    assert pa.ipc.open_stream(body_of(stream(regions, request))).read_all().to_pylist() == rows
    asked = RequestFactory().get("/?format=parquet", headers={"accept": "application/json"})
    assert pq.read_table(io.BytesIO(body_of(stream(regions, asked)))).to_pylist() == rows
    assert json.loads(body_of(stream(regions, asked, format="json"))) == rows
    with pytest.raises(BadRequest, match="no format 'csv'"):
        stream(regions, RequestFactory().get("/?format=csv"))
    with pytest.raises(ValueError, match="no format 'csv'"):
        stream(regions, format="csv")
    took = models.Order.objects.using(alias).values(took=F("shipped_at") - F("placed_at"))
    with pytest.raises(BadRequest, match="no type for intervals"):
        stream(took, asked)
    with pytest.raises(BadRequest, match="no type for intervals"):
        asyncio.run(astream(took, asked))
    with pytest.raises(ProgrammingError):
        stream(models.Region.objects.using(alias).extra(where=["nothing = 1"]))


@pytest.mark.parametrize("alias", ALIASES)
def test_an_async_view_streams(alias: str, models: ModuleType, shop: Served) -> None:
    lines = models.OrderLine.objects.using(alias).order_by("pk").values("id")

    async def whole() -> bytes:
        response = await astream(lines, format="arrow")
        return b"".join([chunk async for chunk in response.streaming_content])

    async def first() -> bytes:
        response = await astream(lines, format="arrow")
        async for chunk in response.streaming_content:
            return bytes(chunk)
        return b""

    async def failing() -> None:
        await astream(models.Region.objects.using(alias).extra(where=["nothing = 1"]))

    rows = pa.ipc.open_stream(asyncio.run(whole())).read_all()
    assert rows["id"].to_pylist() == list(range(1, shop.rows["order_line"] + 1))
    assert asyncio.run(first())
    with pytest.raises(ProgrammingError):
        asyncio.run(failing())
    until_idle(shop.server.pid)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_async_view_streams_under_wsgi(alias: str, models: ModuleType, shop: Served) -> None:
    """Its loop has ended when the response is read, by another one, and for all of it at once."""
    lines = models.OrderLine.objects.using(alias).order_by("pk").values("id")

    async def view() -> Any:
        return await astream(lines, format="arrow")

    with pytest.warns(Warning, match="must consume asynchronous iterators"):
        body = b"".join(asyncio.run(view()))
    rows = pa.ipc.open_stream(body).read_all()
    assert rows["id"].to_pylist() == list(range(1, shop.rows["order_line"] + 1))
    asyncio.run(view()).close()
    until(lambda: not batch_threads(), "the threads of responses end")
    until_idle(shop.server.pid)


def batch_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rail-forge batches")]


def test_errors_come_before_the_response_and_leave_no_connection(
    models: ModuleType, shop_reference: psycopg.Connection
) -> None:
    """Intervals are refused by Parquet; who has gone before the answer leaves nothing behind either."""
    took = ExpressionWrapper(F("shipped_at") - F("placed_at"), output_field=DurationField())
    orders = models.Order.objects.using("default").values(took=took)

    def is_over() -> bool:
        [(count,)] = shop_reference.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE '%response that fails%'"
            " AND pid <> pg_backend_pid()"
        ).fetchall()
        return count == 0 and not batch_threads()

    failing = orders.extra(where=["'response that fails' <> ''"])
    with pytest.raises(ValueError, match="no type for intervals, and so none for 'took'"):
        stream(orders, format="parquet")
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT name FROM pg_cursors")
        assert cursor.fetchall() == []
    with pytest.raises(ValueError, match="no type for intervals"):
        asyncio.run(astream(failing, format="parquet"))
    until(is_over, "the connection of a failed response is closed")

    async def cancelled() -> None:
        slow = failing.extra(where=["pg_sleep(0.2) IS NOT NULL"])[:1]
        await asyncio.wait_for(astream(slow, format="json"), 0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(cancelled())
    until(is_over, "the connection of a cancelled response is closed")

    async def dropped() -> None:
        await astream(failing, format="json")

    asyncio.run(dropped())
    until(is_over, "the connection of a dropped response is closed")


@pytest.mark.parametrize("alias", ALIASES)
def test_pages_by_keys_are_all_rows_once(alias: str, models: ModuleType) -> None:
    orders = models.Order.objects.using(alias).filter(pk__lte=1000)
    # Of which many are negative, and many of the same day.
    at = Cast(
        ExpressionWrapper(F("placed_at") + timedelta(microseconds=1) * F("pk"), DateTimeField()), TimeField()
    )
    took = ExpressionWrapper(Value(datetime(2024, 6, 1, 12, tzinfo=UTC)) - F("placed_at"), DurationField())
    orders = orders.annotate(at=at, took=took)
    for keys in (
        ("placed_at", "pk"),
        ("-total", "pk"),
        ("channel", "-placed_at", "pk"),
        ("at", "pk"),
        ("-took", "pk"),
        ("customer__name", "pk"),
    ):
        got: list[int] = []
        after: str | None = None
        while True:
            page = keyset_page(orders, *keys, size=90, after=after)
            got += [order.pk for order in page.rows]
            if page.next is None:
                break
            assert len(page.rows) == 90
            after = page.next
        assert got == [order.pk for order in orders.order_by(*keys)]
    named = keyset_page(orders.values("id", "total"), "total", "id", size=3)
    assert named.next is not None
    later = keyset_page(orders.values("id", "total"), "total", "id", size=3, after=named.next)
    assert later.rows[0]["total"] >= named.rows[-1]["total"]
    assert keyset_page(orders.filter(pk=-1), "pk").rows == []
    assert keyset_page(orders.values("id"), "-pk", size=1000).rows[0] == {"id": 1000}
    counted = keyset_page(orders.annotate(Count("lines")), "-lines__count", "pk", size=7)
    assert keyset_page(
        orders.annotate(Count("lines")), "-lines__count", "pk", size=7, after=counted.next
    ).rows
    for wrong in (
        orders.values("total"),
        orders.values_list("pk"),
        orders.annotate(pks=Value(None, IntegerField())),
    ):
        with pytest.raises(ValueError, match=r"keys|key of a page"):
            keyset_page(wrong, "pks" if "pks" in wrong.query.annotations else "pk", size=1000)
    by_name = models.Customer.objects.using(alias).filter(pk__lt=200)
    token = keyset_page(by_name, "public_id", size=10).next
    assert len(keyset_page(by_name, "public_id", size=10, after=token).rows) == 10


@pytest.mark.parametrize(
    "token", ["", "x", "W10", "bnVsbA", "W1sieCIsIDFdXQ", "W1siIiwgW11dXQ", "W1siIiwgbnVsbF1d", "ä"]
)
def test_a_token_that_is_none_is_a_bad_request(token: str, models: ModuleType) -> None:
    with pytest.raises(BadRequest, match="token is none"):
        keyset_page(models.Order.objects.using("analytics"), "pk", after=token)


def token_of(*values: tuple[str, object]) -> str:
    """A token that a client has made."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("key", "kind", "value"),
    [
        ("pk", "", "abc"),
        ("pk", "n", "NaN"),
        ("pk", "n", "Infinity"),
        ("pk", "t", "2024-02-29T12:00:00"),
        ("pk", "", float("inf")),
        ("placed_at", "", "abc"),
        ("placed_at", "", 1),
        ("total", "", "abc"),
        ("channel", "", "a\0"),
        ("channel", "", "\ud800"),
    ],
)
def test_a_value_that_is_none_of_its_key_is_a_bad_request(
    key: str, kind: str, value: object, models: ModuleType
) -> None:
    for alias in ALIASES:
        with pytest.raises(BadRequest, match="token is none"):
            keyset_page(models.Order.objects.using(alias), key, after=token_of((kind, value)))


def test_a_token_of_great_depth_is_a_bad_request(models: ModuleType) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    with pytest.raises(BadRequest, match="token is none"):
        keyset_page(models.Order.objects.using("analytics"), "pk", after=deep)


def test_a_page_has_keys_and_a_size(models: ModuleType) -> None:
    for arguments in ((), ("pk",)):
        with pytest.raises(ValueError, match="keys and a size"):
            keyset_page(models.Order.objects.using("analytics"), *arguments, size=0)
