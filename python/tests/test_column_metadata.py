"""What Flight SQL tells of each column beside its Arrow type, against what PostgreSQL tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from conftest import refresh
from flight_sql_messages import command, descriptor, prepare, read, run_bound
from pyarrow import flight
from wire_types import without_remarks

if TYPE_CHECKING:
    import psycopg
    from conftest import NewDatabase, Serve

PREFIX = "ARROW:FLIGHT:SQL:"
SHOP_TABLES = ["Gift Wrap", "category", "customer", "order_line", "orders", "product", "region"]

# A client that is told no size takes 1,024 characters.
UNTOLD = 1_024

COMPUTED = """
SELECT total * 2 AS twice, upper(coupon), coalesce(coupon, '-') AS coupon, now(), count(*) OVER () AS n,
       'a'::varchar(5) AS v, 'a'::char(3) AS c, NULL AS nothing, ARRAY[1, 2] AS list, 1.5::real AS r,
       id::oid AS o, id::smallint AS s, '{}'::jsonb AS j, total > 5 AS more, placed_at::date AS day,
       placed_at - placed_at AS span, placed_at::timestamp AS local, placed_at::time AS hour, 2.5 AS m,
       'x'::bytea AS b, 'a'::name AS name
FROM orders WHERE id < 10
"""

JOINED = """
WITH recent AS (SELECT id AS number, customer_id, total FROM orders WHERE id < 100)
SELECT r.number, c.name AS who, r.total, r.total + 1 AS more, region.name, x.*
FROM recent AS r
JOIN (SELECT DISTINCT id, name, region_id FROM customer) AS c ON c.id = r.customer_id
LEFT JOIN region ON region.id = c.region_id
CROSS JOIN (SELECT max(id) AS highest FROM product) AS x
ORDER BY r.number
"""

STATEMENTS = [
    *(f'SELECT * FROM "{table}"' for table in SHOP_TABLES),
    COMPUTED,
    JOINED,
    "SELECT status, count(*), min(coupon) FROM orders GROUP BY status",
    "SELECT status, customer_id, count(*) FROM orders GROUP BY GROUPING SETS ((status), (customer_id))",
    "SELECT id, name FROM region UNION SELECT id, name FROM category",
    "SELECT id, name FROM region EXCEPT SELECT id, name FROM category",
    "SELECT DISTINCT attributes, price FROM product WHERE id < 50",
    "SELECT attributes, count(*) FROM product WHERE id < 50 GROUP BY attributes",
    "SELECT total FROM orders WHERE customer_id IN (SELECT id FROM customer WHERE is_business) AND id < 50",
    "SELECT DISTINCT ON (customer_id) customer_id, id FROM orders ORDER BY customer_id, id",
    "SELECT id, (SELECT name FROM customer WHERE customer.id = customer_id) FROM orders ORDER BY id LIMIT 3",
    "SELECT * FROM (VALUES (1, 'a')) AS v (n, t)",
    "SELECT row_number() OVER (ORDER BY id), id FROM region",
]


@pytest.fixture(scope="module")
def types(shop_reference: psycopg.Connection) -> dict[int, str]:
    """The names of PostgreSQL's types without modifiers, by their numbers."""
    return dict(shop_reference.execute("SELECT oid::int8, format_type(oid, NULL) FROM pg_type").fetchall())


@pytest.fixture(scope="module")
def tables(shop_reference: psycopg.Connection) -> dict[int, tuple[str, str]]:
    """Schema and name of PostgreSQL's tables, by their numbers."""
    sql = "SELECT oid::int8, relnamespace::regnamespace::text, relname FROM pg_class"
    return {oid: (schema, name) for oid, schema, name in shop_reference.execute(sql).fetchall()}


def told(field: pa.Field, key: str) -> str | None:
    value = (field.metadata or {}).get(f"{PREFIX}{key}".encode())
    return None if value is None else value.decode()


