"""The shop as the Django project of the examples, set up for the tests' servers."""

from __future__ import annotations

import importlib
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from types import ModuleType

    from conftest import Served

PROJECT = Path(__file__).parents[2] / "examples" / "django_shop"


def models(shop: Served) -> ModuleType:
    """Set Django up with the project's settings, once for all tests, and return the module of its models."""
    environment = {
        "SHOP_POSTGRES": shop.url,
        "SHOP_RAIL_FORGE": shop.server.flight,
        "SHOP_DEBUG": "0",
        "DJANGO_SETTINGS_MODULE": "django_shop.settings",
    }
    os.environ.update(environment)
    if str(PROJECT) not in sys.path:
        sys.path.insert(0, str(PROJECT))
    django.setup()
    return importlib.import_module("shop.models")


def plain(value: Any) -> Any:
    """What a queryset gives, in a form whose types show when it is compared."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _ if hasattr(value, "_meta"):
            fields = {name: item for name, item in vars(value).items() if not name.startswith("_")}
            return (type(value).__name__, plain(fields))
        case Decimal():
            # Arrow has one scale for a column: PostgreSQL's of an average differs from value to value.
            return ("Decimal", value.normalize())
        case _:
            return (type(value).__name__, str(value))
