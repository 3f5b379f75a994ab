"""Stored queries: asked by name, with the rights that the operator has given them."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import psycopg
import pytest
from adbc_driver_flightsql import DatabaseOptions
from configuration import configuration, source
from conftest import NO_REFRESH
from roles import client_of, grant, role, server_with_roles, token_with

import rail_forge
import rail_forge.queries
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import NewDatabase, Served

TABLES = (
    "CREATE TABLE users (id int PRIMARY KEY, tenant int, region text, age int, joined date, spent numeric)",
    "INSERT INTO users SELECT i, i % 3, (ARRAY['NA', 'EU', 'it''s'])[i % 3 + 1], i % 60,"
    " DATE '2026-01-01' + i % 90, i * 1.25 FROM generate_series(1, 500) AS i",
    "CREATE TABLE secret (id int PRIMARY KEY, word text)",
    "INSERT INTO secret VALUES (1, 'canary')",
    "CREATE SCHEMA other",
    "CREATE TABLE other.users (id int, tenant int, region text, age int, joined date, spent numeric(10, 2))",
)

USERS_SQL = """
SELECT region, count(*) AS users, sum(spent) AS spent -- of :nobody
FROM users
WHERE age BETWEEN (:age_range)[1] AND (:age_range)[2]
    AND (region = :region OR :region IS NULL) AND joined >= :since
GROUP BY region ORDER BY region LIMIT :most
"""
USERS_IN_POSTGRES = """
SELECT region, count(*) AS users, sum(spent) AS spent FROM users
WHERE age BETWEEN %(low)s AND %(high)s
    AND (region = %(region)s OR %(region)s::text IS NULL) AND joined >= %(since)s
