"""Which columns of a report its chart shows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """A chart: bars of the column `y`, each called `x`, or lines over `x`, one for each value of `series`."""

    kind: str
    x: str
    y: str
    series: str | None = None


CHARTS = {
    "revenue by month and region": Chart("line", "month", "revenue", "region__name"),
    "top customers": Chart("bar", "name", "spent"),
    "cohort retention": Chart("line", "month", "customers", "cohort"),
    "funnel by channel": Chart("bar", "channel", "paid"),
    "margin by category": Chart("bar", "product__category__name", "margin"),
    "sizes of baskets": Chart("bar", "products", "orders"),
    "orders past the mark": Chart("line", "placed_at", "running"),
    "best products": Chart("bar", "name", "revenue"),
}
