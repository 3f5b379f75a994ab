"""Connections of Arrow's JDBC driver: logins, cancelling, what is not read to its end, errors, odd tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import computed, refresh
from java import JavaError, JavaObject, dictionaries, jdbc_url, labels
from tokens import REFUSED
from waiting import until, until_idle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase, Serve, Served
    from java import Jvm

    from rail_forge_testbed.server import RailForgeServer

# Until its client goes away. Numbers that differ keep one from being answered with the result of another.
ENDLESS = "SELECT count(*) FROM orders a, orders b, orders c, orders d WHERE a.id + b.id + c.id + d.id = -{}"
WIDE = 1_000
ODD = '"Odd ""Schema"""."it\'s a.100% ""näme"""'


@pytest.fixture(scope="module")
def connection(jvm: Jvm, shop: Served) -> Iterator[JavaObject]:
    with jvm.connected(jdbc_url(shop.server)) as opened:
        yield opened


@pytest.fixture
def statement(connection: JavaObject) -> Iterator[JavaObject]:
    opened = connection.createStatement()
    yield opened
    opened.close()


def one(connection: JavaObject) -> list[tuple[object, ...]]:
    statement = connection.createStatement()
    rows = statement.executeQuery("SELECT 1 AS one").rows()
    statement.close()
    return list(rows)


@pytest.mark.parametrize("way", ["token", "user"])
def test_a_login(way: str, jvm: Jvm, guarded: RailForgeServer, reader_token: str) -> None:
    shown = {"token": reader_token} if way == "token" else {"user": "reader", "password": reader_token}
    with jvm.connected(jdbc_url(guarded, **shown)) as connection:
        assert one(connection) == [(1,)]
        assert connection.isValid(5)
    assert connection.isClosed()


@pytest.mark.parametrize(
    "shown",
    [{"token": "rf_0123456789abcdef_wrong"}, {"user": "reader", "password": "wrong"}],
    ids=["token", "password"],
)
def test_a_wrong_login(shown: dict[str, str], jvm: Jvm, guarded: RailForgeServer) -> None:
    with pytest.raises(JavaError, match=REFUSED) as refused, jvm.connected(jdbc_url(guarded, **shown)):
        pass
    assert refused.value.kind == "SQLException"
    assert "wrong" not in refused.value.message.replace(REFUSED, "")


def test_without_a_login(jvm: Jvm, guarded: RailForgeServer) -> None:
    """The driver connects without a call; the first one is refused."""
    with jvm.connected(jdbc_url(guarded)) as connection, pytest.raises(JavaError, match=REFUSED):
        one(connection)


def test_nobody_listens(jvm: Jvm) -> None:
    nowhere = "jdbc:arrow-flight-sql://127.0.0.1:1?useEncryption=false"
    with jvm.connected(nowhere) as connection, pytest.raises(JavaError, match=r"UNAVAILABLE|io exception"):
        one(connection)


def test_options_of_the_session_are_in_the_address(jvm: Jvm, shop: Served) -> None:
    url = jdbc_url(shop.server, **{"x-rail-forge-timezone": "Europe/Berlin"})
    with jvm.connected(url) as connection:
        result = connection.createStatement().executeQuery(
            "SELECT '2024-07-01 12:00Z'::timestamptz::text AS t"
        )
        assert result.rows() == [("2024-07-01 14:00:00+02",)]


def test_statements_are_executed_in_every_way(connection: JavaObject) -> None:
    statement = connection.createStatement()
    assert statement.execute("SELECT 1 AS one") is True
    assert statement.getResultSet().rows() == [(1,)]
    assert statement.getMoreResults() is False
    assert statement.getUpdateCount() == -1
    statement.setMaxRows(3)
    statement.setFetchSize(2)
    assert statement.executeQuery("SELECT id FROM orders ORDER BY id").rows() == [(1,), (2,), (3,)]
    statement.close()
    assert connection.getWarnings() is None
    for name in ("commit", "rollback"):
        getattr(connection, name)()


def test_a_large_result_arrives_whole(statement: JavaObject, shop: Served) -> None:
    rows = statement.executeQuery("SELECT id FROM order_line").rows("getLong")
    assert len(rows) == len(set(rows)) == shop.rows["order_line"]


def test_a_result_is_closed_early(connection: JavaObject, shop: Served) -> None:
    statement = connection.createStatement()
    result = statement.executeQuery("SELECT * FROM order_line AS a, region")
    assert result.next()
    result.close()
    assert result.isClosed()
    statement.close()
    assert one(connection) == [(1,)]
    until_idle(shop.server.pid)


