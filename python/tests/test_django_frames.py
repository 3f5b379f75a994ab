"""Frames from querysets, of RailForge's database and of PostgreSQL's."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from django.db import ProgrammingError, connections
from django.db.models import (
    Avg,
    BigIntegerField,
    CompositePrimaryKey,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Manager,
    Max,
    Model,
    QuerySet,
    SmallIntegerField,
    Sum,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import TruncMonth
from django.test.utils import isolate_apps
from waiting import until_idle

from rail_forge.django import (
    FramesMixin,
    aiter_batches,
    analytics,
    astream,
    iter_batches,
    to_arrow,
    to_pandas,
    to_polars,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    from conftest import Served

ALIASES = ["analytics", "default"]
ENDLESS = "(SELECT count(*) FROM order_line a, order_line b, order_line c WHERE a.id + b.id + c.id = -1)"


def as_python(value: Any) -> Any:
    """A value of a frame as a queryset's rows have it."""
    if isinstance(value, Decimal):
        return value.normalize()
    return value


@pytest.mark.parametrize("alias", ALIASES)
def test_columns_are_the_models_fields_and_annotations(alias: str, models: ModuleType) -> None:
    orders = models.Order.objects.using(alias).annotate(taxed=F("total") * Decimal("1.19"))
    table = to_arrow(orders.select_related("customer").order_by("pk")[:100])
    names = [field.attname for field in models.Order._meta.concrete_fields]
    assert table.column_names == [*names, "taxed"]
    wanted = orders.using("default").order_by("pk")[:100]
    for row, order in zip(table.to_pylist(), wanted, strict=True):
        assert {name: as_python(value) for name, value in row.items()} == {
            name: as_python(getattr(order, name)) for name in table.column_names
        }
    assert str(table.schema.field("total").type) == "decimal128(12, 2)"
    assert str(table.schema.field("placed_at").type) == "timestamp[us, tz=UTC]"
    assert table.schema.field("customer_id").type == pa.int64()


@pytest.mark.parametrize("alias", ALIASES)
def test_values_are_grouped_and_named(alias: str, models: ModuleType) -> None:
    grouped = (
        models.Order.objects.annotate(month=TruncMonth("placed_at"))
        .values("month", "region__name")
        .annotate(orders=Count("pk"), revenue=Sum("total"), average=Avg("total"))
        .order_by("month", "region__name")
    )
    frame = to_polars(grouped.using(alias))
    assert frame.columns == ["month", "region__name", "orders", "revenue", "average"]
    # A month is one of the clocks of the settings' zone, and says no zone.
    wanted = [
        (row["month"].replace(tzinfo=None), *map(as_python, list(row.values())[1:]))
        for row in grouped.using("default")
    ]
    got = [tuple(map(as_python, row)) for row in frame.iter_rows()]
    places = Decimal("1e-9")
    assert [row[:4] for row in got] == [row[:4] for row in wanted]
    assert [row[4].quantize(places) for row in got] == [row[4].quantize(places) for row in wanted]


@pytest.mark.parametrize("alias", ALIASES)
def test_every_type_of_field(alias: str, models: ModuleType) -> None:
    products = models.Product.objects.using(alias).order_by("pk")[:50]
    table = to_arrow(products)
    types = {field.name: str(field.type) for field in table.schema}
    assert types["attributes"] == "string"
    assert types["tags"] == "list<item: string>"
    assert (types["price"], types["launched_on"]) == ("decimal128(12, 2)", "date32[day]")
    assert (types["is_active"], types["weight_kg"]) == ("bool", "double")
    wanted = list(models.Product.objects.using("default").order_by("pk")[:50])
    assert table["tags"].to_pylist() == [product.tags for product in wanted]
    assert table["price"].to_pylist() == [product.price for product in wanted]
    spans = models.Order.objects.using(alias).filter(shipped_at__isnull=False).order_by("pk")
    took = ExpressionWrapper(F("shipped_at") - F("placed_at"), output_field=DurationField())
    [row] = to_arrow(spans.values(took=took)[:1]).to_pylist()
    order = spans.using("default").first()
    assert (row["took"].days, row["took"].nanoseconds // 1_000) == (
        (order.shipped_at - order.placed_at).days,
        (order.shipped_at - order.placed_at).seconds * 1_000_000
        + (order.shipped_at - order.placed_at).microseconds,
    )
    customers = to_arrow(
        models.Customer.objects.using(alias).order_by("pk").values("public_id", "birth_date")[:5]
    )
    assert [row["public_id"] for row in customers.to_pylist()] == [
        str(customer.public_id) for customer in models.Customer.objects.using("default").order_by("pk")[:5]
    ]


