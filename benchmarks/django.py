"""A reporting view: ten reports over the shop as Django querysets, on RailForge and on PostgreSQL.

PostgreSQL answers them through the ORM. Both give the same rows, which is checked; RailForge keeps no result.
Beside them, a frame of all orders: what `to_polars(queryset)` takes, and what it takes to build it of
`queryset.values_list()`.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rail_forge_testbed.server import RailForgeServer
from rail_forge_testbed.shop import load_shop

from .comparison import Comparison, Wanted, interleaved, seconds_of
from .subject import NEVER_BY_ITSELF, WrongAnswerError, database, progress, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

PROJECT = Path(__file__).parents[1] / "examples" / "django_shop"
# The report in the middle of the ten, by how its two times compare; and the frame.
WANTED_REPORT, WANTED_FRAME = Wanted("<=", 0.1), Wanted("<=", 0.05)
POSTGRES, RAIL_FORGE = "default", "analytics"


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Load the shop, set Django up, and run the reports."""
    with database(postgres, "benchmark_django") as url:
        load_shop(url, settings.scale)
        settle(url)
        with RailForgeServer({"shop": url}, arguments=NEVER_BY_ITSELF) as server:
            _set_up(url, server.flight)
            from django.db import connections  # noqa: PLC0415 - once Django is set up

            connections[RAIL_FORGE].refresh()
            try:
                reports = list(_reports(settings))
                return [*_with_the_middle_wanted(reports), _frame(settings)]
            finally:
                connections.close_all()


def _set_up(url: str, address: str) -> None:
    os.environ |= {
        "SHOP_POSTGRES": url,
        "SHOP_RAIL_FORGE": address,
        "SHOP_DEBUG": "0",
        "DJANGO_SETTINGS_MODULE": "django_shop.settings",
    }
    sys.path.insert(0, str(PROJECT))
    import django  # noqa: PLC0415 - it reads the environment

    django.setup()


def _reports(settings: Settings) -> Iterator[Comparison]:
    reports = importlib.import_module("shop.reports").REPORTS
    compared = importlib.import_module("rail_forge.django.management.commands.railforge_validate").compared
    for name, report in reports.items():
        progress(name)
        difference, _ = compared(report(), (POSTGRES, RAIL_FORGE), iterations=1, warmup=0)
        if difference is not None:
            raise WrongAnswerError(f"{name}: {difference}")

        def seconds(alias: str, report: Any = report) -> float:
            return seconds_of(lambda: list(report().using(alias)))

        measured = interleaved(
            settings.runs,
            {
                f"{name}, as a queryset": partial(seconds, RAIL_FORGE),
                "PostgreSQL through the ORM": partial(seconds, POSTGRES),
            },
        )
        yield Comparison(*measured.values())


def _with_the_middle_wanted(reports: list[Comparison]) -> list[Comparison]:
    """Want of the report in the middle what is wanted of the median of all."""
    slowest_first = sorted(reports, key=lambda report: -(report.ratio or 0))
    middle = slowest_first[len(reports) // 2 - 1]
    return [
        Comparison(report.measured, report.reference, WANTED_REPORT) if report is middle else report
        for report in reports
    ]


def _frame(settings: Settings) -> Comparison:
    import polars as pl  # noqa: PLC0415 - imported where it is measured

    from rail_forge.django import to_polars  # noqa: PLC0415 - once Django is set up

    orders = importlib.import_module("shop.models").Order.objects
    names = [field.attname for field in orders.model._meta.concrete_fields]  # noqa: SLF001 - Django's name for it
    progress("a frame of all orders")

    def of_rows() -> pl.DataFrame:
        return pl.DataFrame(
            list(orders.using(POSTGRES).values_list()), schema=names, orient="row", infer_schema_length=None
        )

    def of_batches() -> pl.DataFrame:
        return to_polars(orders.using(RAIL_FORGE).all())

    one, other = of_rows().sort("id"), of_batches().sort("id")
    if one.height != other.height or one["total"].sum() != other["total"].sum():
        raise WrongAnswerError("the frames differ")
    measured = interleaved(
        settings.runs,
        {
            f"to_polars(queryset), {other.height:,} rows": lambda: seconds_of(of_batches),
            "a frame of values_list()": lambda: seconds_of(of_rows),
        },
    )
    return Comparison(*measured.values(), WANTED_FRAME)