def for_sql(sql: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(sql.encode())


@pytest.mark.parametrize("sql", STATEMENTS)
def test_types_and_tables_are_those_that_postgresql_tells(
    sql: str,
    stock: flight.FlightClient,
    shop_reference: psycopg.Connection,
    types: dict[int, str],
    tables: dict[int, tuple[str, str]],
) -> None:
    described = shop_reference.execute(sql.encode()).pgresult
    assert described is not None
    wanted = []
    for position in range(described.nfields):
        schema, table = tables.get(described.ftable(position), (None, None))
        wanted.append((types[described.ftype(position)], table and "shop", schema, schema, table))
    keys = ("TYPE_NAME", "CATALOG_NAME", "DB_SCHEMA_NAME", "SCHEMA_NAME", "TABLE_NAME")
    schema = stock.get_schema(for_sql(sql)).schema
    assert [tuple(told(field, key) for key in keys) for field in schema] == wanted


@pytest.mark.parametrize("table", SHOP_TABLES)
def test_sizes_are_those_of_the_information_schema(
    table: str, stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    columns = shop_reference.execute(
        "SELECT column_name, data_type, character_maximum_length,"
        " CASE WHEN numeric_precision_radix = 10 THEN numeric_precision END,"
        " CASE WHEN numeric_precision_radix = 10 THEN numeric_scale END, datetime_precision"
        " FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
        [table],
    ).fetchall()
    schema = stock.get_schema(for_sql(f'SELECT * FROM "{table}"')).schema
    assert schema.names == [name for name, *_ in columns]
    for field, (_, data_type, length, precision, scale, fraction) in zip(schema, columns, strict=True):
        size, digits = told(field, "PRECISION"), told(field, "SCALE")
        if length is not None:
            assert size == str(length)
        elif precision is not None:
            assert (size, digits) == (str(precision), str(scale))
        elif data_type in ("text", "USER-DEFINED", "json", "jsonb"):
            assert int(size or 0) > UNTOLD
        elif data_type.startswith(("time", "timestamp")):
            assert digits == str(fraction)
        elif data_type in ("smallint", "integer", "bigint"):
            assert (size, digits) == ({"smallint": "5", "integer": "10", "bigint": "19"}[data_type], "0")


def test_every_text_says_how_long_it_may_be(stock: flight.FlightClient) -> None:
    for sql in (*STATEMENTS, "SHOW TABLES", "EXPLAIN SELECT * FROM orders"):
        for field in stock.get_schema(for_sql(sql)).schema:
            if pa.types.is_string(field.type):
                assert told(field, "PRECISION"), (sql, field)
            assert told(field, "TYPE_NAME"), (sql, field)
            flags = [told(field, f"IS_{flag}") for flag in ("READ_ONLY", "SEARCHABLE", "AUTO_INCREMENT")]
            assert flags == ["1", "1", "0"]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_every_call_gives_the_same_schema(sql: str, stock: flight.FlightClient) -> None:
    """FlightInfo, GetSchema, CreatePreparedStatement and DoGet, metadata and all."""
    read_schema = read(stock, for_sql(sql)).schema
    assert stock.get_schema(for_sql(sql)).schema.equals(read_schema, check_metadata=True)
    as_statement = command(stock, "CommandStatementQuery", query=sql).schema
    assert as_statement.equals(read_schema, check_metadata=True)
    prepared = prepare(stock, sql)
    dataset = pa.ipc.read_schema(pa.py_buffer(prepared.dataset_schema))
    assert dataset.equals(read_schema, check_metadata=True)
    handle = prepared.prepared_statement_handle
    by_handle = command(stock, "CommandPreparedStatementQuery", prepared_statement_handle=handle).schema
    assert by_handle.equals(read_schema, check_metadata=True)


def test_parameters_change_nothing_of_it(stock: flight.FlightClient) -> None:
    prepared = prepare(stock, "SELECT id, total, coupon FROM orders WHERE id = $1")
    dataset = pa.ipc.read_schema(pa.py_buffer(prepared.dataset_schema))
    row = pa.RecordBatch.from_pylist([{"a": 7}])
    bound = run_bound(stock, prepared.prepared_statement_handle, row)
    assert bound.schema.equals(dataset, check_metadata=True)
    parameters = pa.ipc.read_schema(pa.py_buffer(prepared.parameter_schema))
    assert [told(field, "TYPE_NAME") for field in parameters] == ["bigint"]


def test_tables_are_described_as_their_results(stock: flight.FlightClient) -> None:
    listed = command(stock, "CommandGetTables", include_schema=True).to_pylist()
    assert sorted(row["table_name"] for row in listed) == SHOP_TABLES
    for row in listed:
        described = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
        schema = stock.get_schema(for_sql(f'SELECT * FROM "{row["table_name"]}"')).schema
        assert without_remarks(described).equals(schema, check_metadata=True)
        assert [told(field, "REMARKS") for field in schema] == [None] * len(schema)
        comments = [(field.metadata or {}).get(b"comment") for field in described]
        assert [told(field, "REMARKS") for field in described] == [
            None if comment is None else comment.decode() for comment in comments
        ]


def test_a_path_is_described_as_its_table(stock: flight.FlightClient) -> None:
    schema = stock.get_schema(flight.FlightDescriptor.for_path("public", "orders")).schema
    assert {told(field, "TABLE_NAME") for field in schema} == {"orders"}
    assert schema.equals(stock.get_schema(descriptor("CommandStatementQuery", query="TABLE orders")).schema)


@pytest.fixture(scope="module")
def own(new_database: NewDatabase) -> str:
    return new_database(
        "CREATE DOMAIN price AS numeric(9, 3)",
        "CREATE TYPE mood AS ENUM ('good', 'bad')",
        """CREATE TABLE "Big Deal" (id integer PRIMARY KEY, note varchar(40), cost price, feeling mood,
           at timestamp(3), whole timestamptz(0), address inet, code char(4), marks text[])""",
        """COMMENT ON COLUMN "Big Deal".note IS 'what was said, ä "quoted"'""",
    )


@pytest.fixture
def deal(own: str, serve: Serve) -> pa.Schema:
    server = serve({"own": own})
    refresh(server)
    with flight.connect(server.flight) as client:
        [row] = command(client, "CommandGetTables", include_schema=True).to_pylist()
        result = client.get_schema(for_sql('SELECT * FROM "Big Deal"')).schema
    listed = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
    assert without_remarks(listed).equals(result, check_metadata=True)
    return listed


def test_comments_domains_and_types_without_a_place_in_arrow(deal: pa.Schema) -> None:
    keys = ("TYPE_NAME", "PRECISION", "SCALE", "IS_CASE_SENSITIVE", "REMARKS")
    longest = "10485760"
    assert {field.name: tuple(told(field, key) for key in keys) for field in deal} == {
        "id": ("integer", "10", "0", "0", None),
        "note": ("character varying", "40", None, "1", 'what was said, ä "quoted"'),
        "cost": ("numeric", "9", "3", "0", None),
        "feeling": ("mood", longest, None, "1", None),
        "at": ("timestamp without time zone", "23", "3", "0", None),
        "whole": ("timestamp with time zone", "19", "0", "0", None),
        "address": ("inet", longest, None, "0", None),
        "code": ("character", "4", None, "1", None),
        "marks": ("text[]", None, None, "0", None),
    }
    assert {told(field, "TABLE_NAME") for field in deal} == {"Big Deal"}
