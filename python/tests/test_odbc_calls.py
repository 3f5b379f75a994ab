"""The calls that Arrow's ODBC driver makes, and the types that it can convert.

The driver itself is in no public package registry: this is its conversation, by a stock client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from comparison import columns
from flight_sql_messages import close, command, prepare, read
from pyarrow import flight
from tokens import log_in, stock_client

if TYPE_CHECKING:
    import psycopg
    from conftest import Served

    from rail_forge_testbed.server import RailForgeServer

# What SQLGetInfo asks for, a few at a time: names, quotes, keywords, joins, limits.
ASKED = [(0, 1, 2), (504,), (503,), (508,), (528,), (547, 557), (563, 564)]
# Large, wide and nested types are nothing to it.
CONVERTED = [
    *[pa.bool_(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()],
    *[pa.string(), pa.binary(), pa.date32(), pa.time64("us"), pa.timestamp("us"), pa.timestamp("us", "UTC")],
]
# Without a length of its own, a column of texts would be cut off here.
UNTOLD = 1_024


def test_connecting(guarded: RailForgeServer, reader_token: str) -> None:
    login = log_in(guarded, "reader", reader_token)
    with stock_client(guarded, login) as client:
        for codes in ASKED:
            told = command(client, "CommandGetSqlInfo", info=list(codes))
            assert sorted(told["info_name"].to_pylist()) == sorted(codes)


def test_types(stock: flight.FlightClient) -> None:
    every = command(stock, "CommandGetXdbcTypeInfo")
    for number in set(every["data_type"].to_pylist()):
        one = command(stock, "CommandGetXdbcTypeInfo", data_type=number)
        assert one.schema.equals(every.schema)
        assert set(one["data_type"].to_pylist()) == {number}


def test_tables_and_columns(
    stock: flight.FlightClient, shop: Served, shop_reference: psycopg.Connection
) -> None:
    assert command(stock, "CommandGetCatalogs").to_pylist() == [{"catalog_name": "shop"}]
    assert command(stock, "CommandGetTableTypes").to_pylist() == [{"table_type": "TABLE"}]
    assert command(stock, "CommandGetDbSchemas", catalog="shop")["db_schema_name"].to_pylist() == ["public"]
    listed = command(
        stock, "CommandGetTables", table_name_filter_pattern="%", include_schema=True
    ).to_pylist()
    assert [table["table_name"] for table in listed] == sorted(shop.rows)
    for table in listed:
        schema = pa.ipc.read_schema(pa.py_buffer(table["table_schema"]))
        described = [(field.name, field.nullable) for field in schema]
        wanted = columns(shop_reference, f'"{table["table_name"]}"')
        assert described == [(name, nullable) for name, _, nullable, _ in wanted]
        for field in schema:
            assert field.metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"]


@pytest.mark.parametrize("table", ["Gift Wrap", "category", "customer", "order_line", "orders", "region"])
def test_a_statement_is_prepared_and_read(table: str, stock: flight.FlightClient, shop: Served) -> None:
    sql = f'SELECT * FROM "{table}"'
    prepared = prepare(stock, sql)
    described = pa.ipc.read_schema(pa.py_buffer(prepared.dataset_schema))
    for field in described:
        assert field.type in CONVERTED or pa.types.is_decimal128(field.type)
        if pa.types.is_string(field.type):
            length = int(field.metadata[b"ARROW:FLIGHT:SQL:PRECISION"])
            assert length > UNTOLD or length in range(1, UNTOLD)
    handle = prepared.prepared_statement_handle
    by_handle = command(stock, "CommandPreparedStatementQuery", prepared_statement_handle=handle)
    assert by_handle.num_rows == shop.rows[table]
    close(stock, handle)
    directly = read(stock, flight.FlightDescriptor.for_command(sql.encode()))
    assert directly.schema.equals(described, check_metadata=True)
