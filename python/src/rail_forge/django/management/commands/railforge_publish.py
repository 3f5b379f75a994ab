"""`manage.py railforge_publish`: writes the server's `[[source]]` from the models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from rail_forge.django.management.databases import add_database, alias_of
from rail_forge.django.publishing import as_toml, find_models, publish

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Writes which tables the server serves, how they are refreshed, and what is said of them."""

    help = "Writes the [[source]] of RailForge's configuration from the models: tables, refreshes, comments."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's signature

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "labels",
            nargs="*",
            help="apps and models, such as shop or shop.Order; by default those of RAIL_FORGE['MODELS']",
        )
        parser.add_argument("--source", help="the source's name; by default the NAME of the database")
        parser.add_argument("--url-env", help="the variable with the URL; by default SOURCE_URL")
        parser.add_argument("--schema", default="public", help="the schema of the tables; public by default")
        parser.add_argument("--output", type=Path, help="the file; standard output by default")
        add_database(parser)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Write the configuration."""
        told = getattr(settings, "RAIL_FORGE", {})
        labels = options["labels"] or told.get("MODELS", ())
        if not labels:
            raise CommandError("name apps or models, here or in settings.RAIL_FORGE['MODELS']")
        try:
            tables, refresh = publish(find_models(labels), told.get("PUBLISH", {}))
        except (ImproperlyConfigured, LookupError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["source"] and not options["database"]:
            source = options["source"]
        else:
            alias = alias_of(options["database"])
            source = options["source"] or _name_of(alias)
        # A name that shells can export.
        url_env = options["url_env"] or "_".join([*re.findall(r"[A-Z0-9]+", source.upper()), "URL"])
        known = {table.table for table in tables}
        for table in tables:
            for missing in sorted(table.references - known):
                self.stderr.write(f"{table.table} refers to {missing}, which is not published")
        text = as_toml(source, url_env, options["schema"], tables, refresh)
        if options["output"] is None:
            self.stdout.write(text, ending="")
            return
        try:
            options["output"].write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(str(error)) from error


def _name_of(alias: str) -> str:
    """Return the catalogue of a RailForge database, by default called as the database that it reads from."""
    connection = connections[alias]
    name: str | None = connection.settings_dict.get("NAME")
    if not name and connection.primary in connections:
        name = connections[connection.primary].settings_dict.get("NAME")
    if not name:
        raise CommandError("--source has to say what the source is called")
    return name
