"""Row filters: whatever is asked, the answer is what PostgreSQL says of the rows that may be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from comparison import rows as rows_of
from configuration import source
from conftest import run
from flight_sql_messages import command, packed, prepare, read, unpacked
from pyarrow import flight
from roles import client_of, grant, role, rows, server_with_roles, token_with
from substrait_plans import datafusion, plan_descriptor, plan_of_sql
from tokens import revoke_token, stock_client

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase
    from datafusion import SessionContext

    from rail_forge_testbed.server import RailForgeServer

OF_TENANT = "tenant = claim('tenant')"
COLUMNS = "id, tenant, kind, note, amount"
# Tenant 1 makes `1 / (tenant - 1)` fail, only tenant 3 has numbers as notes, and some rows are nobody's.
ORDERS = """
    AS SELECT i AS id, nullif(i % 5, 0) AS tenant, 'kind ' || i % 2 AS kind,
              CASE WHEN i % 5 = 3 THEN i::text ELSE 'canary ' || i END AS note,
              (i * 1.5)::numeric(10, 2) AS amount, 'canary of ' || i % 5 AS secret
       FROM generate_series(1, 100) AS i"""
DATABASE = [
    f"CREATE TABLE orders {ORDERS}",
    "ALTER TABLE orders ADD PRIMARY KEY (id)",
    f"CREATE TABLE live_orders {ORDERS}",
    "ALTER TABLE live_orders ADD PRIMARY KEY (id)",
    "CREATE TABLE customer AS SELECT i AS tenant, 'customer ' || i AS name FROM generate_series(1, 5) AS i",
    "CREATE TABLE sealed AS SELECT 'canary' AS word",
    # The date of a row of tenant 2 has no place in Arrow.
    """CREATE TABLE live_contract AS
       SELECT i AS id, (i % 5)::bigint AS tenant, (i % 5)::smallint AS code, (i % 5)::numeric(6, 2) AS fee,
              now() - (CASE WHEN i % 5 = 3 THEN 1 ELSE 100 END) * interval '1 day' AS signed,
              'Region ' || i % 5 AS region,
              CASE WHEN i = 17 THEN 'infinity' ELSE date '2030-01-01' + i END AS canary_end
       FROM generate_series(1, 100) AS i""",
    "ALTER TABLE live_contract ADD PRIMARY KEY (id)",
    "CREATE SCHEMA other",
    f"CREATE TABLE other.orders {ORDERS}",
    # What tenant 3 may see, for PostgreSQL.
    "CREATE SCHEMA seen",
    f"CREATE VIEW seen.orders AS SELECT {COLUMNS} FROM public.orders WHERE tenant = 3",
    f"CREATE VIEW seen.live_orders AS SELECT {COLUMNS} FROM public.live_orders WHERE tenant = 3",
    "CREATE VIEW seen.customer AS SELECT * FROM public.customer",
]

# Each tries to see, to count or to feel other rows. All have an answer, which is PostgreSQL's.
WAYS = {
    "all": "SELECT * FROM {t} ORDER BY id",
    "all_of_alias": "SELECT o.* FROM {t} AS o ORDER BY 1",
    "count": "SELECT count(*) FROM {t}",
    "count_of_column": "SELECT count(tenant), count(DISTINCT kind) FROM {t}",
    "min_and_max": "SELECT min(id), max(id), min(tenant), max(note) FROM {t}",
    "limit": "SELECT id FROM {t} ORDER BY id LIMIT 3 OFFSET 2",
    "limit_without_order": "SELECT count(*) FROM (SELECT id FROM {t} LIMIT 15) AS s",
    "top": "SELECT id, amount FROM {t} ORDER BY amount DESC LIMIT 4",
    "other_tenant": "SELECT * FROM {t} WHERE tenant = 1",
    "any_tenant": "SELECT id FROM {t} WHERE tenant = 1 OR true ORDER BY id",
    "nobodys": "SELECT * FROM {t} WHERE tenant IS NULL",
    "not_other_tenant": "SELECT count(*) FROM {t} WHERE NOT (tenant = 3) IS TRUE",
    "list_of_tenants": "SELECT id FROM {t} WHERE tenant IN (1, 2, 3, 4) ORDER BY id",
    "cte": "WITH s AS (SELECT * FROM {t}) SELECT count(*), sum(amount) FROM s",
    "cte_of_a_cte": "WITH r AS (SELECT * FROM {t}), s AS (SELECT * FROM r) SELECT max(id) FROM s",
    "recursive": """WITH RECURSIVE r AS (
        SELECT min(id) AS id FROM {t} UNION ALL SELECT r.id + 1 FROM r JOIN {t} AS o ON o.id = r.id)
        SELECT count(*), max(id) FROM r""",
    "subquery": "SELECT count(*) FROM (SELECT * FROM {t} WHERE id > 10) AS s",
    "scalar_subquery": "SELECT (SELECT count(*) FROM {t}), (SELECT max(note) FROM {t})",
    "correlated_subquery": "SELECT name, (SELECT count(*) FROM {t} AS o WHERE o.tenant = c.tenant)"
    " FROM customer AS c ORDER BY name",
    "exists": "SELECT name FROM customer AS c WHERE EXISTS"
    " (SELECT 1 FROM {t} AS o WHERE o.tenant = c.tenant) ORDER BY name",
    "not_exists": "SELECT name FROM customer AS c WHERE NOT EXISTS"
    " (SELECT 1 FROM {t} AS o WHERE o.tenant = c.tenant) ORDER BY name",
    "in": "SELECT name FROM customer WHERE tenant IN (SELECT tenant FROM {t}) ORDER BY name",
    "not_in": "SELECT name FROM customer WHERE tenant NOT IN (SELECT tenant FROM {t}) ORDER BY name",
    "any": "SELECT name FROM customer WHERE tenant = ANY (SELECT tenant FROM {t}) ORDER BY name",
    "self_join": "SELECT count(*) FROM {t} AS a JOIN {t} AS b ON a.id + 1 = b.id OR a.tenant <> b.tenant",
    "cross_join": "SELECT count(*) FROM {t} AS a, {t} AS b",
    "left_join": "SELECT name, count(o.id) FROM customer AS c LEFT JOIN {t} AS o ON o.tenant = c.tenant"
    " GROUP BY name ORDER BY name",
    "right_join": "SELECT name, o.id FROM {t} AS o RIGHT JOIN customer AS c ON c.tenant = o.tenant"
    " ORDER BY name, o.id",
    "full_join": "SELECT count(*), count(o.id) FROM {t} AS o FULL JOIN customer AS c ON c.tenant = o.tenant",
    "using": "SELECT tenant, count(*) FROM customer JOIN {t} USING (tenant) GROUP BY tenant",
    "natural_join": "SELECT count(*), max(name) FROM {t} NATURAL JOIN customer",
    "lateral": "SELECT name, s.id FROM customer AS c, LATERAL"
    " (SELECT id FROM {t} AS o WHERE o.tenant = c.tenant ORDER BY id LIMIT 2) AS s ORDER BY name, s.id",
    "series": "SELECT n FROM generate_series(1, 10) AS n JOIN {t} ON id = n ORDER BY n",
    "values": "SELECT v.n FROM (VALUES (1), (3), (8)) AS v (n) JOIN {t} ON id = v.n ORDER BY 1",
    "union": "SELECT tenant FROM {t} UNION SELECT tenant FROM customer WHERE tenant = 1 ORDER BY 1",
    "union_all": "SELECT count(*) FROM (SELECT id FROM {t} UNION ALL SELECT id FROM {t}) AS s",
    "except": "SELECT tenant FROM customer EXCEPT SELECT tenant FROM {t} ORDER BY 1",
    "intersect": "SELECT tenant FROM customer INTERSECT SELECT tenant FROM {t}",
    "window": "SELECT id, count(*) OVER (), sum(amount) OVER (ORDER BY id), lag(id) OVER (ORDER BY id)"
    " FROM {t} ORDER BY id",
    "rank": "SELECT id, rank() OVER (ORDER BY amount DESC) FROM {t} ORDER BY id LIMIT 5",
    "grouping_sets": "SELECT tenant, kind, count(*) FROM {t} GROUP BY GROUPING SETS ((tenant), (kind), ())"
    " ORDER BY 1, 2",
    "distinct": "SELECT DISTINCT tenant FROM {t}",
    "distinct_on": "SELECT DISTINCT ON (kind) kind, id FROM {t} ORDER BY kind, id",
    "array": "SELECT array_agg(id ORDER BY id) FROM {t}",
    "string": "SELECT string_agg(note, ',' ORDER BY id) FROM {t}",
    "whole_row": "SELECT count(o) FROM {t} AS o",
    "field_of_row": "SELECT (o).id FROM {t} AS o ORDER BY 1 LIMIT 3",
    "alias_as_the_filters_column": "SELECT id AS tenant FROM {t} WHERE tenant > 0 ORDER BY tenant",
    "columns_that_change_places": "SELECT max(tenant), max(id) FROM {t} AS o (tenant, id)",
    "division_in_where": "SELECT count(*) FROM {t} WHERE 1 / (tenant - 1) > -5",
    "division_in_where_first": "SELECT id FROM {t} WHERE 100 / (tenant - 1) > 0 AND tenant = 3 ORDER BY id",
    "division_in_select": "SELECT id, 10 / (tenant - 1) FROM {t} ORDER BY id",
    "division_in_order": "SELECT id FROM {t} ORDER BY 1 / (tenant - 1), id",
    "division_in_limit_order": "SELECT id FROM {t} ORDER BY 1 / (tenant - 1), id LIMIT 2",
    "division_in_join": "SELECT count(*) FROM customer AS c JOIN {t} AS o ON c.tenant = 6 / (o.tenant - 1)",
    "division_in_filter": "SELECT count(*) FILTER (WHERE 1 / (tenant - 1) = 0) FROM {t}",
    "division_in_having": "SELECT kind FROM {t} GROUP BY kind HAVING sum(1 / (tenant - 1)) >= 0 ORDER BY 1",
    "division_in_group": "SELECT 1 / (tenant - 1), count(*) FROM {t} GROUP BY 1 / (tenant - 1)",
    "division_in_window": "SELECT id, sum(1 / (tenant - 1)) OVER (ORDER BY id) FROM {t} ORDER BY id",
    "division_in_case": "SELECT count(CASE WHEN 1 / (tenant - 1) = 0 THEN 1 END) FROM {t}",
    "division_in_aggregate": "SELECT max(1 / (tenant - 1)) FROM {t}",
    "division_in_subquery": "SELECT count(*) FROM (SELECT 1 / (tenant - 1) AS x FROM {t}) AS s WHERE x < 5",
    "division_in_exists": "SELECT count(*) FROM customer AS c WHERE EXISTS"
    " (SELECT 1 FROM {t} AS o WHERE 1 / (o.tenant - 1) = 0 AND o.tenant = c.tenant)",
    "cast_in_where": "SELECT count(*) FROM {t} WHERE note::integer > 20",
    "cast_in_select": "SELECT note::integer FROM {t} ORDER BY id",
    "cast_in_order": "SELECT id FROM {t} ORDER BY note::integer DESC",
    "cast_in_aggregate": "SELECT sum(note::integer) FROM {t}",
    "text_of_others": "SELECT count(*) FROM {t} WHERE note LIKE 'canary%' OR position('canary' IN note) > 0",
    "null_of_others": "SELECT count(*) FROM {t} WHERE coalesce(tenant, 1) = 1",
}
# What DataFusion makes no plan of, or one that is refused.
UNPLANNED = {
    *("recursive", "any", "lateral", "series", "grouping_sets", "distinct_on", "whole_row", "field_of_row"),
    "columns_that_change_places",
}
TABLES = ("orders", "live_orders")
UNUSABLE = r"the row filter of shop\.public\.orders cannot be (used|evaluated)"
# Filters of tenant 3 that PostgreSQL can be sent: what is constant is computed, and has the column's type.
SENT = {
    "bigint": "tenant = 3",
    "smallint": "code = 3",
    "numeric": "fee = 3",
    "cast_of_a_claim": "tenant = claim('tenant')::integer",
    "moment": "signed > now() - interval '30 days'",
    "list": "code IN (3, 7) AND tenant = ANY (claim('tenant'))",
}


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> str:
    return new_database(*DATABASE)


@pytest.fixture(scope="module")
def server(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RailForgeServer]:
    further = (
        'schemas = ["public", "other"]',
        'fallback = "unsupported"',
        'fallback_functions = ["int4range"]',
    )
    tables = {"public.live_*": 'mode = "live"'}
    blocks = [
        source(url, 'mode = "full"', *further, tables=tables),
        role(
            "tenant",
            grant(schemas=["public"], tables=["*orders"], rows=OF_TENANT, **{"except": ["secret"]}),
            grant(schemas=["public"], tables=["customer"]),
        ),
        role("several", grant(tables=["orders"], rows="tenant = ANY (claim('tenants'))")),
        role("kinds", grant(schemas=["public"], tables=["orders"], rows="kind = claim('kind')")),
        role("failing", grant(schemas=["public"], tables=["*orders"], rows="note::integer > 0")),
        role("misfit", grant(schemas=["public"], tables=["orders"], rows="no_such_column = 1")),
        role("columns", grant(schemas=["public"], tables=["orders"], columns=["id", "tenant"])),
        role("kept", grant(tables=["live_contract"], rows="lower(region) = claim('region')")),
        *(role(name, grant(tables=["live_contract"], rows=sent)) for name, sent in SENT.items()),
    ]
    with server_with_roles(tmp_path_factory.mktemp("rows"), *blocks) as started:
        yield started


@pytest.fixture(scope="module")
def tenant_token(server: RailForgeServer) -> str:
    return token_with(server, "three", "tenant", tenant="3")


@pytest.fixture(scope="module")
def tenant(server: RailForgeServer, tenant_token: str) -> Iterator[rail_forge.Client]:
    with rail_forge.connect(server.flight, tenant_token) as client:
        yield client


@pytest.fixture(scope="module")
def admin(server: RailForgeServer) -> Iterator[rail_forge.Client]:
    with client_of(server, "other_admin", "admin") as client:
        yield client


@pytest.fixture(scope="module")
def reference(url: str) -> Iterator[psycopg.Connection]:
    """PostgreSQL, which looks at what tenant 3 may see."""
    with psycopg.connect(url, autocommit=True, options="-c search_path=seen") as connection:
        yield connection


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_asking_leads_around_a_filter(
    tenant: rail_forge.Client, reference: psycopg.Connection, way: str, table: str
) -> None:
    sql = WAYS[way].format(t=table)
    expected = reference.execute(sql.encode()).fetchall()
    assert rows(tenant, sql) == expected


@pytest.fixture(scope="module")
def tenant_stock(server: RailForgeServer, tenant_token: str) -> Iterator[flight.FlightClient]:
    """A client of tenant 3 that knows nothing of RailForge."""
    with stock_client(server, f"Bearer {tenant_token}") as client:
        yield client


@pytest.fixture(scope="module")
def producer(tenant_stock: flight.FlightClient) -> SessionContext:
    return datafusion(tenant_stock)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("way", [way for way in WAYS if way not in UNPLANNED])
def test_a_plan_is_filtered(
    producer: SessionContext,
    tenant_stock: flight.FlightClient,
    reference: psycopg.Connection,
    way: str,
    table: str,
) -> None:
    sql = WAYS[way].format(t=table)
    expected = reference.execute(sql.encode()).fetchall()
    assert rows_of(read(tenant_stock, plan_descriptor(plan_of_sql(producer, sql)))) == expected


def test_there_are_many_ways() -> None:
    assert len(WAYS) >= 40


@pytest.mark.parametrize("table", TABLES)
def test_names_of_all_kinds_are_filtered(tenant: rail_forge.Client, table: str) -> None:
    for name in (table, f'"{table}"', f"public.{table}", f'shop."public".{table}', table.upper()):
        assert rows(tenant, f"SELECT count(*), min(tenant), max(tenant) FROM {name}") == [(20, 3, 3)]
    assert rows(tenant, f"SELECT {table}.id FROM public.{table} ORDER BY 1 LIMIT 1") == [(3,)]


def test_a_path_is_filtered(server: RailForgeServer, tenant_token: str) -> None:
    with stock_client(server, f"Bearer {tenant_token}") as client:
        for path in (("orders",), ("public", "orders"), ("shop", "public", "live_orders")):
            info = client.get_flight_info(flight.FlightDescriptor.for_path(*path))
            table = client.do_get(info.endpoints[0].ticket).read_all()
            assert table.num_rows == 20
            assert table.column_names == COLUMNS.split(", ")
            assert info.total_records == info.total_bytes == -1


@pytest.mark.parametrize("table", TABLES)
def test_hidden_columns_are_unknown(tenant: rail_forge.Client, table: str) -> None:
    for sql in (
        "SELECT secret FROM {t}",
        "SELECT o.secret FROM {t} AS o",
        "SELECT (o).secret FROM {t} AS o",
        "SELECT id FROM {t} WHERE secret = 'canary of 1'",
        "SELECT id FROM {t} ORDER BY secret",
        "SELECT count(*) FROM {t} GROUP BY secret",
        "SELECT id FROM {t} JOIN (SELECT 'canary of 3' AS secret) AS s USING (secret)",
        "SELECT sum(id) OVER (PARTITION BY secret) FROM {t}",
        "SELECT (SELECT max(secret) FROM {t})",
        "SELECT name FROM customer AS c WHERE EXISTS (SELECT 1 FROM {t} AS o WHERE o.secret = c.name)",
        "SELECT secre FROM {t}",
        "SELECT 1 FROM {t} AS o (a, b, c, d, e, f)",
    ):
        with pytest.raises(rail_forge.QueryError) as raised:
            rows(tenant, sql.format(t=table))
        assert "canary" not in str(raised.value)
        # Named where the query has named it, and never proposed.
        assert '"secret"?' not in str(raised.value)
    [(row,)] = rows(tenant, f"SELECT row_to_json(o)::text FROM {table} AS o ORDER BY id LIMIT 1")
    assert "canary" not in str(row)


def test_explain_is_refused(
    tenant: rail_forge.Client, server: RailForgeServer, admin: rail_forge.Client
) -> None:
    with client_of(server, "explains", "columns") as columns:
        for client in (tenant, columns):
            for word in ("EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN (VERBOSE)", "EXPLAIN (FORMAT JSON)"):
                with pytest.raises(rail_forge.AuthenticationError, match="EXPLAIN is for those") as raised:
                    rows(client, f"{word} SELECT count(*) FROM orders")
                assert "tenant" not in str(raised.value)
    assert rows(admin, "EXPLAIN SELECT count(*) FROM orders")
    for whole in ("SELECT 1", "SELECT * FROM customer"):
        assert rows(tenant, f"EXPLAIN {whole}")


def test_postgresql_is_not_asked_around_a_filter(tenant: rail_forge.Client, admin: rail_forge.Client) -> None:
    sql = "SELECT count(*) FROM orders WHERE int4range(1, 1000) @> id"
    assert rows(admin, sql) == [(100,)]
    assert admin.sql(sql).engine == "postgres"
    with pytest.raises(rail_forge.UnsupportedError):
        rows(tenant, sql)


def test_results_are_kept_for_those_who_may_read_the_same(
    server: RailForgeServer, tenant: rail_forge.Client, admin: rail_forge.Client
) -> None:
    sql = "SELECT count(*) AS kept FROM orders"
    with (
        client_of(server, "three_too", "tenant", tenant="3") as same,
        client_of(server, "four", "tenant", tenant="4") as other,
    ):
        for _ in range(2):
            assert rows(admin, sql) == [(100,)]
            assert rows(tenant, sql) == [(20,)]
        sql = "SELECT id FROM orders ORDER BY id LIMIT 1"
        for _ in range(2):
            assert [rows(client, sql) for client in (tenant, same, other, admin)] == [
                [(3,)],
                [(3,)],
                [(4,)],
                [(1,)],
            ]


def test_handles_and_tickets_of_others_are_unknown(server: RailForgeServer, tenant_token: str) -> None:
    sql = "SELECT id FROM orders"
    admin_token = token_with(server, "prepares", "admin")
    with (
        stock_client(server, f"Bearer {admin_token}") as owner,
        stock_client(server, f"Bearer {tenant_token}") as stranger,
    ):
        handle = prepare(owner, sql).prepared_statement_handle
        [endpoint] = owner.get_flight_info(flight.FlightDescriptor.for_command(sql.encode())).endpoints
        assert owner.do_get(endpoint.ticket).read_all().num_rows == 100
        prepared = flight.Ticket(packed("CommandPreparedStatementQuery", prepared_statement_handle=handle))
        for ticket in (endpoint.ticket, prepared):
            with pytest.raises(Exception, match="no such statement"):
                stranger.do_get(ticket).read_all()


def test_a_handle_gives_what_its_holder_may_read_at_the_call(server: RailForgeServer) -> None:
    token = token_with(server, "changes", "admin")
    with stock_client(server, f"Bearer {token}") as client:
        handle = prepare(client, "SELECT id FROM orders").prepared_statement_handle
        prepared = flight.Ticket(packed("CommandPreparedStatementQuery", prepared_statement_handle=handle))
        [endpoint] = client.get_flight_info(
            flight.FlightDescriptor.for_command(b"SELECT id FROM orders")
        ).endpoints
        tickets = [prepared, endpoint.ticket]
        assert [client.do_get(ticket).read_all().num_rows for ticket in tickets] == [100, 100]
    revoke_token(server, "changes")
    token = token_with(server, "changes", "tenant", tenant="3")
    with stock_client(server, f"Bearer {token}") as client:
        assert [client.do_get(ticket).read_all().num_rows for ticket in tickets] == [20, 20]
    revoke_token(server, "changes")
    token = token_with(server, "changes")
    with stock_client(server, f"Bearer {token}") as client:
        for ticket in tickets:
            with pytest.raises(Exception, match="does not exist"):
                client.do_get(ticket).read_all()


def test_parameters_are_filtered(tenant: rail_forge.Client) -> None:
    assert rows(tenant, "SELECT count(*) FROM orders WHERE tenant = $1", [1]) == [(0,)]
    assert rows(tenant, "SELECT count(*) FROM orders WHERE 1 / (tenant - $1) > -5", [1]) == [(20,)]
    assert rows(tenant, "SELECT id FROM orders WHERE id = $1 OR $2", [1, False]) == []


def test_a_session_does_not_change_a_filter(server: RailForgeServer, tenant_token: str) -> None:
    for settings in ({"catalog": "shop", "schema": "public"}, {"timezone": "Asia/Tokyo"}):
        with rail_forge.connect(server.flight, tenant_token, **settings) as client:  # type: ignore[arg-type]
            assert rows(client, "SELECT count(*), max(tenant) FROM orders") == [(20, 3)]
    with (
        rail_forge.connect(server.flight, tenant_token, schema="other") as client,
        pytest.raises(rail_forge.NotFoundError),
    ):
        rows(client, "SELECT count(*) FROM orders")


def test_several_values_of_a_claim(server: RailForgeServer) -> None:
    sql = "SELECT DISTINCT tenant FROM orders ORDER BY 1"
    for name, value, expected in (
        ("two_values", '["1","3"]', [(1,), (3,)]),
        ("one_value", "4", [(4,)]),
        ("no_value", "[]", []),
    ):
        with client_of(server, name, "several", tenants=value) as client:
            assert rows(client, sql) == expected


@pytest.mark.parametrize(
    "value",
    ["' OR true --", "kind 0' OR kind = 'kind 1", 'kind 0"', "kind 0\\", "kind 0\nOR true", "{}", "NULL", ""],
)
def test_a_claim_is_a_value_and_never_sql(server: RailForgeServer, value: str) -> None:
    token = token_with(server, "quotes", "kinds", kind=value)
    try:
        with rail_forge.connect(server.flight, token) as client:
            assert rows(client, "SELECT count(*) FROM orders") == [(0,)]
    finally:
        revoke_token(server, "quotes")


def test_a_claim_that_is_missing_or_of_another_type_refuses_the_query(server: RailForgeServer) -> None:
    with client_of(server, "missing", "tenant") as client:
        with pytest.raises(rail_forge.AuthenticationError, match='claim "tenant"'):
            rows(client, "SELECT count(*) FROM orders")
        assert rows(client, "SELECT count(*) FROM customer") == [(5,)]
    with (
        client_of(server, "list", "tenant", tenant='["3"]') as client,
        pytest.raises(rail_forge.AuthenticationError, match='claim "tenant", which has several values'),
    ):
        rows(client, "SELECT count(*) FROM orders")
    for name, value in (("word", "three"), ("empty", ""), ("sql", "3 OR true")):
        with (
            client_of(server, name, "tenant", tenant=value) as client,
            pytest.raises(rail_forge.AuthenticationError, match=UNUSABLE) as raised,
        ):
            rows(client, "SELECT count(*) FROM orders")
        assert value == "" or value not in str(raised.value)


def test_a_filter_that_fails_tells_nothing_of_the_rows(server: RailForgeServer) -> None:
    for name in ("failing", "misfit"):
        with (
            client_of(server, name, name) as client,
            pytest.raises(rail_forge.AuthenticationError, match=UNUSABLE) as raised,
        ):
            rows(client, "SELECT count(*) FROM orders")
        assert "canary" not in str(raised.value)
        assert "no_such_column" not in str(raised.value)


@pytest.mark.parametrize("table", TABLES)
def test_no_query_chooses_the_row_on_which_a_filter_fails(server: RailForgeServer, table: str) -> None:
    # The notes of tenant 3 are numbers, and on all others the filter fails.
    told = set()
    with client_of(server, f"fails_on_{table}", "failing") as client:
        for condition in ("id = 3", "id = 4", "id IN (3, 8)", "tenant = 3", "id < 0", "note = '3'"):
            with pytest.raises(rail_forge.AuthenticationError, match="cannot be evaluated") as raised:
                rows(client, f"SELECT id FROM {table} WHERE {condition}")
            told.add(str(raised.value))
    assert len(told) == 1


def test_no_query_chooses_the_hidden_row_that_cannot_be_read(
    server: RailForgeServer, admin: rail_forge.Client
) -> None:
    with pytest.raises(rail_forge.ServerError, match="canary_end"):
        rows(admin, "SELECT canary_end FROM live_contract WHERE id = 17")
    told = set()
    with client_of(server, "keeps_a_filter", "kept", region="region 3") as client:
        for condition in ("id = 17", "id = 18", "id = 3", "id < 0"):
            with pytest.raises(rail_forge.AuthenticationError, match="cannot be evaluated") as raised:
                rows(client, f"SELECT canary_end FROM live_contract WHERE {condition}")
            told.add(str(raised.value))
        assert rows(client, "SELECT count(*), min(tenant), max(tenant) FROM live_contract") == [(20, 3, 3)]
    [text] = told
    assert "canary" not in text
    assert "infinity" not in text
    assert "canary_end" in server.log


@pytest.mark.parametrize("name", SENT)
def test_a_filter_that_postgresql_is_sent_reads_no_hidden_row(server: RailForgeServer, name: str) -> None:
    with client_of(server, f"sends_{name}", name, tenant="3") as client:
        seen = "SELECT count(canary_end), min(tenant), max(tenant) FROM live_contract"
        assert rows(client, seen) == [(20, 3, 3)]
        assert rows(client, "SELECT canary_end FROM live_contract WHERE id = 17") == []
        assert len(rows(client, "SELECT canary_end FROM live_contract WHERE id = 18 OR id = 3")) == 2


def test_filters_of_several_roles_add_up(server: RailForgeServer) -> None:
    with client_of(server, "both", "tenant", "kinds", tenant="3", kind="kind 1") as client:
        assert rows(client, "SELECT count(*) FROM orders WHERE tenant = 3 OR kind = 'kind 1'") == [(60,)]
        assert rows(client, "SELECT count(*) FROM orders") == [(60,)]
        # What only one of the two filters shows is seen in no row.
        assert "secret" not in client.sql("SELECT * FROM orders").arrow().column_names
    with client_of(server, "unlimited", "tenant", "admin", tenant="3") as client:
        assert rows(client, "SELECT count(*), count(secret) FROM orders") == [(100, 100)]


def test_logins_have_the_claims_of_their_token(server: RailForgeServer, tenant_token: str) -> None:
    with flight.connect(server.flight) as client:
        login = client.authenticate_basic_token("three", tenant_token)
        options = flight.FlightCallOptions(headers=[login])
        info = client.get_flight_info(flight.FlightDescriptor.for_command(b"SELECT id FROM orders"), options)
        assert client.do_get(info.endpoints[0].ticket, options).read_all().num_rows == 20


def test_new_rows_are_filtered_too(server: RailForgeServer, url: str, admin: rail_forge.Client) -> None:
    with client_of(server, "six", "tenant", tenant="6") as client:
        sql = "SELECT count(*) FROM orders"
        assert rows(client, sql) == [(0,)]
        run(url, "INSERT INTO orders (id, tenant) VALUES (1001, 6), (1002, 7)")
        try:
            admin.refresh("orders")
            assert rows(client, sql) == [(1,)]
        finally:
            run(url, "DELETE FROM orders WHERE id > 1000")
            admin.refresh("orders")


def test_commands_of_flight_sql_are_filtered(server: RailForgeServer, tenant_token: str) -> None:
    with stock_client(server, f"Bearer {tenant_token}") as client:
        described = command(client, "CommandStatementQuery", query="SELECT * FROM orders")
        assert described.num_rows == 20
        [endpoint] = client.get_flight_info(flight.FlightDescriptor.for_command(b"SELECT 1")).endpoints
        assert unpacked("TicketStatementQuery", endpoint.ticket.ticket).statement_handle
