"""GetXdbcTypeInfo: PostgreSQL's types as ODBC and JDBC ask for them, against PostgreSQL itself."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow as pa
import pytest
from flight_sql_messages import command
from pyarrow import flight

# FlightSql.proto of Apache Arrow, `message CommandGetXdbcTypeInfo`.
SCHEMA = pa.schema(
    [
        pa.field("type_name", pa.string(), nullable=False),
        pa.field("data_type", pa.int32(), nullable=False),
        pa.field("column_size", pa.int32()),
        pa.field("literal_prefix", pa.string()),
        pa.field("literal_suffix", pa.string()),
        pa.field("create_params", pa.list_(pa.field("item", pa.string(), nullable=False))),
        pa.field("nullable", pa.int32(), nullable=False),
        pa.field("case_sensitive", pa.bool_(), nullable=False),
        pa.field("searchable", pa.int32(), nullable=False),
        pa.field("unsigned_attribute", pa.bool_()),
        pa.field("fixed_prec_scale", pa.bool_(), nullable=False),
        pa.field("auto_increment", pa.bool_()),
        pa.field("local_type_name", pa.string()),
        pa.field("minimum_scale", pa.int32()),
        pa.field("maximum_scale", pa.int32()),
        pa.field("sql_data_type", pa.int32(), nullable=False),
        pa.field("datetime_subcode", pa.int32()),
        pa.field("num_prec_radix", pa.int32()),
        pa.field("interval_precision", pa.int32()),
    ]
)
VARCHAR, TIMESTAMP, NO_SUCH_TYPE = 12, 93, 4_711
NO_COMPARISON, WITHOUT_LIKE, EVERYTHING = 0, 2, 3

# A value of each type, as its literal has it between prefix and suffix.
LITERALS = {
    "boolean": "true",
    "smallint": "-5",
    "integer": "5",
    "bigint": "5",
    "oid": "5",
    "real": "1.5",
    "double precision": "1.5",
    "numeric": "1.50",
    "character": "a",
    "character varying": "it",
    "text": "it",
    "name": "it",
    "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "json": "[1]",
    "jsonb": "[1]",
    "bytea": "00ff",
    "date": "2024-02-29",
    "time without time zone": "12:30:00.5",
    "timestamp without time zone": "2024-02-29 12:30:00",
    "timestamp with time zone": "2024-02-29 12:30:00+00",
    "interval": "1 day",
}


@pytest.fixture(scope="module")
def types(stock: flight.FlightClient) -> dict[str, dict[str, Any]]:
    rows = command(stock, "CommandGetXdbcTypeInfo").to_pylist()
    return {row["type_name"]: row for row in rows}


def both(sql: str, client: flight.FlightClient, reference: psycopg.Connection) -> bool:
    """Whether a query is answered; by both or by none."""
    try:
        reference.execute(sql.encode())
        wanted = True
    except psycopg.Error:
        wanted = False
    try:
        client.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()))
        got = True
    except (pa.ArrowInvalid, NotImplementedError):
        got = False
    assert got == wanted, sql
    return got


def test_the_schema_is_that_of_the_specification(stock: flight.FlightClient) -> None:
    table = command(stock, "CommandGetXdbcTypeInfo")
    assert table.schema.equals(SCHEMA, check_metadata=True)
    keys = [(row["data_type"], row["type_name"]) for row in table.to_pylist()]
    assert keys == sorted(keys)


def test_they_can_be_asked_for_by_number(stock: flight.FlightClient, types: dict[str, Any]) -> None:
    varchars = command(stock, "CommandGetXdbcTypeInfo", data_type=VARCHAR)
    assert varchars.schema.equals(SCHEMA, check_metadata=True)
    assert varchars.to_pylist() == [row for row in types.values() if row["data_type"] == VARCHAR]
    names = command(stock, "CommandGetXdbcTypeInfo", data_type=TIMESTAMP)["type_name"].to_pylist()
    assert names == ["timestamp with time zone", "timestamp without time zone"]
    assert command(stock, "CommandGetXdbcTypeInfo", data_type=NO_SUCH_TYPE).num_rows == 0


def test_they_are_types_of_postgresql_under_its_names(
    types: dict[str, Any], shop_reference: psycopg.Connection
) -> None:
    assert set(types) == set(LITERALS)
    for name in types:
        [(printed,)] = shop_reference.execute("SELECT format_type(to_regtype(%s), NULL)", [name]).fetchall()
        assert printed == name


def test_columns_have_types_of_the_list(types: dict[str, Any], stock: flight.FlightClient) -> None:
    tables = command(stock, "CommandGetTables", include_schema=True)["table_schema"].to_pylist()
    named = {
        field.metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"].decode()
        for table in tables
        for field in pa.ipc.read_schema(pa.py_buffer(table))
    }
    assert {name for name in named if name not in types} == {"order_status", "text[]"}


@pytest.mark.parametrize("name", LITERALS)
def test_literals_are_written_as_it_says(
    name: str, types: dict[str, Any], stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    row = types[name]
    literal = f"{row['literal_prefix'] or ''}{LITERALS[name]}{row['literal_suffix'] or ''}"
    assert both(f"SELECT CAST({literal} AS {name}) AS x", stock, shop_reference)


@pytest.mark.parametrize("name", LITERALS)
def test_what_can_be_searched_for_is_as_it_says(
    name: str, types: dict[str, Any], stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    value = f"CAST(NULL AS {name})"
    searchable = types[name]["searchable"]
    assert searchable in (NO_COMPARISON, WITHOUT_LIKE, EVERYTHING)
    assert both(f"SELECT {value} = {value} AS x", stock, shop_reference) == (searchable != NO_COMPARISON)
    if name != "bytea":
        is_like = both(f"SELECT {value} LIKE 'a%' AS x", stock, shop_reference)
        assert is_like == (searchable == EVERYTHING)


def test_types_take_the_parameters_that_it_says(
    types: dict[str, Any], stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    for name, row in types.items():
        count = len(row["create_params"] or [])
        written = f"{name}({', '.join('5' for _ in range(count))})" if count else name
        assert both(f"SELECT CAST(NULL AS {written}) AS x", stock, shop_reference)
    assert {name for name, row in types.items() if row["create_params"]} == {
        "numeric",
        "character",
        "character varying",
    }


def test_numbers_say_how_large_they_are(types: dict[str, Any]) -> None:
    sizes = {
        name: (types[name]["column_size"], types[name]["num_prec_radix"]) for name in ("smallint", "bigint")
    }
    assert sizes == {"smallint": (len(str(2**15)), 10), "bigint": (len(str(2**63)), 10)}
    assert {name for name, row in types.items() if row["unsigned_attribute"]} == {"oid"}
    assert {name for name, row in types.items() if row["unsigned_attribute"] is None} == {
        name for name, row in types.items() if row["num_prec_radix"] is None
    }
