"""What a result costs in memory: no copy in the client, and in the server no more than is on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest
from conftest import NO_RESULTS, refresh
from pyarrow import flight
from waiting import until, until_idle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase

from rail_forge_testbed.server import RailForgeServer

MIB = 1 << 20
# Arrow's largest unit, that of a decimal. Clients copy what lies otherwise.
ALIGNMENT = 16
ROWS = 300_000
TABLE = f"""CREATE TABLE wide AS SELECT
    i AS whole, i * 0.5::float8 AS fraction, timestamp '2020-01-01' + i * interval '1 second' AS moment,
    timestamptz '2020-01-01 00:00Z' + i * interval '1 hour' AS instant, (i * 0.01)::numeric(20, 2) AS price,
    date '1970-01-01' + i % 20000 AS day, nullif(i % 5, 0) AS maybe,
    'a text that is too long to stand in its view: ' || i AS words
    FROM generate_series(1, {ROWS}) AS i"""
# Their last buffers hold the values of rows; that of `words` holds its letters.
SHARED = ("whole", "fraction", "moment", "instant", "price", "day", "maybe")
VIEWS = ((b"x-rail-forge-views", b"true"),)
# A batch smaller than that may lie in the middle of what gRPC has received.
LARGE_BYTES = 256 << 10
# What a server may hold for a client that does not read: two batches of the engine, one on its way, and what
# HTTP/2 and TCP have taken. The same for eight clients.
SLOW_BYTES = 48 * MIB
SLOW_CLIENTS = 8


@pytest.fixture(scope="module")
def server(new_database: NewDatabase) -> Iterator[RailForgeServer]:
    url = new_database(TABLE)
    with RailForgeServer(
        {"shop": url}, arguments=["--initial-refresh", "never", "--cache-memory", "0B", *NO_RESULTS]
    ) as started:
        refresh(started)
        yield started


@pytest.fixture
def client(server: RailForgeServer) -> Iterator[flight.FlightClient]:
    with flight.connect(server.flight) as connected:
        yield connected


def batches(
    client: flight.FlightClient, sql: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> list[pa.RecordBatch]:
    """The batches of a result as they were received."""
    options = flight.FlightCallOptions(headers=list(headers))
    info = client.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()), options)
    reader = client.do_get(info.endpoints[0].ticket, options)
    assert reader.schema.equals(info.schema, check_metadata=True)
    return [chunk.data for chunk in reader]


def large_batches(
    client: flight.FlightClient, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> list[pa.RecordBatch]:
    """Those of the table that are no remainders."""
    found = [batch for batch in batches(client, "SELECT * FROM wide", headers) if batch.nbytes > LARGE_BYTES]
    assert sum(batch.num_rows for batch in found) > ROWS / 2
    return found


def addresses(column: pa.Array) -> list[int]:
    """Where the buffers of a column are."""
    return [buffer.address for buffer in column.buffers() if buffer is not None and buffer.size > 0]


def test_buffers_are_aligned(client: flight.FlightClient) -> None:
    for headers in ((), VIEWS):
        for batch in large_batches(client, headers):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                assert [address % ALIGNMENT for address in addresses(column) if address % ALIGNMENT] == [], (
                    name
                )


def test_buffers_are_aligned_whatever_stands_before_them(client: flight.FlightClient) -> None:
    for repeats in (4_000, 40_000, 400_000):
        for columns in range(1, 4):
            listed = ", ".join(f"price AS p{column}" for column in range(columns))
            [batch] = batches(client, f"SELECT repeat(words, {repeats}), {listed} FROM wide WHERE whole = 7")
            assert batch.nbytes > repeats * 40
            for column in batch.columns:
                assert [address % ALIGNMENT for address in addresses(column)] == [0] * len(addresses(column))


def test_numpy_reads_what_was_received(client: flight.FlightClient) -> None:
    for batch in large_batches(client):
        for name in ("whole", "fraction", "moment"):
            column = batch.column(name)
            array = column.to_numpy(zero_copy_only=True)
            assert array.ctypes.data == column.buffers()[1].address
            assert array.flags.aligned


def test_polars_reads_what_was_received(client: flight.FlightClient) -> None:
    for batch in large_batches(client):
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)
        shared = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        for name in SHARED:
            [chunk] = shared.column(name).chunks
            assert chunk.buffers()[1].address == batch.column(name).buffers()[1].address, name


def test_polars_reads_texts_that_were_asked_for_as_views(client: flight.FlightClient) -> None:
    received = large_batches(client, VIEWS)
    for batch in received:
        words = batch.column("words")
        assert words.type == pa.string_view()
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)
        [chunk] = frame.to_arrow(compat_level=pl.CompatLevel.newest()).column("words").chunks
        assert addresses(chunk) == addresses(words)
    texts = pa.chunked_array(
        [batch.column("words").cast(pa.string()) for batch in batches_in_order(client, VIEWS)]
    )
    plain = pa.chunked_array([batch.column("words") for batch in batches_in_order(client)])
    assert texts.equals(plain)
    assert len(texts) == ROWS


def batches_in_order(
    client: flight.FlightClient, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> list[pa.RecordBatch]:
    """All of the table, in the order of its numbers."""
    return batches(client, "SELECT whole, words FROM wide ORDER BY whole", headers)


def test_views_bring_only_what_they_show(client: flight.FlightClient) -> None:
    few = batches(client, "SELECT words FROM wide WHERE whole % 30000 = 1", VIEWS)
    assert sum(batch.num_rows for batch in few) == ROWS // 30_000
    assert (
        sum(buffer.size for batch in few for buffer in batch.column(0).buffers() if buffer is not None)
        < 4_096
    )


def test_a_client_that_does_not_read_costs_little(
    server: RailForgeServer, client: flight.FlightClient
) -> None:
    sql = b"SELECT a.whole, a.words, b.price FROM wide a CROSS JOIN (SELECT price FROM wide LIMIT 1000) b"
    ticket = client.get_flight_info(flight.FlightDescriptor.for_command(sql)).endpoints[0].ticket
    # What the first of these queries takes for good is not on its way to anybody.
    first = client.do_get(ticket)
    assert first.read_chunk().data.num_rows > 0
    first.cancel()
    until_idle(server.pid)
    before = server.memory_bytes

    def costs_little() -> None:
        until_idle(server.pid)
        bound = before + SLOW_CLIENTS * SLOW_BYTES
        until(lambda: server.memory_bytes < bound, f"{bound // MIB} MiB are enough", seconds=5)

    slow = [flight.connect(server.flight) for _ in range(SLOW_CLIENTS)]
    readers = [each.do_get(ticket) for each in slow]
    try:
        for reader in readers:
            assert reader.read_chunk().data.num_rows > 0
        costs_little()
        # It goes on where it was.
        received = sum(readers[0].read_chunk().data.nbytes for _ in range(100))
        assert received > 20 * MIB
        costs_little()
    finally:
        for reader, connection in zip(readers, slow, strict=True):
            reader.cancel()
            connection.close()
