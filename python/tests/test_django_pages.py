"""The example's pages in a browser: charts and tables show what PostgreSQL has."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal
from html import unescape
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
import shop_project
from browser import rendered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from conftest import Served


@contextmanager
def running(postgres: str, rail_forge: str) -> Iterator[str]:
    """The address of the project as `manage.py runserver` serves it."""
    environment = {
        **os.environ,
        "SHOP_POSTGRES": postgres,
        "SHOP_RAIL_FORGE": rail_forge,
        "SHOP_DEBUG": "1",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "manage.py", "runserver", "--noreload", "127.0.0.1:0"]
    with subprocess.Popen(
        command, cwd=shop_project.PROJECT, env=environment, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        begun = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in served.stdout)
        address = next(filter(None, begun), None)
        assert address is not None
        yield address[0]
        served.terminate()


@pytest.fixture(scope="module")
def site(shop: Served, models: ModuleType) -> Iterator[str]:
    """The project in front of the shop, whose models the tests have as well."""
    assert models
    with running(shop.url, shop.server.flight) as address:
        yield address


def cells(html: str) -> list[list[str]]:
    """The rows of the page's table, without its head."""
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    return [[unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for row in rows][
        1:
    ]


def test_the_list_leads_to_every_report(site: str, tmp_path: Path) -> None:
    html = rendered(f"{site}/", tmp_path)
    reports = importlib.import_module("shop.reports").REPORTS
    links = re.findall(r'href="(/reports/[^"]+)"', html)
    assert len(links) == len(reports) == 10
    for link in links:
        with urlopen(f"{site}{link}") as answer:
            assert answer.status == 200
        with urlopen(f"{site}{link}data") as answer:
            assert answer.read(2) == b"[{"
            assert answer.headers["X-As-Of"].endswith("+00:00")


def test_bars_and_table_show_what_postgresql_has(site: str, tmp_path: Path) -> None:
    html = rendered(f"{site}/reports/margin-by-category/", tmp_path)
    wanted = list(importlib.import_module("shop.reports").margin_by_category().using("default"))
    assert wanted
    state = re.search(r'<p id="state"[^>]*data-rows="(\d+)"[^>]*>(.*?)</p>', html)
    assert state is not None
    assert int(state[1]) == len(wanted)
    assert "as PostgreSQL was at 20" in state[2]
    bars = [Decimal(value) for value in re.findall(r'<rect[^>]*data-value="([^"]+)"', html)]
    assert bars == [row["margin"] for row in wanted[:40]]
    heights = [float(height) for height in re.findall(r'<rect[^>]* height="([^"]+)"', html)]
    largest = max(float(row["margin"]) for row in wanted[:40])
    assert heights == pytest.approx([270 * float(row["margin"]) / largest for row in wanted[:40]])
    shown = [row[0] for row in cells(html)]
    assert shown == [row["product__category__name"] for row in wanted[:200]]


def test_a_line_for_each_series(site: str, tmp_path: Path) -> None:
    html = rendered(f"{site}/reports/revenue-by-month-and-region/", tmp_path)
    wanted = list(importlib.import_module("shop.reports").revenue_by_month_and_region().using("default"))
    lines = dict(re.findall(r'<polyline points="([^"]*)"[^>]*data-series="([^"]*)"', html))
    assert {unescape(series) for series in lines.values()} == {row["region__name"] for row in wanted}
    assert sum(len(points.split()) for points in lines) == len(wanted)


def test_a_report_without_a_chart_has_its_table(site: str, tmp_path: Path) -> None:
    html = rendered(f"{site}/reports/delivery-times/", tmp_path)
    assert '<figure id="chart"></figure>' in html
    assert len(cells(html)) > 0


def test_orders_are_paged_by_their_keys(site: str, models: ModuleType, tmp_path: Path) -> None:
    html = rendered(f"{site}/orders/", tmp_path)
    newest = list(models.Order.objects.using("default").order_by("-placed_at", "-pk")[:50])
    assert [row[0] for row in cells(html)] == [str(order.pk) for order in newest[:25]]
    older = re.search(r'rel="next" href="([^"]+)"', html)
    assert older is not None
    html = rendered(f"{site}/orders/{unescape(older[1])}", tmp_path)
    assert [row[0] for row in cells(html)] == [str(order.pk) for order in newest[25:]]


def test_a_page_whose_rows_cannot_be_had_says_so(shop: Served, tmp_path: Path) -> None:
    nowhere = "grpc://127.0.0.1:1"  # where nobody listens
    with running(shop.url, nowhere) as address:
        html = rendered(f"{address}/reports/delivery-times/", tmp_path)
    assert "The report cannot be shown: the server answered 500" in html
