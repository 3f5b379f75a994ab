"""Queries that RailForge does not support, and that PostgreSQL answers where the operator says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, refresh, run
from live_tables import explain

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import EmbeddedPostgres
    from rail_forge_testbed.server import RailForgeServer

TABLES = (
    "CREATE TABLE a (id int PRIMARY KEY, t text, n numeric(8,2), r int4range, at timestamptz)",
    "INSERT INTO a SELECT i, 'text ' || i, i / 4.0, int4range(i, i + 5), '2026-01-01 00:00+00'::timestamptz"
    " + i * interval '1 day' FROM generate_series(1, 20) AS i",
    "INSERT INTO a (id) VALUES (0)",
    'CREATE TABLE "Order Details" ("select" int, "ä ""b" text)',
    """INSERT INTO "Order Details" VALUES (1, 'it''s'), (2, NULL)""",
    "CREATE TABLE secret_audit AS SELECT 'canary' AS what",
    "CREATE SCHEMA other",
    "CREATE TABLE other.hidden AS SELECT 'canary' AS what",
    "CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * x'",
    "CREATE SEQUENCE numbers",
)
UNSUPPORTED = "UNIMPLEMENTED|not supported"
# An operator that RailForge does not have.
IN_RANGE = "'[3,7)'::int4range @> id"
FALLBACK = 'fallback = "unsupported"'
FUNCTIONS = 'fallback_functions = ["twice", "pg_sleep", "nextval", "int4range", "to_ts*"]'


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(*TABLES)


def served(serve: Serve, folder: Path, url: str, *lines: str) -> RailForgeServer:
    settings = source(url, None, 'exclude = ["*_audit"]', *lines)
    server = serve({}, *configuration(folder, settings), *NO_REFRESH)
    refresh(server)
    return server


@pytest.fixture
def server(url: str, serve: Serve, tmp_path: Path) -> RailForgeServer:
    return served(serve, tmp_path, url, FALLBACK, FUNCTIONS, 'statement_timeout = "1s"')


@pytest.fixture
def client(server: RailForgeServer) -> Iterator[rail_forge.Client]:
    with rail_forge.connect(server.flight) as connected:
        yield connected


@pytest.fixture
def reference(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


STATEMENTS = [
    f"SELECT id, t, n, at FROM a WHERE {IN_RANGE} ORDER BY id DESC",
    f"SELECT id, t AS id FROM public.a AS x WHERE {IN_RANGE} ORDER BY 1",
    f"SELECT sum(n), avg(n), count(*), max(t), array_agg(id ORDER BY id) FROM a WHERE {IN_RANGE}",
    f"WITH a AS (SELECT * FROM a WHERE {IN_RANGE}) SELECT a.id FROM a JOIN shop.public.a AS b USING (id)"
    " ORDER BY 1",
    f"SELECT id FROM a WHERE {IN_RANGE} AND id < 0",
    f"SELECT FROM a WHERE {IN_RANGE}",
    f"SELECT n, t, at, NULL, '{{1,2}}'::int[], true, 1.5::float8 FROM a WHERE id = 0 OR {IN_RANGE}"
    " ORDER BY id;",
    """SELECT d."select", "ä ""b" FROM "Order Details" d WHERE '[1,9]'::int4range @> "select" ORDER BY 1""",
    'TABLE "Order Details" ORDER BY \'[2,4]\'::int4range @> "select" DESC -- the last\r\n',
    "SELECT twice(id) AS double, id FROM a WHERE id < 4 ORDER BY double",
    "SELECT id FROM a WHERE to_tsvector('english', t) @@ to_tsquery('english', 'texts & 7')",
    "SELECT '[3,7)'::int4range @> 5, $$it's -- $$, E'\\\\'",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_is_not_supported_is_answered_by_postgresql(
    client: rail_forge.Client, reference: psycopg.Connection, statement: str
) -> None:
    result = client.sql(statement)
    assert result.engine == "postgres"
    cursor = reference.execute(statement.replace("shop.public.", "public.").encode())
    assert cursor.description is not None
    assert result.schema.names == [column.name for column in cursor.description]
    assert result.rows() == cursor.fetchall()


def test_parameters(client: rail_forge.Client, reference: psycopg.Connection) -> None:
    statement = (
        "SELECT id, $1 AS text, at FROM a WHERE int4range($2, $3) @> id AND t <> $1 AND at >= $4"
        " AND id = ANY ($5) ORDER BY id"
    )
    given = ["it's", 3, 9, datetime(2026, 1, 5, tzinfo=UTC), [4, 5, 6, 100]]
    numbered = statement
    for number in range(1, 6):
        numbered = numbered.replace(f"${number}", f"%(p{number})s")
    expected = reference.execute(
        numbered.encode(), {f"p{number}": value for number, value in enumerate(given, start=1)}
    ).fetchall()
    assert len(expected) == 3
    result = client.sql(statement, given)
    assert result.engine == "postgres"
    assert result.rows() == expected
    with pytest.raises(rail_forge.QueryError, match="has 1 parameter"):
        client.sql(f"SELECT id FROM a WHERE {IN_RANGE} AND id = $1", [1, 2]).rows()


def test_rows_are_of_this_moment(client: rail_forge.Client, url: str) -> None:
    before = client.sql("SELECT count(*) FROM a")
    assert (before.engine, before.rows()) == ("datafusion", [(21,)])
    run(url, "INSERT INTO a (id) VALUES (5000)")
    fresh = client.sql("SELECT count(*) FROM a WHERE '[0,)'::int4range @> id")
    assert fresh.rows() == [(22,)]
    assert fresh.as_of is not None
    assert before.as_of is not None
    assert fresh.as_of.time > before.as_of.time


def test_explain_and_status_tell_who_answers_and_why(client: rail_forge.Client) -> None:
    shown = explain(client, f"SELECT id FROM a WHERE {IN_RANGE}")
    assert "Engine: postgres" in shown
    assert "sql=[SELECT" in shown
    assert "Engine: datafusion" in explain(client, "SELECT id FROM a")
    client.sql(f"SELECT id FROM a WHERE {IN_RANGE}").rows()
    client.sql(f"SELECT id FROM a WHERE {IN_RANGE}").rows()
    fallback = client.status().fallback
    assert fallback is not None
    [(reason, count)] = ((why, count) for why, count in fallback.reasons.items() if "int4range" in why)
    assert count >= 2
    assert "not supported" in reason
    assert fallback.answered == sum(fallback.reasons.values())


def test_a_session_is_the_same_in_postgresql(server: RailForgeServer, reference: psycopg.Connection) -> None:
    statement = f"SELECT at::text, current_schema FROM a WHERE {IN_RANGE} ORDER BY id"
    with rail_forge.connect(server.flight, timezone="Asia/Kathmandu") as client:
        rows = client.sql(statement).rows()
    reference.execute("SET timezone = 'Asia/Kathmandu'")
    expected = reference.execute(statement.encode()).fetchall()
    assert [row[0] for row in rows] == [row[0] for row in expected]


def test_it_is_off_unless_the_operator_says_so(url: str, serve: Serve, tmp_path: Path) -> None:
    with (
        rail_forge.connect(served(serve, tmp_path, url).flight) as client,
        pytest.raises(rail_forge.UnsupportedError, match="not supported: type int4range"),
    ):
        client.sql(f"SELECT id FROM a WHERE {IN_RANGE}").rows()


# What PostgreSQL would answer, and must not be asked.
ELSEWHERE = {
    "an excluded table": "SELECT what FROM secret_audit WHERE '[1,2]'::int4range @> 1",
    "a table of another schema": "SELECT what, '[1,2]'::int4range @> 1 FROM other.hidden",
    "a view of the server": "SELECT usename, '[1,2]'::int4range @> 1 FROM pg_user",
    "a table of the server": "SELECT '[1,2]'::int4range @> 1 FROM pg_catalog.pg_authid",
    "another catalogue": "SELECT '[1,2]'::int4range @> 1 FROM information_schema.tables",
    "a name defined elsewhere": (
        "SELECT x.* FROM (WITH secret_audit AS (SELECT '[1,2]'::int4range @> 1) SELECT * FROM secret_audit)"
        " AS y, secret_audit AS x"
    ),
    "a name defined later": (
        "WITH x AS (SELECT what, '[1,2]'::int4range @> 1 FROM secret_audit), secret_audit AS (SELECT 1)"
        " SELECT * FROM x"
    ),
    "a name within its own definition": (
        "WITH secret_audit AS (SELECT '[1,2]'::int4range @> 1, s.* FROM secret_audit AS s)"
        " SELECT * FROM secret_audit"
    ),
    "another query's text": "SELECT query_to_xml('SELECT * FROM secret_audit', true, true, '')",
    "a table's name": "SELECT table_to_xml('secret_audit', true, true, ''), '[1,2]'::int4range @> 1",
    "a file": "SELECT pg_read_file('/etc/passwd'), '[1,2]'::int4range @> 1",
    "a folder": "SELECT * FROM pg_ls_dir('/') WHERE '[1,2]'::int4range @> 1",
    "a file in a window": "SELECT count(*) OVER (ORDER BY pg_read_file('x')) WHERE '[1,2]'::int4range @> 1",
    "other sessions": "SELECT '[1,2]'::int4range @> 1 FROM pg_stat_get_activity(NULL)",
    "a setting": "SELECT current_setting('data_directory'), '[1,2]'::int4range @> 1",
    "behind a comment": (
        "SELECT '[1,2]'::int4range @> 1 -- \r, (SELECT what FROM secret_audit)\n FROM secret_audit"
    ),
    "a table behind DISTINCT": "SELECT '[1,2]'::int4range @> 1 UNION DISTINCT TABLE secret_audit",
    "behind a constant with escapes": (
        "SELECT '[1,2]'::int4range @> 1, E'a'\n'\\', ' , (SELECT what FROM secret_audit) --'\nFROM a"
    ),
    "behind a dollar quote": (
        "SELECT '[1,2]'::int4range @> 1, $€$, '$€$ , (SELECT what FROM secret_audit) --'\nFROM a"
    ),
    "an attribute that is a function": (
        "SELECT '[1,2]'::int4range @> 1, ('SELECT to_tsvector(what) FROM secret_audit').ts_stat"
    ),
    "a column that is a function": (
        "SELECT '[1,2]'::int4range @> 1, f.pg_read_file FROM unnest(ARRAY['postgresql.conf']) AS f"
    ),
    "a name of the catalogue": "SELECT '[1,2]'::int4range @> 1, 1260::regclass::text",
    "two statements": "SELECT '[1,2]'::int4range @> 1; SELECT what FROM secret_audit",
    "a change": "WITH x AS (DELETE FROM a RETURNING id) SELECT '[1,2]'::int4range @> id FROM x",
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_only_what_is_served_can_be_read(client: rail_forge.Client, what: str) -> None:
    with pytest.raises(rail_forge.Error) as refusal:
        client.sql(ELSEWHERE[what]).rows()
    assert "canary" not in str(refusal.value)
    assert "root:" not in str(refusal.value)


def test_a_name_of_with_is_no_word_of_postgresql(client: rail_forge.Client) -> None:
    statement = (
        "WITH \"only\" AS (SELECT 1 AS what) SELECT what, '[1,2]'::int4range @> 1 FROM ONLY secret_audit"
    )
    assert client.sql(statement).rows() == [(1, True)]


def test_a_function_that_is_not_named_is(client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.UnsupportedError, match="fallback_functions does not name int4multirange"):
        client.sql("SELECT int4multirange(int4range(1, 2))").rows()


def test_errors_of_values_are_told(client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.QueryError, match="division by zero"):
        client.sql(f"SELECT 1 / id FROM a WHERE id = 0 OR {IN_RANGE}").rows()


def test_postgresql_changes_nothing_and_has_its_time(client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.Error, match="it would change something"):
        client.sql("SELECT nextval('numbers')").rows()
    with pytest.raises(rail_forge.Error, match="statement_timeout"):
        client.sql("SELECT pg_sleep(60)").rows()


def test_an_error_that_both_make_is_ours(client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.UnsupportedError, match="int4range"):
        client.sql("SELECT id FROM a WHERE '[1,2]'::int4range @> t").rows()


def test_a_database_that_is_away_is_told(
    stoppable_postgres: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    url = stoppable_postgres.create_database("fallback")
    run(url, *TABLES)
    with rail_forge.connect(served(serve, tmp_path, url, FALLBACK).flight) as client:
        stoppable_postgres.stop()
        with pytest.raises(rail_forge.ServerUnavailable, match='source "shop"'):
            client.sql(f"SELECT id FROM a WHERE {IN_RANGE}").rows()
        assert len(client.sql("SELECT id FROM a").rows()) == 21
        stoppable_postgres.start()
        assert len(client.sql(f"SELECT id FROM a WHERE {IN_RANGE}").rows()) == 4
