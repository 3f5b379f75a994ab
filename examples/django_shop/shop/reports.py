"""Ten reports over the shop, each a queryset, as a reporting page would ask for it.

They name no database: the page says `.using("analytics")`, or a router does.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import (
    Avg,
    Case,
    Count,
    DecimalField,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import ExtractYear, Rank, TruncMonth

from .models import Customer, Order, OrderLine, Product

BOUGHT = Q(status__in=["paid", "shipped", "delivered"])
MONEY = DecimalField(max_digits=14, decimal_places=2)
PAID = ExpressionWrapper(F("quantity") * F("unit_price"), output_field=MONEY)


def revenue_by_month_and_region() -> QuerySet[Any]:
    """What was sold, month by month and region by region."""
    return (
        Order.objects.filter(BOUGHT)
        .annotate(month=TruncMonth("placed_at"))
        .values("month", "region__name")
        .annotate(orders=Count("pk"), revenue=Sum("total"), average=Avg("total"))
        .order_by("month", "region__name")
    )


def top_customers() -> QuerySet[Any]:
    """The ten customers of each region who have spent most."""
    return (
        Customer.objects.annotate(
            spent=Sum("orders__total", filter=Q(orders__status__in=["paid", "delivered"]))
        )
        .filter(spent__gt=0)
        .annotate(place=Window(Rank(), partition_by="region_id", order_by=F("spent").desc()))
        .filter(place__lte=10)
        .order_by("region__name", "place", "pk")
        .values("region__name", "place", "name", "spent")
    )


def cohort_retention() -> QuerySet[Any]:
    """How many customers of each month's newcomers bought again, by the month of that order."""
    first = Subquery(
        Order.objects.filter(customer=OuterRef("customer"))
        .values("customer")
        .annotate(at=Min("placed_at"))
        .values("at")
    )
    return (
        Order.objects.filter(BOUGHT)
        .annotate(cohort=TruncMonth(first), month=TruncMonth("placed_at"))
        .values("cohort", "month")
        .annotate(customers=Count("customer", distinct=True))
        .order_by("cohort", "month")
    )


def latest_order_of_customers() -> QuerySet[Any]:
    """Each customer of the loyalty programme, with the latest order."""
    latest = Order.objects.filter(customer=OuterRef("pk")).order_by("-placed_at", "-pk")
    return (
        Customer.objects.filter(loyalty_tier__isnull=False)
        .annotate(
            latest_total=Subquery(latest.values("total")[:1]),
            latest_at=Subquery(latest.values("placed_at")[:1]),
        )
        .order_by("pk")
        .values("pk", "name", "loyalty_tier", "latest_at", "latest_total")
    )


def funnel_by_channel() -> QuerySet[Any]:
    """How far orders have come, channel by channel."""

    def reached(*statuses: str) -> Sum:
        return Sum(Case(When(status__in=statuses, then=1), default=0, output_field=IntegerField()))

    return (
        Order.objects.values("channel")
        .annotate(
            placed=Count("pk"),
            paid=reached("paid", "shipped", "delivered", "returned"),
            shipped=reached("shipped", "delivered", "returned"),
            delivered=reached("delivered", "returned"),
            returned=reached("returned"),
        )
        .order_by("channel")
    )


def margin_by_category() -> QuerySet[Any]:
    """What each category brings, and what of it is margin."""
    cost = ExpressionWrapper(F("quantity") * F("product__cost"), output_field=MONEY)
    return (
        OrderLine.objects.filter(order__status="delivered")
        .values("product__category__name", "product__category_id")
        .annotate(revenue=Sum(PAID), margin=Sum(PAID - cost), pieces=Sum("quantity"))
        .order_by("-revenue", "product__category_id")
    )


def delivery_times() -> QuerySet[Any]:
    """How long parcels take to leave the shop, by region and year."""
    took = ExpressionWrapper(F("shipped_at") - F("placed_at"), output_field=DurationField())
    return (
        Order.objects.filter(shipped_at__isnull=False)
        .annotate(year=ExtractYear("placed_at"))
        .values("region__name", "year")
        .annotate(parcels=Count("pk"), average=Avg(took), longest=Max(took))
        .order_by("region__name", "year")
    )


def sizes_of_baskets() -> QuerySet[Any]:
    """How many products orders have, and what they cost."""
    lines = OrderLine.objects.filter(order=OuterRef("pk")).values("order").annotate(n=Count("pk"))
    return (
        Order.objects.annotate(products=Subquery(lines.values("n")))
        .values("products")
        .annotate(orders=Count("pk"), average=Avg("total"))
        .order_by("products")
    )


def orders_past_the_mark() -> QuerySet[Any]:
    """The order that took each customer past 5,000 EUR: a running total over all orders."""
    running = Window(Sum("total"), partition_by="customer_id", order_by=["placed_at", "pk"])
    return (
        Order.objects.filter(BOUGHT)
        .annotate(running=running)
        .filter(running__gte=5000, running__lt=F("total") + 5000)
        .order_by("placed_at", "pk")
        .values("pk", "customer__name", "placed_at", "running")
    )


def best_products() -> QuerySet[Any]:
    """The products that were sold most, with those that nobody bought at the end."""
    return (
        Product.objects.filter(is_active=True)
        .annotate(
            sold=Sum("lines__quantity", default=0),
            revenue=Sum(
                ExpressionWrapper(F("lines__quantity") * F("lines__unit_price"), output_field=MONEY),
                default=Value(0),
                output_field=MONEY,
            ),
            buyers=Count("lines__order__customer", distinct=True),
        )
        .order_by("-revenue", "pk")
        .values("pk", "name", "sold", "revenue", "buyers")[:200]
    )


REPORTS: dict[str, Callable[[], QuerySet[Any]]] = {
    "revenue by month and region": revenue_by_month_and_region,
    "top customers": top_customers,
    "cohort retention": cohort_retention,
    "latest order of customers": latest_order_of_customers,
    "funnel by channel": funnel_by_channel,
    "margin by category": margin_by_category,
    "delivery times": delivery_times,
    "sizes of baskets": sizes_of_baskets,
    "orders past the mark": orders_past_the_mark,
    "best products": best_products,
}
