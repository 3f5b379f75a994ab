"""Mode `diff` and what a table can be: partitions, inheritance, views, large rows, types that follow values."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import run
from mirror import Mirror, mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import PostgresServer

ROWS = 100
NUMBERS = f"SELECT i AS id, i % 7 AS v FROM generate_series(1, {ROWS}) AS i"
PARTITIONED = [
    "CREATE TABLE t (id integer, area integer, note text) PARTITION BY LIST (area)",
    "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)",
    "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)",
    "CREATE TABLE t_others PARTITION OF t DEFAULT",
    f"INSERT INTO t SELECT i, i % 4, 'note ' || i FROM generate_series(1, {4 * ROWS}) AS i",
]
LARGE_TEXT = "(SELECT string_agg(md5(random()::text || i || j), '') FROM generate_series(1, 400) AS j)"


@dataclass(frozen=True)
class Story:
    """How tables begin, and then statements with how many rows the refresh after each reads, where that is sure."""

    begin: Sequence[str]
    steps: Sequence[tuple[str, dict[str, int] | None]]
    since: int = 0


STORIES = {
    "empty, filled, empty": Story(
        ["CREATE TABLE t (id integer PRIMARY KEY, v integer)"],
        [
            (f"INSERT INTO t {NUMBERS}", {"t": ROWS}),
            ("UPDATE t SET v = 9 WHERE id = 1", {"t": 1}),
            ("DELETE FROM t", {}),
            (f"INSERT INTO t {NUMBERS}", {"t": ROWS}),
            ("TRUNCATE t", {}),
            ("INSERT INTO t VALUES (1, 1)", {"t": 1}),
        ],
    ),
    "equal rows without a key": Story(
        ["CREATE TABLE t AS SELECT 1 AS a, NULL::text AS b FROM generate_series(1, 100)"],
        [
            ("DELETE FROM t WHERE ctid IN (SELECT ctid FROM t LIMIT 10)", {}),
            ("INSERT INTO t SELECT 1, NULL FROM generate_series(1, 3)", {"t": 3}),
            ("VACUUM t", {}),
            ("INSERT INTO t SELECT 1, NULL FROM generate_series(1, 3)", {"t": 3}),
        ],
    ),
    "partitions": Story(
        [*PARTITIONED, "ALTER TABLE t ADD PRIMARY KEY (id, area)"],
        [
            ("UPDATE t SET area = 2 WHERE id < 40 AND area = 1", {"t": 10}),
            ("UPDATE t SET area = 7 WHERE id < 20 AND area = 2", {"t": 10}),
            ("INSERT INTO t VALUES (1000, 1, 'new'), (1001, 99, 'new')", {"t": 2}),
            ("TRUNCATE t1", {}),
            ("VACUUM FULL t2", {"t": ROWS}),
            ("ALTER TABLE t DETACH PARTITION t2", {"t2": ROWS}),
            ("CREATE TABLE t5 (LIKE t INCLUDING ALL)", {}),
            ("INSERT INTO t5 SELECT i, 5, 'five' FROM generate_series(1, 50) AS i", {"t5": 50}),
            ("ALTER TABLE t ATTACH PARTITION t5 FOR VALUES IN (5)", {"t": 50}),
            ("UPDATE t SET note = NULL WHERE id = 3 AND area IN (3, 5)", {"t": 2}),
            ("DROP TABLE t5", {}),
            ("DROP TABLE t_others", {}),
            ("ALTER TABLE t DETACH PARTITION t1 CONCURRENTLY", {}),
            ("ALTER TABLE t ATTACH PARTITION t2 FOR VALUES IN (2)", {"t": ROWS}),
        ],
    ),
    "partitions of partitions": Story(
        [
            "CREATE TABLE t (id integer, area integer) PARTITION BY LIST (area)",
            "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1) PARTITION BY RANGE (id)",
            "CREATE TABLE t1a PARTITION OF t1 FOR VALUES FROM (0) TO (50)",
            "CREATE TABLE t1b PARTITION OF t1 FOR VALUES FROM (50) TO (1000)",
            f"INSERT INTO t SELECT i, 1 FROM generate_series(1, {ROWS}) AS i",
        ],
        [
            ("UPDATE t SET id = id + 100 WHERE id IN (1, 60)", {"t": 2}),
            ("ALTER TABLE t1 DETACH PARTITION t1a", {"t1a": 48}),
            ("ALTER TABLE t DETACH PARTITION t1", {"t1": 52}),
            ("INSERT INTO t1 VALUES (70, 1)", {"t1": 1}),
        ],
    ),
    "inheritance": Story(
        [f"CREATE TABLE t AS {NUMBERS}"],
        [
            ("CREATE TABLE c () INHERITS (t)", {"t": ROWS}),
            ("INSERT INTO c VALUES (1000, 1)", {"t": ROWS + 1, "c": 1}),
            ("UPDATE t SET v = 9 WHERE id IN (1, 1000)", {"t": ROWS + 1, "c": 1}),
            ("ALTER TABLE c NO INHERIT t", {"t": ROWS}),
            ("UPDATE t SET v = 10 WHERE id = 1", {"t": 1}),
        ],
    ),
    "a child that is dropped": Story(
        [f"CREATE TABLE t AS {NUMBERS}", "CREATE TABLE c () INHERITS (t)"],
        [("DROP TABLE c", {"t": ROWS}), ("UPDATE t SET v = 10 WHERE id = 1", {"t": 1})],
    ),
    "views and materialized views": Story(
        [
            f"CREATE TABLE t AS {NUMBERS}",
            "CREATE VIEW v AS SELECT v, count(*) FROM t GROUP BY v",
            "CREATE MATERIALIZED VIEW m AS SELECT * FROM t",
            "CREATE UNIQUE INDEX ON m (id)",
        ],
        [
            ("UPDATE t SET v = 8 WHERE id = 1", {"t": 1, "v": 8}),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", {"m": 1, "v": 8}),
            ("REFRESH MATERIALIZED VIEW m", {"m": ROWS, "v": 8}),
        ],
    ),
    "large values": Story(
        [f"CREATE TABLE t AS SELECT i AS id, {LARGE_TEXT} AS large, 1 AS v FROM generate_series(1, 60) AS i"],
        [
            ("UPDATE t SET v = 2 WHERE id < 5", {"t": 4}),
            ("UPDATE t SET large = large || 'x' WHERE id = 7", {"t": 1}),
            ("UPDATE t SET large = NULL WHERE id = 8", {"t": 1}),
            ("UPDATE t SET large = (SELECT large FROM t WHERE id = 9) WHERE id = 8", {"t": 1}),
            ("VACUUM FULL t", {"t": 60}),
        ],
    ),
    "numerics that widen": Story(
        [f"CREATE TABLE t AS SELECT i AS id, i::numeric AS n, ARRAY[i / 2.0] AS a FROM generate_series(1, {ROWS}) i"],
        [
            ("UPDATE t SET n = 1.25 WHERE id = 2", {"t": 1}),
            ("UPDATE t SET n = 12345678901234567890.123456789 WHERE id = 3", {"t": 1}),
            ("UPDATE t SET a = '{1.00005, NULL}', n = NULL WHERE id = 4", {"t": 1}),
            ("UPDATE t SET n = 1e60 WHERE id = 5", {"t": 1}),
            # No decimal is so wide, so the column becomes text.
            ("UPDATE t SET n = 1e90 WHERE id = 6", {"t": ROWS}),
            ("UPDATE t SET n = 1 WHERE id IN (3, 5, 6)", {"t": 3}),
            ("DELETE FROM t WHERE id % 2 = 0", None),
        ],
    ),
    "numerics that were integers in an empty table": Story(
        ["CREATE TABLE t (id integer, n numeric)"],
        [
            ("INSERT INTO t VALUES (1, NULL)", {"t": 1}),
            ("INSERT INTO t VALUES (2, 0.001), (3, 100000)", {"t": 3}),
            (f"INSERT INTO t SELECT i, i / 3.0 FROM generate_series(4, {ROWS}) AS i", {"t": ROWS}),
            ("UPDATE t SET n = 0.00000000000000000000001 WHERE id = 50", {"t": 1}),
        ],
    ),
    "arrays of more dimensions": Story(
        [
            f"""CREATE TABLE t AS SELECT i AS id, ARRAY[i, NULL] AS a, ARRAY['x', i::text] AS b
                FROM generate_series(1, {ROWS}) AS i"""
        ],
        [
            ("UPDATE t SET a = '{7}' WHERE id = 1", {"t": 1}),
            ("UPDATE t SET a = '{{1,2},{3,4}}' WHERE id = 2", {"t": ROWS}),
            ("UPDATE t SET a = '{}' WHERE id = 3", {"t": 1}),
            ("UPDATE t SET b = '[2:3]={a,b}' WHERE id = 4", None),
            ("UPDATE t SET a = NULL, b = NULL WHERE id IN (2, 4)", None),
            ("UPDATE t SET a = '{8}' WHERE id = 5", None),
        ],
    ),
    "labels of an enum": Story(
        [
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            f"""CREATE TABLE t AS SELECT i AS id, (CASE WHEN i % 2 = 0 THEN 'sad' ELSE 'ok' END)::mood AS m,
                ARRAY['ok']::mood[] AS a FROM generate_series(1, {ROWS}) AS i""",
        ],
        [("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", {"t": ROWS}), ("UPDATE t SET m = 'sad' WHERE id = 1", {"t": 1})],
    ),
    "attributes of a composite": Story(
        [
            "CREATE TYPE pair AS (a integer, b text)",
            f"CREATE TABLE t AS SELECT i AS id, ROW(i, 'x')::pair AS p FROM generate_series(1, {ROWS}) AS i",
        ],
        [
            ("ALTER TYPE pair ADD ATTRIBUTE c integer", {"t": ROWS}),
            ("ALTER TYPE pair DROP ATTRIBUTE b", {"t": ROWS}),
        ],
    ),
    "generated columns that are stored": Story(
        [
            "CREATE TABLE t (id integer, twice integer GENERATED ALWAYS AS (2 * id) STORED)",
            f"INSERT INTO t SELECT generate_series(1, {ROWS})",
        ],
        [("UPDATE t SET id = -id WHERE id < 4", {"t": 3})],
    ),
    "generated columns that are virtual": Story(
        [
            "CREATE TABLE t (id integer, twice integer GENERATED ALWAYS AS (2 * id) VIRTUAL)",
            f"INSERT INTO t SELECT generate_series(1, {ROWS})",
        ],
        [
            ("UPDATE t SET id = -id WHERE id < 4", {"t": 3}),
            ("ALTER TABLE t ALTER COLUMN twice SET EXPRESSION AS (3 * id)", {"t": ROWS}),
        ],
        since=18,
    ),
}


@pytest.fixture
def start(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> Iterator[Callable[..., Mirror]]:
    """Creates tables and a server of them that has pulled them."""
    with contextlib.ExitStack() as stack:

        def begin(*statements: str) -> Mirror:
            url = new_database(*statements)
            server = serve({}, *configuration(tmp_path, source(url, 'mode = "diff"')))
            both = stack.enter_context(mirror(server, url))
            both.refresh()
            assert both.differences() == []
            return both

        yield begin


@pytest.mark.parametrize("name", STORIES)
def test_a_story(name: str, postgres: PostgresServer, start: Callable[..., Mirror]) -> None:
    story = STORIES[name]
    if postgres.version < story.since:
        pytest.skip(f"PostgreSQL has it since {story.since}")
    both = start(*story.begin)
    for statement, read in story.steps:
        both.run(statement)
        got = dict(both.refresh())
        assert both.differences() == [], statement
        assert read is None or got == read, statement


# What a large table holds, in one row that both sides compute.
SUMS = "SELECT count(*), sum(id), sum(id * v), min(id), max(id), count(note), max(note) FROM t"


def sums(both: Mirror) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What both sides answer."""
    return both.client.sql(SUMS).rows(), both.database.execute(SUMS).fetchall()


