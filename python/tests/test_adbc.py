"""The stock ADBC driver for Flight SQL, by its DB-API, and Polars through it."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import polars as pl
import pyarrow as pa
import pytest
from comparison import columns, first_difference, reference_rows

if TYPE_CHECKING:
    import psycopg
    from conftest import Served

SHOP_TABLES = ["Gift Wrap", "category", "customer", "order_line", "orders", "product", "region"]


def test_connecting_warns_of_nothing(shop: Served) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with adbc.connect(shop.server.flight, autocommit=True) as connected, connected.cursor() as cursor:
            cursor.execute("SELECT 1 AS one")
            assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT id, total FROM orders WHERE id = $1", 5),
        ("SELECT id FROM orders WHERE total > $1 ORDER BY id", Decimal("1500.05")),
        ("SELECT id FROM orders WHERE status = $1 ORDER BY id", "returned"),
        ("SELECT id FROM orders WHERE delivered_on = $1 ORDER BY id", date(2024, 3, 1)),
        ("SELECT count(*) FROM orders WHERE placed_at < $1", datetime(2024, 1, 1, tzinfo=UTC)),
        ("SELECT count(*) FROM customer WHERE is_business = $1", True),
        ("SELECT count(*) FROM product WHERE rating > $1", 4.25),
        ("SELECT count(*) FROM orders WHERE coupon = $1", None),
    ],
)
def test_bound_parameter(sql: str, value: object, cursor: Any, shop_reference: psycopg.Connection) -> None:
    cursor.execute(sql, [value])
    assert first_difference(cursor.fetchall(), reference_rows(shop_reference, sql, [value])) is None


@pytest.mark.parametrize(
    ("elements", "type_", "literal"),
    [
        ([0, None], pa.timestamp("s"), "ARRAY['1970-01-01', NULL]::timestamp[]"),
        ([1_000], pa.timestamp("ns", "Europe/Berlin"), "ARRAY['1970-01-01 00:00:00.000001Z'::timestamptz]"),
        ([1, 86_399], pa.time32("s"), "ARRAY['00:00:01', '23:59:59']::time[]"),
        ([5_000], pa.time64("ns"), "ARRAY['00:00:00.000005'::time]"),
        ([86_400_000], pa.date64(), "ARRAY['1970-01-02'::date]"),
        ([1, None], pa.duration("ms"), "ARRAY['00:00:00.001', NULL]::interval[]"),
        ([-1, 2], pa.int8(), "ARRAY[-1, 2]::int2[]"),
        (
            [[0], [1]],
            pa.list_(pa.timestamp("ms")),
            "ARRAY[ARRAY['1970-01-01'], ARRAY['1970-01-01 00:00:00.001']]::timestamp[]",
        ),
        (
            [{"at": 1}, None],
            pa.struct([("at", pa.timestamp("ms"))]),
            "ARRAY[ROW('1970-01-01 00:00:00.001'::timestamp), NULL]",
        ),
    ],
    ids=str,
)
def test_lists_of_any_unit_are_arrays(
    elements: list[object], type_: pa.DataType, literal: str, cursor: Any, shop_reference: psycopg.Connection
) -> None:
    column = pa.array([elements], pa.list_(type_))
    cursor.execute("SELECT $1::text AS text", pa.record_batch([column], names=["$1"]))
    assert cursor.fetchall() == reference_rows(shop_reference, f"SELECT ({literal})::text")


def test_one_prepared_cursor_runs_many_times(cursor: Any, shop_reference: psycopg.Connection) -> None:
    sql = "SELECT id, coupon, total FROM orders WHERE customer_id = $1 ORDER BY id"
    parameters = cursor.adbc_prepare(sql)
    assert parameters.types == [pa.int64()]
    for customer in (1, 2, 3, 2, 1, -1):
        cursor.execute(sql, [customer])
        assert cursor.fetchall() == reference_rows(shop_reference, sql, [customer])


def test_fetch_arrow_table(cursor: Any, shop_reference: psycopg.Connection) -> None:
    sql = "SELECT * FROM product ORDER BY id"
    cursor.execute(sql)
    table = cursor.fetch_arrow_table()
    got = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    assert first_difference(got, reference_rows(shop_reference, sql)) is None


def test_a_large_result_arrives_whole(cursor: Any, shop: Served) -> None:
    cursor.execute("SELECT * FROM order_line")
    assert cursor.fetch_arrow_table().num_rows == shop.rows["order_line"]


def test_description_is_known_without_rows(cursor: Any) -> None:
    cursor.execute("SELECT id, name FROM region WHERE false")
    assert [column[0] for column in cursor.description] == ["id", "name"]
    assert cursor.fetchall() == []
    schema = cursor.adbc_execute_schema("SELECT id, total FROM orders")
    assert schema.types == [pa.int64(), pa.decimal128(12, 2)]


def test_polars_reads_through_it(adbc_connection: Any, shop_reference: psycopg.Connection) -> None:
    sql = "SELECT id, total, placed_at, coupon FROM orders WHERE id < $1 ORDER BY id"
    frame = pl.read_database(sql, adbc_connection, execute_options={"parameters": [500]})
    assert frame.schema["total"] == pl.Decimal(12, 2)
    assert first_difference(frame.rows(), reference_rows(shop_reference, sql, [500])) is None


def test_objects_at_depth_all(adbc_connection: Any, shop_reference: psycopg.Connection) -> None:
    [catalog] = adbc_connection.adbc_get_objects(depth="all").read_all().to_pylist()
    assert catalog["catalog_name"] == "shop"
    [schema] = catalog["catalog_db_schemas"]
    assert schema["db_schema_name"] == "public"
    tables = {table["table_name"]: table for table in schema["db_schema_tables"]}
    assert sorted(tables) == SHOP_TABLES
    for name, table in tables.items():
        assert table["table_type"] == "TABLE"
        described = [(column["column_name"], column["ordinal_position"]) for column in table["table_columns"]]
        wanted = columns(shop_reference, f'"{name}"')
        assert described == [(column, position) for position, (column, *_) in enumerate(wanted, start=1)]


@pytest.mark.parametrize("depth", ["catalogs", "db_schemas", "tables"])
def test_objects_at_other_depths(depth: str, adbc_connection: Any) -> None:
    [catalog] = adbc_connection.adbc_get_objects(depth=depth).read_all().to_pylist()
    assert catalog["catalog_name"] == "shop"
    if depth == "catalogs":
        assert not catalog["catalog_db_schemas"]
    else:
        [schema] = catalog["catalog_db_schemas"]
        assert schema["db_schema_name"] == "public"
        assert len(schema["db_schema_tables"] or []) == (len(SHOP_TABLES) if depth == "tables" else 0)


def test_objects_by_pattern(adbc_connection: Any) -> None:
    filters = {"table_name_filter": "order%", "column_name_filter": "id", "db_schema_filter": "pub%"}
    [catalog] = adbc_connection.adbc_get_objects(depth="all", **filters).read_all().to_pylist()
    [schema] = catalog["catalog_db_schemas"]
    found = {
        table["table_name"]: [column["column_name"] for column in table["table_columns"]]
        for table in schema["db_schema_tables"]
    }
    assert found == {"order_line": ["id"], "orders": ["id"]}


@pytest.mark.parametrize("table", SHOP_TABLES)
def test_table_schema_is_that_of_a_query(table: str, adbc_connection: Any, cursor: Any) -> None:
    schema = adbc_connection.adbc_get_table_schema(table, db_schema_filter="public")
    cursor.execute(f'SELECT * FROM "{table}"')
    result = cursor.fetch_arrow_table().schema
    assert schema.equals(result)
    for column, listed in zip(result, schema, strict=True):
        told, remark = dict(listed.metadata), (column.metadata or {}).get(b"comment")
        assert told.pop(b"ARROW:FLIGHT:SQL:REMARKS", None) == remark
        assert told == column.metadata


def test_schema_of_an_unknown_table(adbc_connection: Any) -> None:
    with pytest.raises(adbc.ProgrammingError, match="NOT_FOUND"):
        adbc_connection.adbc_get_table_schema("no_such_table")


def test_table_types_and_info(adbc_connection: Any) -> None:
    assert adbc_connection.adbc_get_table_types() == ["TABLE"]
    info = adbc_connection.adbc_get_info()
    assert info["vendor_name"] == "RailForge"
    assert info["vendor_version"]


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT totl FROM orders", 'did you mean "total"'),
        ("SELECT * FROM ordres", "did you mean shop.public.orders"),
        ("DELETE FROM orders", "changes nothing"),
        ("SELEC 1", "Line: 1, Column: 1"),
    ],
)
def test_errors_arrive_in_the_servers_words(sql: str, text: str, cursor: Any) -> None:
    with pytest.raises(adbc.ProgrammingError, match=text):
        cursor.execute(sql)


def test_ingest_is_refused_as_read_only(cursor: Any) -> None:
    with pytest.raises((adbc.ProgrammingError, adbc.NotSupportedError), match="changes nothing"):
        cursor.adbc_ingest("x", pa.table({"a": [1]}))
