"""Results on the wire: rows from memory to a client on the same machine, beside a server of pyarrow's own.

- 1 GB of integers, floats, decimals and texts, to one client and to two at once. The reference is Arrow's C++
  server in a process of its own, which sends the same batches to the same client.
- A point query whose result is kept, from Python: everything but the engine. The reference is calls that do
  nothing. And what `client.sql` takes beyond pyarrow's own calls.
- 64 clients that ask for small aggregates for a minute: the slowest in a hundred beside the median.
- The server's memory after that, after 10,000 idle connections, and after 1,000 clients that vanish while
  they read, beside what it was before.
"""

from __future__ import annotations

import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyarrow import flight

import rail_forge
from rail_forge_testbed.server import RailForgeServer

from .comparison import Comparison, Series, Wanted, interleaved, seconds_of
from .hot import warm
from .subject import database, execute, progress, settle
from .wire_clients import (
    SPAWN,
    Rows,
    ask,
    ask_for,
    idle_connections,
    pyarrow_server,
    read_at_once,
    readers,
    vanish,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

# A row has some 56 bytes on the wire; all rows four times are 1 GB.
ROWS = 4_500_000
REPEATED = 4
DEFINITION = """
CREATE TABLE wire (
    whole bigint NOT NULL, fraction double precision NOT NULL,
    price numeric(18, 2) NOT NULL, words text NOT NULL
)
"""
ROWS_BETWEEN = """
INSERT INTO wire SELECT i, i * 0.5, i * 0.01, 'words of row ' || i FROM generate_series(1, {rows}) AS i
"""
GIGABYTE = " UNION ALL ".join(["SELECT whole, fraction, price, words FROM wire"] * REPEATED)
ALL_COLUMNS = "SELECT sum(whole), sum(fraction), sum(price), max(words) FROM wire"
POINT = "SELECT price FROM wire WHERE whole = 7"
AGGREGATE = "SELECT count(*), sum(price) FROM wire WHERE whole BETWEEN 1000 AND 2000"

CLIENTS, CLIENT_PROCESSES, SECONDS = 64, 2, 60.0
IDLE, VANISHING = 10_000, 1_000
# Connections that a first round has opened and closed, so that what is kept for any is kept already.
WARM_CONNECTIONS = 200
CALLS = 300
MS_PER_S = 1_000
BYTES_PER_MB = 1_000_000
# Memory that is given back is given back by then.
SETTLE_SECONDS = 30.0
POLL_SECONDS = 0.5
# Two clients at once have 1.5 times the rows in the same time.
TWO_CLIENTS = 2 / 1.5
GROWTH = 1.1


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Make the table, have it in memory, send it."""
    rows = settings.scaled(ROWS)
    arguments = ["--initial-refresh", "never", "--cache-memory", "4GiB"]
    with database(postgres, "benchmark_wire") as url, many_files():
        progress(f"making a table of {rows:,} rows")
        execute(url, DEFINITION, ROWS_BETWEEN.format(rows=rows))
        settle(url)
        with RailForgeServer({"wire": url}, arguments=arguments) as server:
            with rail_forge.connect(server.flight) as client:
                client.refresh()
                warm(client, f"{ALL_COLUMNS} -- {time.monotonic()}")
            ticket = _ticket(server.flight, GIGABYTE)
            sent = Rows(server.flight, ticket)
            return [
                *_throughput(sent, settings),
                _point_query(server.flight, settings),
                _client_query(server.flight, settings),
                *_memory(server, sent, settings),
            ]


@contextmanager
def many_files() -> Iterator[None]:
    """As many open files as this process, and a server that it starts, may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _ticket(address: str, sql: str) -> bytes:
    with flight.connect(address) as client:
        info = client.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()))
        return info.endpoints[0].ticket.ticket


def _throughput(sent: Rows, settings: Settings) -> list[Comparison]:
    progress("sending it to one client, and to two")
    with pyarrow_server(sent) as same, readers(2) as pool:
        measured = interleaved(
            settings.runs,
            {
                "one": lambda: read_at_once(pool, sent, 1),
                "reference": lambda: read_at_once(pool, same, 1),
                "two": lambda: read_at_once(pool, sent, 2),
                "two of the reference": lambda: read_at_once(pool, same, 2),
            },
        )
    size = f"{settings.scale:g} GB"
    one = Series(f"{size} to one client", measured["one"].values)
    two = Series(f"{size} to each of two clients", measured["two"].values)
    return [
        Comparison(one, Series("pyarrow's server", measured["reference"].values), Wanted("<=", 1.0)),
        Comparison(two, Series(f"{size} to one client", one.values), Wanted("<=", round(TWO_CLIENTS, 3))),
        Comparison(two, Series("pyarrow's server", measured["two of the reference"].values)),
    ]