def test_a_table_of_many_pages_and_row_groups(start: Callable[..., Mirror]) -> None:
    # More than one range of pages (64 MiB), row group of a file (262,144 rows), and query by places (20,000).
    both = start(
        """CREATE TABLE t AS SELECT i::bigint AS id, 0 AS v, 'note ' || i AS note, repeat('x', 100) AS filler
           FROM generate_series(1, 600000) AS i"""
    )
    for statement, read in [
        ("UPDATE t SET v = 1 WHERE id % 20 = 7", 30_000),
        ("DELETE FROM t WHERE id % 20 = 7 AND id % 40 = 7 OR id < 1000", 0),
        ("UPDATE t SET v = v + 1, note = NULL WHERE id IN (1000, 300000, 300001, 599999, 600000)", 5),
        ("VACUUM t", 0),
        ("INSERT INTO t SELECT -i, 3, 'new' FROM generate_series(1, 25000) AS i", 25_000),
        ("DELETE FROM t WHERE id < 0 AND id % 3 = 0", 0),
    ]:
        both.run(statement)
        assert both.refresh()["t"] == read, statement
        got, wanted = sums(both)
        assert got == wanted, statement
    for number in (1000, 262_144, 262_145, 300_000, 524_289, 600_000, -1, -3, 7, 27):
        rows = f"SELECT id, v, note FROM t WHERE id = {number}"
        assert both.client.sql(rows).rows() == both.database.execute(rows.encode()).fetchall()


