"""Processes of their own for `benchmarks.wire`: clients, and a server of pyarrow's that sends the same rows.

Nothing here runs in the process that measures: gRPC's threads and Python's lock would be shared.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import flight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

# Forked children would have gRPC's threads without their locks.
SPAWN = multiprocessing.get_context("spawn")
ANY_PORT = "grpc://127.0.0.1:0"
# Every query is computed.
COMPUTED = flight.FlightCallOptions(headers=[(b"x-rail-forge-cache-control", b"no-cache")])
# What a client of HTTP/2 says first: a magic text, and that it has no settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
VANISHING_PER_PROCESS = 50


@dataclass(frozen=True)
class Rows:
    """Where the rows of a result are to be had."""

    address: str
    ticket: bytes


@dataclass(frozen=True)
class Span:
    """When something began and ended, by the machine's clock, and the bytes that came."""

    started: float
    ended: float
    received: int


class _Sender(flight.FlightServerBase):
    """Sends the same batches to everybody; Python's part in it is over before the first."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__(ANY_PORT)
        self._table = table

    def do_get(self, _context: flight.ServerCallContext, _ticket: flight.Ticket) -> flight.RecordBatchStream:
        return flight.RecordBatchStream(self._table)


def _send_the_same(rows: Rows, port: Connection) -> None:
    with flight.connect(rows.address) as client:
        reader = client.do_get(flight.Ticket(rows.ticket))
        table = pa.Table.from_batches([chunk.data for chunk in reader], reader.schema)
    sender = _Sender(table)
    port.send(sender.port)
    sender.serve()


@contextmanager
def pyarrow_server(rows: Rows) -> Iterator[Rows]:
    """A server of pyarrow's that has the same batches, as a process."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_send_the_same, args=(rows, theirs), daemon=True)
    process.start()
    # Else the end of the process would not end the pipe.
    theirs.close()
    try:
        yield Rows(f"grpc://127.0.0.1:{ours.recv()}", rows.ticket)
    finally:
        process.terminate()
        process.join()


def read(rows: Rows) -> Span:
    """Receive all rows, and keep none."""
    with flight.connect(rows.address) as client:
        started = time.monotonic()
        received = sum(chunk.data.nbytes for chunk in client.do_get(flight.Ticket(rows.ticket)))
        return Span(started, time.monotonic(), received)


@contextmanager
def readers(count: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes that read, which have started already."""
    with ProcessPoolExecutor(count, mp_context=SPAWN) as pool:
        list(pool.map(time.sleep, [0.5] * count))
        yield pool


def read_at_once(pool: ProcessPoolExecutor, rows: Rows, count: int) -> float:
    """Have so many clients receive all rows; the seconds until the last is done."""
    spans = [reading.result() for reading in [pool.submit(read, rows) for _ in range(count)]]
    if len({span.received for span in spans}) != 1 or not spans[0].received:
        raise RuntimeError(f"clients received {[span.received for span in spans]} bytes")
    return max(span.ended for span in spans) - min(span.started for span in spans)


def ask(client: flight.FlightClient, sql: str, options: flight.FlightCallOptions) -> pa.Table:
    """One statement, from its text to its rows."""
    info = client.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()), options)
    return client.do_get(info.endpoints[0].ticket, options).read_all()


def ask_for(address: str, sql: str, clients: int, seconds: float) -> list[float]:
    """Clients that ask again and again, each on a connection of its own; the seconds of each answer.

    An error ends all of them.
    """
    until = time.monotonic() + seconds

    def one_client(_number: int) -> list[float]:
        took = []
        with flight.connect(address) as client:
            while (started := time.monotonic()) < until:
                ask(client, sql, COMPUTED)
                took.append(time.monotonic() - started)
        return took

    with ThreadPoolExecutor(clients) as pool:
        return [each for took in pool.map(one_client, range(clients)) for each in took]


def _vanish(rows: Rows, clients: int) -> None:
    opened = []
    for _ in range(clients):
        client = flight.connect(rows.address)
        reader = client.do_get(flight.Ticket(rows.ticket))
        reader.read_chunk()
        opened.append((client, reader))
    # Without a word to anybody.
    os._exit(0)


def vanish(rows: Rows, clients: int) -> None:
    """Clients that open a result, read one batch, and are gone."""
    while clients > 0:
        some = min(clients, VANISHING_PER_PROCESS)
        process = SPAWN.Process(target=_vanish, args=(rows, some))
        process.start()
        process.join()
        if process.exitcode != 0:
            raise RuntimeError("a client could not read one batch")
        clients -= some


@contextmanager
def idle_connections(address: str, count: int) -> Iterator[None]:
    """Connections that say nothing after the server has greeted them."""
    host, _, port = address.removeprefix("grpc://").rpartition(":")
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            connection.sendall(PREFACE)
            connection.recv(1)
        yield
