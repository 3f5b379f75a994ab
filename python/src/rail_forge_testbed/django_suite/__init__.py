"""Django's own test suite with every read answered by RailForge, through `rail_forge.django`.

    python -m rail_forge_testbed.django_suite [--fallback] [LABEL ...]

The suite writes to an embedded PostgreSQL, in transactions that it rolls back, so what it has written is not
committed when it reads. Before each read, the tables that were touched are copied, as the writer sees them,
to a second database (the mirror), and refreshed by a RailForge server whose source that is.
"""
