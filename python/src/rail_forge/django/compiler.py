"""Django's compilers: those of PostgreSQL for what reads, and refusals for what writes."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import compiler as postgres
from django.db.models.sql.compiler import SQLCompiler as BaseSQLCompiler

# An expression that knows PostgreSQL's way knows RailForge's, unless it has one of its own for it.
_IMPLEMENTATIONS = ("as_railforge", "as_postgresql", "as_sql")


class _Compiles(BaseSQLCompiler):
    def compile(self, node: Any) -> Any:
        implementation = next(filter(None, (getattr(node, name, None) for name in _IMPLEMENTATIONS)))
        return implementation(self, self.connection)


class _Writes(_Compiles):
    """Refuses to execute, or has the primary do it where the settings say so."""

    statement = ""

    def execute_sql(self, *arguments: Any, **named: Any) -> Any:
        if self.connection.settings_dict["OPTIONS"].get("writes", "refuse") != "primary":
            raise self.connection.refusal(self.statement)
        # By its alias, with which Django finds the connection for further statements, such as of a parent.
        compiler = self.query.get_compiler(using=self.connection.primary, elide_empty=self.elide_empty)
        return compiler.execute_sql(*arguments, **named)


class SQLCompiler(_Compiles, postgres.SQLCompiler):
    """SELECT."""


class SQLAggregateCompiler(_Compiles, postgres.SQLAggregateCompiler):
    """SELECT of aggregates over a subquery."""


class SQLInsertCompiler(_Writes, postgres.SQLInsertCompiler):
    """INSERT."""

    statement = "INSERT"


class SQLUpdateCompiler(_Writes, postgres.SQLUpdateCompiler):
    """UPDATE."""

    statement = "UPDATE"


class SQLDeleteCompiler(_Writes, postgres.SQLDeleteCompiler):
    """DELETE."""

    statement = "DELETE"
