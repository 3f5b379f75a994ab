"""What Django may expect: all of PostgreSQL's but for what is said here, each with its reason."""

from __future__ import annotations

from django.db.backends.postgresql.features import DatabaseFeatures as PostgresFeatures
from django.utils.functional import cached_property


class DatabaseFeatures(PostgresFeatures):
    """The features of a database that reads only."""

    # The server says in its own words what it cannot do.
    minimum_database_version = None

    # Nothing is locked by who only reads.
    has_select_for_update = False
    has_select_for_update_nowait = False
    has_select_for_update_of = False
    has_select_for_update_skip_locked = False
    has_select_for_no_key_update = False

    # EXPLAIN is the plan of RailForge's engine.
    supported_explain_formats = frozenset({"TEXT", "JSON"})

    # The engine has no EXCLUDE in the frame of a window.
    supports_frame_exclusion = False

    @cached_property
    def django_test_skips(self) -> dict[str, set[str]]:
        """The tests of Django's own suite that are left out, by the reason."""
        skips: dict[str, set[str]] = super().django_test_skips
        return {
            **skips,
            "RailForge plans at most 100 tables in a statement; this one has 500.": {
                "queries.test_explain.ExplainTests.test_multi_page_text_explain",
            },
            "RailForge's rows have no order unless the query says one; these are expected in PostgreSQL's.": {
                "distinct_on_fields.tests.DistinctOnTests.test_basic_distinct_on",
                "expressions.tests.BasicExpressionsTests.test_nested_subquery_join_outer_ref",
                "filtered_relation.tests.FilteredRelationTests.test_union",
            },
        }

    # Literals are put into the statement by the client, as psycopg does unless it is told otherwise.
    uses_server_side_binding = False
