"""A refresh of very many small tables, beside a COPY of each, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .comparison import Comparison, Series, Wanted, interleaved, seconds_of
from .copy_binary import over_one_connection
from .subject import WrongAnswerError, database, execute, progress, served, settle, source

if TYPE_CHECKING:
    import rail_forge
    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

TABLES = 2_000
ROWS_OF_EACH = 10
DEFINITION = """
CREATE TABLE {table} (
    id integer PRIMARY KEY, name text NOT NULL, price numeric(10, 2), changed_at timestamptz NOT NULL
);
INSERT INTO {table} SELECT i, 'row ' || i, i * 1.25, now() FROM generate_series(1, {rows}) AS i
"""


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Make the tables, refresh all."""
    tables = [f"public.small_{number:05}" for number in range(settings.scaled(TABLES))]
    with database(postgres, "benchmark_many") as url:
        progress(f"making {len(tables):,} tables")
        # Each in a transaction of its own: together they would hold more locks than the server has room for.
        execute(url, *(DEFINITION.format(table=table, rows=ROWS_OF_EACH) for table in tables))
        settle(url)
        with served(source("full", url)) as (_, client):
            progress("refreshing them")
            measured = interleaved(
                settings.runs,
                {
                    "copy": lambda: over_one_connection(url, *tables),
                    "refresh": lambda: seconds_of(lambda: _refresh_all(client, len(tables))),
                },
            )
    refresh = Series(f"refresh of {len(tables):,} tables of {ROWS_OF_EACH} rows", measured["refresh"].values)
    copy = Series("COPY BINARY of each, one connection", measured["copy"].values)
    return [Comparison(refresh, copy, Wanted("<", 60, of="median"))]


def _refresh_all(client: rail_forge.Client, tables: int) -> None:
    refreshed = client.refresh()
    rows = sum(table.rows for table in refreshed)
    if (len(refreshed), rows) != (tables, tables * ROWS_OF_EACH):
        raise WrongAnswerError(f"{len(refreshed)} tables with {rows} rows were refreshed, not {tables}")
