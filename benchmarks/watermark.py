"""Refreshes in mode `watermark` after few and after many rows have changed, beside a full refresh.

One server with two sources on one database. The changes (10 % inserts, 90 % updates all over the table) carry
times spread over the days after all that were there before, by a clock of their own. So a watermark refresh,
which reads the last minute before its watermark again, reads what is new and hardly anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from .comparison import Comparison, Series, Wanted, seconds_of
from .subject import database, execute, progress, require_same, served, settle, source

if TYPE_CHECKING:
    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

ROWS = 6_000_000
CHANGES = (1_000, 10_000, 100_000)
UPDATED_SHARE = 0.9
TABLE = "public.orders"
WATERMARK, FULL = f"watermark.{TABLE}", f"full.{TABLE}"
POLICY = f"""
[source.tables."{TABLE}"]
refresh = {{ mode = "watermark", column = "updated_at" }}
"""
SELECT = "count(*), sum(id), sum(id % 1009 * total), max(updated_at)"

COLUMNS = "id, customer_id, status, total, note, created_at, updated_at"
DEFINITION = f"""
CREATE TABLE {TABLE} (
    id bigint NOT NULL,
    customer_id bigint NOT NULL,
    status text NOT NULL,
    total numeric(12, 2) NOT NULL,
    note text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
)
"""
FIRST_ROWS = f"""
INSERT INTO {TABLE} ({COLUMNS})
SELECT i, i * 7919 % 150001, (ARRAY['new', 'paid', 'shipped', 'returned'])[1 + i % 4], i % 500000 * 0.01,
       CASE WHEN i % 3 = 0 THEN 'order ' || md5(i::text) END,
       timestamptz '2021-01-01 00:00Z' + i * interval '20 seconds',
       timestamptz '2021-01-01 00:00Z' + i * interval '20 seconds'
FROM generate_series(1::bigint, {{rows}}) AS i
"""
# Random keys: some may be there twice, and a few of them are then updated once.
UPDATES = f"""
WITH latest AS (SELECT max(id) AS id, max(updated_at) AS updated_at FROM {TABLE})
UPDATE {TABLE} AS o
SET total = o.total + 1, status = 'changed', updated_at = latest.updated_at + random() * interval '1 day'
FROM latest, (SELECT DISTINCT 1 + floor(random() * (SELECT id FROM latest))::bigint AS id
              FROM generate_series(1, {{rows}})) AS chosen
WHERE o.id = chosen.id
"""
INSERTS = f"""
INSERT INTO {TABLE} ({COLUMNS})
SELECT latest.id + i, i, 'new', i * 0.01, NULL, latest.updated_at,
       latest.updated_at + random() * interval '1 day'
FROM (SELECT max(id) AS id, max(updated_at) AS updated_at FROM {TABLE}) AS latest,
     generate_series(1, {{rows}}) AS i
"""


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Make the table, change it, refresh both."""
    rows = settings.scaled(ROWS)
    changes = [settings.scaled(number) for number in CHANGES]
    watermark_s: list[list[float]] = [[] for _ in changes]
    full_s: list[float] = []
    with database(postgres, "benchmark_watermark") as url:
        progress(f"making orders of {rows:,} rows")
        _make(url, rows)
        configuration = source("full", url) + source("watermark", url) + POLICY
        with served(configuration) as (_, client):
            client.refresh(WATERMARK)
            client.refresh(FULL)
            progress("changing rows and refreshing")
            for _ in range(settings.runs):
                for number, seconds in zip(changes, watermark_s, strict=True):
                    _change(url, number)
                    seconds.append(seconds_of(lambda: client.refresh(WATERMARK)))
                    require_same(url, client, SELECT, [WATERMARK])
                full_s.append(seconds_of(lambda: client.refresh(FULL)))
                require_same(url, client, SELECT, [FULL])
    full = Series(f"full refresh, {rows:,} rows", full_s)
    series = [
        Series(f"watermark refresh, {number:,} rows changed", seconds)
        for number, seconds in zip(changes, watermark_s, strict=True)
    ]
    few, many = series[0], series[-1]
    return [
        Comparison(few, full, Wanted("<=", 0.1)),
        *(Comparison(each, full) for each in series[1:]),
        Comparison(few, many, Wanted("<", 1.0)),
    ]


def _make(url: str, rows: int) -> None:
    execute(url, DEFINITION, FIRST_ROWS.format(rows=rows))
    execute(url, f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)", f"CREATE INDEX ON {TABLE} (updated_at)")
    settle(url)


def _change(url: str, rows: int) -> None:
    """Change about that many rows, then read all: who reads changed rows first has more to do."""
    updates = round(rows * UPDATED_SHARE)
    with psycopg.connect(url) as connection:
        connection.execute(INSERTS.format(rows=rows - updates).encode())
        connection.execute(UPDATES.format(rows=updates).encode())
    execute(url, f"SELECT count(*) FROM {TABLE}")
