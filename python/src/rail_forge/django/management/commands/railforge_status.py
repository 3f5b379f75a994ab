"""`manage.py railforge_status`: which tables RailForge has, and how old they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from rail_forge.django.management.databases import add_database, railforge

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from rail_forge import TableStatus


class Command(BaseCommand):
    """Shows the state of the server, its sources and their tables."""

    help = "Shows which tables RailForge has, how large they are, and how old."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's signature

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        add_database(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Print the status."""
        connection = railforge(options["database"])
        with connection.wrap_database_errors:
            status = connection.connection.status()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(status), default=str))
            return
        for source in status.sources:
            message = f": {source.message}" if source.message else ""
            self.stdout.write(f"source {source.catalog} is {source.state}{message}")
        for table in status.tables:
            self.stdout.write(_line(table))


def _line(table: TableStatus) -> str:
    name = f"{table.catalog}.{table.schema}.{table.table}"
    if table.error is not None:
        return f"{name}: {table.error}"
    if table.live:
        return f"{name}: live"
    if table.as_of is None or table.rows is None:
        return f"{name}: not pulled yet"
    moment = table.as_of.time.isoformat(sep=" ", timespec="seconds")
    lag = "" if table.lag_seconds is None else f", {table.lag_seconds:.0f} s ago"
    return f"{name}: {table.rows:,} rows, as of {moment}{lag}"
