"""Which database reads: the router, `analytics()`, refreshes on commit, and the commands of `manage.py`."""

from __future__ import annotations

import asyncio
import io
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.test import RequestFactory
from django.test.utils import override_settings
from django.utils.decorators import method_decorator
from django.views import View

from rail_forge.django import AnalyticsRouter, analytics, refresh_on_commit
from rail_forge.django.block import seconds

if TYPE_CHECKING:
    from types import ModuleType

    from conftest import NewDatabase, Serve


def routed(**told: Any) -> override_settings:
    """The router, which the project's settings name, with what RAIL_FORGE tells it."""
    return override_settings(RAIL_FORGE=told)


def test_models_and_apps_that_are_named_are_read_from_railforge(models: ModuleType) -> None:
    with routed(MODELS=["shop.Order"]):
        assert models.Order.objects.all().db == "analytics"
        assert models.Region.objects.all().db == "default"
        assert models.Order.objects.count() == models.Order.objects.using("default").count()
        assert models.Order.objects.using("default").all().db == "default"
    with routed(MODELS=["shop"]):
        assert models.Region.objects.all().db == "analytics"
    with routed():
        assert models.Order.objects.all().db == "default"


def test_a_rollout_is_a_share_of_reads(models: ModuleType) -> None:
    def share(rollout: float) -> float:
        with routed(MODELS=["shop"], ROLLOUT=rollout):
            reads = [models.Order.objects.all().db for _ in range(400)]
        return reads.count("analytics") / len(reads)

    assert share(0) == 0
    assert share(1) == 1
    assert 0.3 < share(0.5) < 0.7


def test_reads_of_a_transaction_stay_where_it_writes(models: ModuleType) -> None:
    with routed(MODELS=["shop"]):
        with transaction.atomic("default"):
            assert models.Order.objects.all().db == "default"
            with analytics():
                assert models.Order.objects.all().db == "analytics"
        assert models.Order.objects.all().db == "analytics"


def test_what_belongs_to_an_object_is_read_where_it_is_from(models: ModuleType) -> None:
    orders = models.Order.objects
    with routed(MODELS=["shop"]):
        here, there = orders.using("default").get(pk=1), orders.get(pk=1)
        for order, database in ((here, "default"), (there, "analytics")):
            order.refresh_from_db()
            assert order._state.db == database
            assert order.customer._state.db == database
            assert order.lines.all().db == database
        [prefetched] = orders.using("default").filter(pk=1).prefetch_related("lines__product")
        assert {line.product._state.db for line in prefetched.lines.all()} == {"default"}
        # One that is not saved yet refers to what may not be there yet.
        assert AnalyticsRouter().db_for_read(models.Region, instance=models.Customer()) is None
        with transaction.atomic("default"):
            orders.filter(pk=1).using("default").update(channel="phone")
            assert there.lines.all().db == "default"
            there.refresh_from_db()
            assert there.channel == "phone"
            transaction.set_rollback(True, using="default")
    with routed(MODELS=["shop.order"]):
        region = models.Region.objects.get(pk=1)
        assert (region._state.db, region.orders.all().db) == ("default", "analytics")
    with routed(MODELS=["shop"], ROLLOUT=0.5):
        for _ in range(20):
            order = orders.get(pk=1)
            assert order.customer._state.db == order._state.db


def test_writes_of_what_was_read_go_to_the_primary(models: ModuleType) -> None:
    router = AnalyticsRouter()
    region = models.Region.objects.using("analytics").get(pk=1)
    other = models.Region.objects.using("default").get(pk=2)
    with routed(MODELS=["shop"]):
        assert router.db_for_write(models.Region, instance=region) == "default"
        assert router.db_for_write(models.Region) is None
        assert router.allow_relation(region, other) is True
        assert router.allow_migrate("analytics", "shop") is False
        assert router.allow_migrate("default", "shop") is None
        with transaction.atomic("default"):
            region.name = "Mars"
            region.save()
            assert models.Region.objects.using("default").get(pk=1).name == "Mars"
            transaction.set_rollback(True, using="default")


