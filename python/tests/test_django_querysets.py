"""Querysets over the shop give on RailForge what they give on PostgreSQL: rows, values, types, digits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import shop_project
from django.contrib.postgres.aggregates import ArrayAgg, StringAgg
from django.db import connections
from django.db.models import (
    Avg,
    Case,
    CharField,
    Count,
    DecimalField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    StdDev,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import (
    Cast,
    Coalesce,
    Concat,
    DenseRank,
    ExtractHour,
    ExtractWeekDay,
    ExtractYear,
    Greatest,
    JSONObject,
    Lag,
    Length,
    Lower,
    NullIf,
    Rank,
    Round,
    RowNumber,
    Substr,
    TruncDay,
    TruncMonth,
    TruncWeek,
    Upper,
)
from django_cte import CTE, with_cte

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Served

PAID = Q(status__in=["paid", "shipped", "delivered"])


@pytest.fixture(scope="module")
def on(shop: Served) -> Callable[[str], SimpleNamespace]:
    """The models' querysets on the database of an alias."""
    loaded = shop_project.models(shop)
    names = ("Region", "Category", "Product", "Customer", "Order", "OrderLine")
    return lambda alias: SimpleNamespace(
        **{name: getattr(loaded, name).objects.using(alias) for name in names}
    )


def category_tree(s: SimpleNamespace) -> Any:
    """Categories with their path from the root: a recursive CTE."""

    def tree(cte: CTE) -> Any:
        roots = s.Category.filter(parent__isnull=True)
        below = cte.join(s.Category.all(), parent=cte.col.id)
        path = Concat(cte.col.path, Value(" / "), "name", output_field=TextField())
        return roots.values("id", path=Cast("name", TextField()), level=Value(0)).union(
            below.values("id", path=path, level=cte.col.level + Value(1)), all=True
        )

    cte = CTE.recursive(tree)
    joined = with_cte(cte, select=cte.join(s.Category.all(), id=cte.col.id))
    return (
        joined.annotate(path=cte.col.path, level=cte.col.level).order_by("path").values("id", "path", "level")
    )


