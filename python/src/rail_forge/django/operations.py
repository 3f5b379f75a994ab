"""How SQL is composed: PostgreSQL's way, without asking a connection of psycopg's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql.operations import DatabaseOperations as PostgresOperations

from rail_forge.dbapi._placeholders import with_literals

from .values import Values

if TYPE_CHECKING:
    from .cursor import Cursor


class DatabaseOperations(PostgresOperations):
    """Operations of RailForge's SQL, which is PostgreSQL's."""

    compiler_module = "rail_forge.django.compiler"

    def compose_sql(self, sql: str, params: Any) -> str:
        """Return a statement with its values in it."""
        values = Values(self.connection.timezone, self.connection.timezone_name)
        return with_literals(sql, params or (), values.literal)

    def last_executed_query(self, cursor: Cursor, sql: str, params: Any) -> str | None:  # noqa: ARG002 - Django's
        """Return the statement that a cursor has sent, with its values in it."""
        return cursor.executed

    def sequence_reset_sql(self, style: Any, model_list: Any) -> list[str]:  # noqa: ARG002 - Django's
        """Return nothing, since sequences are PostgreSQL's."""
        return []
