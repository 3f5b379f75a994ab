"""The pages: a list of reports, each report with its chart, and the orders, page by page.

Whatever they read is RailForge's: `analytics()` says so for a whole view.
"""

from dataclasses import asdict

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.text import slugify

from rail_forge.django import analytics, keyset_page, stream

from .charts import CHARTS
from .models import Order
from .reports import REPORTS

REPORT_NAMES = {slugify(name): name for name in REPORTS}
ORDERS_OF_PAGE = 25


def index(request: HttpRequest) -> HttpResponse:
    """List the reports."""
    reports = [(slug, name, REPORTS[name].__doc__) for slug, name in REPORT_NAMES.items()]
    return render(request, "shop/index.html", {"reports": reports})


def report(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a report, whose page asks for its rows."""
    name = _name_of(slug)
    chart = CHARTS.get(name)
    shown = {"name": name, "slug": slug, "text": REPORTS[name].__doc__, "chart": chart and asdict(chart)}
    return render(request, "shop/report.html", shown)


@analytics()
def data(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """Stream a report's rows: as JSON, or as what `?format=` says (arrow, parquet)."""
    return stream(REPORTS[_name_of(slug)](), request)


@analytics()
def orders(request: HttpRequest) -> HttpResponse:
    """Show the orders, the newest first; a page far behind takes no longer than the first."""
    newest = Order.objects.values("pk", "placed_at", "customer__name", "status", "total")
    page = keyset_page(newest, "-placed_at", "-pk", size=ORDERS_OF_PAGE, after=request.GET.get("after"))
    return render(request, "shop/orders.html", {"page": page})


def _name_of(slug: str) -> str:
    if slug not in REPORT_NAMES:
        raise Http404(f"there is no report {slug}")
    return REPORT_NAMES[slug]