def test_a_place_that_is_used_again_is_another_row(start: Callable[..., Mirror]) -> None:
    both = start(f"CREATE TABLE t AS {NUMBERS}")
    places = "SELECT ctid::text FROM t WHERE id {} 0"
    before = {place for (place,) in both.database.execute(places.format(">").encode())}
    both.run("DELETE FROM t WHERE id % 4 = 0", "VACUUM t")
    both.run("INSERT INTO t SELECT -i, 5 FROM generate_series(1, 20) AS i")
    assert before & {place for (place,) in both.database.execute(places.format("<").encode())}
    assert both.refresh() == {"t": 20}
    assert both.differences() == []


def test_transactions_that_commit_in_another_order(start: Callable[..., Mirror]) -> None:
    both = start(f"CREATE TABLE t AS {NUMBERS}")
    with psycopg.connect(both.database.info.dsn) as slow:
        slow.execute("INSERT INTO t VALUES (1000, 1)")
        slow.execute("UPDATE t SET v = 100 WHERE id = 1")
        slow.execute("DELETE FROM t WHERE id = 2")
        both.run("INSERT INTO t VALUES (1001, 1)", "UPDATE t SET v = 200 WHERE id = 3")
        assert both.refresh() == {"t": 2}
        assert both.differences() == []
        slow.commit()
    assert both.refresh() == {"t": 2}
    assert both.differences() == []


