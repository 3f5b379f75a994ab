"""Test databases: RailForge has none of its own, and mirrors that of the primary."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.creation import BaseDatabaseCreation


class DatabaseCreation(BaseDatabaseCreation):
    """Says how a test suite is set up."""

    def create_test_db(self, *arguments: object, **named: object) -> str:  # noqa: ARG002 - Django's signature
        """Refuse: the tables of a test database are made in PostgreSQL."""
        alias = self.connection.alias
        primary = self.connection.primary or "default"
        raise ImproperlyConfigured(
            f'settings.DATABASES["{alias}"] needs "TEST": {{"MIRROR": "{primary}"}}: RailForge has no test'
            " database of its own"
        )