def _point_query(address: str, settings: Settings) -> Comparison:
    progress(f"asking {CALLS:,} times for one row")
    kept = flight.FlightCallOptions()
    with flight.connect(address) as client:
        ask(client, POINT, kept)
        calls = interleaved(
            settings.runs,
            {
                "kept": lambda: _median(lambda: ask(client, POINT, kept)),
                "nothing": lambda: _median(
                    lambda: (list(client.list_actions()), list(client.list_actions()))
                ),
            },
        )
    took, nothing = ([MS_PER_S * each for each in calls[name].values] for name in ("kept", "nothing"))
    name = "a point query from Python, without the engine"
    reference = Series("a call that does nothing, twice", nothing, "ms")
    return Comparison(Series(name, took, "ms"), reference, Wanted("<=", 1.0, of="median"))


def _client_query(address: str, settings: Settings) -> Comparison:
    """The same query through `rail_forge`, and what that adds to pyarrow's calls."""
    progress("the same through rail_forge")
    kept = flight.FlightCallOptions()
    with flight.connect(address) as stock, rail_forge.connect(address) as client:
        calls = interleaved(
            settings.runs,
            {
                "client": lambda: _median(lambda: client.sql(POINT).arrow()),
                "stock": lambda: _median(lambda: ask(stock, POINT, kept)),
            },
        )
    client_ms, stock_ms = ([MS_PER_S * each for each in calls[name].values] for name in ("client", "stock"))
    beyond = [one - other for one, other in zip(client_ms, stock_ms, strict=True)]
    reference = Series("pyarrow's calls", stock_ms, "ms")
    return Comparison(
        Series("client.sql beyond pyarrow's calls", beyond, "ms"), reference, Wanted("<", 0.2, of="median")
    )


def _median(call: Callable[[], object]) -> float:
    return statistics.median(seconds_of(call) for _ in range(CALLS))


def _memory(server: RailForgeServer, sent: Rows, settings: Settings) -> list[Comparison]:
    clients, seconds = settings.scaled(CLIENTS), SECONDS * settings.scale
    idle, vanishing = settings.scaled(IDLE), settings.scaled(VANISHING)

    def ask_all(for_seconds: float) -> list[float]:
        each = max(1, clients // CLIENT_PROCESSES)
        with ProcessPoolExecutor(CLIENT_PROCESSES, mp_context=SPAWN) as pool:
            asking = [
                pool.submit(ask_for, server.flight, AGGREGATE, each, for_seconds)
                for _ in range(CLIENT_PROCESSES)
            ]
            return [took for process in asking for took in process.result()]

    def keep_idle(count: int) -> None:
        with idle_connections(server.flight, count):
            progress(f"{server.memory_bytes / BYTES_PER_MB:,.0f} MB with {count:,} idle connections")

    progress("warming up")
    ask_all(1.0)
    keep_idle(min(idle, WARM_CONNECTIONS))
    vanish(sent, min(vanishing, WARM_CONNECTIONS))
    lines = []

    def around(name: str, act: Callable[[], object]) -> None:
        before = server.memory_bytes / BYTES_PER_MB
        act()
        most = before * GROWTH
        deadline = time.monotonic() + SETTLE_SECONDS
        while (after := server.memory_bytes / BYTES_PER_MB) > most and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        measured = Series(f"memory after {name}", [after], "MB")
        lines.append(
            Comparison(measured, Series("before", [before], "MB"), Wanted("<=", round(most), of="median"))
        )

    progress(f"{clients} clients for {seconds:.0f} s")
    took: list[float] = []
    around(f"{clients} clients for {seconds:.0f} s", lambda: took.extend(ask_all(seconds)))
    percentiles = statistics.quantiles(took, n=100)
    progress(f"{len(took):,} answers")
    slowest = Series(f"{clients} clients of small aggregates, 99 of 100 within", [percentiles[98]])
    lines.append(Comparison(slowest, Series("their median", [percentiles[49]]), Wanted("<", 20)))
    around(f"{idle:,} idle connections", lambda: keep_idle(idle))
    around(f"{vanishing:,} clients that vanish", lambda: vanish(sent, vanishing))
    return lines