def test_what_is_computed_is_the_same_in_both(models: ModuleType) -> None:
    computed = {
        "count": Count("pk") * Value(10**9),
        "sum": Sum("stock") * Value(10**6),
        "of_bigints": Sum("pk"),
        "most": Max("stock"),
        "average": Avg("stock"),
        "weight": Avg("weight_kg"),
        "large": Sum("price") * Decimal("1e9"),
    }
    products = models.Product.objects.values("is_active").annotate(**computed).order_by("is_active")
    served, primary = (to_arrow(products.using(alias)) for alias in ALIASES)
    types = [str(kind) for kind in primary.schema.types]
    numerics = ["decimal128(38, 20)", "double", "decimal128(38, 20)"]
    assert types == ["bool", "int64", "int64", "decimal128(29, 0)", "int32", *numerics]
    assert primary.schema.types[:-1] == served.schema.types[:-1]
    for name in primary.column_names:
        wanted = [float(value) for value in served[name].to_pylist()]
        assert [float(value) for value in primary[name].to_pylist()] == pytest.approx(wanted)


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("how", ["none", "an empty in", "no row"])
def test_a_queryset_without_rows_has_its_columns(alias: str, how: str, models: ModuleType) -> None:
    regions = models.Region.objects.using(alias)
    empty = {
        "none": regions.none(),
        "an empty in": regions.filter(pk__in=[]),
        "no row": regions.filter(pk=-1),
    }[how]
    frame = to_pandas(empty)
    assert frame.empty
    assert list(frame.columns) == ["id", "name", "continent", "currency", "utc_offset_hours"]
    assert isinstance(frame, pd.DataFrame)


@pytest.mark.parametrize("alias", ALIASES)
def test_other_kinds_of_querysets(alias: str, models: ModuleType) -> None:
    regions = models.Region.objects.using(alias).order_by("pk")
    assert to_arrow(regions.values_list("name", "currency")).column_names == ["name", "currency"]
    assert to_arrow(regions.values_list("name", flat=True))["name"].to_pylist()[0] == "North America"
    assert to_arrow(regions.only("name")).column_names == ["id", "name"]
    assert to_arrow(regions.extra(select={"twice": "utc_offset_hours * 2"})).column_names[0] == "twice"
    assert to_arrow(regions.annotate(one=Value(1))[2:4]).num_rows == 2
    both = regions.filter(pk=1).values_list("name").union(regions.filter(pk=2).values_list("name"))
    assert sorted(to_arrow(both)["name"].to_pylist()) == ["Latin America", "North America"]
    orders = models.Order.objects.using(alias).select_related("customer")
    united = orders.filter(pk=1).union(orders.filter(pk=2), orders.filter(pk=3).union(orders.filter(pk=4)))
    assert to_arrow(united.order_by("pk"))["id"].to_pylist() == [1, 2, 3, 4]
    assert to_arrow(united).column_names == to_arrow(orders[:1]).column_names
    distinct = models.Order.objects.using(alias).filter(pk__lt=9).distinct().order_by("customer__name", "pk")
    assert to_arrow(distinct)["id"].to_pylist() == [order.pk for order in distinct]
    assert to_arrow(distinct.values("channel")).column_names == ["channel"]
    assert to_arrow(distinct.filter(pk=-1)).column_names == to_arrow(orders[:1]).column_names
    assert isinstance(to_polars(regions), pl.DataFrame)


@pytest.mark.parametrize("alias", ALIASES)
def test_methods_of_a_queryset(alias: str, models: ModuleType) -> None:
    class Frames(FramesMixin, QuerySet):  # type: ignore[misc]
        pass

    class Regions(Manager.from_queryset(Frames)):  # type: ignore[misc]
        pass

    regions = Regions()
    regions.model = models.Region
    assert regions.using(alias).filter(pk=1).to_arrow()["currency"].to_pylist() == ["USD"]
    assert regions.using(alias).to_polars().height == 12
    assert len(regions.using(alias).to_pandas()) == 12
    assert sum(batch.num_rows for batch in regions.using(alias).iter_batches()) == 12


