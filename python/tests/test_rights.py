"""What the role of the connection may read is served as it sees it, and the rest is named."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from configuration import configuration, source
from conftest import run
from mirror import Mirror, mirror

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import PostgresServer


@contextmanager
def role(postgres: PostgresServer, url: str) -> Iterator[tuple[str, str]]:
    """A role that may log in and nothing else, and the URL with which it does."""
    name, password = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    run(url, f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    try:
        yield name, postgres.url(url.rpartition("/")[2], name, password)
    finally:
        run(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


NUMBERS = "AS SELECT i AS id, i % 2 AS area, 'note ' || i AS note FROM generate_series(1, 20) AS i"
PARTITIONED = [
    "CREATE TABLE {t} (id integer, area integer, note text) PARTITION BY LIST (area)",
    "CREATE TABLE {t}_0 PARTITION OF {t} FOR VALUES IN (0)",
    "CREATE TABLE {t}_1 PARTITION OF {t} FOR VALUES IN (1)",
    "INSERT INTO {t} SELECT i, i % 2, 'note ' || i FROM generate_series(1, 20) AS i",
]
# Tables, what the role `reader` is granted, and the columns that it then sees; None where it may not read.
RIGHTS = {
    "all_of_it": (
        [f"CREATE TABLE all_of_it {NUMBERS}", "GRANT SELECT ON all_of_it TO reader"],
        "id, area, note",
    ),
    "some_columns": (
        [f"CREATE TABLE some_columns {NUMBERS}", "GRANT SELECT (id, note) ON some_columns TO reader"],
        "id, note",
    ),
    "a_key_that_is_hidden": (
        [
            f"CREATE TABLE a_key_that_is_hidden {NUMBERS}",
            "ALTER TABLE a_key_that_is_hidden ADD PRIMARY KEY (id)",
            "GRANT SELECT (note) ON a_key_that_is_hidden TO reader",
        ],
        "note",
    ),
    "nothing": ([f"CREATE TABLE nothing {NUMBERS}"], None),
    "only_insert": ([f"CREATE TABLE only_insert {NUMBERS}", "GRANT INSERT ON only_insert TO reader"], None),
    "everybody": (
        [f"CREATE TABLE everybody {NUMBERS}", "GRANT SELECT ON everybody TO PUBLIC"],
        "id, area, note",
    ),
    "partitions": (
        [
            *(each.format(t="partitions") for each in PARTITIONED),
            "GRANT SELECT ON partitions, partitions_0, partitions_1 TO reader",
        ],
        "id, area, note",
    ),
    "hidden_partitions": (
        [
            *(each.format(t="hidden_partitions") for each in PARTITIONED),
            "GRANT SELECT ON hidden_partitions, hidden_partitions_0 TO reader",
        ],
        "id, area, note",
    ),
    "some_columns_of_partitions": (
        [
            *(each.format(t="some_columns_of_partitions") for each in PARTITIONED),
            "GRANT SELECT (id, area) ON some_columns_of_partitions TO reader",
        ],
        "id, area",
    ),
    "policies": (
        [
            f"CREATE TABLE policies {NUMBERS}",
            "ALTER TABLE policies ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY few ON policies FOR SELECT USING (id < 7)",
            "GRANT SELECT ON policies TO reader",
        ],
        "id, area, note",
    ),
    "no_policy": (
        [
            f"CREATE TABLE no_policy {NUMBERS}",
            "ALTER TABLE no_policy ENABLE ROW LEVEL SECURITY",
            "GRANT SELECT ON no_policy TO reader",
        ],
        "id, area, note",
    ),
    "policies_of_parts": (
        [
            *(each.format(t="policies_of_parts") for each in PARTITIONED),
            "ALTER TABLE policies_of_parts ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY few ON policies_of_parts FOR SELECT USING (id < 7)",
            "GRANT SELECT ON policies_of_parts, policies_of_parts_0, policies_of_parts_1 TO reader",
        ],
        "id, area, note",
    ),
    "policies_of_leaves": (
        [
            *(each.format(t="policies_of_leaves") for each in PARTITIONED),
            "ALTER TABLE policies_of_leaves_0 ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY few ON policies_of_leaves_0 FOR SELECT USING (id < 7)",
            "GRANT SELECT ON policies_of_leaves, policies_of_leaves_0, policies_of_leaves_1 TO reader",
        ],
        "id, area, note",
    ),
    "hidden_children": (
        [
            f"CREATE TABLE hidden_children {NUMBERS}",
            "CREATE TABLE a_child () INHERITS (hidden_children)",
            "INSERT INTO a_child VALUES (100, 1, 'child')",
            "GRANT SELECT ON hidden_children TO reader",
        ],
        "id, area, note",
    ),
    "a_child": ([], None),
    "view_of_hidden": (
        [
            "CREATE VIEW view_of_hidden AS SELECT id, note FROM nothing",
            "GRANT SELECT ON view_of_hidden TO reader",
        ],
        "id, note",
    ),
    "view_as_invoker": (
        [
            "CREATE VIEW view_as_invoker WITH (security_invoker) AS SELECT id FROM nothing",
            "GRANT SELECT ON view_as_invoker TO reader",
        ],
        None,
    ),
    "function_of_another": (
        [
            "CREATE FUNCTION secret() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "REVOKE EXECUTE ON FUNCTION secret FROM PUBLIC",
            "CREATE VIEW function_of_another AS SELECT secret() AS s",
            "GRANT SELECT ON function_of_another TO reader",
        ],
        None,
    ),
}


@pytest.mark.parametrize("mode", ["full", "diff"])
def test_what_the_role_may_read_is_served_and_the_rest_is_named(
    mode: str, postgres: PostgresServer, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE SCHEMA closed", "CREATE TABLE closed.t AS SELECT 1 AS id")
    with role(postgres, url) as (name, as_reader):
        run(url, f"GRANT SELECT ON closed.t TO {name}")
        for statements, _ in RIGHTS.values():
            run(url, *(statement.replace(" reader", f" {name}") for statement in statements))
        settings = source(as_reader, f'mode = "{mode}"', 'schemas = ["public", "closed"]')
        server = serve({}, *configuration(tmp_path, settings))
        with mirror(server, as_reader) as both:
            errors = both.try_refresh().errors
            for change in ["SELECT 1", "UPDATE some_columns SET note = 'new' WHERE id < 3"]:
                run(url, change)
                errors = both.try_refresh().errors
                hidden = {table for table, (_, columns) in RIGHTS.items() if columns is None}
                assert errors.keys() == {*hidden, "closed.t"}
                for table, error in errors.items():
                    full = "shop.closed.t" if table == "closed.t" else f"shop.public.{table}"
                    assert full in error
                    assert "may not read it" in error
                status = {table.full_name: table.error for table in both.client.status().tables}
                assert {error for error in status.values() if error} == set(errors.values())
                wrong = [
                    difference
                    for table, (_, columns) in RIGHTS.items()
                    if columns is not None
                    for difference in [seen_difference(both, table, columns)]
                    if difference
                ]
                assert wrong == []


def seen_difference(both: Mirror, table: str, columns: str) -> str | None:
    """What is different from what the role itself sees in PostgreSQL."""
    frame = both.client.sql(f"SELECT * FROM {table}").arrow()
    if frame.schema.names != columns.split(", "):
        return f"{table}: columns {frame.schema.names}"
    got = sorted(zip(*(column.to_pylist() for column in frame.columns), strict=True))
    wanted = sorted(both.database.execute(f"SELECT {columns} FROM {table}".encode()).fetchall())
    return None if got == wanted else f"{table}: {len(got)} rows instead of {len(wanted)}"


def test_rights_that_come_and_go(
    postgres: PostgresServer, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(f"CREATE TABLE t {NUMBERS}")
    with role(postgres, url) as (name, as_reader):
        run(url, f"GRANT SELECT (id, area, note) ON t TO {name}")
        server = serve({}, *configuration(tmp_path, source(as_reader, 'mode = "diff"')))
        with mirror(server, url) as both:
            for statement in [
                "UPDATE t SET area = 5 WHERE id = 1",
                f"GRANT SELECT ON t TO {name}",
                "UPDATE t SET area = 6 WHERE id = 2",
                f"REVOKE SELECT ON t FROM {name}; GRANT SELECT (id, area, note) ON t TO {name}",
                "DELETE FROM t WHERE id = 3",
            ]:
                both.run(statement)
                both.refresh()
                assert both.differences() == [], statement
            both.run(f"REVOKE SELECT (note) ON t FROM {name}")
            both.refresh()
            assert seen_difference(both, "t", "id, area") is None
            both.run(f"REVOKE SELECT ON t FROM {name}", f"REVOKE SELECT (id, area) ON t FROM {name}")
            assert "may not read it" in both.try_refresh().errors["t"]


def test_policies_that_change(
    postgres: PostgresServer, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(f"CREATE TABLE t {NUMBERS}", "ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    with role(postgres, url) as (name, as_reader):
        run(url, f"GRANT SELECT ON t TO {name}")
        server = serve({}, *configuration(tmp_path, source(as_reader, 'mode = "diff"')))
        with mirror(server, as_reader) as both:
            for policy in ["id <= 10", "id <= 12", "id > 2 AND id <= 12", "true", "false", "area = 1"]:
                run(url, "DROP POLICY IF EXISTS p ON t", f"CREATE POLICY p ON t FOR SELECT USING ({policy})")
                both.refresh()
                assert both.differences() == [], policy
