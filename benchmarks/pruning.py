"""What sorted files are worth, beside files in PostgreSQL's order: `sort_by`.

Orders with a random key, of which three in a hundred have been updated and lie elsewhere than when they were
made. One database is served four times: as it lies there, and sorted by time, by customer and by key. Each
query asks for little, by the column that one of them is sorted by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .comparison import Comparison, Series, Wanted, interleaved, seconds_of
from .hot import IN_MEMORY, NO_MEMORY, REPEATED, warm
from .subject import (
    WrongAnswerError,
    database,
    execute,
    progress,
    served,
    settle,
    source,
)

if TYPE_CHECKING:
    import rail_forge
    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

ROWS = 4_000_000
TABLE = "public.orders"
UNSORTED = "as_it_lies"
SORTED = {"by_time": "created_at", "by_customer": "customer_id", "by_key": "id"}

# Byte 0 of a key is as good as chance: three rows in a hundred are put anywhere.
DEFINITION = f"""
CREATE UNLOGGED TABLE {TABLE} AS
SELECT id, created_at, customer_id, reference, status, total, country, note FROM (
    SELECT i, md5('order ' || i)::uuid AS id,
           timestamptz '2024-01-01 00:00Z' + i * interval '10 s' AS created_at,
           hashint4(i) & 65535 AS customer_id,
           'ORD-' || to_char(i, 'FM00000000') AS reference,
           (ARRAY['new', 'paid', 'sent', 'done', 'done', 'done', 'returned'])[1 + i % 7] AS status,
           (i % 100000 * 0.01)::numeric(12, 2) AS total,
           (chr(65 + i % 26) || chr(65 + i % 7))::char(2) AS country,
           CASE WHEN i % 5 = 0 THEN 'note ' || md5(i::text) END AS note
    FROM generate_series(1, {{rows}}) AS i
) AS made
ORDER BY CASE WHEN get_byte(uuid_send(id), 0) < 8
              THEN (hashint4(-i)::bigint + 2147483648) * {{rows}} >> 32 ELSE i END
"""
QUERIES = {
    "an hour": (
        "by_time",
        "created_at >= timestamptz '2024-01-03 10:00Z' AND created_at < '2024-01-03 11:00Z'",
    ),
    "a customer": ("by_customer", "customer_id = 4711"),
    "a key": ("by_key", "id = 'a86b8ffb-7ab3-e73a-d8f1-61b5d6a3ccd7'"),
}
WANTED = {"from Parquet": Wanted("<", 0.5), "from memory": Wanted("<", 0.8)}


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Load, serve, compare."""
    rows = settings.scaled(ROWS)
    with database(postgres, "benchmark_pruning") as url:
        progress(f"making {rows:,} orders")
        execute(url, DEFINITION.format(rows=rows))
        settle(url)
        sources = source(UNSORTED, url) + "".join(
            source(name, url, f'[source.tables."{TABLE}"]', f'sort_by = ["{column}"]')
            for name, column in SORTED.items()
        )
        with (
            served(NO_MEMORY + sources) as (_, parquet),
            served(IN_MEMORY + sources) as (_, memory),
        ):
            progress("pulling them")
            pulls = interleaved(
                settings.runs,
                {
                    "sorted": lambda: seconds_of(lambda: parquet.refresh(f"by_time.{TABLE}")),
                    "unsorted": lambda: seconds_of(lambda: parquet.refresh(f"{UNSORTED}.{TABLE}")),
                },
            )
            parquet.refresh()
            memory.refresh()
            progress("comparing")
            comparisons = [
                _compare((what, how), client, QUERIES[what], settings.runs)
                for what in QUERIES
                for how, client in (("from Parquet", parquet), ("from memory", memory))
            ]
    sorted_pull = Series(f"refresh of {rows:,} orders, sorted", pulls["sorted"].values)
    return [
        *comparisons,
        Comparison(sorted_pull, Series("as they lie", pulls["unsorted"].values)),
    ]


def _compare(
    names: tuple[str, str], client: rail_forge.Client, query: tuple[str, str], runs: int
) -> Comparison:
    what, how = names
    sorted_source, condition = query

    def sql(catalog: str) -> str:
        return f"SELECT id, status, total FROM {catalog}.{TABLE} WHERE {condition} ORDER BY id"

    if client.sql(sql(sorted_source)).rows() != client.sql(sql(UNSORTED)).rows():
        raise WrongAnswerError(f"{what} is not the same from sorted files")
    if client.status().cache is not None:
        warm(client, sql(sorted_source))
        warm(client, sql(UNSORTED))

    def act(catalog: str) -> float:
        return seconds_of(lambda: [client.sql(sql(catalog)).rows() for _ in range(REPEATED)]) / REPEATED

    measured = interleaved(runs, {"sorted": lambda: act(sorted_source), "unsorted": lambda: act(UNSORTED)})
    return Comparison(
        Series(f"{what}, {how}, sorted", measured["sorted"].values),
        Series("as the rows lie", measured["unsorted"].values),
        WANTED[how],
    )