@pytest.mark.parametrize("alias", ALIASES)
def test_a_composite_key_is_the_columns_of_its_fields(alias: str, models: ModuleType) -> None:
    assert models
    with isolate_apps("shop"):

        class Line(Model):  # type: ignore[misc]
            pk = CompositePrimaryKey("order_id", "position")
            order_id = BigIntegerField()
            position = SmallIntegerField()
            quantity = IntegerField()

            class Meta:
                app_label = "shop"
                managed = False
                db_table = "order_line"

    lines = Line.objects.using(alias).order_by("order_id", "position")
    wanted = lines.using("default").values_list("order_id", "position", "quantity")[:50]
    names = ["order_id", "position", "quantity"]
    for queryset in (lines.values("pk", "quantity"), lines):
        table = to_arrow(queryset[:50])
        assert table.column_names == names
        assert list(zip(*(table[name].to_pylist() for name in names), strict=True)) == list(wanted)


@pytest.mark.parametrize("alias", ALIASES)
def test_batches_are_a_stream(alias: str, models: ModuleType, shop: Served) -> None:
    lines = models.OrderLine.objects.using(alias).order_by("pk")
    numbers = [number for batch in iter_batches(lines) for number in batch["id"].to_pylist()]
    assert numbers == list(range(1, lines.using("default").count() + 1))
    batches = iter_batches(lines)
    next(batches)
    batches.close()
    until_idle(shop.server.pid)

    async def count() -> list[int]:
        return [batch.num_rows async for batch in aiter_batches(lines)]

    counts = asyncio.run(count())
    assert len(counts) > 1
    assert sum(counts) == len(numbers)

    async def first() -> int:
        async for batch in aiter_batches(lines):
            return int(batch.num_rows)
        return 0

    assert asyncio.run(first()) > 0
    until_idle(shop.server.pid)


@pytest.mark.parametrize("begin", [astream, lambda queryset: anext(aiter_batches(queryset))])
def test_a_query_ends_with_the_task_that_waits_for_it(
    begin: Callable[[Any], Awaitable[Any]], models: ModuleType, shop: Served
) -> None:
    endless = models.Region.objects.using("analytics").annotate(count=RawSQL(ENDLESS, ()))

    async def wait() -> None:
        async with asyncio.timeout(0.5):
            await begin(endless)

    with pytest.raises(TimeoutError):
        asyncio.run(wait())
    until_idle(shop.server.pid)


def test_batches_of_a_block_are_of_its_database(models: ModuleType) -> None:
    """The router's answers and the block are those of the call, not of the thread that reads."""
    region = models.Region.objects.using("analytics").get(pk=12)
    primary = models.Region.objects.using("default").filter(pk=12)

    async def names(block: analytics) -> list[str]:
        with block:
            regions = models.Region.objects.filter(pk=12).values("name")
            batches = aiter_batches(regions)
            response = await astream(regions)
        [of_batches] = [name async for batch in batches for name in batch["name"].to_pylist()]
        [row] = json.loads(b"".join([chunk async for chunk in response.streaming_content]))
        return [of_batches, row["name"]]

    try:
        primary.update(name="Afrika")
        assert asyncio.run(names(analytics())) == ["Africa", "Africa"]
        assert asyncio.run(names(analytics(max_staleness=0))) == ["Afrika", "Afrika"]
        assert models.Region.objects.using("analytics").get(pk=12).name == "Afrika"  # it was refreshed
    finally:
        primary.update(name=region.name)
        connections["analytics"].refresh("region")


def test_errors_are_djangos(models: ModuleType) -> None:
    wrong = models.Region.objects.using("analytics").extra(where=["nothing = 1"])
    with pytest.raises(ProgrammingError):
        to_arrow(wrong)
    failing = models.OrderLine.objects.using("analytics").extra(where=["1 / (id - 50000) >= 0"])
    with pytest.raises(Exception, match="division by zero") as caught:
        to_arrow(failing)
    assert caught.type.__module__ == "django.db.utils"


def test_frames_of_railforge_are_logged_as_queries(models: ModuleType) -> None:
    connection = connections["analytics"]
    connection.force_debug_cursor = True
    try:
        before = len(connection.queries_log)
        to_arrow(models.Region.objects.using("analytics"))
        assert len(connection.queries_log) == before + 1
    finally:
        connection.force_debug_cursor = False