QUERYSETS: dict[str, Callable[[SimpleNamespace], Any]] = {
    "all": lambda s: s.Region.order_by("id"),
    "every type": lambda s: s.Product.order_by("id")[:300],
    "zones and uuids": lambda s: s.Customer.order_by("id")[:300],
    "filter": lambda s: s.Order.filter(total__gt=Decimal("500.10"), channel="app").order_by("id"),
    "exclude": lambda s: s.Order.exclude(Q(channel="app") | Q(coupon__isnull=True)).order_by("id")[:50],
    "xor": lambda s: s.Order.filter(Q(channel="app") ^ Q(total__lt=50)).order_by("id")[:50],
    "moments": lambda s: s.Order.filter(placed_at__gte=datetime(2024, 5, 1, tzinfo=UTC)).order_by("id")[:50],
    "year, month and day": lambda s: s.Order.filter(
        placed_at__year=2024, placed_at__month=2, placed_at__date__lte=date(2024, 2, 10)
    ).order_by("id"),
    "range": lambda s: s.Product.filter(launched_on__range=(date(2022, 1, 1), date(2022, 6, 30))).order_by(
        "id"
    ),
    "texts": lambda s: s.Customer.filter(name__icontains="ö", email__endswith=".org").order_by("id"),
    "regex": lambda s: s.Customer.filter(name__iregex=r"^[a-c].*r$").order_by("id"),
    "in a subquery": lambda s: s.Order.filter(customer__in=s.Customer.filter(is_business=True)).order_by(
        "id"
    )[:50],
    "joins": lambda s: s.OrderLine.filter(order__region__name="DACH", product__price__gt=100).order_by("id")[
        :50
    ],
    "reverse joins": lambda s: s.Region.filter(orders__lines__quantity__gt=4).distinct().order_by("name"),
    "F": lambda s: (
        s.Product.filter(price__lt=F("cost") * 2).order_by("id").values_list("id", "price", "cost")
    ),
    "annotate": lambda s: s.Region.annotate(n=Count("orders"), revenue=Sum("orders__total")).order_by("id"),
    "aggregate": lambda s: s.Order.aggregate(
        Count("id"), Sum("total"), Avg("total"), Min("placed_at"), Max("delivered_on"), StdDev("total")
    ),
    "aggregate with a filter": lambda s: s.Order.aggregate(
        paid=Count("pk", filter=PAID),
        app=Sum("total", filter=Q(channel="app")),
        none=Sum("total", filter=Q(pk=-1)),
    ),
    "aggregate with a default": lambda s: s.Order.filter(pk=-1).aggregate(t=Sum("total", default=Decimal(0))),
    "having": lambda s: (
        s.Customer.annotate(n=Count("orders")).filter(n__gt=12).order_by("id").values("id", "n")
    ),
    "group by an expression": lambda s: (
        s.Order.annotate(month=TruncMonth("placed_at"))
        .values("month", "channel")
        .annotate(revenue=Sum("total"), orders=Count("pk"))
        .order_by("month", "channel")
    ),
    "truncated moments": lambda s: s.Order.order_by("id").annotate(
        d=TruncDay("placed_at"),
        w=TruncWeek("placed_at"),
        h=ExtractHour("placed_at"),
        y=ExtractYear("placed_at"),
    )[:100],
    "weekdays": lambda s: (
        s.Order.values(day=ExtractWeekDay("placed_at")).annotate(n=Count("*")).order_by("day")
    ),
    "case": lambda s: (
        s.Order.annotate(
            size=Case(
                When(total__gte=500, then=Value("large")),
                When(total__gte=100, then=Value("medium")),
                default=Value("small"),
            )
        )
        .values("size")
        .annotate(n=Count("pk"), average=Round(Avg("total"), 2))
        .order_by("size")
    ),
    "durations": lambda s: (
        s.Order.filter(shipped_at__isnull=False)
        .annotate(took=ExpressionWrapper(F("shipped_at") - F("placed_at"), output_field=DurationField()))
        .filter(took__gt=timedelta(days=1))
        .aggregate(Avg("took"), Max("took"), Count("pk"))
    ),
    "moments and durations": lambda s: (
        s.Order.annotate(due=F("placed_at") + timedelta(days=30, hours=2))
        .order_by("id")
        .values_list("due", flat=True)[:20]
    ),
    "functions of texts": lambda s: s.Customer.annotate(
        u=Upper("name"),
        short=Substr("email", 1, 5),
        n=Length("city"),
        both=Concat("name", Value(", "), Lower("city")),
    ).order_by("id")[:50],
    "casts": lambda s: s.Product.annotate(
        t=Cast("price", CharField()), i=Cast("price", IntegerField()), f=Cast("price", FloatField())
    ).order_by("id")[:50],
    "coalesce and nullif": lambda s: s.Order.annotate(
        c=Coalesce("coupon", Value("-")),
        z=NullIf("channel", Value("app")),
        g=Greatest("placed_at", "shipped_at"),
    ).order_by("id")[:50],
    "decimals": lambda s: s.OrderLine.annotate(
        paid=ExpressionWrapper(
            F("quantity") * F("unit_price"), output_field=DecimalField(max_digits=14, decimal_places=2)
        ),
        share=F("unit_price") / F("product__price"),
    ).order_by("id")[:50],
    "values_list": lambda s: s.Order.order_by("id").values_list("id", "customer__name", "region__currency")[
        :50
    ],
    "named values": lambda s: s.Region.order_by("id").values_list("name", "currency", named=True),
    "flat and distinct": lambda s: s.Order.order_by("channel").values_list("channel", flat=True).distinct(),
    "distinct on": lambda s: s.Order.order_by("customer_id", "-placed_at", "-id").distinct("customer_id")[
        :50
    ],
    "only": lambda s: s.Product.only("name", "price").order_by("id")[:50],
    "defer": lambda s: s.Product.defer("description", "attributes").order_by("id")[:50],
    "select_related": lambda s: [
        (line.order.customer.region.name, line.product.category.name)
        for line in s.OrderLine.select_related("order__customer__region", "product__category").order_by("id")[
            :50
        ]
    ],
    "prefetch_related": lambda s: [
        (order.pk, [line.product.name for line in order.lines.all()])
        for order in s.Order.prefetch_related("lines__product").order_by("id")[:20]
    ],
    "prefetch": lambda s: [
        (customer.pk, [order.total for order in customer.large])
        for customer in s.Customer.order_by("id").prefetch_related(
            Prefetch("orders", s.Order.filter(total__gt=300).order_by("id"), to_attr="large")
        )[:30]
    ],
    "latest by a subquery": lambda s: (
        s.Customer.annotate(
            latest=Subquery(
                s.Order.filter(customer=OuterRef("pk")).order_by("-placed_at", "-id").values("total")[:1]
            )
        )
        .order_by("id")
        .values("id", "latest")[:100]
    ),
    "exists": lambda s: (
        s.Customer.filter(Exists(s.Order.filter(customer=OuterRef("pk"), total__gt=900)))
        .order_by("id")
        .values_list("id", flat=True)
    ),
    "exists in a column": lambda s: (
        s.Customer.annotate(big=Exists(s.Order.filter(customer=OuterRef("pk"), total__gt=900)))
        .order_by("id")
        .values("id", "big")[:100]
    ),
    "rank": lambda s: (
        s.Order.filter(customer_id__lt=40)
        .annotate(
            r=Window(Rank(), partition_by="customer_id", order_by=F("total").desc()),
            d=Window(DenseRank(), partition_by="customer_id", order_by=F("total").desc()),
            before=Window(Lag("total"), partition_by="customer_id", order_by=["placed_at", "id"]),
            running=Window(Sum("total"), partition_by="customer_id", order_by=["placed_at", "id"]),
        )
        .order_by("id")
    ),
    "filter by a window": lambda s: (
        s.Order.filter(customer_id__lt=100)
        .annotate(n=Window(RowNumber(), partition_by="customer_id", order_by=["-total", "id"]))
        .filter(n__lte=2)
        .order_by("customer_id", "n")
    ),
    "union": lambda s: (
        s.Region.values_list("name").union(s.Category.filter(depth=0).values_list("name")).order_by("name")
    ),
    "intersection": lambda s: (
        s.Customer.filter(is_business=True)
        .values_list("city")
        .intersection(s.Customer.filter(loyalty_tier=3).values_list("city"))
        .order_by("city")
    ),
    "difference": lambda s: (
        s.Customer.values_list("city")
        .difference(s.Customer.filter(region__name="DACH").values_list("city"))
        .order_by("city")
    ),
    "raw": lambda s: list(
        s.Order.raw(
            "SELECT id, total, total * %s AS taxed FROM orders WHERE id <= %s ORDER BY id",
            [Decimal("1.19"), 9],
        )
    ),
    "in_bulk": lambda s: s.Region.in_bulk([1, 3, 5]),
    "dates": lambda s: list(s.Product.dates("launched_on", "month", order="DESC")),
    "datetimes": lambda s: list(s.Order.datetimes("placed_at", "month")),
    "count": lambda s: s.Order.filter(PAID).count(),
    "exists or not": lambda s: [s.Order.filter(pk=1).exists(), s.Order.filter(pk=-1).exists()],
    "first and last": lambda s: [s.Order.first(), s.Order.last()],
    "latest and earliest": lambda s: [s.Order.latest("placed_at"), s.Order.earliest("pk")],
    "get": lambda s: s.Customer.get(pk=7),
    "json keys": lambda s: s.Product.filter(attributes__has_key="size").order_by("id")[:50],
    "json values": lambda s: (
        s.Product.filter(attributes__color="red").order_by("id").values("attributes__color")
    ),
    "json contains": lambda s: s.Product.filter(attributes__contains={"color": "red"}).order_by("id")[:50],
    "json objects": lambda s: s.Region.annotate(j=JSONObject(name="name", n=F("utc_offset_hours"))).order_by(
        "id"
    ),
    "array contains": lambda s: s.Product.filter(tags__contains=["new"]).order_by("id")[:50],
    "array overlap": lambda s: s.Product.filter(tags__overlap=["new", "sale"], tags__len__gt=1).order_by(
        "id"
    )[:9],
    "array elements": lambda s: (
        s.Product.filter(tags__0="new").order_by("id").values_list("id", "tags__0")[:50]
    ),
    "aggregates of postgres": lambda s: s.Region.annotate(
        cities=ArrayAgg("customers__city", distinct=True, order_by="customers__city"),
        text=StringAgg("customers__city", "; ", distinct=True, order_by="customers__city"),
    ).order_by("id"),
    "none": lambda s: s.Order.none(),
    "an empty slice": lambda s: s.Order.order_by("id")[5:5],
    "an empty in": lambda s: s.Order.filter(pk__in=[]),
    "a cte": category_tree,
    "extra": lambda s: s.Region.extra(select={"half": "utc_offset_hours / 2.0"}, order_by=["id"]),
    "iterator": lambda s: list(s.OrderLine.order_by("id").iterator(chunk_size=500)),
    "a page": lambda s: list(s.Order.order_by("id")[990:1010]),
}


@pytest.mark.parametrize("name", QUERYSETS)
def test_the_same_as_on_postgresql(name: str, on: Callable[[str], SimpleNamespace]) -> None:
    make = QUERYSETS[name]
    got, wanted = (shop_project.plain(evaluated(make(on(alias)))) for alias in ("analytics", "default"))
    assert got == wanted


def evaluated(result: Any) -> Any:
    """What a queryset gives, with whatever was annotated."""
    return list(result) if hasattr(result, "query") else result


def test_nothing_of_it_was_asked_of_postgresql(on: Callable[[str], SimpleNamespace]) -> None:
    """The comparison above is one: the queries of `analytics` are answered by RailForge."""
    connections["default"].force_debug_cursor = True
    try:
        before = len(connections["default"].queries_log)
        assert list(on("analytics").Region.order_by("id"))
        assert len(connections["default"].queries_log) == before
    finally:
        connections["default"].force_debug_cursor = False
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM region")
        assert cursor.cursor.result.engine == "datafusion"
        assert cursor.cursor.result.as_of is not None