def test_a_block_and_a_view_read_from_railforge(models: ModuleType) -> None:
    @analytics(max_staleness="1h")
    def view() -> str:
        return str(models.Region.objects.all().db)

    @analytics()
    async def async_view() -> list[Any]:
        regions = models.Region.objects.order_by("pk")
        return [regions.db, await regions.acount()]

    class Page(View):  # type: ignore[misc]
        async def get(self, _request: HttpRequest) -> HttpResponse:
            return HttpResponse(models.Region.objects.all().db)

    page = analytics()(Page.as_view())
    by_class = method_decorator(analytics(), name="dispatch")(type("Decorated", (Page,), {})).as_view()
    with routed():
        assert asyncio.run(page(RequestFactory().get("/"))).content == b"analytics"
        assert asyncio.run(by_class(RequestFactory().get("/"))).content == b"analytics"
        assert view() == "analytics"
        assert asyncio.run(async_view()) == ["analytics", 12]
        with analytics(), analytics(using="analytics"):
            assert models.Region.objects.all().db == "analytics"
        assert models.Region.objects.all().db == "default"
        with pytest.raises(RuntimeError), analytics():
            raise RuntimeError
        assert models.Region.objects.all().db == "default"


def test_a_block_surrounds_what_is_made_of_an_answer(models: ModuleType) -> None:
    def database() -> str:
        return str(models.Region.objects.all().db)

    @analytics()
    def rendered(_request: HttpRequest) -> HttpResponse:
        return SimpleTemplateResponse(engines["django"].from_string("{{ database }}"), {"database": database})

    @analytics()
    def streamed(_request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(database() for _ in range(2))

    @analytics()
    async def awaited(request: HttpRequest) -> HttpResponse:
        return rendered(request)

    class Page(View):  # type: ignore[misc]
        def get(self, request: HttpRequest) -> HttpResponse:
            return TemplateResponse(
                request, engines["django"].from_string("{{ database }}"), {"database": database}
            )

    page = method_decorator(analytics(), name="dispatch")(Page).as_view()
    request = RequestFactory().get("/")
    for answer in (rendered(request), asyncio.run(awaited(request)), page(request)):
        assert answer.render().content == b"analytics"
        # As caches do.
        assert pickle.loads(pickle.dumps(answer)).content == b"analytics"
        assert database() == "default"
    chunks = iter(streamed(request))
    assert next(chunks) == b"analytics"
    assert database() == "default"
    assert next(chunks) == b"analytics"


def test_a_block_is_entered_by_many(models: ModuleType) -> None:
    block = analytics()

    def databases() -> list[str]:
        with block:
            within.wait()
            with block:
                inner = models.Region.objects.all().db
            outer = models.Region.objects.all().db
        return [inner, outer, models.Region.objects.all().db]

    within = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        found = [running.result() for running in [pool.submit(databases) for _ in range(2)]]
    assert found == [["analytics", "analytics", "default"]] * 2


def test_a_block_demands_freshness(new_database: NewDatabase, serve: Serve, models: ModuleType) -> None:  # noqa: ARG001
    url = new_database(
        "CREATE TABLE region (id bigint PRIMARY KEY, name text)", "INSERT INTO region VALUES (1, 'a')"
    )
    server = serve({"shop": url})
    connection = connections["analytics"].copy()
    connection.settings_dict = {**connection.settings_dict, "PORT": int(server.flight.rpartition(":")[2])}
    connection.refresh()
    with psycopg.connect(url) as writer:
        writer.execute("UPDATE region SET name = 'b'")

    def name() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM region")
            return str(cursor.fetchone()[0])

    try:
        assert name() == "a"
        with routed(), analytics(max_staleness="1h"):
            assert name() == "a"
        with routed(), analytics(max_staleness=timedelta(0)):
            assert name() == "b"
        with psycopg.connect(url) as writer:
            writer.execute("UPDATE region SET name = 'c'")
        connection.settings_dict["OPTIONS"] = {**connection.settings_dict["OPTIONS"], "max_staleness": "0s"}
        assert name() == "c"
    finally:
        connection.close()


def test_tables_are_refreshed_on_commit(models: ModuleType) -> None:
    region = models.Region.objects.using("analytics").get(pk=12)
    primary = models.Region.objects.using("default").filter(pk=12)
    try:
        with routed():
            with transaction.atomic("default"):
                primary.update(name="Afrika")
                refresh_on_commit(models.Region)
                assert models.Region.objects.using("analytics").get(pk=12).name == "Africa"
            assert models.Region.objects.using("analytics").get(pk=12).name == "Afrika"
    finally:
        primary.update(name=region.name)
        connections["analytics"].refresh("region")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"MODLES": []}, "no 'MODLES'; it has ALIAS, MODELS, PUBLISH, ROLLOUT, SIGNED_TOKENS"),
        ({"ROLLOUT": 2}, "a share from 0 to 1, not 2"),
        ({"ROLLOUT": True}, "a share from 0 to 1, not True"),
        ({"MODELS": "shop"}, "a list of labels, not 'shop'"),
        ({"ALIAS": "default"}, "no database of rail_forge.django"),
        ({"ALIAS": "nowhere"}, "no database of rail_forge.django"),
    ],
)
def test_settings_that_cannot_be_used_are_named(told: dict[str, Any], said: str, models: ModuleType) -> None:
    with routed(**told), pytest.raises(ImproperlyConfigured, match=said):
        models.Order.objects.all().db  # noqa: B018 - asks the router


