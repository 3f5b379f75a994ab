"""How fast a table becomes a committed snapshot, beside what PostgreSQL can send at most.

Pulls TPC-H `lineitem` and prints, from the same run, the time that `COPY ... (FORMAT binary)` over one
connection takes with its bytes thrown away, their ratio, and the server's peak memory. Machines are noisy:
the two alternate, and the medians are compared.
"""

# ruff: noqa: T201 - a benchmark prints

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

import psycopg

import rail_forge
from rail_forge_testbed.postgres import postgres_server
from rail_forge_testbed.server import RailForgeServer
from rail_forge_testbed.tpch import load_tpch

COPY = "COPY (SELECT * FROM lineitem) TO STDOUT (FORMAT binary)"
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Measurement:
    """Seconds of every run, and the peak memory of the server's process in bytes."""

    copy_s: list[float]
    refresh_s: list[float]
    peak_memory_bytes: int

    @property
    def ratio(self) -> float:
        """Median refresh over median COPY."""
        return statistics.median(self.refresh_s) / statistics.median(self.copy_s)


def main() -> None:
    """Loads the table, measures, prints."""
    arguments = _arguments()
    with postgres_server() as postgres:
        url = postgres.create_database("tpch_pull")
        rows = load_tpch(url, arguments.scale_factor, tables=["lineitem"])
        measurement = _measure(url, arguments.runs)
    print(f"lineitem at scale factor {arguments.scale_factor}: {rows['lineitem']:,} rows")
    _print("COPY BINARY, one connection, thrown away", measurement.copy_s)
    _print("refresh into a committed snapshot", measurement.refresh_s)
    print(f"{'ratio of the medians':42} {measurement.ratio:6.2f}")
    print(f"{'peak memory of the server':42} {measurement.peak_memory_bytes / MEBIBYTE:6.0f} MiB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale-factor", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def _measure(url: str, runs: int) -> Measurement:
    copy_s, refresh_s = [], []
    with (
        RailForgeServer({"tpch": url}, arguments=["--initial-refresh", "never"]) as server,
        rail_forge.connect(server.flight) as client,
    ):
        for _ in range(runs):
            copy_s.append(_copy(url))
            started = time.perf_counter()
            client.refresh("lineitem")
            refresh_s.append(time.perf_counter() - started)
        return Measurement(copy_s, refresh_s, server.peak_memory_bytes)


def _copy(url: str) -> float:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        with cursor.copy(COPY) as copy:
            for _ in copy:
                pass
        return time.perf_counter() - started


def _print(what: str, seconds: list[float]) -> None:
    runs = ", ".join(f"{each:.2f}" for each in seconds)
    print(f"{what:42} {statistics.median(seconds):6.2f} s   ({runs})")


if __name__ == "__main__":
    main()
