"""Options that a client sets once for all its queries: by Flight's actions, known by a cookie."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest
from adbc_driver_flightsql import ConnectionOptions, DatabaseOptions
from conftest import refresh, run
from cookies import SESSION, CookieJar
from error_details import Listening
from flight_messages import (
    CLOSED,
    INVALID_NAME,
    INVALID_VALUE,
    close_session,
    get_options,
    options_body,
    set_options,
)
from flight_sql_messages import command, descriptor, prepare, read
from pyarrow import flight
from tokens import create_token, guarded_server, stock_client

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conftest import NewDatabase, Serve, Served

    from rail_forge_testbed.server import RailForgeServer

HOUR = "SELECT extract(hour FROM timestamptz '2024-01-01 12:00:00+00')::int AS h"
DEFAULTS = {
    "catalog": "shop",
    "schema": "public",
    "timezone": "UTC",
    "priority": "interactive",
    "views": False,
}
ENDED = "the session has ended"
WITH_COOKIES = {DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value: "true"}
OPTION = ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value


class Client:
    """A stock client with a cookie jar."""

    def __init__(self, server: RailForgeServer, jar: CookieJar | None = None, *others: Any) -> None:
        self.jar = jar or CookieJar()
        self.flight = flight.connect(server.flight, middleware=[self.jar, *others])

    def hour(self, headers: Mapping[str, str] | None = None) -> int:
        encoded = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        options = flight.FlightCallOptions(headers=encoded)
        asked = flight.FlightDescriptor.for_command(HOUR.encode())
        [endpoint] = self.flight.get_flight_info(asked, options).endpoints
        [hour] = self.flight.do_get(endpoint.ticket, options).read_all()["h"].to_pylist()
        return int(hour)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        table = read(self.flight, flight.FlightDescriptor.for_command(sql.encode()))
        return [tuple(row.values()) for row in table.to_pylist()]


@contextmanager
def connected(server: RailForgeServer, jar: CookieJar | None = None, *others: Any) -> Iterator[Client]:
    client = Client(server, jar, *others)
    with client.flight:
        yield client


@pytest.fixture
def client(shop: Served) -> Iterator[Client]:
    with connected(shop.server) as opened:
        yield opened


def test_options_are_those_of_all_queries_until_they_are_reset(client: Client) -> None:
    assert client.hour() == 12
    assert set_options(client.flight, timezone="Asia/Tokyo") == {}
    assert client.hour() == 21
    assert set_options(client.flight, schema="attic") == {}
    assert client.hour() == 21
    with pytest.raises(KeyError, match="orders"):
        client.rows("SELECT id FROM orders")
    assert set_options(client.flight, schema=None) == {}
    assert len(client.rows("SELECT id FROM orders LIMIT 1")) == 1
    assert set_options(client.flight, timezone="") == {}
    assert client.hour() == 12


def test_the_catalogue_is_chosen(new_database: NewDatabase, serve: Serve) -> None:
    one, other = (new_database(f"CREATE TABLE t AS SELECT {number} AS id") for number in (1, 2))
    server = serve({"one": one, "other": other})
    refresh(server)
    with connected(server) as client:
        assert client.rows("SELECT id FROM t") == [(1,)]
        assert set_options(client.flight, catalog="other") == {}
        assert client.rows("SELECT id FROM t") == [(2,)]
        assert client.rows("SELECT id FROM one.public.t") == [(1,)]
    connection: Any = adbc.connect(server.flight, autocommit=True, db_kwargs=WITH_COOKIES)
    with connection, connection.cursor() as cursor:
        connection.adbc_current_catalog = "other"
        assert (connection.adbc_current_catalog, connection.adbc_current_db_schema) == ("other", "public")
        cursor.execute("SELECT id FROM t")
        assert cursor.fetchall() == [(2,)]
        with pytest.raises(adbc.Error, match=r"'catalog' \(invalid value\)"):
            connection.adbc_current_catalog = "attic"
        assert connection.adbc_current_catalog == "other"


def test_headers_come_before_options(client: Client) -> None:
    set_options(client.flight, timezone="Asia/Tokyo")
    assert client.hour({"x-rail-forge-timezone": "America/New_York"}) == 7
    assert client.hour({"x-rail-forge-priority": "batch"}) == 21


def test_each_option_is_told_what_is_wrong_with_it(client: Client) -> None:
    wrong = {
        "catalog": "attic",
        "schema": "x" * 300,
        "timezone": "Mars/Olympus",
        "cache_control": "no-store",
        "max_staleness": -1,
        "priority": 3,
        "views": ["true"],
    }
    errors = set_options(client.flight, colour="red", Catalog=None, **wrong)
    assert errors == {"colour": INVALID_NAME, "Catalog": INVALID_NAME, **dict.fromkeys(wrong, INVALID_VALUE)}
    # Nothing was set, so that there is no session.
    assert client.jar.changes == 0
    assert set_options(client.flight, timezone="Asia/Tokyo", max_staleness="soon") == {
        "max_staleness": INVALID_VALUE
    }
    assert client.hour() == 21


def test_only_who_sets_an_option_gets_a_cookie(client: Client) -> None:
    client.hour()
    list(client.flight.list_actions())
    prepare(client.flight, HOUR)
    assert set_options(client.flight) == {}
    assert set_options(client.flight, schema=None) == {}
    assert client.jar.changes == 0
    set_options(client.flight, schema="public")
    cookie = client.jar.cookies[SESSION]
    assert len(cookie) == 32
    set_options(client.flight, timezone="Asia/Tokyo")
    client.hour()
    assert (client.jar.changes, client.jar.cookies) == (1, {SESSION: cookie})


def test_the_options_are_told_with_their_defaults(client: Client) -> None:
    with pytest.raises(pa.ArrowInvalid, match="there is no session; set an option"):
        get_options(client.flight)
    set_options(client.flight, cache_control="no-cache", max_staleness=2.5, views=True)
    told = {**DEFAULTS, "cache_control": "no-cache", "max_staleness": 2.5, "views": True}
    assert get_options(client.flight) == told
    set_options(client.flight, cache_control=None, max_staleness=None, views="false", priority="batch")
    assert get_options(client.flight) == {**DEFAULTS, "priority": "batch"}
    set_options(client.flight, priority=None)
    assert get_options(client.flight) == DEFAULTS


def test_what_is_closed_is_forgotten(client: Client, shop: Served) -> None:
    set_options(client.flight, timezone="Asia/Tokyo")
    kept = CookieJar(**client.jar.cookies)
    assert close_session(client.flight) == CLOSED
    assert client.jar.cookies == {}
    assert client.hour() == 12
    with pytest.raises(KeyError, match="there is no session"):
        close_session(client.flight)
    listening = Listening()
    with connected(shop.server, kept, listening) as other:
        with pytest.raises(KeyError, match=ENDED):
            other.hour()
        assert listening.error_info().reason == "UNKNOWN_SESSION"
        # Whoever was told goes on without one.
        assert kept.cookies == {}
        assert other.hour() == 12


@pytest.mark.parametrize("cookie", ["0" * 32, "x", "", "F" * 32, "a" * 10_000])
def test_an_unknown_session_can_be_begun_anew(cookie: str, shop: Served) -> None:
    with connected(shop.server, CookieJar(**{SESSION: cookie, "proxy": "3"})) as client:
        for call in (client.hour, lambda: get_options(client.flight), lambda: close_session(client.flight)):
            client.jar.cookies[SESSION] = cookie
            with pytest.raises(KeyError, match=ENDED):
                call()
            assert client.jar.cookies == {"proxy": "3"}
        client.jar.cookies[SESSION] = cookie
        assert set_options(client.flight, timezone="Asia/Tokyo") == {}
        assert client.jar.cookies[SESSION] != cookie
        assert client.hour() == 21


def test_handles_and_tickets_keep_their_options(client: Client) -> None:
    set_options(client.flight, timezone="Asia/Tokyo")
    handle = prepare(client.flight, HOUR).prepared_statement_handle
    info = client.flight.get_flight_info(descriptor("CommandStatementQuery", query=HOUR))
    set_options(client.flight, timezone="America/New_York")
    kept = client.jar.cookies[SESSION]
    for cookies in ({SESSION: kept}, {}, {SESSION: "0" * 32}):
        client.jar.cookies = cookies
        table = command(client.flight, "CommandPreparedStatementQuery", prepared_statement_handle=handle)
        assert table["h"].to_pylist() == [21]
        assert client.flight.do_get(info.endpoints[0].ticket).read_all()["h"].to_pylist() == [21]


def test_a_session_is_its_principals_alone(serve: Serve) -> None:
    server = guarded_server(serve)
    tokens = [create_token(server, name) for name in ("owner", "stranger")]
    with stock_client(server, f"Bearer {tokens[0]}") as plain:
        listed = list(plain.do_action(("SetSessionOptions", options_body({"timezone": "Asia/Tokyo"}))))
        assert len(listed) == 1
    jar = CookieJar()

    def client(token: str, cookies: CookieJar) -> flight.FlightClient:
        shown = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])
        opened = flight.connect(server.flight, middleware=[cookies])
        return opened, shown

    owner, as_owner = client(tokens[0], jar)
    list(owner.do_action(("SetSessionOptions", options_body({"timezone": "Asia/Tokyo"})), as_owner))
    stranger, as_stranger = client(tokens[1], CookieJar(**jar.cookies))
    asked = flight.FlightDescriptor.for_command(HOUR.encode())
    with owner, stranger:
        with pytest.raises(KeyError, match=ENDED):
            stranger.get_flight_info(asked, as_stranger)
        stranger_again, _ = client(tokens[1], CookieJar(**jar.cookies))
        with stranger_again, pytest.raises(KeyError, match=ENDED):
            list(stranger_again.do_action(("CloseSession", b""), as_stranger))
        [endpoint] = owner.get_flight_info(asked, as_owner).endpoints
        assert owner.do_get(endpoint.ticket, as_owner).read_all()["h"].to_pylist() == [21]


def test_an_idle_session_ends(shop: Served, serve: Serve) -> None:
    # It is idle for longer between any two calls.
    server = serve({"shop": shop.url}, "--session-timeout", "1ns")
    with connected(server) as client:
        set_options(client.flight, timezone="Asia/Tokyo")
        with pytest.raises(KeyError, match=ENDED):
            client.hour()
        assert client.hour() == 12


def test_where_there_are_too_many_the_idlest_ends(shop: Served, serve: Serve) -> None:
    server = serve({"shop": shop.url}, "--max-sessions", "10", "--max-sessions-of-principal", "2")
    with connected(server) as first, connected(server) as second, connected(server) as third:
        for client in (first, second):
            set_options(client.flight, timezone="Asia/Tokyo")
        assert first.hour() == 21
        set_options(third.flight, timezone="Asia/Tokyo")
        assert (first.hour(), third.hour()) == (21, 21)
        with pytest.raises(KeyError, match=ENDED):
            second.hour()


def test_a_restart_ends_sessions_and_says_so_once(shop: Served, serve: Serve) -> None:
    server = serve({"shop": shop.url})
    with connected(server) as client:
        set_options(client.flight, timezone="Asia/Tokyo")
    server.stop()
    server.start()
    with connected(server, client.jar) as again:
        with pytest.raises(KeyError, match=ENDED):
            again.hour()
        assert again.hour() == 12


def test_the_cache_and_freshness_are_chosen(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t AS SELECT 1 AS id")
    server = serve({"shop": url})
    refresh(server)
    count = "SELECT count(*) FROM t"
    with connected(server) as client, rail_forge.connect(server.flight) as watching:

        def computed() -> int:
            results = watching.status().results
            assert results is not None
            return results.misses

        assert client.rows(count) == [(1,)]
        before = computed()
        assert client.rows(count) == [(1,)]
        assert computed() == before
        set_options(client.flight, cache_control="no-cache")
        assert client.rows(count) == [(1,)]
        assert computed() > before
        run(url, "INSERT INTO t VALUES (2)")
        assert client.rows(count) == [(1,)]
        set_options(client.flight, cache_control=None, max_staleness=0)
        assert client.rows(count) == [(2,)]


def test_what_cannot_be_read_is_refused(client: Client) -> None:
    for action in ("SetSessionOptions", "GetSessionOptions", "CloseSession"):
        with pytest.raises(pa.ArrowInvalid, match=f"the body of {action} cannot be read"):
            list(client.flight.do_action((action, b"\xff\xff")))
    many = {f"option {number}": "x" for number in range(100)}
    with pytest.raises(pa.ArrowInvalid, match="at most 64 options"):
        set_options(client.flight, **many)


def test_adbc_sets_tells_and_resets_options(shop: Served) -> None:
    connection: Any = adbc.connect(shop.server.flight, autocommit=True, db_kwargs=WITH_COOKIES)
    with connection, connection.cursor() as cursor:
        own = connection.adbc_connection
        own.set_options(**{f"{OPTION}timezone": "Asia/Tokyo", f"{OPTION}max_staleness": 3600})
        assert own.get_option(f"{OPTION}timezone") == "Asia/Tokyo"
        assert own.get_option_float(f"{OPTION}max_staleness") == 3600.0
        cursor.execute(HOUR)
        assert cursor.fetchall() == [(21,)]
        own.set_options(**{f"{ConnectionOptions.OPTION_ERASE_SESSION_OPTION_PREFIX.value}timezone": ""})
        assert own.get_option(f"{OPTION}timezone") == "UTC"
        # The cursor would execute the statement that it has prepared, with the options of then.
        with connection.cursor() as other:
            other.execute(HOUR)
            assert other.fetchall() == [(12,)]
        with pytest.raises(adbc.Error, match=r"'colour' \(invalid name\)"):
            own.set_options(**{f"{OPTION}colour": "red"})


def test_adbc_closes_its_session(shop: Served, serve: Serve) -> None:
    server = serve({"shop": shop.url}, "--max-sessions-of-principal", "2")
    with connected(server) as idle:
        set_options(idle.flight, timezone="Asia/Tokyo")
        for _ in range(3):
            with adbc.connect(server.flight, autocommit=True, db_kwargs=WITH_COOKIES) as connection:
                connection.adbc_current_db_schema = "public"
        # It would have made way for the third.
        assert idle.hour() == 21