def test_a_running_query_is_cancelled(connection: JavaObject, shop: Served) -> None:
    before = computed(shop.server)
    statement = connection.createStatement()
    running = statement.start("executeQuery", ENDLESS.format(1))
    until(lambda: computed(shop.server) > before, "the query runs")
    statement.cancel()
    with pytest.raises(JavaError):
        running.join()
    statement.close()
    until_idle(shop.server.pid)
    assert one(connection) == [(1,)]


def test_a_query_has_a_timeout(connection: JavaObject, shop: Served) -> None:
    statement = connection.createStatement()
    statement.setQueryTimeout(1)
    assert statement.getQueryTimeout() == 1
    with pytest.raises(JavaError) as error:
        statement.executeQuery(ENDLESS.format(2))
    statement.close()
    until_idle(shop.server.pid)
    assert "imeout" in str(error.value)
    assert one(connection) == [(1,)]


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT totl FROM orders", 'did you mean "total"'),
        ("SELECT * FROM ordres", "did you mean shop.public.orders"),
        ("DELETE FROM orders", "changes nothing"),
        ("CREATE TABLE t (id integer)", "changes nothing"),
        ("SELEC 1", "Line: 1, Column: 1"),
        ("SELECT 1 / (id - id) FROM orders", "division by zero"),
        ("", "statement"),
    ],
)
def test_errors_arrive_in_the_servers_words(sql: str, text: str, connection: JavaObject) -> None:
    with pytest.raises(JavaError, match=text) as error:
        connection.createStatement().executeQuery(sql).rows()
    assert error.value.kind in ("SQLException", "RuntimeException")
    with pytest.raises(JavaError, match=text):
        connection.prepareStatement(sql).executeQuery().rows()
    assert one(connection) == [(1,)]


def test_updates_are_refused(connection: JavaObject) -> None:
    with pytest.raises(JavaError, match="changes nothing"):
        connection.createStatement().executeUpdate("UPDATE orders SET total = 0")


@pytest.fixture(scope="module")
def odd(new_database: NewDatabase) -> str:
    columns = ", ".join(f"c{number} integer DEFAULT {number}" for number in range(WIDE))
    return new_database(
        'CREATE SCHEMA "Odd ""Schema"""',
        f'CREATE TABLE {ODD} ("a.b" integer, "?" integer, " " text, "SELECT" text)',
        f"INSERT INTO {ODD} VALUES (1, 2, 'x', NULL)",
        "CREATE TABLE empty (id integer PRIMARY KEY, note text)",
        f"CREATE TABLE wide ({columns})",
        "INSERT INTO wide DEFAULT VALUES",
    )


@pytest.fixture
def odd_connection(
    jvm: Jvm, odd: str, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JavaObject]:
    config = tmp_path_factory.mktemp("odd") / "rail-forge.toml"
    config.write_text(
        f"""[[source]]\nname = "Odd one"\nurl = "{odd}"\nschemas = ["public", 'Odd "Schema"']\n"""
    )
    server = serve({}, "--config", str(config))
    refresh(server)
    with jvm.connected(jdbc_url(server)) as opened:
        yield opened


def test_tables_of_all_shapes_and_names(odd_connection: JavaObject) -> None:
    statement = odd_connection.createStatement()
    result = statement.executeQuery(f"SELECT * FROM {ODD}")
    assert labels(result) == ["a.b", "?", " ", "SELECT"]
    assert result.rows() == [(1, 2, "x", None)]
    told = odd_connection.getMetaData()
    [odd] = dictionaries(told.getTables("Odd one", 'Odd "Schema"', "%", None))
    assert odd["TABLE_NAME"] == 'it\'s a.100% "näme"'
    escaped = odd["TABLE_NAME"].replace("%", "\\%")
    columns = dictionaries(told.getColumns("Odd one", 'Odd "Schema"', escaped, "%"))
    assert [column["COLUMN_NAME"] for column in columns] == ["a.b", "?", " ", "SELECT"]

    # As a Statement, this version of the driver tells the columns of a result without rows twice. A batch
    # without rows would not help: it reads on until one has some.
    empty = odd_connection.prepareStatement("SELECT * FROM empty").executeQuery()
    assert labels(empty) == ["id", "note"]
    assert empty.rows() == []
    wide = statement.executeQuery("SELECT * FROM wide")
    assert wide.rows() == [tuple(range(WIDE))]
    assert len(dictionaries(told.getColumns(None, "public", "wide", None))) == WIDE
    statement.close()
