"""Queries on columns in memory, beside the same queries on Parquet files in the system's page cache.

Two servers on one database, one of them without memory for columns. TPC-H `lineitem`: the aggregates of Q1
and Q6, and what Parquet is good at, filters that leave out most row groups; there memory must not be slower.
The queries run until one server reads nothing but memory, then on both in turn.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rail_forge_testbed.tpch import load_tpch

from .comparison import Comparison, Series, Wanted, interleaved, seconds_of
from .subject import WrongAnswerError, database, progress, served, source

if TYPE_CHECKING:
    import rail_forge
    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

WARM_SECONDS = 300.0
POLL_SECONDS = 0.2
# Queries of some milliseconds: one run is several of them.
REPEATED = 5
NO_MEMORY, IN_MEMORY = '[server]\ncache_memory = "0B"\n', '[server]\ncache_memory = "4GiB"\n'

PRICING_SUMMARY = """
SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice),
       sum(l_extendedprice * (1 - l_discount)), sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)),
       avg(l_quantity), avg(l_extendedprice), avg(l_discount), count(*)
FROM lineitem WHERE l_shipdate <= date '1998-09-02' GROUP BY 1, 2 ORDER BY 1, 2
"""
REVENUE_CHANGE = """
SELECT sum(l_extendedprice * l_discount) FROM lineitem
WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1995-01-01'
  AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24
"""
ONE_SUM = "SELECT sum(l_quantity) FROM lineitem"
# Rows of lineitem come in the order of their keys, so the bounds of row groups leave out nearly all.
FEW_ORDERS = """
SELECT count(*), sum(l_extendedprice) FROM lineitem WHERE l_orderkey BETWEEN {first} AND {first} + 6000
"""
LAST_ORDERS = "SELECT l_orderkey, l_linenumber FROM lineitem ORDER BY l_orderkey DESC, l_linenumber LIMIT 10"
# Keys of orders at scale factor 1.
ORDER_KEYS = 6_000_000

WANTED = {
    "Q1, grouped sums of decimals": Wanted("<", 1.0),
    "Q6, a sum of what a filter leaves": Wanted("<", 0.8),
    "a sum of one column": Wanted("<", 0.8),
    "a thousandth of the keys": Wanted("<=", 1.1),
    "the last ten by key": Wanted("<=", 1.1),
}


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Load, warm, compare."""
    first = settings.scaled(ORDER_KEYS) // 2
    statements = dict(
        zip(
            WANTED,
            [PRICING_SUMMARY, REVENUE_CHANGE, ONE_SUM, FEW_ORDERS.format(first=first), LAST_ORDERS],
            strict=True,
        )
    )
    with database(postgres, "benchmark_hot") as url:
        progress(f"loading lineitem at scale factor {settings.scale:g}")
        load_tpch(url, settings.scale, tables=["lineitem"])
        with (
            served(NO_MEMORY + source("tpch", url)) as (_, parquet),
            served(IN_MEMORY + source("tpch", url)) as (_, memory),
        ):
            parquet.refresh()
            memory.refresh()
            progress("running the queries until they read memory only")
            for name, sql in statements.items():
                warm(memory, sql)
                if memory.sql(sql).rows() != parquet.sql(sql).rows():
                    raise WrongAnswerError(f"{name} is not the same from memory")
            progress("comparing")
            comparisons = [
                _compare(name, sql, memory, parquet, settings.runs) for name, sql in statements.items()
            ]
    return comparisons


def warm(client: rail_forge.Client, sql: str) -> None:
    """Run the query until the server reads nothing but memory for it."""
    deadline = time.monotonic() + WARM_SECONDS
    while True:
        before = _misses(client)
        client.sql(sql).rows()
        if _misses(client) == before:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in memory within {WARM_SECONDS:.0f} s: {sql}")
        time.sleep(POLL_SECONDS)


def _misses(client: rail_forge.Client) -> int:
    cache = client.status().cache
    if cache is None:
        raise RuntimeError("the server keeps nothing in memory")
    return cache.misses


def _compare(
    name: str, sql: str, memory: rail_forge.Client, parquet: rail_forge.Client, runs: int
) -> Comparison:
    def act(client: rail_forge.Client) -> float:
        return seconds_of(lambda: [client.sql(sql).rows() for _ in range(REPEATED)]) / REPEATED

    measured = interleaved(runs, {"memory": lambda: act(memory), "parquet": lambda: act(parquet)})
    return Comparison(
        Series(f"{name}, from memory", measured["memory"].values),
        Series("from Parquet in the page cache", measured["parquet"].values),
        WANTED[name],
    )
