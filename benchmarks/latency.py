"""What a small query costs inside the server, beside a call that does nothing there.

A client's call has three parts: pyarrow, the way there and back, and the server. The same connection is asked
for the list of actions, which the server answers with a constant, as a stream as it answers a query. What a
call takes longer than that is counted as the server's. That is too much rather than too little: the schema
and the batches of an answer, which pyarrow decodes, are in it.

- Planning: one call that runs EXPLAIN of a point query. It parses, binds and optimizes the query, makes its
  plan, and prints it.
- A point query: the call that asks for its schema, for which it is parsed and bound, and the call that
  parses, binds, plans and runs it. Its columns come from memory, its result is not kept.
- A result that is kept: the same two calls.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from pyarrow import flight

import rail_forge
from rail_forge_testbed.server import RailForgeServer

from .comparison import Comparison, Series, Wanted, interleaved, seconds_of
from .subject import database, execute, progress, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

ROWS = 100_000
TABLE = "point"
DEFINITION = (
    f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, price numeric(12, 2) NOT NULL, name text NOT NULL)"
)
ROWS_BETWEEN = f"INSERT INTO {TABLE} SELECT i, i * 0.01, 'name ' || i FROM generate_series(1, {{rows}}) AS i"
POINT = f"SELECT price FROM {TABLE} WHERE id = 7"
# Results are kept; queries that are to be computed say so.
COMPUTED = ((b"x-rail-forge-cache-control", b"no-cache"),)
# One run is the median of so many calls: a call is a fraction of a millisecond, and some wait for a core.
CALLS = 300
MS_PER_S = 1_000

NOTHING = "a call that does nothing"
PLANNING = "planning a point query, in the server"
COMPUTING = "a point query, in the server"
KEPT = "a result that is kept, in the server"
# An answer takes two calls, unless its ticket is known.
CALLS_OF = {PLANNING: 1, COMPUTING: 2, KEPT: 2}
WANTED = {PLANNING: Wanted("<", 1, of="median"), COMPUTING: None, KEPT: Wanted("<", 0.3, of="median")}


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Make the table, ask for one row of it."""
    with database(postgres, "benchmark_latency") as url:
        execute(url, DEFINITION, ROWS_BETWEEN.format(rows=settings.scaled(ROWS)))
        settle(url)
        with (
            RailForgeServer({"latency": url}, arguments=["--initial-refresh", "never"]) as server,
            rail_forge.connect(server.flight) as client,
        ):
            client.refresh()
            # From here on its result is kept, and its columns are.
            client.sql(POINT).rows()
            with flight.connect(server.flight) as connection:
                progress(f"asking {CALLS:,} times for each")
                calls = interleaved(settings.runs, _acts(connection))
    return [_line(name, calls[name].values, calls[NOTHING].values) for name in WANTED]


def _line(name: str, took: Sequence[float], nothing: Sequence[float]) -> Comparison:
    calls = CALLS_OF[name]
    empty_ms = [MS_PER_S * calls * each for each in nothing]
    inside_ms = [MS_PER_S * each - empty for each, empty in zip(took, empty_ms, strict=True)]
    reference = f"{NOTHING}, twice" if calls > 1 else NOTHING
    return Comparison(Series(name, inside_ms, "ms"), Series(reference, empty_ms, "ms"), WANTED[name])


def _acts(connection: flight.FlightClient) -> dict[str, Callable[[], float]]:
    computed = flight.FlightCallOptions(headers=list(COMPUTED))
    explain = _info(connection, f"EXPLAIN {POINT}").endpoints[0].ticket
    return {
        NOTHING: lambda: _median(lambda: list(connection.list_actions())),
        PLANNING: lambda: _median(lambda: connection.do_get(explain).read_all()),
        COMPUTING: lambda: _median(lambda: _ask(connection, computed)),
        KEPT: lambda: _median(lambda: _ask(connection, flight.FlightCallOptions())),
    }


def _info(
    connection: flight.FlightClient, sql: str, options: flight.FlightCallOptions | None = None
) -> flight.FlightInfo:
    return connection.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()), options)


def _ask(connection: flight.FlightClient, options: flight.FlightCallOptions) -> None:
    [endpoint] = _info(connection, POINT, options).endpoints
    connection.do_get(endpoint.ticket, options).read_all()


def _median(call: Callable[[], object]) -> float:
    return statistics.median(seconds_of(call) for _ in range(CALLS))