def test_a_value_that_cannot_be_kept_leaves_the_rows_as_they_were(start: Callable[..., Mirror]) -> None:
    both = start("CREATE TABLE t AS SELECT i AS id, '2024-01-01'::date + i AS day FROM generate_series(1, 100) i")
    both.run("UPDATE t SET day = 'infinity' WHERE id = 5", "UPDATE t SET day = 'today' WHERE id = 6")
    error = both.try_refresh().errors["t"]
    assert 'shop.public.t, column "day"' in error
    assert both.client.sql("SELECT count(*) FROM t WHERE day < '2025-01-01'").rows() == [(100,)]
    both.run("UPDATE t SET day = NULL WHERE id = 5")
    assert both.refresh() == {"t": 2}
    assert both.differences() == []


def test_a_restart_does_not_read_again(start: Callable[..., Mirror]) -> None:
    both = start(f"CREATE TABLE t AS {NUMBERS}")
    both.run("UPDATE t SET v = 8 WHERE id = 1")
    both.refresh()
    both.server.stop()
    both.server.start()
    both.run("UPDATE t SET v = 8 WHERE id = 2", "DELETE FROM t WHERE id = 3")
    with mirror(both.server, both.database.info.dsn) as again:
        assert again.refresh() == {"t": 1}
        assert again.differences() == []


def test_another_mode_begins_anew(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(f"CREATE TABLE t AS {NUMBERS}", "ALTER TABLE t ADD PRIMARY KEY (id)")
    for number, refresh in enumerate(
        [
            'mode = "full"',
            'mode = "diff"',
            'mode = "watermark", column = "id"',
            'mode = "watermark", column = "v"',
            'mode = "diff"',
            'mode = "full"',
            'mode = "watermark", column = "id"',
            'mode = "full"',
        ]
    ):
        run(url, f"DELETE FROM t WHERE id = {number + 1}", f"UPDATE t SET v = v + 1 WHERE id % 10 = {number}")
        server = serve({}, *configuration(tmp_path, source(url, refresh)), data_dir=tmp_path / "data")
        with mirror(server, url) as both:
            assert both.refresh() == {"t": ROWS - number - 1}, refresh
            assert both.differences() == [], refresh
        server.stop()


def test_rights_that_come_and_go(
    postgres: PostgresServer, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    name, password = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    url = new_database(f"CREATE TABLE t AS {NUMBERS}")
    run(url, f"CREATE ROLE {name} LOGIN PASSWORD '{password}'", f"GRANT SELECT (id, v) ON t TO {name}")
    try:
        database = url.rpartition("/")[2]
        refresh = source(postgres.url(database, name, password), 'mode = "diff"')
        server = serve({}, *configuration(tmp_path, refresh))
        with mirror(server, url) as both:
            for statement in [
                "UPDATE t SET v = 1 WHERE id = 1",
                f"GRANT SELECT ON t TO {name}",
                "UPDATE t SET v = 2 WHERE id = 2",
                f"REVOKE SELECT ON t FROM {name}; GRANT SELECT (id, v) ON t TO {name}",
                "DELETE FROM t WHERE id = 3",
            ]:
                both.run(statement)
                both.refresh()
                assert both.differences() == [], statement
    finally:
        run(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_policies_that_change(
    postgres: PostgresServer, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    name, password = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    url = new_database(f"CREATE TABLE t AS {NUMBERS}", "ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    run(url, f"CREATE ROLE {name} LOGIN PASSWORD '{password}'", f"GRANT SELECT ON t TO {name}")
    try:
        database = url.rpartition("/")[2]
        as_reader = postgres.url(database, name, password)
        server = serve({}, *configuration(tmp_path, source(as_reader, 'mode = "diff"')))
        # The other side is what the role sees.
        with mirror(server, as_reader) as both:
            for policy in ["id <= 50", "id <= 60", "id > 10 AND id <= 60", "true", "false", "v = 1"]:
                run(url, "DROP POLICY IF EXISTS p ON t", f"CREATE POLICY p ON t FOR SELECT USING ({policy})")
                both.refresh()
                assert both.differences() == [], policy
    finally:
        run(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")
