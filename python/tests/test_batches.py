"""Batches on the wire: of a size that travels well, compressed for those who ask, whatever is in them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from comparison import connect_as_reference, first_difference, reference_rows, rows
from conftest import NO_RESULTS, refresh, run
from pyarrow import flight
from test_every_type import create_everything
from type_tables import TABLES
from type_values import OWN_TYPES

from rail_forge_testbed.postgres import EmbeddedPostgres
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from conftest import NewDatabase

MIB = 1 << 20
LEAST_BYTES, MOST_BYTES, LARGE_BYTES = MIB, 2 * MIB, 8 * MIB
# pyarrow counts no padding, and rows are cut and not bytes.
TOLERANCE = 0.1
READS = 5
ROWS = 400_000
COLUMNS = 1_000
LONG_BYTES = 100_000_000
TABLE = f"""CREATE TABLE t AS SELECT i AS id, nullif(i % 7, 3) AS kind, i * 0.25::float8 AS fraction,
    (i * 0.01)::numeric(18, 2) AS price, CASE WHEN i % 5 <> 2 THEN md5(i::text) END AS code,
    i % 3 = 0 AS flag, CASE WHEN i % 4 <> 1 THEN ARRAY[i, NULL, i + 1] END AS numbers
    FROM generate_series(1, {ROWS}) AS i"""
WIDE = f"""CREATE TABLE wide AS SELECT {", ".join(f"nullif(i % {c + 2}, 1) AS c{c}" for c in range(COLUMNS))}
    FROM generate_series(1, 5000) AS i"""
LONG = f"CREATE TABLE long AS SELECT 1 AS id, repeat('0123456789', {LONG_BYTES // 10}) AS text"
MANY = "SELECT id, kind, fraction, price, code FROM t"
COMPRESSION = ("lz4", "zstd")


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> str:
    return new_database(TABLE, WIDE, LONG)


@pytest.fixture(scope="module")
def server(url: str) -> Iterator[RailForgeServer]:
    arguments = ["--initial-refresh", "never", "--memory-limit", "2GiB", *NO_RESULTS]
    with RailForgeServer({"shop": url}, arguments=arguments) as started:
        refresh(started)
        yield started


@pytest.fixture(scope="module")
def client(server: RailForgeServer) -> Iterator[flight.FlightClient]:
    with flight.connect(server.flight) as connected:
        yield connected


def read(client: flight.FlightClient, sql: str, headers: Mapping[str, str] = {}) -> pa.Table:
    """A result, its batches as they were received."""
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    options = flight.FlightCallOptions(headers=encoded)
    info = client.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()), options)
    reader = client.do_get(info.endpoints[0].ticket, options)
    received = [chunk.data for chunk in reader]
    return pa.Table.from_batches(received, reader.schema)


def sizes_of(read_batches: Callable[[], list[pa.RecordBatch]], larger: int) -> list[int]:
    """The bytes of batches between the first and the last, all but so many of the largest."""
    for _ in range(READS):
        first, *between, _ = read_batches()
        assert first.nbytes < LEAST_BYTES
        assert len(between) > 5
        sizes = sorted(batch.nbytes for batch in between)
        usual = sizes[: len(sizes) - larger]
        assert usual[-1] < MOST_BYTES * (1 + TOLERANCE), sizes
        # Where the query was slow for a moment, its rows did not wait.
        if median(usual) > LEAST_BYTES * (1 - TOLERANCE):
            return sizes
    pytest.fail(f"most batches are small, whenever they are read: {sizes}")


def test_batches_have_one_to_two_mebibytes_but_for_one(client: flight.FlightClient) -> None:
    sizes = sizes_of(lambda: read(client, MANY).to_batches(), larger=1)
    # After it, the client's allocator keeps the memory of those that follow.
    assert LARGE_BYTES * (1 - TOLERANCE) < sizes[-1] < (LARGE_BYTES + LEAST_BYTES) * (1 + TOLERANCE)


def test_clients_that_may_not_take_a_larger_one_get_none(server: RailForgeServer) -> None:
    with adbc.connect(server.flight, autocommit=True) as connection, connection.cursor() as cursor:

        def received() -> list[pa.RecordBatch]:
            cursor.execute(MANY)
            return list(cursor.fetch_record_batch())

        sizes_of(received, larger=0)


def test_many_rows_of_nearly_nothing_come_in_several_batches(client: flight.FlightClient) -> None:
    flags = read(client, "SELECT flag FROM t")
    assert flags.num_rows == ROWS
    assert max(batch.num_rows for batch in flags.to_batches()) <= 2 * LEAST_BYTES // 8


def test_rows_without_columns_are_counted(client: flight.FlightClient) -> None:
    info = client.get_flight_info(flight.FlightDescriptor.for_command(b"SELECT FROM t"))
    assert sum(chunk.data.num_rows for chunk in client.do_get(info.endpoints[0].ticket)) == ROWS


def test_the_first_batch_is_not_held_back(client: flight.FlightClient) -> None:
    # The rows behind the first ones take minutes.
    sql = "SELECT id FROM t UNION ALL SELECT sum(a.id % 7 + b.id % 5) FROM t a CROSS JOIN t b"
    info = client.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()))
    reader = client.do_get(info.endpoints[0].ticket, flight.FlightCallOptions(timeout=30))
    received = 0
    while received < ROWS:
        received += reader.read_chunk().data.num_rows
    assert received == ROWS
    reader.cancel()


@pytest.mark.parametrize("compression", [None, *COMPRESSION])
def test_slices_with_nulls_arrive(client: flight.FlightClient, url: str, compression: str | None) -> None:
    headers = {"x-rail-forge-compression": compression} if compression else {}
    with connect_as_reference(url) as reference:
        for start, count in ((0, 1), (3, 1_001), (13, 7), (8_191, 2), (8_185, 20_000)):
            sql = f"SELECT * FROM t WHERE id > {start} ORDER BY id LIMIT {count} OFFSET 3"
            difference = first_difference(rows(read(client, sql, headers)), reference_rows(reference, sql))
            assert difference is None, sql


@pytest.mark.parametrize("compression", COMPRESSION)
def test_compressed_is_the_same(client: flight.FlightClient, compression: str) -> None:
    sql = "SELECT * FROM t ORDER BY id"
    plain, compressed = read(client, sql), read(client, sql, {"x-rail-forge-compression": compression})
    assert compressed.equals(plain, check_metadata=True)


def test_an_unknown_compression_is_refused_by_its_name(client: flight.FlightClient) -> None:
    header = "x-rail-forge-compression"
    with pytest.raises(pa.ArrowInvalid, match=f'the header {header} says "brotli"; it may say lz4 or zstd'):
        read(client, "SELECT 1", {header: "brotli"})


def test_a_wide_table_arrives(client: flight.FlightClient, url: str) -> None:
    table = read(client, "SELECT * FROM wide")
    assert table.num_columns == COLUMNS
    columns = ", ".join(f"sum(c{c})" for c in range(0, COLUMNS, 10))
    with connect_as_reference(url) as reference:
        [sums] = reference_rows(reference, f"SELECT {columns} FROM wide")
    assert [pc.sum(table.column(c)).as_py() for c in range(0, COLUMNS, 10)] == list(sums)


def test_a_result_without_rows_has_its_columns(client: flight.FlightClient) -> None:
    nothing = read(client, "SELECT * FROM t WHERE id < 0")
    assert nothing.num_rows == 0
    assert nothing.schema.equals(read(client, "SELECT * FROM t LIMIT 1").schema, check_metadata=True)


def test_a_long_text_arrives(client: flight.FlightClient) -> None:
    [[text]] = [read(client, "SELECT text FROM long").column(0).to_pylist()]
    assert text == "0123456789" * (LONG_BYTES // 10)


def test_characters_come_padded_however_long_they_may_be(client: flight.FlightClient) -> None:
    # Some hundred rows of it are more than one batch of Arrow can hold.
    width, count = 10_000_000, 3
    ticket = (
        client.get_flight_info(
            flight.FlightDescriptor.for_command(f"SELECT 'x'::character({width}) AS c FROM t".encode())
        )
        .endpoints[0]
        .ticket
    )
    reader = client.do_get(ticket)
    received = [reader.read_chunk().data.column(0) for _ in range(count)]
    reader.cancel()
    assert [text for column in received for text in column.to_pylist()] == ["x" + " " * (width - 1)] * count


def printed(table: pa.Table) -> list[str]:
    """As texts: no NaN is equal to another, and Python has not all dates."""
    rows = table.num_rows
    return [column.combine_chunks().to_string(window=rows, container_window=rows) for column in table.columns]


def test_every_type_is_the_same_however_it_is_sent() -> None:
    with EmbeddedPostgres() as postgres:
        url = postgres.create_database("everything")
        run(url, *OWN_TYPES)
        with connect_as_reference(url) as reference:
            create_everything(reference, postgres.version)
        arguments = ["--initial-refresh", "never", *NO_RESULTS]
        with RailForgeServer({"shop": url}, arguments=arguments) as server:
            refresh(server)
            with flight.connect(server.flight) as client:
                for table in TABLES:
                    sql = f"SELECT * FROM {table} ORDER BY id"
                    plain = read(client, sql)
                    assert plain.num_rows > 1
                    wanted = printed(plain)
                    for compression in COMPRESSION:
                        compressed = read(client, sql, {"x-rail-forge-compression": compression})
                        assert compressed.schema.equals(plain.schema, check_metadata=True)
                        assert printed(compressed) == wanted
                    views = read(client, sql, {"x-rail-forge-views": "true"})
                    assert printed(views) == wanted
