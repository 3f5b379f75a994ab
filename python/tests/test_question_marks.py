"""Parameters that are written `?`, as JDBC and ODBC write them, beside PostgreSQL's own operators."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest
from comparison import connect_as_reference, first_difference, reference_rows, rows
from configuration import configuration, source
from conftest import refresh
from flight_sql_messages import prepare, run_bound

import rail_forge

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg
    from conftest import NewDatabase, Serve, Served
    from pyarrow import flight

# A statement, the same one as PostgreSQL knows it, and its parameters.
SAME = [
    ("SELECT id FROM orders WHERE id = ?", "SELECT id FROM orders WHERE id = $1", [17]),
    (
        "SELECT id FROM orders WHERE id>? AND id<=? ORDER BY id LIMIT ?",
        "SELECT id FROM orders WHERE id>$1 AND id<=$2 ORDER BY id LIMIT $3",
        [3, 90, 20],
    ),
    (
        "SELECT id FROM orders WHERE total>-?::numeric AND id IN (?,?,?) ORDER BY id",
        "SELECT id FROM orders WHERE total>-$1::numeric AND id IN ($2,$3,$4) ORDER BY id",
        [Decimal("1.5"), 5, 6, 7],
    ),
    (
        "SELECT id FROM orders WHERE id BETWEEN ? AND ? AND coupon LIKE ? ORDER BY 1",
        "SELECT id FROM orders WHERE id BETWEEN $1 AND $2 AND coupon LIKE $3 ORDER BY 1",
        [1, 500, "%e%"],
    ),
    (
        "SELECT CASE WHEN total > ? THEN ? ELSE 'low' END FROM orders WHERE id < ?::bigint ORDER BY id",
        "SELECT CASE WHEN total > $1 THEN $2 ELSE 'low' END FROM orders WHERE id < $3::bigint ORDER BY id",
        [100, "much", 50],
    ),
    (
        "SELECT '?' AS \"?\", $$ ? $$ AS a, 'it''s ?' AS b /* ? */ FROM orders WHERE id = ? -- ?",
        "SELECT '?' AS \"?\", $$ ? $$ AS a, 'it''s ?' AS b FROM orders WHERE id = $1",
        [5],
    ),
    (
        "SELECT id FROM product WHERE attributes ? 'size' AND id < ? ORDER BY id",
        "SELECT id FROM product WHERE attributes ? 'size' AND id < $1 ORDER BY id",
        [300],
    ),
    (
        "SELECT id FROM product WHERE attributes ? ? AND id < ? ORDER BY id",
        "SELECT id FROM product WHERE attributes ? $1 AND id < $2 ORDER BY id",
        ["fragile", 300],
    ),
    (
        "SELECT id FROM product WHERE attributes ?? ? OR attributes ??| ? ORDER BY id",
        "SELECT id FROM product WHERE attributes ? $1 OR attributes ?| $2 ORDER BY id",
        ["size", ["fragile", "warranty_years"]],
    ),
    (
        "SELECT id FROM product WHERE attributes ?& ? AND attributes @? '$.size' ORDER BY id",
        "SELECT id FROM product WHERE attributes ?& $1 AND attributes @? '$.size' ORDER BY id",
        [["size"]],
    ),
    ("SELECT ? || ? AS both", "SELECT $1::text || $2::text AS both", ["a", "b"]),
]


@pytest.mark.parametrize(("sql", "numbered", "params"), SAME, ids=[sql for sql, *_ in SAME])
def test_they_are_numbered_in_order(
    sql: str,
    numbered: str,
    params: list[object],
    client: rail_forge.Client,
    shop_reference: psycopg.Connection,
) -> None:
    wanted = reference_rows(shop_reference, numbered, params)
    assert first_difference(client.sql(sql, params).rows(), wanted) is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM product WHERE attributes ? 'size' ORDER BY id",
        "SELECT id FROM product WHERE attributes?'size' AND attributes ?| ARRAY['fragile'] ORDER BY id",
        "SELECT id FROM product WHERE (attributes) ? 'size' AND NOT attributes ?& ARRAY['x'] ORDER BY id",
        "SELECT id FROM product WHERE attributes @? '$.size ? (@ != null)' ORDER BY id",
        "SELECT id, NULL::jsonb ? 'x' AS nothing FROM product WHERE attributes::jsonb ? 'size' ORDER BY id",
    ],
)
def test_operators_stay_operators(
    sql: str, client: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    assert first_difference(client.sql(sql).rows(), reference_rows(shop_reference, sql)) is None


def test_beside_numbered_parameters_there_are_only_operators(
    client: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    sql = "SELECT id FROM product WHERE attributes ? $1 AND id < $2 ORDER BY id"
    params = ["size", 300]
    assert client.sql(sql, params).rows() == reference_rows(shop_reference, sql, params)
    with pytest.raises(rail_forge.QueryError, match="syntax error"):
        client.sql("SELECT id FROM product WHERE id = $1 AND stock = ?", [1, 2])


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ([], "2 parameters.*none"),
        ([1], "2 parameters.*1 was given"),
        ([1, 2, 3], "2 parameters.*3 were given"),
    ],
)
def test_all_of_them_are_given(params: list[object], text: str, client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.QueryError, match=text):
        client.sql("SELECT id FROM orders WHERE id = ? OR id = ?", params).rows()


def test_a_prepared_statement_knows_their_number_and_types(
    stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    prepared = prepare(stock, "SELECT id FROM orders WHERE total>? AND id<=? AND channel = ? ORDER BY id")
    parameters = pa.ipc.read_schema(pa.py_buffer(prepared.parameter_schema))
    assert parameters.types == [pa.decimal128(12, 2), pa.int64(), pa.string()]
    row = pa.RecordBatch.from_pylist([{"a": Decimal("100.00"), "b": 900, "c": "app"}])
    got = run_bound(stock, prepared.prepared_statement_handle, row)
    sql = "SELECT id FROM orders WHERE total > $1 AND id <= $2 AND channel = $3 ORDER BY id"
    assert rows(got) == reference_rows(shop_reference, sql, [Decimal("100.00"), 900, "app"])


def test_adbc_binds_them(shop: Served, shop_reference: psycopg.Connection) -> None:
    connection: Any = adbc.connect(shop.server.flight, autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, total FROM orders WHERE id = ? OR id = ? ORDER BY id", [5, 7])
        sql = "SELECT id, total FROM orders WHERE id = $1 OR id = $2 ORDER BY id"
        assert cursor.fetchall() == reference_rows(shop_reference, sql, [5, 7])


def test_errors_have_the_places_of_the_text(client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.QueryError, match="Line: 2, Column: 18"):
        client.sql("SELECT ?, ?, ?\nFROM orders WERE id = ?", [1, 2, 3, 4])


def test_postgresql_gets_their_values(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(
        "CREATE TABLE t (id integer, data jsonb)",
        """INSERT INTO t VALUES (1, '{"a": 1}'), (2, '{"b": 2}'), (3, '{"a": 3}')""",
    )
    arguments = configuration(
        tmp_path,
        source(url, None, 'fallback = "unsupported"', 'fallback_functions = ["int4range"]'),
    )
    server = serve({}, *arguments)
    refresh(server)
    asked = "SELECT id, int4range(id, ?)::text AS r FROM t WHERE data ? ? AND id>=? AND '?' = '?' ORDER BY id"
    numbered = "SELECT id, int4range(id, $1)::text AS r FROM t WHERE data ? $2 AND id>=$3 ORDER BY id"
    with rail_forge.connect(server.flight) as client, connect_as_reference(url) as reference:
        result = client.sql(asked, [9, "a", 2])
        assert result.engine == "postgres"
        assert result.rows() == reference_rows(reference, numbered, [9, "a", 2])