GROUP BY region ORDER BY region LIMIT 10
"""


def stored(name: str, sql: str, *parameters: str, **keys: str) -> str:
    """A `[[query]]`; the parameters are between the braces."""
    lines = ["[[query]]", f"name = {json.dumps(name)}", f"sql = {json.dumps(sql)}", "parameters = ["]
    lines += [f"  {{ {one} }}," for one in parameters]
    return "\n".join([*lines, "]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""])


USERS = stored(
    "fetch_and_aggregate_users",
    USERS_SQL,
    'name = "age_range", type = "int4[]", description = "From and to."',
    'name = "region", type = "text", optional = true',
    'name = "since", type = "date", default = 2026-01-15',
    'name = "most", type = "int8", default = 10',
    description="Users by region.",
    reads_as="tenant",
)
QUERIES = (
    USERS,
    stored("secrets", "SELECT word FROM secret", reads_as="admin"),
    stored("own_users", "SELECT count(*) FROM users"),
    stored("others", "SELECT count(*) FROM secret"),
    stored("tenants", "SELECT DISTINCT tenant FROM users", reads_as="tenant", schema="public"),
    stored("words", "SELECT :word || '!' AS said, :word AS again", 'name = "word", type = "text"'),
    stored("gone", "SELECT x FROM no_such_table", reads_as="admin"),
    stored(
        "fails", "SELECT (word || :more)::int FROM secret", 'name = "more", type = "text"', reads_as="admin"
    ),
    stored("python", "SELECT :from + :self", 'name = "from", type = "int4"', 'name = "self", type = "int4"'),
    stored("keys", "SELECT '{\"a\": 1}'::jsonb ? :key", 'name = "key", type = "text"'),
)
CALLED = ["fetch_*", "own_users", "others", "tenants", "words", "gone", "fails", "python", "keys"]
ROLES = (
    role("tenant", grant(tables=["users"], schemas=["public"], rows="tenant = claim('tenant')")),
    f'[[role]]\nname = "caller"\nqueries = {json.dumps(CALLED)}\n',
    role("reader", grant(tables=["users"], schemas=["public"])),
)


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> str:
    return new_database(*TABLES)


@pytest.fixture(scope="module")
def server(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RailForgeServer]:
    folder = tmp_path_factory.mktemp("stored")
    shop = source(url, None, 'schemas = ["public", "other"]')
    with server_with_roles(folder, shop, *ROLES, *QUERIES) as started:
        yield started


@pytest.fixture(scope="module")
def caller(server: RailForgeServer) -> Iterator[rail_forge.Client]:
    """Somebody who may run stored queries, and read no table."""
    with client_of(server, "caller-1", "caller", tenant="1") as client:
        yield client


def in_postgres(url: str, sql: str, **params: object) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode(), params).fetchall()


def test_a_stored_query_gives_what_its_statement_gives(caller: rail_forge.Client, url: str) -> None:
    only_tenant = USERS_IN_POSTGRES.replace("WHERE", "WHERE tenant = 1 AND")
    wanted = in_postgres(url, only_tenant, low=20, high=30, region=None, since=date(2026, 1, 15))
    assert wanted
    assert caller.queries.fetch_and_aggregate_users(age_range=(20, 30)).rows() == wanted
    assert caller.call("fetch_and_aggregate_users", [[20, 30]]).rows() == wanted
    assert caller.sql("EXECUTE fetch_and_aggregate_users(ARRAY[20, 30])").rows() == wanted
    assert caller.sql("execute fetch_and_aggregate_users(age_range => '{20,30}');").rows() == wanted
    some = {"age_range": (0, 59), "since": date(2026, 3, 1), "most": 1, "region": "EU"}
    [row] = caller.queries.fetch_and_aggregate_users(**some).rows()
    assert [row] == in_postgres(url, only_tenant, low=0, high=59, region="EU", since=date(2026, 3, 1))
    assert isinstance(row[2], Decimal)
    assert caller.queries.fetch_and_aggregate_users(age_range=(0, 59), region="NA").rows() == []


def test_who_calls_needs_no_right_to_the_tables(caller: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.NotFoundError, match="users"):
        caller.sql("SELECT * FROM users")
    assert caller.queries.tenants().rows() == [(1,)]
    # Without `reads_as` it reads what the caller may read: here, nothing.
    with pytest.raises(rail_forge.NotFoundError, match="users"):
        caller.queries.own_users()
    with pytest.raises(rail_forge.NotFoundError, match="secret"):
        caller.queries.others()


def test_a_query_that_may_not_be_run_is_one_that_there_is_not(
    caller: rail_forge.Client, server: RailForgeServer
) -> None:
    texts = []
    for name in ("secrets", "no_such_query"):
        with pytest.raises(rail_forge.NotFoundError) as caught:
            caller.call(name)
        assert caught.value.reason == "UNKNOWN_QUERY"
        texts.append(str(caught.value).replace(name, "?"))
    assert texts[0] == texts[1]
    assert "secrets" not in {query.name for query in caller.stored_queries()}
    # To read everything is no right to run what is stored.
    with client_of(server, "admin-2", "admin") as admin:
        assert admin.stored_queries() == []
        with pytest.raises(rail_forge.NotFoundError, match="stored query"):
            admin.queries.secrets()


def test_a_caller_without_the_claim_is_refused(server: RailForgeServer) -> None:
    with (
        client_of(server, "caller-nobody", "caller") as client,
        pytest.raises(rail_forge.AuthenticationError, match="tenant"),
    ):
        client.queries.tenants()


def test_what_a_query_fails_on_is_not_told(caller: rail_forge.Client, server: RailForgeServer) -> None:
    for name, arguments in (("fails", ["!"]), ("gone", [])):
        with pytest.raises(rail_forge.QueryError, match="the stored query failed on what it reads") as caught:
            caller.call(name, arguments).rows()
        assert "canary" not in str(caught.value)
        assert caught.value.sqlstate == ("22P02" if name == "fails" else None)
    with client_of(server, "admin-caller", "admin", "caller") as admin:
        with pytest.raises(rail_forge.QueryError, match='invalid input syntax for type integer: "canary!"'):
            admin.queries.fails("!").rows()
        with pytest.raises(rail_forge.NotFoundError, match="no_such_table"):
            admin.queries.gone()


def test_what_is_wrong_with_an_argument_is_told(caller: rail_forge.Client) -> None:
    queries = caller.queries
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: queries.fetch_and_aggregate_users(["a", "b"]), 'invalid input syntax for type integer: "a"'),
        (lambda: queries.fetch_and_aggregate_users([1, 2], since=True), "cannot cast type boolean to date"),
        (lambda: queries.fetch_and_aggregate_users([1, 99_999_999_999]), "integer out of range"),
        (lambda: caller.sql("EXECUTE fetch_and_aggregate_users('{1,2}', most => 1e30)"), "out of range"),
    ]
    for call, text in calls:
        with pytest.raises(rail_forge.QueryError, match=text) as caught:
            call()
        assert caught.value.reason == "INVALID_PARAMETER"
    # Numbers with a fraction or an exponent are rounded, as PostgreSQL rounds them.
    assert caller.sql("EXECUTE python(2.5, 1e2)").rows() == [(103,)]
    with pytest.raises(rail_forge.QueryError, match="the statement has 1 parameter, but none was given"):
        caller.sql("EXECUTE words($1)").rows()


def test_a_demand_for_fresher_tables_takes_a_right_of_the_callers_own(caller: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.AuthenticationError, match="refresh = true and a grant on it"):
        caller.call("tenants", max_staleness=0)
    assert caller.call("tenants", max_staleness=3_600).rows() == [(1,)]


def test_callers_do_not_share_results(server: RailForgeServer, caller: rail_forge.Client) -> None:
    with client_of(server, "caller-2", "caller", tenant="2") as other:
        for _ in range(2):
            assert caller.queries.tenants().rows() == [(1,)]
            assert other.queries.tenants().rows() == [(2,)]


def test_names_may_be_words_of_python_and_operators_question_marks(caller: rail_forge.Client) -> None:
    assert caller.queries.python(from_=1, self=2).rows() == [(3,)]
    assert str(inspect.signature(caller.queries.python)) == "(from_: 'int4', self: 'int4')"
    assert caller.queries.keys("a").rows() == [(True,)]
    assert caller.sql("EXECUTE keys('b')").rows() == [(False,)]


def test_the_session_does_not_change_what_is_read(caller: rail_forge.Client) -> None:
    """A schema of the caller's has a table of the same name."""
    other = caller.with_session(schema="other")
    assert other.queries.tenants().rows() == [(1,)]


