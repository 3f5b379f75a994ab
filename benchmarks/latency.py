"""What a small query costs inside the server, by the server's own clock.

A client's call has three parts: pyarrow, the way there and back with the system's wakening of whoever
waits, and the server. The client's time is the reference; the server's is what is asked for.

- Planning: what EXPLAIN (SUMMARY) of a point query says of it, from the text to the plan that would run.
- A point query: the call that asks for its schema, for which it is parsed and bound, and the call that
  parses, binds, plans and runs it, from their beginning to the last byte of their answers, as `/metrics`
  tells. Its columns come from memory, its result is not kept.
- A result that is kept: the same two calls.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from pyarrow import flight

import rail_forge
from rail_forge_testbed.probes import metrics
from rail_forge_testbed.server import RailForgeServer

from .comparison import Comparison, Series, Wanted, interleaved, seconds_of
from .subject import database, execute, progress, settle
from .wire_clients import COMPUTED, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

ROWS = 100_000
TABLE = "point"
DEFINITION = (
    f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, price numeric(12, 2) NOT NULL, name text NOT NULL)"
)
ROWS_BETWEEN = f"INSERT INTO {TABLE} SELECT i, i * 0.01, 'name ' || i FROM generate_series(1, {{rows}}) AS i"
POINT = f"SELECT price FROM {TABLE} WHERE id = 7"
EXPLAINED = f"EXPLAIN (SUMMARY, FORMAT JSON) {POINT}"
# One run is so many calls: a call is a fraction of a millisecond, and some wait for a core.
CALLS = 300
MS_PER_S = 1_000
CALL_SECONDS = "rail_forge_call_duration_seconds"

PLANNING = "planning a point query, in the server"
COMPUTING = "a point query, in the server"
KEPT = "a result that is kept, in the server"
FOR_CLIENT = {PLANNING: "EXPLAIN, for the client", COMPUTING: "for the client", KEPT: "for the client"}
WANTED = {PLANNING: Wanted("<", 1, of="median"), COMPUTING: None, KEPT: Wanted("<", 0.3, of="median")}

# Milliseconds in the server, and for the client.
Took = tuple[float, float]


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
                return _compared(_acts(server, connection), settings.runs)


def _compared(acts: dict[str, Callable[[], Took]], runs: int) -> list[Comparison]:
    waited: defaultdict[str, list[float]] = defaultdict(list)

    def in_server(name: str) -> float:
        inside, outside = acts[name]()
        waited[name].append(outside)
        return inside

    took = interleaved(runs, {name: partial(in_server, name) for name in acts})
    return [
        Comparison(
            Series(name, took[name].values, "ms"),
            Series(FOR_CLIENT[name], waited[name], "ms"),
            WANTED[name],
        )
        for name in WANTED
    ]


def _acts(server: RailForgeServer, connection: flight.FlightClient) -> dict[str, Callable[[], Took]]:
    return {
        PLANNING: lambda: _planned(connection),
        COMPUTING: lambda: _answered(server, connection, COMPUTED),
        KEPT: lambda: _answered(server, connection, flight.FlightCallOptions()),
    }


def _planned(connection: flight.FlightClient) -> Took:
    """The median of what EXPLAIN tells, and of what the client waits for it."""
    descriptor = flight.FlightDescriptor.for_command(EXPLAINED.encode())
    [endpoint] = connection.get_flight_info(descriptor).endpoints
    told: list[float] = []

    def explain() -> None:
        [text] = connection.do_get(endpoint.ticket).read_all().column(0).to_pylist()
        told.append(json.loads(text)[0]["Planning Time"])

    outside = _median_ms(explain)
    return statistics.median(told), outside


def _answered(
    server: RailForgeServer, connection: flight.FlightClient, options: flight.FlightCallOptions
) -> Took:
    """The mean of what the server has counted, and the median of what the client has waited."""
    before = _counted(server)
    outside = _median_ms(lambda: ask(connection, POINT, options))
    calls = zip(_counted(server), before, strict=True)
    return sum(MS_PER_S * (after[0] - old[0]) / (after[1] - old[1]) for after, old in calls), outside


def _counted(server: RailForgeServer) -> list[tuple[float, float]]:
    """The seconds of the calls so far, and how many there were: of GetFlightInfo, and of DoGet."""
    told = metrics(server)
    return [
        (told.value(f"{CALL_SECONDS}_sum", call=call), told.value(f"{CALL_SECONDS}_count", call=call))
        for call in ("GetFlightInfo", "DoGet")
    ]


def _median_ms(call: Callable[[], object]) -> float:
    return MS_PER_S * statistics.median(seconds_of(call) for _ in range(CALLS))
