"""A refresh in mode `diff` after few rows have changed, beside a full refresh of the same table.

One server with two sources on one database. In every run one row in a thousand of TPC-H `lineitem` changes,
all over the table: 80 % of these are updates, 10 % deletes and 10 % inserts. Both sources are then refreshed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from rail_forge_testbed.tpch import load_tpch

from .comparison import Comparison, Series, Wanted, seconds_of
from .subject import database, execute, progress, require_same, served, source

if TYPE_CHECKING:
    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

TABLE = "public.lineitem"
DIFF, FULL = f"diff.{TABLE}", f"full.{TABLE}"
# Percent of the table's rows.
UPDATED, DELETED, INSERTED = 0.08, 0.01, 0.01
SELECT = "count(*), sum(l_orderkey), sum(l_orderkey % 1009 * l_linenumber * l_quantity), sum(l_extendedprice)"


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Load, change, refresh both."""
    diff_s, full_s = [], []
    with database(postgres, "benchmark_diff") as url:
        progress(f"loading lineitem at scale factor {settings.scale:g}")
        rows = load_tpch(url, settings.scale, tables=["lineitem"])["lineitem"]
        configuration = source("full", url) + source("diff", url, 'refresh = { mode = "diff" }')
        with served(configuration) as (_, client):
            client.refresh(DIFF)
            client.refresh(FULL)
            progress("changing rows and refreshing")
            for run in range(settings.runs):
                _change(url, run)
                # Whoever reads changed rows first marks them as committed, for all who read them later.
                execute(url, f"SELECT count(*) FROM {TABLE}")
                diff_s.append(seconds_of(lambda: client.refresh(DIFF)))
                full_s.append(seconds_of(lambda: client.refresh(FULL)))
                require_same(url, client, SELECT, [DIFF, FULL])
    return [
        Comparison(
            Series(f"diff refresh of lineitem, 0.1 % of {rows:,} rows changed", diff_s),
            Series("full refresh", full_s),
            Wanted("<=", 0.5),
        )
    ]


def _change(url: str, run: int) -> None:
    """Change rows, others in every run, in one transaction."""

    def sample(percent: float, kind: int) -> str:
        return f"{TABLE} TABLESAMPLE BERNOULLI ({percent}) REPEATABLE ({3 * run + kind})"

    def places(percent: float, kind: int) -> str:
        return f"ctid = ANY (ARRAY(SELECT ctid FROM {sample(percent, kind)}))"

    columns = ", ".join(
        # Keys beyond all that there are.
        f"l_orderkey + (SELECT max(l_orderkey) FROM {TABLE})" if name == "l_orderkey" else name
        for name in _columns(url)
    )
    with psycopg.connect(url) as connection:
        for statement in (
            f"UPDATE {TABLE} SET l_quantity = l_quantity + 1, l_comment = 'changed in run {run}'"
            f" WHERE {places(UPDATED, 0)}",
            f"DELETE FROM {TABLE} WHERE {places(DELETED, 1)}",
            f"INSERT INTO {TABLE} SELECT {columns} FROM {sample(INSERTED, 2)}",
        ):
            connection.execute(statement.encode())


def _columns(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        description = connection.execute(f"SELECT * FROM {TABLE} LIMIT 0".encode()).description
    return [column.name for column in description or ()]
