"""RailForge's compilers for what reads, and PostgreSQL's for what writes."""

from django.db.backends.postgresql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from rail_forge.django.compiler import SQLAggregateCompiler, SQLCompiler

__all__ = [
    "SQLAggregateCompiler",
    "SQLCompiler",
    "SQLDeleteCompiler",
    "SQLInsertCompiler",
    "SQLUpdateCompiler",
]
