"""Roles: what no grant names is as unknown as what there is not, wherever names are looked up or listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc
import pyarrow as pa
import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, number, run
from cookies import CookieJar
from flight_messages import INVALID_VALUE, cancel, get_options, renew, set_options
from flight_sql_messages import command, read
from grpc_calls import FLIGHT, call, channel, reason
from identity_provider import IdentityProvider, curve_key
from pyarrow import flight
from roles import ADMIN, client_of, grant, role, rows, server_with_roles, token_with
from substrait_plans import plan_descriptor, prepare_plan, root
from substrait_plans import read as plan_read
from test_oidc import table as oidc
from tls_clients import make_files, settings
from tokens import SOURCE, create_token, revoke_token, stock_client

import rail_forge
from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.server import RailForgeServer

DATABASE = [
    "CREATE TABLE customer (id integer PRIMARY KEY, name text, canary_card text)",
    "INSERT INTO customer SELECT i, 'name ' || i, 'card ' || i FROM generate_series(1, 10) AS i",
    """CREATE TABLE orders (
           id integer PRIMARY KEY, customer integer REFERENCES customer, canary_margin integer, area integer,
           canary_of integer)""",
    "INSERT INTO orders SELECT i, i, i * 7, i % 2, NULL FROM generate_series(1, 10) AS i",
    "CREATE TABLE canary_wages (id integer PRIMARY KEY, orders integer REFERENCES orders)",
    "INSERT INTO canary_wages SELECT i, i FROM generate_series(1, 3) AS i",
    "ALTER TABLE orders ADD FOREIGN KEY (canary_of) REFERENCES canary_wages",
    "CREATE TABLE customer_area (area integer, name text)",
    "CREATE TABLE live_customer AS SELECT * FROM customer",
    "CREATE SCHEMA canary_schema",
    "CREATE TABLE canary_schema.orders AS SELECT 1 AS id",
    "CREATE TABLE canary_schema.customer_area AS SELECT 1 AS area",
]
ISSUER = """
[[oidc]]
name = "corp"
issuer = "https://login.example.org"
audience = "rail-forge"
roles_claim = "roles"
"""
SEEN = ["customer", "customer_area", "live_customer", "orders"]
COLUMNS = {
    "customer": ["id", "name"],
    "customer_area": ["area", "name"],
    "live_customer": ["id", "name"],
    "orders": ["id", "customer", "area"],
}


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> str:
    return new_database(*DATABASE)


@pytest.fixture(scope="module")
def server(
    url: str, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RailForgeServer]:
    other = new_database("CREATE TABLE canary_of_other AS SELECT 1 AS id")
    schemas = 'schemas = ["public", "canary_schema"]'
    blocks = [
        source(url, 'mode = "full"', schemas, tables={"public.live_customer": 'mode = "live"'}),
        source(other, name="canary_source"),
        role(
            "analyst",
            grant(schemas=["public"], tables=["orders"], **{"except": ["canary_*"]}),
            grant(schemas=["public"], tables=["customer", "live_c*"], columns=["id", "name"]),
            grant(schemas=["public"], tables=["customer_*"]),
        ),
        role("refresher", grant(schemas=["public"], tables=["customer_area"]), refresh=True),
        role("keyless", grant(schemas=["public"], tables=["orders"], columns=["customer", "area"])),
        role("area", grant(schemas=["public"], tables=["orders"], rows="area = claim('area')")),
        role("second", grant("canary_source")),
        role(
            "unseen",
            grant(schemas=["public"], tables=["customer_area"]),
            grant(schemas=["canary_schema"], columns=["no_such_column"]),
            grant("canary_source", columns=["no_such_column"]),
        ),
        role("named", grant(schemas=["public"], columns=["name"]), refresh=True),
    ]
    with server_with_roles(tmp_path_factory.mktemp("roles"), *blocks) as started:
        yield started


@pytest.fixture(scope="module")
def token(server: RailForgeServer) -> str:
    return token_with(server, "ada", "analyst")


@pytest.fixture(scope="module")
def analyst(server: RailForgeServer, token: str) -> Iterator[rail_forge.Client]:
    with rail_forge.connect(server.flight, token) as client:
        yield client


@pytest.fixture(scope="module")
def admin(server: RailForgeServer) -> Iterator[rail_forge.Client]:
    with client_of(server, "other_admin", "admin") as client:
        yield client


def error_of(client: rail_forge.Client, sql: str) -> tuple[type[Exception], str]:
    with pytest.raises(rail_forge.Error) as raised:
        rows(client, sql)
    return type(raised.value), str(raised.value)


def test_what_is_granted_is_read(analyst: rail_forge.Client) -> None:
    for table, columns in COLUMNS.items():
        assert analyst.sql(f"SELECT * FROM {table}").arrow().column_names == columns
    assert rows(analyst, "SELECT count(*), max(id) FROM orders") == [(10, 10)]
    assert rows(analyst, "SELECT name FROM live_customer WHERE id = 3") == [("name 3",)]
    joined = "SELECT count(*) FROM orders AS o JOIN customer AS c ON c.id = o.customer"
    assert rows(analyst, joined) == [(10,)]


@pytest.mark.parametrize(
    ("hidden", "unknown"),
    [
        ("canary_wages", "unknown_wages"),
        ("public.canary_wages", "public.unknown_wages"),
        ('"shop"."public"."canary_wages"', '"shop"."public"."unknown_wages"'),
        ("canary_schema.orders", "unknown_schema.orders"),
        ("canary_schema.customer_area", "unknown_schema.customer_area"),
        ("canary_source.public.canary_of_other", "unknown_source.public.unknown_of_other"),
    ],
)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {t}",
        "EXPLAIN SELECT * FROM {t}",
        "SHOW COLUMNS FROM {t}",
        "WITH s AS (SELECT 1 FROM {t}) SELECT 1",
        "SELECT (SELECT count(*) FROM {t})",
        "SELECT 1 FROM orders WHERE EXISTS (SELECT 1 FROM {t})",
        "SELECT * FROM orders AS o, LATERAL (SELECT * FROM {t}) AS s",
        "SELECT 1 UNION ALL SELECT 2 FROM {t}",
        "SELECT count(*) FROM orders JOIN {t} USING (id)",
    ],
)
def test_a_hidden_table_is_one_that_there_is_not(
    analyst: rail_forge.Client, sql: str, hidden: str, unknown: str
) -> None:
    told, expected = error_of(analyst, sql.format(t=hidden)), error_of(analyst, sql.format(t=unknown))
    assert told[0] is expected[0]
    assert told[1].replace("canary", "unknown") == expected[1]


@pytest.mark.parametrize("table", ["orders", "customer", "live_customer"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {c} FROM {t}",
        "SELECT t.{c} FROM {t} AS t",
        "SELECT 1 FROM {t} WHERE {c} IS NULL",
        "SELECT 1 FROM {t} ORDER BY {c}",
        "SELECT count(*) FROM {t} GROUP BY {c}",
        "SELECT count({c}) FROM {t}",
        "SELECT (t).{c} FROM {t} AS t",
        "SELECT 1 FROM {t} JOIN (SELECT 1 AS {c}) AS s USING ({c})",
    ],
)
def test_a_hidden_column_is_one_that_there_is_not(analyst: rail_forge.Client, sql: str, table: str) -> None:
    hidden, unknown = (
        ("canary_margin", "unknown_margin") if table == "orders" else ("canary_card", "unknown_card")
    )
    told = error_of(analyst, sql.format(t=table, c=hidden))
    expected = error_of(analyst, sql.format(t=table, c=unknown))
    assert told[0] is expected[0]
    assert told[1].replace("canary", "unknown") == expected[1]


def test_a_plan_reads_what_may_be_read(server: RailForgeServer, token: str) -> None:
    with stock_client(server, f"Bearer {token}") as client:
        plan = root(plan_read("orders", "id", "area"), "id", "area")
        assert read(client, plan_descriptor(plan)).num_rows == 10

        def told(table: str, column: str) -> tuple[type, str]:
            with pytest.raises((pa.ArrowInvalid, KeyError)) as raised:
                prepare_plan(client, root(plan_read(table, column), "x"))
            return type(raised.value), str(raised.value)

        for hidden, unknown in [
            (("canary_wages", "id"), ("unknown_wages", "id")),
            (("canary_schema.orders", "id"), ("unknown_schema.orders", "id")),
            (("orders", "canary_margin"), ("orders", "unknown_margin")),
            (("live_customer", "canary_card"), ("live_customer", "unknown_card")),
        ]:
            kind, words = told(*hidden)
            assert (kind, words.replace("canary", "unknown")) == told(*unknown)


def test_nothing_hidden_is_proposed(analyst: rail_forge.Client) -> None:
    for sql in (
        "SELECT * FROM canary_wage",
        "SELECT * FROM canary_of_othe",
        "SELECT canary_margi FROM orders",
        "SELECT o.canary_margi FROM orders AS o",
        "SELECT canary_car FROM live_customer",
    ):
        _, message = error_of(analyst, sql)
        assert "did you mean" not in message or "canary" not in message.partition("did you mean")[2]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM information_schema.views",
        "SELECT * FROM information_schema.schemata",
        "SHOW TABLES",
        "SHOW COLUMNS FROM orders",
        "SELECT row_to_json(o)::text FROM orders AS o",
        "SELECT row_to_json(c)::text FROM customer AS c",
        "SELECT * FROM (SELECT * FROM orders) AS s NATURAL JOIN customer_area",
        "SELECT * FROM live_customer AS c",
        "EXPLAIN SELECT * FROM customer_area",
    ],
)
def test_nothing_hidden_is_listed(analyst: rail_forge.Client, admin: rail_forge.Client, sql: str) -> None:
    assert "canary" not in str(analyst.sql(sql).arrow().to_pydict())
    rows(admin, sql)


def test_information_schema_lists_what_may_be_read(analyst: rail_forge.Client) -> None:
    listed = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
    assert [name for (name,) in rows(analyst, listed)] == SEEN
    columns = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position"
    )
    for table, expected in COLUMNS.items():
        assert [name for (name,) in rows(analyst, columns, [table])] == expected


def test_schemas_of_which_nothing_may_be_read_are_unknown(server: RailForgeServer) -> None:
    token = token_with(server, "sees_nothing_of_them", "unseen")
    with rail_forge.connect(server.flight, token) as client:
        schemata = "SELECT catalog_name, schema_name FROM information_schema.schemata"
        assert rows(client, schemata) == [("shop", "public")]
        assert "canary" not in str(rows(client, "SELECT * FROM information_schema.tables"))
    with stock_client(server, f"Bearer {token}") as stock:
        for name in ("CommandGetCatalogs", "CommandGetDbSchemas"):
            assert "canary" not in str(command(stock, name).to_pydict())


def test_settings_are_for_those_who_may_read_everything(
    analyst: rail_forge.Client, admin: rail_forge.Client
) -> None:
    assert rows(admin, "SHOW ALL")
    for shown in ("ALL", "TIMEZONE", "datafusion.execution.batch_size"):
        with pytest.raises(rail_forge.AuthenticationError, match="SHOW of settings"):
            rows(analyst, f"SHOW {shown}")
    for view in ("df_settings", '"DF_SETTINGS"', "DF_Settings"):
        for sql in ("SELECT * FROM {t}", "WITH s AS (SELECT * FROM {t}) SELECT count(*) FROM s"):
            asked = sql.format(t=f"information_schema.{view}")
            assert rows(admin, asked)
            assert error_of(analyst, asked)[0] is rail_forge.NotFoundError


def test_names_are_looked_up_in_the_first_source_that_may_be_known(server: RailForgeServer) -> None:
    current = "SELECT current_database()"
    token = token_with(server, "sees_the_second", "second")
    with rail_forge.connect(server.flight, token) as client:
        assert rows(client, "SELECT * FROM canary_of_other") == [(1,)]
        assert rows(client, current) == [("canary_source",)]
        assert "shop" not in error_of(client, "SELECT * FROM customer")[1]
    with stock_client(server, f"Bearer {token}", CookieJar()) as client:
        assert set_options(client, schema="public") == {}
        assert get_options(client)["catalog"] == "canary_source"
    with client_of(server, "sees_no_source") as client:
        assert rows(client, current) == [("",)]
        assert error_of(client, "SELECT * FROM customer")[1] == "table customer does not exist"


def test_catalogue_commands_list_what_may_be_read(
    server: RailForgeServer, token: str, admin: rail_forge.Client
) -> None:
    everything = ("CommandGetCatalogs", "CommandGetDbSchemas", "CommandGetTables")
    with stock_client(server, f"Bearer {token}") as client:
        for name in everything:
            listed = command(client, name)
            assert listed.num_rows > 0
            assert "canary" not in str(listed.to_pydict())
        tables = command(client, "CommandGetTables", include_schema=True)
        assert tables["table_name"].to_pylist() == SEEN
        for table, schema in zip(SEEN, tables["table_schema"].to_pylist(), strict=True):
            assert pa.ipc.read_schema(pa.BufferReader(schema)).names == COLUMNS[table]
        assert command(client, "CommandGetTables", table_name_filter_pattern="canary%").num_rows == 0
    assert len(admin.status().tables) > len(SEEN)


def test_flights_list_what_may_be_read(server: RailForgeServer, token: str, admin: rail_forge.Client) -> None:
    with stock_client(server, f"Bearer {token}") as client:
        listed = list(client.list_flights())
        assert [info.descriptor.path for info in listed] == [[b"shop", b"public", t.encode()] for t in SEEN]
        assert list(client.list_flights(b"%canary%")) == []
        for table, info in zip(SEEN, listed, strict=True):
            assert b"canary" not in info.serialize()
            assert info.schema.names == COLUMNS[table]
            by_path = client.get_flight_info(flight.FlightDescriptor.for_path(table))
            assert info.schema.equals(by_path.schema, check_metadata=True)
            assert client.do_get(info.endpoints[0].ticket).read_all().column_names == COLUMNS[table]
        counts = {"customer": 10, "customer_area": 0, "live_customer": -1, "orders": 10}
        assert [info.total_records for info in listed] == [counts[table] for table in SEEN]
        # The bytes of the others are also of columns that are hidden.
        assert [info.total_bytes for info in listed] == [-1, 0, -1, -1]
    with stock_client(server, f"Bearer {token_with(server, 'lists_an_area', 'area', area='1')}") as client:
        [info] = client.list_flights()
        assert info.total_records == info.total_bytes == -1
        assert client.do_get(info.endpoints[0].ticket).read_all().num_rows == 5
    with stock_client(server, f"Bearer {token_with(server, 'lists_nothing')}") as client:
        assert list(client.list_flights()) == []
    with stock_client(server, f"Bearer {token_with(server, 'lists_everything', 'admin')}") as client:
        assert len(list(client.list_flights())) == len(admin.status().tables)
        assert len(list(client.list_flights(b"canary_source.%"))) == 1


def test_a_session_has_no_hidden_catalogue(server: RailForgeServer, token: str) -> None:
    refused = {"catalog": INVALID_VALUE}
    with stock_client(server, f"Bearer {token}", CookieJar()) as client:
        for hidden_or_unknown in ("canary_source", "unknown_source"):
            assert set_options(client, catalog=hidden_or_unknown) == refused
        assert set_options(client, catalog="shop") == {}
        assert get_options(client)["catalog"] == "shop"
    everything = f"Bearer {token_with(server, 'chooses_everything', 'admin')}"
    with stock_client(server, everything, CookieJar()) as client:
        assert set_options(client, catalog="canary_source") == {}
        assert get_options(client)["catalog"] == "canary_source"
    nothing = f"Bearer {token_with(server, 'chooses_nothing')}"
    with stock_client(server, nothing, CookieJar()) as client:
        assert set_options(client, catalog="shop", schema="public") == refused
        assert "catalog" not in get_options(client)


def test_polling_is_asking(server: RailForgeServer, token: str) -> None:
    with channel(server) as opened:

        def polled(*path: str) -> bytes:
            asked = flight.FlightDescriptor.for_path(*path).serialize()
            return call(opened, f"/{FLIGHT}/PollFlightInfo", asked, token)

        def refused(*path: str) -> tuple[str, str]:
            with pytest.raises(grpc.RpcError) as raised:
                polled(*path)
            assert raised.value.code() is grpc.StatusCode.NOT_FOUND
            return raised.value.details(), reason(raised.value).reason

        for path in (("orders",), ("public", "customer"), ("shop", "public", "live_customer")):
            answer = polled(*path)
            assert all(column.encode() in answer for column in COLUMNS[path[-1]])
            assert b"canary" not in answer
        for hidden in (
            ("canary_wages",),
            ("canary_schema", "orders"),
            ("canary_source", "public", "canary_of_other"),
        ):
            message, why = refused(*hidden)
            expected = refused(*(part.replace("canary", "unknown") for part in hidden))
            assert (message.replace("canary", "unknown"), why) == expected


def test_endpoints_and_queries_of_others_are_unknown(server: RailForgeServer, token: str) -> None:
    everything = f"Bearer {token_with(server, 'renews_everything', 'admin')}"
    nonsense = flight.FlightEndpoint(b"nonsense", [])
    with stock_client(server, everything) as owner, stock_client(server, f"Bearer {token}") as stranger:
        info = owner.get_flight_info(flight.FlightDescriptor.for_path("canary_wages"))
        [endpoint] = info.endpoints
        uses: list[Callable[[], object]] = [
            lambda: renew(stranger, nonsense),
            lambda: renew(stranger, endpoint),
            lambda: cancel(stranger, info),
        ]
        for use in uses:
            with pytest.raises(KeyError, match="no such ticket; ask for the FlightInfo again") as raised:
                use()
            assert "canary" not in str(raised.value)
        assert owner.do_get(endpoint.ticket).read_all().column_names == ["id", "orders"]


def test_a_renewed_endpoint_gives_what_its_holder_may_read(server: RailForgeServer) -> None:
    asked = flight.FlightDescriptor.for_path("orders")
    with stock_client(server, f"Bearer {token_with(server, 'keeps', 'admin')}") as client:
        [endpoint] = client.get_flight_info(asked).endpoints
        assert client.do_get(endpoint.ticket).read_all().num_columns == 5
    revoke_token(server, "keeps")
    with stock_client(server, f"Bearer {token_with(server, 'keeps', 'analyst')}") as client:
        renewed = flight.FlightEndpoint.deserialize(renew(client, endpoint))
        assert client.do_get(renewed.ticket).read_all().column_names == COLUMNS["orders"]
    revoke_token(server, "keeps")
    with stock_client(server, f"Bearer {token_with(server, 'keeps')}") as client:
        renewed = flight.FlightEndpoint.deserialize(renew(client, endpoint))
        with pytest.raises(KeyError, match="does not exist"):
            client.do_get(renewed.ticket).read_all()


def test_key_commands_tell_of_no_hidden_table_or_column(server: RailForgeServer, token: str) -> None:
    with stock_client(server, f"Bearer {token}") as client:
        for table in (*SEEN, "canary_wages"):
            for name in ("CommandGetPrimaryKeys", "CommandGetImportedKeys", "CommandGetExportedKeys"):
                assert "canary" not in str(command(client, name, table=table).to_pydict())
        assert command(client, "CommandGetPrimaryKeys", table="canary_wages").num_rows == 0
        [imported] = command(client, "CommandGetImportedKeys", table="orders").to_pylist()
        assert (imported["pk_table_name"], imported["fk_column_name"]) == ("customer", "customer")
        for pk, fk in (("orders", "canary_wages"), ("canary_wages", "orders")):
            assert command(client, "CommandGetCrossReference", pk_table=pk, fk_table=fk).num_rows == 0


def test_a_key_with_a_hidden_column_is_none(server: RailForgeServer) -> None:
    determined = "SELECT id, customer FROM orders GROUP BY id"
    for name, claims, keys in (("area", {"area": "1"}, 1), ("keyless", {}, 0)):
        token = token_with(server, f"keys_of_{name}", name, **claims)
        with stock_client(server, f"Bearer {token}") as client:
            assert command(client, "CommandGetPrimaryKeys", table="orders").num_rows == keys
            assert command(client, "CommandGetImportedKeys", table="orders").num_rows == 0
        with rail_forge.connect(server.flight, token) as client:
            if keys:
                assert len(rows(client, determined)) == 5
            else:
                error_of(client, "SELECT area, customer FROM orders GROUP BY area")
                error_of(client, determined)


def test_status_tells_what_may_be_known(
    server: RailForgeServer, analyst: rail_forge.Client, admin: rail_forge.Client
) -> None:
    told = analyst.status()
    assert "canary" not in str(told)
    assert sorted(table.table for table in told.tables) == SEEN
    sizes = {table.table: (table.rows, table.bytes) for table in told.tables}
    assert (sizes["orders"], sizes["customer_area"]) == ((10, None), (0, 0))
    assert [source.catalog for source in told.sources] == ["shop"]
    assert told.stored_bytes is None
    assert told.cache is None
    whole = admin.status()
    assert "canary_wages" in str(whole)
    assert whole.stored_bytes
    with client_of(server, "area_one", "area", area="1") as client:
        [orders] = client.status().tables
        assert (orders.table, orders.rows, orders.bytes) == ("orders", None, None)


def test_without_a_role_nothing_is_read(server: RailForgeServer) -> None:
    with client_of(server, "nobody") as nobody, client_of(server, "wrong", "analist") as wrong:
        for client in (nobody, wrong):
            assert rows(client, "SELECT 1") == [(1,)]
            for table in (*SEEN, "canary_wages"):
                kind, message = error_of(client, f"SELECT * FROM {table}")
                assert kind is rail_forge.NotFoundError
                assert message.startswith(f"table {table} does not exist")
            assert rows(client, "SELECT * FROM information_schema.tables") == []
            assert client.status().tables == []
            assert client.status().sources == []
            with pytest.raises(rail_forge.AuthenticationError, match="refresh = true"):
                client.refresh()


def test_refresh_is_a_right_of_its_own(
    server: RailForgeServer, url: str, analyst: rail_forge.Client, admin: rail_forge.Client
) -> None:
    for tables in ((), ("orders",), ("shop.public.customer_area",)):
        with pytest.raises(rail_forge.AuthenticationError, match="refresh = true"):
            analyst.refresh(*tables)
    for hidden in ("canary_wages", "canary_schema.orders", "canary_source.public.canary_of_other"):
        with pytest.raises(rail_forge.NotFoundError) as raised:
            analyst.refresh(hidden)
        with pytest.raises(rail_forge.NotFoundError) as expected:
            analyst.refresh(hidden.replace("canary", "unknown"))
        assert str(raised.value).replace("canary", "unknown") == str(expected.value)
    with client_of(server, "refreshes", "refresher") as client:
        assert [table.full_name for table in client.refresh()] == ["shop.public.customer_area"]
        assert [table.full_name for table in client.refresh("customer_area")] == ["shop.public.customer_area"]
        with pytest.raises(rail_forge.NotFoundError):
            client.refresh("orders")
    with client_of(server, "analyses_and_refreshes", "analyst", "refresher") as client:
        with pytest.raises(rail_forge.AuthenticationError, match="orders"):
            client.refresh("customer_area", "orders")
        assert [table.full_name for table in client.refresh()] == ["shop.public.customer_area"]
    run(url, "INSERT INTO canary_wages VALUES (4, 4)")
    admin.refresh("canary_wages")
    assert rows(admin, "SELECT count(*) FROM canary_wages") == [
        (number(url, "SELECT count(*) FROM canary_wages"),)
    ]


def test_whose_rows_are_hidden_hears_of_no_refresh(server: RailForgeServer) -> None:
    # Of orders, the role that refreshes shows no column, and so no row.
    with client_of(server, "counts_the_rest", "area", "named", area="1") as client:
        names = [table.table for table in client.refresh()]
        assert names == ["customer", "customer_area", "live_customer"]
        with pytest.raises(rail_forge.AuthenticationError, match="all of its rows"):
            client.refresh("orders")


def test_a_demand_for_fresh_tables_is_a_refresh(server: RailForgeServer, analyst: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.AuthenticationError, match="refresh = true"):
        analyst.sql("SELECT count(*) FROM orders", max_staleness=0).rows()
    assert analyst.sql("SELECT count(*) FROM orders", max_staleness=3600).rows() == [(10,)]
    with client_of(server, "refreshes_on_demand", "refresher") as client:
        assert client.sql("SELECT count(*) FROM customer_area", max_staleness=0).rows() == [(0,)]


def test_a_change_of_a_hidden_column_does_not_name_it(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t AS SELECT 1 AS id, 'x' AS seen, 'x' AS canary")
    some = {"except": ["canary"]}
    blocks = [
        role("columns", grant(**some)),
        role("rows", grant(rows="id = 1", **some)),
    ]
    with server_with_roles(tmp_path, source(url, 'mode = "live"'), *blocks) as server:
        names = ("columns", "rows")
        for name in names:
            with client_of(server, name, name) as client:
                assert rows(client, "SELECT * FROM t") == [(1, "x")]
        run(url, "ALTER TABLE t RENAME COLUMN canary TO canary_too")
        for name in names:
            with client_of(server, f"{name}_again", name) as client:
                for sql in ("SELECT id FROM t", "SELECT count(*) FROM t"):
                    assert "canary" not in error_of(client, sql)[1]
        assert server.log.count("canary") >= len(names)
        with client_of(server, "knows", "admin") as client:
            assert 'column "canary"' in error_of(client, "SELECT id FROM t")[1]
        run(
            url,
            "ALTER TABLE t RENAME COLUMN canary_too TO canary",
            "ALTER TABLE t ALTER seen TYPE varchar(9)",
        )
        with client_of(server, "knows_this_one", "columns") as client:
            assert 'column "seen"' in error_of(client, "SELECT id FROM t")[1]


def test_a_misspelt_column_is_told_when_its_table_has_come(url: str, tmp_path: Path) -> None:
    misspelt = role("misspelt", grant(tables=["customer"], **{"except": ["canary_crad"]}))
    told = 'role "misspelt": no table of a grant has a column "canary_crad"'
    with server_with_roles(tmp_path, source(url), misspelt) as server:
        assert server.log.count(told) == 1
        with client_of(server, "refreshes_again", "admin") as client:
            client.refresh()
        assert server.log.count(told) == 1


def test_a_token_with_roles_reads_nothing_where_there_are_none(
    url: str, serve: Serve, tmp_path: Path
) -> None:
    server = serve({}, *configuration(tmp_path, source(url)), *NO_REFRESH, authentication=True)
    with client_of(server, "without") as client:
        client.refresh("customer")
        assert rows(client, "SELECT count(*) FROM customer") == [(10,)]
    with client_of(server, "with", "analyst") as client:
        assert error_of(client, "SELECT * FROM customer")[0] is rail_forge.NotFoundError
        assert client.status().tables == []
        with pytest.raises(rail_forge.AuthenticationError):
            client.refresh()


def test_tokens_show_their_roles_and_claims(tmp_path: Path) -> None:
    place = ("--token-file", str(tmp_path / "tokens.json"))
    words = ("--role", "b", "--role", "a", "--claim", "tenant=3", "--claim", 'areas=["1","2"]')
    created = json.loads(run_cli("token", "create", "ada", *words, "--json", *place).stdout)
    assert created["roles"] == ["a", "b"]
    assert created["claims"] == {"tenant": "3", "areas": ["1", "2"]}
    [listed] = json.loads(run_cli("token", "list", "--json", *place).stdout)
    assert (listed["roles"], listed["claims"]) == (created["roles"], created["claims"])
    [line] = run_cli("token", "list", *place).stdout.splitlines()
    assert line.endswith('roles a, b  claims areas=["1","2"], tenant="3"')
    for wrong in ("tenant", "=3", "areas=[1", "areas=[1]"):
        ended = run_cli("token", "create", "bob", "--claim", wrong, *place)
        assert (ended.returncode, ended.stdout) == (2, "")
    twice = run_cli("token", "create", "bob", "--claim", "a=1", "--claim", "a=2", *place)
    assert twice.returncode == 2
    assert "given twice" in twice.stderr


def test_tokens_of_identity_providers_have_their_roles_and_claims(url: str, tmp_path: Path) -> None:
    of_an_area = role("area", grant(schemas=["public"], tables=["orders"], rows="area = claim('area')"))
    seen = "SELECT count(*), min(area), max(area) FROM orders"
    with IdentityProvider(curve_key("elliptic")) as provider:
        trusted = oidc(provider, 'roles_claim = "realm.groups"', 'claims = ["area"]')
        with server_with_roles(tmp_path, source(url), of_an_area, trusted) as server:

            def client(groups: list[str], **claims: object) -> rail_forge.Client:
                return rail_forge.connect(server.flight, provider.token(realm={"groups": groups}, **claims))

            with client(["area", "unknown"], area=1, other=2) as limited:
                assert rows(limited, seen) == [(5, 1, 1)]
            with client(["admin"]) as whole:
                assert rows(whole, seen) == [(10, 0, 1)]
            with client(["area"]) as incomplete:
                kind, message = error_of(incomplete, seen)
                assert (kind, 'claim "area"' in message) == (rail_forge.AuthenticationError, True)
            with client([], area=1) as nobody:
                assert error_of(nobody, seen)[0] is rail_forge.NotFoundError


def test_a_partner_gives_its_own_roles_alone(url: str, tmp_path: Path) -> None:
    of_areas = role("partner_area", grant(schemas=["public"], tables=["customer_area"]))
    with IdentityProvider(curve_key("elliptic")) as provider:
        trusted = oidc(provider, 'roles_claim = "groups"', 'roles = ["partner_*"]')
        with server_with_roles(tmp_path, source(url), of_areas, trusted) as server:
            for groups in (["admin", "partner_area"], "partner_area"):
                with rail_forge.connect(server.flight, provider.token(groups=groups)) as partner:
                    assert rows(partner, "SELECT count(*) FROM customer_area") == [(0,)]
                    assert error_of(partner, "SELECT * FROM customer")[0] is rail_forge.NotFoundError
            # A text is one role, and here one that there is not.
            with rail_forge.connect(server.flight, provider.token(groups="partner_area partner_x")) as nobody:
                assert error_of(nobody, "SELECT * FROM customer_area")[0] is rail_forge.NotFoundError


def test_a_certificate_brings_no_roles(serve: Serve, tmp_path: Path) -> None:
    files = make_files(tmp_path)
    config = configuration(tmp_path, source(SOURCE), ADMIN)
    authority = ("--tls-client-ca", str(files.authority.certificate))
    server = serve({}, *config, *settings(files.server), *authority, authentication=True)
    # Of the same name as the certificate.
    token = create_token(server, "jan@example.org", "--role", "admin")
    for shown, catalogs in ((None, []), (token, ["shop"])):
        with rail_forge.connect(
            server.flight,
            shown,
            tls_roots=files.roots,
            tls_certificate=files.client.certificate,
            tls_key=files.client.key,
        ) as client:
            assert [told.catalog for told in client.status().sources] == catalogs


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (role("a", grant("other")), 'no source is named "other"'),
        (role("a", grant(rows="tenant = ")), 'role "a": rows = '),
        (role("a", grant(rows="id IN (SELECT 1)")), "subqueries"),
        (role("a", grant(rows="id = $1")), "parameters"),
        (role("a", grant(rows="id = claim(x)")), "claim('name')"),
        (role("a", grant(rows="true) OR (true")), "one condition"),
        (role("a", grant(columns=["a"], **{"except": ["b"]})), "not both"),
        (role("a", grant(tables=[])), "tables = []"),
        (role("a", grant(row="true")), "unknown field `row`"),
        (role("a", grant(rows="true"), refresh=True), "refresh = true"),
        (role("a") + role("a"), 'two roles are named "a"'),
        (role(""), "needs a name"),
        (ISSUER, 'oidc "corp": roles_claim is for roles'),
    ],
)
def test_wrong_roles_are_named(tmp_path: Path, block: str, expected: str) -> None:
    ended = run_cli("check", *configuration(tmp_path, source(SOURCE), block))
    assert ended.returncode == 2
    assert expected in ended.stderr


def test_roles_need_tokens(tmp_path: Path) -> None:
    config = configuration(tmp_path, source(SOURCE), role("a", grant()))
    assert run_cli("check", *config).returncode == 0
    ended = run_cli("check", *config, "--no-authentication")
    assert ended.returncode == 2
    assert "roles are for those who have a token" in ended.stderr
