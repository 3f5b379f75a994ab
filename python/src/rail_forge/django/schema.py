"""The schema editor, which refuses: tables are PostgreSQL's, and come with the next refresh."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgresSchemaEditor


class DatabaseSchemaEditor(PostgresSchemaEditor):
    """Refuses every statement that it would execute."""

    def execute(self, sql: Any, params: Any = ()) -> None:  # noqa: ARG002 - Django's signature
        """Refuse."""
        raise self.connection.refusal(str(sql).split(maxsplit=1)[0].upper())