@pytest.mark.parametrize(
    "argument",
    [
        "(SELECT word FROM secret)",
        "(SELECT max(region) FROM users)",
        "upper('x')",
        "current_user",
        "'x') UNION SELECT word FROM secret --",
        "'x' || 'y'",
        "$1 || 'x'",
        "word",
        '"word"',
        "*",
        "ARRAY(SELECT word FROM secret)",
    ],
)
def test_an_argument_is_a_value_and_nothing_else(argument: str, caller: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.QueryError) as caught:
        caller.sql(f"EXECUTE words({argument})").rows()
    assert caught.value.reason == "SYNTAX_ERROR"


@pytest.mark.parametrize("word", ["x' OR true --", "$1", ":word", "\\'", "", "ü\n", None, "E'\\''", "?"])
def test_values_are_values_however_they_look(word: str | None, caller: rail_forge.Client) -> None:
    wanted = [(None if word is None else f"{word}!", word)]
    assert caller.queries.words(word=word).rows() == wanted
    assert caller.call("words", [word]).rows() == wanted
    written = "NULL" if word is None else "'" + word.replace("'", "''") + "'"
    assert caller.sql(f"EXECUTE words({written})").rows() == wanted


def test_arguments_that_do_not_fit_are_named(caller: rail_forge.Client) -> None:
    for statement, reason, text in [
        ("EXECUTE words", "INVALID_PARAMETER", 'the parameter "word" \\(text\\) is missing'),
        ("EXECUTE words(1, 2)", "INVALID_PARAMETER", "2 arguments are given; its parameters are word"),
        ("EXECUTE words(wrod => 'x')", "INVALID_PARAMETER", 'no parameter "wrod"; its parameters are word'),
        (
            "EXECUTE fetch_and_aggregate_users('{1}', since => 'x')",
            "INVALID_PARAMETER",
            'parameter "since": invalid input syntax for type date: "x"',
        ),
        ("EXECUTE words('x') WHERE true", "SYNTAX_ERROR", "nothing follows"),
        ("EXPLAIN EXECUTE words('x')", "UNSUPPORTED", "EXPLAIN"),
        ("EXPLAIN ANALYZE EXECUTE words('x')", "UNSUPPORTED", "EXPLAIN"),
    ]:
        with pytest.raises(rail_forge.Error, match=text) as caught:
            caller.sql(statement).rows()
        assert caught.value.reason == reason, statement
    queries = caller.queries
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: queries.words("x", "y"), "2 arguments are given"),
        (lambda: queries.words("x", word="y"), 'the parameter "word" is given twice'),
        (queries.words, 'the parameter "word"'),
        (lambda: queries.fetch_and_aggregate_users([1], since="x"), 'parameter "since": invalid input'),
    ]
    for call, text in calls:
        with pytest.raises(rail_forge.QueryError, match=text):
            call()


def test_stored_queries_are_listed_with_what_they_take_and_give(caller: rail_forge.Client) -> None:
    known = {query.name: query for query in caller.queries}
    named = {"fetch_and_aggregate_users", "own_users", "others", "tenants", "words", "gone"}
    assert set(known) == named | {"fails", "python", "keys"}
    users = known["fetch_and_aggregate_users"]
    assert users.description == "Users by region."
    assert users.columns == (("region", "text"), ("users", "bigint"), ("spent", "numeric"))
    assert users.parameters == (
        rail_forge.StoredParameter("age_range", "int4[]", "From and to.", required=True, default=None),
        rail_forge.StoredParameter("region", "text", "", required=False, default=None),
        rail_forge.StoredParameter("since", "date", "", required=False, default="2026-01-15"),
        rail_forge.StoredParameter("most", "int8", "", required=False, default=10),
    )
    # Its table is not there, or is not the caller's to know.
    assert known["gone"].columns is None
    assert known["others"].columns is None
    function = caller.queries.fetch_and_aggregate_users
    assert str(inspect.signature(function)) == (
        "(age_range: 'int4[]', region: 'text' = None, since: 'date' = '2026-01-15', most: 'int8' = 10)"
    )
    assert "Users by region.\n\nage_range (int4[]): From and to.\nregion (text)" in str(
        inspect.getdoc(function)
    )
    assert "words" in dir(caller.queries)