def test_check_names_labels_that_are_none(models: ModuleType) -> None:
    assert models
    for told, said in (
        ({"MODELS": ["shop", "shop.Order"]}, []),
        ({"MODELS": ["shop.Ordre"]}, ["no app and no model has the label 'shop.ordre'"]),
        ({"MODELS": ["shop"], "ROLLOUT": 2}, ["a share from 0 to 1"]),
    ):
        with routed(**told):
            found = [message.msg for message in checks.run_checks() if message.id == "rail_forge.E004"]
        assert [text in message for text, message in zip(said, found, strict=True)] == [True] * len(said)


def test_times_have_units() -> None:
    assert [seconds(time) for time in ("250ms", "5s", "2m", "1h", 3, timedelta(minutes=1))] == [
        0.25,
        5,
        120,
        3600,
        3,
        60,
    ]
    for wrong in ("5", "5 parsecs", "s", "", -1, "-1s"):
        with pytest.raises(ValueError, match=r"no time|no number of seconds"):
            seconds(wrong)


def output_of(command: str, *arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, no_color=True, **options)
    return out.getvalue()


def test_railforge_status(models: ModuleType) -> None:
    text = output_of("railforge_status")
    count = models.Order.objects.using("default").count()
    assert "source shop is ready" in text
    assert f"shop.public.orders: {count:,} rows, as of 20" in text
    tables = json.loads(output_of("railforge_status", json=True))["tables"]
    assert {table["table"] for table in tables} >= {"orders", "Gift Wrap"}


def test_railforge_refresh(models: ModuleType) -> None:
    count = models.Order.objects.using("default").count()
    assert output_of("railforge_refresh", "shop.Order", "region") == (
        f"shop.public.orders: {count:,} rows\nshop.public.region: 12 rows\n"
    )
    with pytest.raises(CommandError, match='no table "ordres"'):
        output_of("railforge_refresh", "ordres")
    with pytest.raises(CommandError, match="default is no RailForge database; there are: analytics"):
        output_of("railforge_refresh", database="default")


def test_railforge_validate(models: ModuleType) -> None:  # noqa: ARG001
    text = output_of("railforge_validate", "shop.reports.REPORTS", iterations=1, warmup=0)
    assert "all 10 are the same" in text
    assert "revenue by month and region" in text
    assert "shop.reports.best_products " in output_of(
        "railforge_validate", "shop.reports.best_products", iterations=1
    )
    with pytest.raises(CommandError, match="no queryset"):
        output_of("railforge_validate", "shop.reports.MONEY")
    with pytest.raises(CommandError, match=r"shop\.reports\.NOTHING"):
        output_of("railforge_validate", "shop.reports.NOTHING")


def test_railforge_validate_shows_what_differs(models: ModuleType) -> None:
    primary = models.Region.objects.using("default").filter(pk=12)
    try:
        primary.update(name="Afrika")
        out = io.StringIO()
        with pytest.raises(CommandError, match=r"2 of 3 differ: .*\[1\], .*\[2\]"):
            call_command("railforge_validate", "shop_validated.WRONG", stdout=out, no_color=True)
        assert "instead of" in out.getvalue()
        assert "'Africa'" in out.getvalue()
        assert "fails on default: division by zero" in out.getvalue()
    finally:
        primary.update(name="Africa")
