"""Mode `diff` and what a table can be: partitions, inheritance, views, types that follow values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from histories import History, problems

if TYPE_CHECKING:
    from conftest import NewDatabase

    from rail_forge_testbed.postgres import PostgresServer

DIFF = 'mode = "diff"'
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


HISTORIES = {
    "empty, filled, empty": History(
        DIFF,
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
    "equal rows without a key": History(
        DIFF,
        ["CREATE TABLE t AS SELECT 1 AS a, NULL::text AS b FROM generate_series(1, 100)"],
        [
            ("DELETE FROM t WHERE ctid IN (SELECT ctid FROM t LIMIT 10)", {}),
            ("INSERT INTO t SELECT 1, NULL FROM generate_series(1, 3)", {"t": 3}),
            ("VACUUM t", {}),
            ("INSERT INTO t SELECT 1, NULL FROM generate_series(1, 3)", {"t": 3}),
        ],
    ),
    "partitions": History(
        DIFF,
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
    "partitions of partitions": History(
        DIFF,
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
    "inheritance": History(
        DIFF,
        [f"CREATE TABLE t AS {NUMBERS}"],
        [
            ("CREATE TABLE c () INHERITS (t)", {"t": ROWS}),
            ("INSERT INTO c VALUES (1000, 1)", {"t": ROWS + 1, "c": 1}),
            ("UPDATE t SET v = 9 WHERE id IN (1, 1000)", {"t": ROWS + 1, "c": 1}),
            ("ALTER TABLE c NO INHERIT t", {"t": ROWS}),
            ("UPDATE t SET v = 10 WHERE id = 1", {"t": 1}),
        ],
    ),
    "a child that is dropped": History(
        DIFF,
        [f"CREATE TABLE t AS {NUMBERS}", "CREATE TABLE c () INHERITS (t)"],
        [("DROP TABLE c", {"t": ROWS}), ("UPDATE t SET v = 10 WHERE id = 1", {"t": 1})],
    ),
    "views and materialized views": History(
        DIFF,
        [
            f"CREATE TABLE t AS {NUMBERS}",
            "CREATE VIEW v AS SELECT v, count(*) FROM t GROUP BY v ORDER BY v",
            "CREATE MATERIALIZED VIEW m AS SELECT * FROM t",
            "CREATE UNIQUE INDEX ON m (id)",
        ],
        [
            ("UPDATE t SET v = 8 WHERE id = 1", {"t": 1, "v": 8}),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", {"m": 1, "v": 8}),
            ("REFRESH MATERIALIZED VIEW m", {"m": ROWS, "v": 8}),
        ],
    ),
    "large values": History(
        DIFF,
        [f"CREATE TABLE t AS SELECT i AS id, {LARGE_TEXT} AS large, 1 AS v FROM generate_series(1, 60) AS i"],
        [
            ("UPDATE t SET v = 2 WHERE id < 5", {"t": 4}),
            ("UPDATE t SET large = large || 'x' WHERE id = 7", {"t": 1}),
            ("UPDATE t SET large = NULL WHERE id = 8", {"t": 1}),
            ("UPDATE t SET large = (SELECT large FROM t WHERE id = 9) WHERE id = 8", {"t": 1}),
            ("VACUUM FULL t", {"t": 60}),
        ],
    ),
    "numerics that widen": History(
        DIFF,
        [
            f"""CREATE TABLE t AS SELECT i AS id, i::numeric AS n, ARRAY[i / 2.0] AS a
                FROM generate_series(1, {ROWS}) AS i"""
        ],
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
    "numerics that were integers in an empty table": History(
        DIFF,
        ["CREATE TABLE t (id integer, n numeric)"],
        [
            ("INSERT INTO t VALUES (1, NULL)", {"t": 1}),
            ("INSERT INTO t VALUES (2, 0.001), (3, 100000)", {"t": 3}),
            (f"INSERT INTO t SELECT i, i / 3.0 FROM generate_series(4, {ROWS}) AS i", {"t": ROWS}),
            ("UPDATE t SET n = 0.00000000000000000000001 WHERE id = 50", {"t": 1}),
        ],
    ),
    "arrays of more dimensions": History(
        DIFF,
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
    "labels of an enum": History(
        DIFF,
        [
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            f"""CREATE TABLE t AS SELECT i AS id, (CASE WHEN i % 2 = 0 THEN 'sad' ELSE 'ok' END)::mood AS m,
                ARRAY['ok']::mood[] AS a FROM generate_series(1, {ROWS}) AS i""",
        ],
        [
            ("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", {"t": ROWS}),
            ("UPDATE t SET m = 'sad' WHERE id = 1", {"t": 1}),
        ],
    ),
    "attributes of a composite": History(
        DIFF,
        [
            "CREATE TYPE pair AS (a integer, b text)",
            f"CREATE TABLE t AS SELECT i AS id, ROW(i, 'x')::pair AS p FROM generate_series(1, {ROWS}) AS i",
        ],
        [
            ("ALTER TYPE pair ADD ATTRIBUTE c integer", {"t": ROWS}),
            ("ALTER TYPE pair DROP ATTRIBUTE b", {"t": ROWS}),
        ],
    ),
    "generated columns that are stored": History(
        DIFF,
        [
            "CREATE TABLE t (id integer, twice integer GENERATED ALWAYS AS (2 * id) STORED)",
            f"INSERT INTO t SELECT generate_series(1, {ROWS})",
        ],
        [("UPDATE t SET id = -id WHERE id < 4", {"t": 3})],
    ),
    "generated columns that are virtual": History(
        DIFF,
        [
            "CREATE TABLE t (id integer, twice integer GENERATED ALWAYS AS (2 * id) VIRTUAL)",
            f"INSERT INTO t SELECT generate_series(1, {ROWS})",
        ],
        [
            ("UPDATE t SET id = -id WHERE id < 4", {"t": 3}),
            ("ALTER TABLE t ALTER COLUMN twice SET EXPRESSION AS (3 * id)", {"t": ROWS}),
        ],
    ),
}
# The PostgreSQL that first had it.
SINCE = {"generated columns that are virtual": 18}


@pytest.fixture(scope="module")
def found(
    postgres: PostgresServer, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    possible = {name: each for name, each in HISTORIES.items() if postgres.version >= SINCE.get(name, 0)}
    return problems(possible, new_database(), tmp_path_factory.mktemp("diff"), must_stay=True)


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history(name: str, found: dict[str, list[str]]) -> None:
    if name not in found:
        pytest.skip(f"PostgreSQL has it since {SINCE[name]}")
    assert found[name] == []