def test_functions_of_the_module_are_awaited(
    server: RailForgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_with(server, "caller-module", "caller", tenant="2")
    monkeypatch.setenv("RAIL_FORGE_URL", server.flight)
    monkeypatch.setenv("RAIL_FORGE_TOKEN", token)
    rail_forge.queries.configure(None)
    from rail_forge.queries import tenants, words  # noqa: PLC0415 - after the environment is set

    async def ask() -> list[list[tuple[object, ...]]]:
        return [await (await asked).rows() for asked in (tenants(), words("x"), words(word="y"))]

    assert asyncio.run(ask()) == [[(2,)], [("x!", "x")], [("y!", "y")]]
    assert "words" in dir(rail_forge.queries)
    assert inspect.signature(words).parameters["word"].annotation == "text"
    rail_forge.queries.configure(None)
    monkeypatch.delenv("RAIL_FORGE_URL")
    with pytest.raises(ValueError, match="RAIL_FORGE_URL"):
        words("x")


def test_other_clients_prepare_them(server: RailForgeServer) -> None:
    header = DatabaseOptions.AUTHORIZATION_HEADER.value
    token = token_with(server, "caller-adbc", "caller", tenant="1")
    with (
        adbc.connect(server.flight, db_kwargs={header: f"Bearer {token}"}, autocommit=True) as connected,
        connected.cursor() as cursor,
    ):
        schema = cursor.adbc_prepare("EXECUTE fetch_and_aggregate_users(?, since => ?)")
        assert [str(field.type) for field in schema or ()] == ["list<item: int32>", "date32[day]"]
        cursor.execute("EXECUTE words(?)", ["x"])
        assert cursor.fetchall() == [("x!", "x")]


def test_without_roles_everybody_runs_them(shop: Served, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("open")
    (folder / "count.sql").write_text("SELECT count(*) FROM orders WHERE channel = :channel;\n-- the end")
    query = (
        '[[query]]\nname = "orders_of"\nsql_file = "count.sql"\ncatalog = "shop"\n'
        'parameters = [{ name = "channel", type = "text" }]\n'
    )
    config = configuration(folder, source(shop.url), query)
    with (
        RailForgeServer({}, arguments=(*config, *NO_REFRESH)) as started,
        rail_forge.connect(started.flight) as client,
    ):
        client.refresh("orders")
        [(count,)] = client.queries.orders_of(channel="app").rows()
        wanted = in_postgres(shop.url, "SELECT count(*) FROM orders WHERE channel = 'app'")
        assert [(count,)] == wanted
        # The same answer is kept, and is another for another value.
        assert client.queries.orders_of(channel="app").rows() == wanted
        assert client.queries.orders_of(channel="no such").rows() == [(0,)]


def test_the_page_says_how(shop: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "stored-queries.md").read_text()
    [config] = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    imported, executed = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    with server_with_roles(
        tmp_path, config.replace('url_env = "SHOP_URL"', f'url = "{shop.url}"')
    ) as started:
        monkeypatch.setenv("RAIL_FORGE_URL", started.flight)
        token = token_with(started, "page", "dashboard", customer="1")
        monkeypatch.setenv("RAIL_FORGE_TOKEN", token)
        rail_forge.queries.configure(None)
        names: dict[str, Any] = {"date": date}
        code = compile(imported, "stored-queries.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

        async def run() -> list[tuple[object, ...]]:
            running: Any = eval(code, names)
            await running
            rows: list[tuple[object, ...]] = await names["result"].rows()
            return rows

        wanted = """
            SELECT channel, count(*), sum(total) FROM orders
            WHERE customer_id = 1 AND channel IN ('app', 'web') AND placed_at >= '2024-06-01'
            GROUP BY channel ORDER BY channel
        """
        assert asyncio.run(run()) == in_postgres(shop.url, wanted)
        with rail_forge.connect(started.flight, token) as client:
            assert client.sql(executed).rows() == in_postgres(shop.url, wanted)
    rail_forge.queries.configure(None)
