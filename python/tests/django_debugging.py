"""A program: a project with django-debug-toolbar and django-silk, which writes the queries that each saw.

A process of its own, since both patch Django when it is set up.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import django
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path

from rail_forge.django import to_arrow

if TYPE_CHECKING:
    from django.http import HttpRequest

PROJECT = Path(__file__).parents[2] / "examples" / "django_shop"
URLS = "urls_of_debugging"
APPS = ["django.contrib.auth", "django.contrib.contenttypes", "debug_toolbar", "silk"]


def set_up() -> None:
    sys.path.insert(0, str(PROJECT))
    settings = import_module("django_shop.settings")
    vars(settings).update(
        DEBUG=True,
        INSTALLED_APPS=[*settings.INSTALLED_APPS, *APPS],
        INTERNAL_IPS=["127.0.0.1"],
        MIDDLEWARE=["debug_toolbar.middleware.DebugToolbarMiddleware", "silk.middleware.SilkyMiddleware"],
        ROOT_URLCONF=URLS,
    )
    django.setup()
    urls = sys.modules[URLS] = ModuleType(URLS)
    urls.__dict__["urlpatterns"] = [path("", view), path("debug/", include("debug_toolbar.urls"))]
    call_command("migrate", verbosity=0)


def view(_request: HttpRequest) -> HttpResponse:
    regions = import_module("shop.models").Region.objects.using("analytics")
    found = list(regions.filter(name__startswith="region").values_list("name", flat=True))
    return HttpResponse(f"<html><body>{len(found)} {to_arrow(regions.values('id')).num_rows}</body></html>")


def queries() -> dict[str, list[str]]:
    store = import_module("debug_toolbar.store").get_store()
    [request] = store.request_ids()
    shown = store.panel(request, "SQLPanel")["queries"]
    return {
        "toolbar": [query["sql"] for query in shown if query["alias"] == "analytics"],
        "silk": [query.query for query in import_module("silk.models").SQLQuery.objects.all()],
    }


if __name__ == "__main__":
    set_up()
    Client().get("/")
    sys.stdout.write(json.dumps(queries()))
