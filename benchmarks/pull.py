"""How fast a table becomes a committed snapshot, beside what PostgreSQL can send and beside DuckDB.

TPC-H `lineitem`, from the request of a refresh to its answer: by then the snapshot is committed and queries
see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from rail_forge_testbed.tpch import load_tpch

from .comparison import Comparison, Series, Wanted, interleaved, seconds_of
from .copy_binary import over_one_connection, over_two_connections
from .duckdb_parquet import to_parquet
from .subject import database, progress, require_same, served, source

if TYPE_CHECKING:
    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

TABLE = "public.lineitem"


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Load, pull, compare."""
    with database(postgres, "benchmark_pull") as url:
        progress(f"loading lineitem at scale factor {settings.scale:g}")
        rows = load_tpch(url, settings.scale, tables=["lineitem"])["lineitem"]
        with served(source("full", url)) as (_, client):
            progress("pulling it, beside COPY and DuckDB")
            measured = interleaved(
                settings.runs,
                {
                    "two": lambda: over_two_connections(url, TABLE),
                    "one": lambda: over_one_connection(url, TABLE),
                    "duckdb": lambda: to_parquet(url, TABLE),
                    "refresh": lambda: seconds_of(lambda: client.refresh(f"full.{TABLE}")),
                },
            )
            require_same(url, client, "count(*), sum(l_orderkey), sum(l_extendedprice)", [f"full.{TABLE}"])
    refresh = Series(f"refresh of lineitem, {rows:,} rows", measured["refresh"].values)
    two = Series("COPY BINARY, two connections", measured["two"].values)
    one = Series("COPY BINARY, one connection", measured["one"].values)
    parquet = Series(f"DuckDB {duckdb.__version__} to Parquet", measured["duckdb"].values)
    return [
        Comparison(refresh, two, Wanted("<=", 1.3)),
        Comparison(refresh, parquet, Wanted("<", 1.0)),
        Comparison(refresh, one),
    ]
