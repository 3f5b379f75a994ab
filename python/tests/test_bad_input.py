"""SQL that cannot or must not be answered: what the error says, and that nothing happens."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from conftest import NO_REFRESH, answer, refresh
from waiting import in_time

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Served

ANSWER_SECONDS = 1.0


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT * FROM ordres", "table ordres does not exist; did you mean shop.public.orders?"),
        ("SELECT * FROM public.ordres", "did you mean shop.public.orders?"),
        ("SELECT * FROM shop.public.ordres", "did you mean shop.public.orders?"),
        ("SELECT * FROM elsewhere.orders", "did you mean shop.public.orders?"),
        ("SELECT * FROM giftwrap", 'did you mean shop.public."Gift Wrap"?'),
        ("SELECT * FROM orders JOIN custmer ON true", "did you mean shop.public.customer?"),
        ("SELECT * FROM warehouse", "table warehouse does not exist"),
        ("SELECT * FROM pg_catalog.pg_class", "pg_class does not exist"),
    ],
)
def test_unknown_tables_are_named_with_the_nearest(sql: str, text: str, client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.NotFoundError, match=re.escape(text)):
        client.sql(sql)


def test_an_unknown_source_is_not_called_empty(client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.NotFoundError, match="nowhere") as raised:
        client.sql("SELECT * FROM nowhere.public.orders")
    assert "has no tables yet" not in str(raised.value)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT totl FROM orders", 'column "totl" does not exist; did you mean "total"?'),
        ("SELECT o.totl FROM orders o", 'column "totl" does not exist in "o"; did you mean "total"?'),
        ("SELECT id FROM orders WHERE plced_at IS NULL", 'did you mean "placed_at"?'),
        ("SELECT id FROM orders ORDER BY totl", 'did you mean "total"?'),
        ("SELECT count(*) FROM orders GROUP BY chanel", 'did you mean "channel"?'),
        ('SELECT "Grösse" FROM "Gift Wrap"', 'did you mean "Größe"?'),
        ("SELECT id FROM orders o JOIN customer c ON c.id = o.customer_id", 'column "id" is ambiguous'),
        ("SELECT colour FROM region", 'column "colour" does not exist'),
    ],
)
def test_unknown_columns_are_named_with_the_nearest(sql: str, text: str, client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.QueryError, match=re.escape(text)):
        client.sql(sql)


@pytest.mark.parametrize(
    ("sql", "line", "column"),
    [
        ("SELEC 1", 1, 1),
        ("SELECT 1 FROM orders WERE id = 1 2", 1, 27),
        ("SELECT *\nFROM orders\nWHERE id = = 3", 3, 12),
        ("SELECT *\nFROM orders\nWHERE", 3, 6),
        ("SELECT 'never ends", 1, 8),
        ("SELECT ((1)", 1, 12),
        ("SELECT id FROM orders WHERE id = $1 + ?", 1, 39),
    ],
)
def test_syntax_errors_have_a_place(sql: str, line: int, column: int, client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.QueryError, match=rf"^syntax error: .*Line: {line}, Column: {column}\b"):
        client.sql(sql)


@pytest.mark.parametrize("sql", [";", "-- nothing", "/* nothing */"])
def test_an_empty_statement_is_called_empty(sql: str, client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.QueryError, match="empty"):
        client.sql(sql)


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE orders", ";;SELECT 1; SELECT 2"])
def test_several_statements_are_refused(sql: str, client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.UnsupportedError, match="several statements"):
        client.sql(sql)


CHANGES = [
    "INSERT INTO orders SELECT * FROM orders",
    "INSERT INTO orders DEFAULT VALUES",
    "UPDATE orders SET total = 0",
    "DELETE FROM orders",
    "MERGE INTO orders USING orders o ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE orders",
    "DROP TABLE orders",
    "DROP SCHEMA public CASCADE",
    "ALTER TABLE orders ADD COLUMN x integer",
    "CREATE TABLE x (a integer)",
    "CREATE TABLE x AS SELECT 1",
    "SELECT 1 AS a INTO x",
    "CREATE VIEW v AS SELECT 1",
    "CREATE SCHEMA s",
    "CREATE DATABASE d",
    "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE EXTERNAL TABLE x (line text) STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE UNBOUNDED EXTERNAL TABLE x (line text) STORED AS CSV LOCATION '/etc/passwd'",
    "COPY orders TO '{target}'",
    "COPY (SELECT 1) TO '{target}' STORED AS PARQUET",
    "SET datafusion.runtime.memory_limit = '1K'",
    "SET datafusion.execution.batch_size = 1",
    "RESET ALL",
    "GRANT SELECT ON orders TO PUBLIC",
    "PREPARE p AS SELECT 1",
    "DEALLOCATE p",
    "BEGIN",
    "COMMIT",
    "CALL f()",
    "VACUUM",
    "LOCK TABLE orders",
    "SELECT * FROM orders FOR UPDATE",
    "SELECT * FROM (SELECT * FROM orders FOR UPDATE) AS o",
    "WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO orders SELECT * FROM orders RETURNING *) SELECT * FROM x",
    "WITH x AS (UPDATE orders SET total = 0 RETURNING *) SELECT * FROM x",
]
EXPLAINABLE = [
    sql for sql in CHANGES if sql.split()[0] in {"INSERT", "UPDATE", "DELETE", "COPY", "CREATE", "WITH"}
]


@pytest.mark.parametrize("sql", CHANGES)
def test_changes_are_refused(sql: str, client: rail_forge.Client, tmp_path: Path) -> None:
    target = tmp_path / "written"
    with pytest.raises(rail_forge.QueryError, match="changes nothing; send it to PostgreSQL"):
        client.sql(sql.replace("{target}", str(target)))
    assert not target.exists()


@pytest.mark.parametrize("explain", ["EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN VERBOSE"])
@pytest.mark.parametrize("sql", EXPLAINABLE)
def test_explained_changes_are_refused(
    explain: str, sql: str, client: rail_forge.Client, tmp_path: Path
) -> None:
    target = tmp_path / "written"
    with pytest.raises(rail_forge.QueryError, match="changes nothing; send it to PostgreSQL"):
        client.sql(f"{explain} {sql.replace('{target}', str(target))}")
    assert not target.exists()


@pytest.mark.parametrize("sql", CHANGES[:8])
def test_changes_are_refused_in_prepared_statements(sql: str, client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.QueryError, match="changes nothing"):
        client.sql(sql, [1])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM '{parquet}'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('{parquet}')",
        "SELECT * FROM parquet_metadata('{parquet}')",
        "SELECT * FROM csv_scan('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM metadata_cache()",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_ls_dir('/etc')",
        "SELECT lo_import('/etc/passwd')",
    ],
)
def test_files_are_out_of_reach(sql: str, client: rail_forge.Client, shop: Served) -> None:
    parquet = next((shop.server.data_dir / "data").rglob("*.parquet"))
    with pytest.raises((rail_forge.QueryError, rail_forge.UnsupportedError), match="does not exist"):
        client.sql(sql.replace("{parquet}", str(parquet))).rows()


def test_nothing_was_changed(client: rail_forge.Client, shop: Served) -> None:
    """After all of the above: the tables are those that were loaded."""
    assert {table.table: table.rows for table in client.status().tables} == shop.rows


DEEP = {
    "sum": "SELECT " + "+".join(["1"] * 10_000),
    "or": "SELECT 1 WHERE " + " OR ".join(f"1 = {number}" for number in range(10_000)),
    "and": "SELECT 1 WHERE " + " AND ".join(["true"] * 10_000),
    "not": "SELECT " + "NOT " * 10_000 + "true",
    "minus": "SELECT " + "- " * 10_000 + "1",
    "concatenation": "SELECT " + "||".join(["'a'"] * 10_000),
    "bits": "SELECT " + " & ".join(["1"] * 10_000),
    "xor": "SELECT " + " # ".join(["1"] * 10_000),
    "comparison": "SELECT 1 = 1" + " = true" * 10_000,
    "cast": "SELECT '1'" + "::text" * 10_000,
    "is null": "SELECT 1 " + "IS NULL " * 10_000,
    "subscript": "SELECT ARRAY[1]" + "[1]" * 10_000,
    "union": "SELECT 1" + " UNION ALL SELECT 1" * 10_000,
    "join": "SELECT 1 FROM t" + "".join(f" CROSS JOIN t AS t{number}" for number in range(10_000)),
    "comma": "SELECT 1 FROM t" + "".join(f", t AS t{number}" for number in range(10_000)),
    "parentheses": "SELECT " + "(" * 10_000 + "1" + ")" * 10_000,
    "functions": "SELECT " + "abs(" * 10_000 + "1" + ")" * 10_000,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 10_000 + "t" + ") AS x" * 10_000,
    "case": "SELECT " + "CASE WHEN true THEN " * 10_000 + "1" + " END" * 10_000,
    "array": "SELECT " + "ARRAY[" * 10_000 + "1" + "]" * 10_000,
    "with": "WITH a AS (" * 10_000 + "SELECT 1" + ") SELECT 1" * 10_000,
}


@pytest.fixture(scope="module")
def sturdy(new_database: NewDatabase) -> Iterator[RailForgeServer]:
    """A server of its own, so that one that breaks or hangs does not take other tests with it."""
    url = new_database("CREATE TABLE t AS SELECT generate_series(1, 10) AS id")
    with RailForgeServer({"shop": url}, arguments=[*NO_REFRESH, "--query-timeout", "5s"]) as server:
        refresh(server)
        yield server


@pytest.mark.parametrize("kind", DEEP)
def test_deep_statements_are_refused_at_once(kind: str, sturdy: RailForgeServer) -> None:
    started = time.monotonic()
    with (
        rail_forge.connect(sturdy.flight, timeout=20) as client,
        pytest.raises((rail_forge.QueryError, rail_forge.ServerError), match=r"at most|deep"),
    ):
        client.sql(DEEP[kind]).rows()
    assert time.monotonic() - started < 5 * ANSWER_SECONDS
    assert in_time(lambda: answer(sturdy, "SELECT 1 AS one"), ANSWER_SECONDS) == [(1,)]
    assert sturdy.exit_code() is None


def test_long_lists_are_answered(sturdy: RailForgeServer) -> None:
    numbers = ", ".join(str(number) for number in range(20_000))
    assert answer(sturdy, f"SELECT count(*) FROM t WHERE id IN ({numbers})") == [(10,)]
    assert answer(sturdy, "SELECT count(*) FROM t WHERE id = ANY ($1)", [list(range(20_000))]) == [(10,)]


def test_an_endless_text_is_refused(sturdy: RailForgeServer) -> None:
    with pytest.raises(rail_forge.Error, match=r"bytes"):
        answer(sturdy, f"SELECT '{'x' * 20_000_000}'")
    with pytest.raises(rail_forge.ServerError, match="at most 1048576"):
        answer(sturdy, f"SELECT '{'x' * 2_000_000}'")
