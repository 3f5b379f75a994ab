"""Substrait plans: the answer is the one that PostgreSQL gives to the SQL that the plan was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import ibis
import pyarrow as pa
import pytest
from adbc_driver_flightsql import StatementOptions
from comparison import multiset, reference_rows, rows
from conftest import computed
from flight_sql_messages import read as read_whole
from flight_sql_messages import run_bound
from pyarrow import flight
from substrait_plans import (
    datafusion,
    field,
    literal,
    plan_descriptor,
    plan_of_ibis,
    plan_of_sql,
    prepare_plan,
    read,
    root,
)

if TYPE_CHECKING:
    import psycopg
    from conftest import Served
    from datafusion import SessionContext

# What DataFusion plans and PostgreSQL reads alike.
STATEMENTS = [
    "SELECT * FROM region",
    'SELECT id AS "I""d", \'it\'\'s\' AS "Te xt" FROM region',
    "SELECT name FROM region ORDER BY name DESC LIMIT 3 OFFSET 2",
    "SELECT name FROM (SELECT name, id FROM region ORDER BY name LIMIT 5) r WHERE id > 1 ORDER BY name DESC",
    "SELECT channel, count(*), sum(total), min(placed_at), max(delivered_on) FROM orders GROUP BY channel",
    "SELECT count(*) FROM orders WHERE coupon IS NULL AND total BETWEEN 10.5 AND 200",
    "SELECT count(DISTINCT channel) FROM orders",
    "SELECT channel, count(*) FILTER (WHERE total > 100.00) FROM orders GROUP BY 1 HAVING count(*) > 10",
    "SELECT DISTINCT channel, status FROM orders",
    "SELECT count(*) FROM region, category",
    "SELECT id FROM orders WHERE placed_at < timestamptz '2024-01-01 00:00:00+00' AND id < 500",
    "SELECT id, delivered_on + interval '1 month' FROM orders WHERE id < 100",
    "SELECT id FROM orders WHERE delivered_on >= date '2024-01-01' AND delivered_on < date '2024-02-01'",
    "SELECT r.name, c.name FROM region r JOIN customer c ON c.region_id = r.id WHERE c.id < 50",
    "SELECT p.id, l.quantity FROM product p LEFT JOIN order_line l ON l.product_id = p.id AND l.quantity > 5",
    "SELECT a.id, b.id FROM region a FULL JOIN category b ON a.id = b.id + 3",
    "SELECT a.id, b.id FROM region a RIGHT JOIN category b ON a.id = b.id",
    "SELECT name FROM region r WHERE EXISTS (SELECT 1 FROM customer c WHERE c.region_id = r.id AND c.id < 9)",
    "SELECT id FROM region r WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE region_id = r.id AND c.id < 9)",
    "SELECT name FROM product WHERE category_id IN (SELECT id FROM category WHERE depth = 3)",
    "SELECT name FROM region WHERE id = (SELECT max(region_id) FROM customer)",
    "SELECT id FROM region UNION ALL SELECT id FROM category",
    "SELECT id FROM region UNION SELECT id FROM category",
    "SELECT id FROM category INTERSECT SELECT id FROM region",
    "SELECT id FROM category EXCEPT SELECT id FROM region",
    "SELECT CASE channel WHEN 'app' THEN 1 WHEN 'web' THEN 2 ELSE 3 END, count(*) FROM orders GROUP BY 1",
    "SELECT CASE WHEN total > 500.00 THEN 'much' WHEN total > 50.00 THEN 'some' END FROM orders",
    "SELECT upper(name), substring(name, 2, 3), replace(name, 'a', 'b'), name || '!' FROM region",
    "SELECT name FROM customer WHERE name LIKE 'A%' OR name ILIKE '%Z'",
    "SELECT id FROM product WHERE id IN (1, 2, 3) OR id NOT IN (4, 5, 6) AND id < 10",
    "SELECT coalesce(coupon, 'none'), nullif(channel, 'app') FROM orders WHERE id < 100",
    "SELECT id, -stock, stock * 2, stock - 1, stock % 7, price * stock, cost / 3.0 FROM product",
    "SELECT id, weight_kg * 2.5e0, weight_kg IS NULL, is_active AND NOT is_active FROM product",
    "SELECT id, row_number() OVER (PARTITION BY channel ORDER BY id) FROM orders WHERE id < 200",
    "SELECT id, lag(total) OVER (ORDER BY id) FROM orders WHERE id < 200",
    "SELECT sum(total) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM orders",
    "SELECT id FROM (SELECT id, rank() OVER (PARTITION BY channel ORDER BY total) r FROM orders) WHERE r < 3",
    "SELECT region_id, string_agg(channel, ',' ORDER BY id) FROM orders WHERE id < 500 GROUP BY region_id",
    "SELECT x, y FROM (VALUES (1, 'a'), (2, NULL)) AS v (x, y)",
    "SELECT 1 AS one, 'x' AS text, true AS truth",
    "SELECT sum(id) FROM region WHERE false",
    "SELECT id FROM region WHERE 1 = 0",
    "SELECT cast(total AS text), cast(id AS integer), cast('2024-02-29' AS date) FROM orders WHERE id < 20",
    'SELECT count(*) FROM "Gift Wrap"',
]


@pytest.fixture(scope="module")
def producer(stock: flight.FlightClient) -> SessionContext:
    return datafusion(stock)


@pytest.mark.parametrize("sql", STATEMENTS)
def test_rows_are_those_of_postgresql(
    sql: str, producer: SessionContext, cursor: Any, shop_reference: psycopg.Connection
) -> None:
    cursor.execute(plan_of_sql(producer, sql))
    got = rows(cursor.fetch_arrow_table())
    wanted = reference_rows(shop_reference, sql)
    assert multiset(got) == multiset(wanted)
    if "ORDER BY name" in sql:
        assert got == wanted


REGION = ibis.table({"id": "int64", "name": "string", "currency": "string"}, name="region")
CUSTOMER = ibis.table({"id": "int64", "region_id": "int64", "name": "string"}, name="customer")
ORDERS = ibis.table(
    {"id": "int64", "channel": "string", "total": "decimal(12, 2)", "delivered_on": "date"}, name="orders"
)
# By what each is about: what ibis makes a plan of, and SQL.
EXPRESSIONS = {
    "filter": REGION.filter((REGION.id > 2) & (REGION.name.like("%a%") | REGION.id.isin([3, 5]))).select(
        "id", "name"
    ),
    "group": ORDERS.group_by("channel").aggregate(n=ORDERS.count(), most=ORDERS.total.max()),
    "having": ORDERS.group_by("channel").aggregate(n=ORDERS.count()).filter(ibis._.n > 100),
    "order": ORDERS.order_by(ibis.desc("total"), "id").limit(7, offset=1).select("id", "total"),
    "join": REGION.join(CUSTOMER, REGION.id == CUSTOMER.region_id)
    .group_by("currency")
    .aggregate(n=ibis._.count()),
    "semi join": REGION.semi_join(CUSTOMER.filter(CUSTOMER.id < 9), REGION.id == CUSTOMER.region_id),
    "union": REGION.select(x=REGION.id).union(CUSTOMER.select(x=CUSTOMER.id)),
    "intersect": REGION.select(x=REGION.id).intersect(CUSTOMER.select(x=CUSTOMER.id)),
    "difference": CUSTOMER.select(x=CUSTOMER.id).difference(REGION.select(x=REGION.id)),
    "between": ORDERS.filter(
        ORDERS.delivered_on.between(ibis.date("2024-01-01"), ibis.date("2024-01-31"))
    ).select("id"),
    "case": REGION.select(k=REGION.currency.cases([("EUR", 1), ("USD", 2)], default=3)),
    "null": ORDERS.filter(ORDERS.delivered_on.isnull()).select("id"),
    "text": REGION.select(u=REGION.name.upper(), c=REGION.currency, t=ibis.literal("it's")),
    "none": REGION.limit(0),
    "days": ORDERS.filter(ORDERS.id < 100).select(
        y=ORDERS.delivered_on.year(), m=ORDERS.delivered_on.month()
    ),
}


@pytest.mark.parametrize("about", EXPRESSIONS)
def test_plans_of_ibis_are_answered(about: str, cursor: Any, shop_reference: psycopg.Connection) -> None:
    expression = EXPRESSIONS[about]
    cursor.execute(plan_of_ibis(expression))
    got = rows(cursor.fetch_arrow_table())
    wanted = reference_rows(shop_reference, str(ibis.to_sql(expression, dialect="postgres")))
    assert wanted or about == "none"
    assert multiset(got) == multiset(wanted)


def test_constants_have_postgresqls_types(
    producer: SessionContext, cursor: Any, shop_reference: psycopg.Connection
) -> None:
    sql = "SELECT sum(CASE WHEN channel = 'app' THEN 1 ELSE 0 END), 1, 3000000000, 'x' FROM orders"
    # To DataFusion all of these are `bigint`, of which the sum would be `numeric`.
    cursor.execute(plan_of_sql(producer, sql))
    table = cursor.fetch_arrow_table()
    assert table.schema.types == [pa.int64(), pa.int32(), pa.int64(), pa.string()]
    assert rows(table) == reference_rows(shop_reference, sql)


def test_what_postgresql_refuses_is_refused(producer: SessionContext, cursor: Any) -> None:
    for sql, words in [
        ("SELECT id / (id - id) FROM region", "division by zero"),
        ("SELECT cast(name AS integer) FROM region", "invalid input syntax"),
        ("SELECT sqrt(-id) FROM region", "square root of a negative number"),
    ]:
        plan = plan_of_sql(producer, sql)
        with pytest.raises(adbc.Error, match=words):
            cursor.execute(plan).fetch_arrow_table()


def test_the_schema_is_known_before_the_rows(
    producer: SessionContext, stock: flight.FlightClient, cursor: Any
) -> None:
    plan = plan_of_sql(producer, "SELECT total, count(*) AS n FROM orders GROUP BY total")
    schema = stock.get_schema(plan_descriptor(plan)).schema
    assert schema.names == ["total", "n"]
    table = read_whole(stock, plan_descriptor(plan))
    assert table.schema.equals(schema, check_metadata=True)
    assert schema.field("total").metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"] == b"numeric"
    assert schema.field("total").metadata[b"ARROW:FLIGHT:SQL:TABLE_NAME"] == b"orders"
    assert cursor.adbc_execute_schema(plan).names == ["total", "n"]
    with cursor.connection.cursor() as other:
        other.adbc_statement.set_substrait_plan(plan)
        partitions, described, _ = other.adbc_statement.execute_partitions()
        assert len(partitions) == 1
        assert pa.Schema._import_from_c(described.address).names == ["total", "n"]


def test_a_prepared_plan_runs_many_times(producer: SessionContext, stock: flight.FlightClient) -> None:
    prepared = prepare_plan(stock, plan_of_sql(producer, "SELECT id, name FROM region WHERE id = $1"))
    assert pa.ipc.read_schema(pa.py_buffer(prepared.dataset_schema)).names == ["id", "name"]
    assert pa.ipc.read_schema(pa.py_buffer(prepared.parameter_schema)).types == [pa.int64()]
    for number in (1, 2, 3, -1):
        row = pa.RecordBatch.from_pylist([{"$1": number}])
        found = run_bound(stock, prepared.prepared_statement_handle, row)
        assert found["id"].to_pylist() == [number] * (number > 0)


def test_adbc_binds_parameters_of_a_plan(producer: SessionContext, cursor: Any) -> None:
    plan = plan_of_sql(producer, "SELECT id FROM region WHERE id > $1 AND id <= $2 ORDER BY id")
    assert cursor.adbc_prepare(plan).types == [pa.int64(), pa.int64()]
    for least, most in [(1, 3), (2, 5)]:
        cursor.execute(plan, [least, most])
        assert cursor.fetchall() == [(number,) for number in range(least + 1, most + 1)]


def test_a_plan_is_kept_and_describes_its_truth(
    producer: SessionContext, stock: flight.FlightClient, shop: Served
) -> None:
    plan = plan_descriptor(plan_of_sql(producer, "SELECT count(*) AS plans_of_this_test FROM orders"))
    first = read_whole(stock, plan)
    before = computed(shop.server)
    assert read_whole(stock, plan) == first
    assert computed(shop.server) == before
    assert b'"shop.public.orders"' in stock.get_flight_info(plan).app_metadata


def test_versions_are_told_and_checked(stock: flight.FlightClient, cursor: Any) -> None:
    plan = root(read("region", "id"), "id")
    assert read_whole(stock, plan_descriptor(plan, "0.47.0")).num_rows > 0
    for version in ("0.46.0", "1.0.0", "0.999.0"):
        with pytest.raises(NotImplementedError, match=r"those of 0\.47\.0 to"):
            stock.get_flight_info(plan_descriptor(plan, version))
    cursor.adbc_statement.set_options(**{StatementOptions.SUBSTRAIT_VERSION.value: "0.1.0"})
    with pytest.raises(adbc.NotSupportedError, match=r"those of 0\.47\.0 to"):
        cursor.execute(plan)


def test_errors_name_the_relation(stock: flight.FlightClient) -> None:
    unknown = {
        "filter": {"input": read("region", "id"), "condition": {"scalarFunction": {"functionReference": 9}}}
    }
    sorted_by = {"expr": field(0), "direction": "SORT_DIRECTION_ASC_NULLS_LAST"}
    for relation, words in [
        ({"sort": {"input": unknown, "sorts": [sorted_by]}}, r"function_anchor 9 \(in filter, in sort\)"),
        (read("region", "no_such"), 'column "no_such" does not exist'),
        (read("no_such.region", "id"), "does not exist"),
        ({"filter": {"input": read("region", "id"), "condition": literal(string="x")}}, "boolean"),
    ]:
        with pytest.raises((pa.ArrowInvalid, KeyError), match=words):
            stock.get_flight_info(plan_descriptor(root(relation, "id")))
