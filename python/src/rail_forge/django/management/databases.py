"""The option of all commands that says which RailForge is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.management.base import CommandError
from django.db import connections

from rail_forge.django.base import DatabaseWrapper

if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_database(parser: ArgumentParser) -> None:
    """Add `--database`."""
    parser.add_argument("--database", help="the alias of a RailForge database; the only one unless said")


def alias_of(alias: str | None) -> str:
    """Return the alias of a RailForge database, by default of the only one.

    Raises CommandError when there is none, or several.
    """
    found = [name for name in connections if isinstance(connections[name], DatabaseWrapper)]
    if alias is not None and alias not in found:
        raise CommandError(f"{alias} is no RailForge database; there are: {', '.join(found) or 'none'}")
    if alias is None and len(found) != 1:
        raise CommandError(f"--database has to say which of these: {', '.join(found) or 'there is none'}")
    return alias or found[0]


def railforge(alias: str | None) -> DatabaseWrapper:
    """Return the connection of a RailForge database, by default of the only one; see `alias_of`."""
    connection: DatabaseWrapper = connections[alias_of(alias)]
    connection.ensure_connection()
    return connection
