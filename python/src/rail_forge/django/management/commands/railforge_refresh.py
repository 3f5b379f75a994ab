"""`manage.py railforge_refresh`: brings tables up to date with PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from rail_forge.django.management.databases import add_database, railforge

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from rail_forge.django.base import DatabaseWrapper


class Command(BaseCommand):
    """Refreshes tables and waits until it is done."""

    help = "Brings tables up to date with PostgreSQL: those of the models and tables that are named, or all."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's signature

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "names", nargs="*", help="models, such as shop.Order, or tables, such as public.orders"
        )
        add_database(parser)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Refresh, and print what was pulled."""
        connection = railforge(options["database"])
        try:
            tables = [table for name in options["names"] for table in _tables_of(connection, name)]
            refreshed = connection.refresh(*tables)
        except DatabaseError as error:
            raise CommandError(str(error)) from error
        for table in refreshed:
            self.stdout.write(f"{table.catalog}.{table.schema}.{table.table}: {table.rows or 0:,} rows")


def _tables_of(connection: DatabaseWrapper, name: str) -> list[str]:
    """Return the tables of a model; another name is a table's own."""
    try:
        return connection.tables_of(apps.get_model(name))
    except (LookupError, ValueError):
        return [name]
