"""More of the stock ADBC driver: types of parameters, batches, partitions, cancelling, the objects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest
from comparison import first_difference, reference_rows, rows
from conftest import computed
from waiting import until, until_idle

if TYPE_CHECKING:
    import psycopg
    from conftest import Served


# Until its client goes away.
ENDLESS = "SELECT count(*) FROM orders a, orders b, orders c, orders d WHERE a.id + b.id + c.id + d.id = -{}"

VALUES: list[tuple[str, object]] = [
    ("boolean", True),
    ("smallint", -7),
    ("integer", 2_147_483_647),
    ("bigint", -9_223_372_036_854_775_808),
    ("real", 1.5),
    ("double precision", 0.1),
    ("double precision", float("nan")),
    ("double precision", float("-inf")),
    ("numeric(12, 2)", Decimal("-12.34")),
    ("numeric(38, 10)", Decimal("1234567890123456789012345678.0123456789")),
    ("text", "Grüße, 世界 😀 ' ? $1"),
    ("text", ""),
    ("character varying(9)", "abc"),
    ("bytea", b"\x00\xff"),
    ("bytea", b""),
    ("date", date(1, 1, 1)),
    ("date", date(9999, 12, 31)),
    ("time", time(23, 59, 59, 999_999)),
    ("timestamp", datetime(2024, 2, 29, 12, 30, 0, 123_456)),  # noqa: DTZ001 - without a zone is what is tested
    ("timestamptz", datetime(1901, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
    ("interval", timedelta(days=3, hours=2, microseconds=1)),
    ("bigint[]", [1, None, 3]),
    ("text[]", ["a", "", None]),
]


@pytest.mark.parametrize(
    ("printed", "value"), VALUES, ids=[f"{printed} {value!r}" for printed, value in VALUES]
)
def test_a_parameter_comes_back(
    printed: str, value: object, cursor: Any, shop_reference: psycopg.Connection
) -> None:
    for marker in ("$1", "?"):
        cursor.execute(f"SELECT CAST({marker} AS {printed}) AS v", [value])
        got = rows(cursor.fetch_arrow_table())
        wanted = reference_rows(shop_reference, f"SELECT CAST($1 AS {printed}) AS v", [value])
        assert first_difference(got, wanted) is None


@pytest.mark.parametrize("printed", dict(VALUES))
def test_a_null_of_each_type(printed: str, cursor: Any) -> None:
    cursor.execute(f"SELECT CAST(? AS {printed}) AS v", [None])
    assert cursor.fetchall() == [(None,)]


def test_arrow_data_are_parameters(cursor: Any) -> None:
    row = pa.RecordBatch.from_arrays(
        [pa.array(["app"], pa.large_string()), pa.array([3], pa.int8())], names=["channel", "most"]
    )
    cursor.execute("SELECT id FROM orders WHERE channel = $1 AND id <= $2 + 20 ORDER BY id", row)
    assert all(0 < number <= 23 for (number,) in cursor.fetchall())


def test_many_rows_of_parameters_are_refused(cursor: Any) -> None:
    with pytest.raises(adbc.Error, match=r"several rows|changes nothing"):
        cursor.executemany("SELECT id FROM orders WHERE id = ?", [[1], [2]])
    cursor.execute("SELECT 1 AS one")
    assert cursor.fetchall() == [(1,)]


def test_a_result_is_read_in_batches(cursor: Any, shop: Served) -> None:
    cursor.execute("SELECT * FROM order_line")
    reader = cursor.fetch_record_batch()
    sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == shop.rows["order_line"]
    cursor.execute("SELECT id FROM orders ORDER BY id LIMIT 5")
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(2) == [(2,), (3,)]
    assert list(cursor) == [(4,), (5,)]
    assert cursor.fetchone() is None


def test_partitions_are_read_elsewhere(cursor: Any, shop: Served, shop_reference: psycopg.Connection) -> None:
    sql = "SELECT id, total, placed_at FROM orders WHERE id < 1000 ORDER BY id"
    partitions, schema = cursor.adbc_execute_partitions(sql)
    tables = []
    with adbc.connect(shop.server.flight, autocommit=True) as other, other.cursor() as elsewhere:
        for partition in partitions:
            elsewhere.adbc_read_partition(partition)
            tables.append(elsewhere.fetch_arrow_table())
    got = pa.concat_tables(tables)
    assert got.schema.equals(schema)
    assert first_difference(rows(got), reference_rows(shop_reference, sql)) is None


def test_a_running_query_is_cancelled(shop: Served) -> None:
    before = computed(shop.server)
    with (
        adbc.connect(shop.server.flight, autocommit=True) as connection,
        connection.cursor() as cursor,
        ThreadPoolExecutor(1) as threads,
    ):

        def read() -> None:
            cursor.execute(ENDLESS.format(3))
            cursor.fetchall()

        running = threads.submit(read)
        until(lambda: computed(shop.server) > before, "the query runs")
        cursor.adbc_cancel()
        with pytest.raises(adbc.Error, match=r"(?i)cancel"):
            running.result()
    until_idle(shop.server.pid)


def objects(connection: Any, **filters: object) -> list[dict[str, Any]]:
    return list(connection.adbc_get_objects(**filters).read_all().to_pylist())


def tables(catalogs: list[dict[str, Any]]) -> list[str]:
    return sorted(
        table["table_name"]
        for catalog in catalogs
        for schema in catalog["catalog_db_schemas"] or []
        for table in schema["db_schema_tables"] or []
    )


def test_objects_are_filtered(adbc_connection: Any) -> None:
    assert [catalog["catalog_name"] for catalog in objects(adbc_connection, catalog_filter="sh%")] == ["shop"]
    assert objects(adbc_connection, catalog_filter="other") == []
    assert tables(objects(adbc_connection, table_types_filter=["TABLE"], table_name_filter="c%")) == [
        "category",
        "customer",
    ]
    assert tables(objects(adbc_connection, table_types_filter=["VIEW"])) == []
    assert tables(objects(adbc_connection, db_schema_filter="none")) == []
    assert tables(objects(adbc_connection, depth="tables", table_name_filter="Gift%")) == ["Gift Wrap"]


def test_columns_are_objects(adbc_connection: Any) -> None:
    """This version of the driver tells their names and types, and no sizes, remarks and keys."""
    [catalog] = objects(adbc_connection, depth="all", table_name_filter="orders", column_name_filter="t%")
    [schema] = catalog["catalog_db_schemas"]
    [table] = schema["db_schema_tables"]
    [column] = table["table_columns"]
    described = (column["column_name"], column["ordinal_position"], column["xdbc_type_name"])
    assert described == ("total", 9, "numeric")


def test_what_is_told_of_the_server(adbc_connection: Any) -> None:
    told = adbc_connection.adbc_get_info()
    assert told["vendor_name"] == "RailForge"
    assert {"vendor_version", "vendor_arrow_version", "driver_name", "driver_version"} <= set(told)
    assert not adbc_connection.adbc_get_table_types() or adbc_connection.adbc_get_table_types() == ["TABLE"]


def test_rows_are_not_counted(cursor: Any) -> None:
    cursor.execute("SELECT id FROM region")
    assert cursor.rowcount == -1
