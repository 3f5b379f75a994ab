"""The 22 queries of TPC-H, beside DuckDB on the same rows.

Two pairs are compared. RailForge with columns in memory stands beside DuckDB's own storage: a database file,
of which DuckDB keeps in memory what it has read. RailForge on its Parquet files in the system's page cache
stands beside DuckDB on Parquet files that DuckDB has written. All four take turns, and have run each query
before; RailForge keeps no results.

DuckDB has its defaults: as many threads as there are cores, as RailForge has, and files compressed with
Snappy, one for each table. Its rows come from PostgreSQL in the order in which they were loaded, as those of
RailForge do. It has no keys, which would not make its joins faster, and no padding in values of
`character(n)`, which its comparisons would not ignore. It runs in this process and its answers take no way
over a network; those of RailForge come over Flight. Both become an Arrow table. While RailForge is measured,
the threads of DuckDB sleep.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rail_forge_testbed.tpch import TABLES, load_tpch

from .comparison import Comparison, Series, Wanted, interleaved, seconds_of
from .duckdb_parquet import attach
from .hot import warm
from .subject import WrongAnswerError, database, progress, served, settle, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    import rail_forge
    from rail_forge_testbed.postgres import PostgresServer

    from .subject import Settings

QUERIES = Path(__file__).parent.parent / "python" / "tests" / "tpch"
NO_MEMORY = '[server]\ncache_memory = "0B"\n'
# All columns that the queries read, at scale factor 1, with room to spare.
IN_MEMORY = '[server]\ncache_memory = "6GiB"\n'
# PostgreSQL's decimals and DuckDB's doubles agree to that share of a value.
RELATIVE_TOLERANCE = 1e-9
# The schema of DuckDB's views of Parquet files; its own tables are in the schema `main`.
FILES = "files"

MEMORY, PARQUET = "from memory", "from Parquet"
OWN_STORAGE, ITS_PARQUET = "DuckDB's own storage", "DuckDB on its Parquet"
PAIRS = {MEMORY: (OWN_STORAGE, Wanted("<=", 1.8)), PARQUET: (ITS_PARQUET, Wanted("<=", 1.2))}


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Load both, see that they answer the same, compare."""
    with database(postgres, "benchmark_tpch") as url:
        progress(f"loading TPC-H at scale factor {settings.scale:g}")
        load_tpch(url, settings.scale)
        settle(url)
        with (
            served(NO_MEMORY + source("tpch", url)) as (_, parquet),
            served(IN_MEMORY + source("tpch", url)) as (_, memory),
            _duckdb(url) as (stored, files),
        ):
            parquet.refresh()
            memory.refresh()
            engines: dict[str, Callable[[str], pa.Table]] = {
                MEMORY: lambda sql: memory.sql(sql).arrow(),
                OWN_STORAGE: lambda sql: stored.execute(sql).to_arrow_table(),
                PARQUET: lambda sql: parquet.sql(sql).arrow(),
                ITS_PARQUET: lambda sql: files.execute(sql).to_arrow_table(),
            }
            measured = {
                path.stem.upper(): _measure(
                    path.stem.upper(), path.read_text(), memory, engines, settings.runs
                )
                for path in sorted(QUERIES.glob("*.sql"))
            }
    return [line for engine in PAIRS for line in _lines(engine, measured)]


@contextmanager
def _duckdb(url: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection]]:
    """Connections to the same rows in DuckDB's own storage and in Parquet files."""
    with (
        tempfile.TemporaryDirectory(prefix="rail-forge-duckdb-") as directory,
        duckdb.connect(Path(directory) / "tpch.duckdb") as connection,
    ):
        progress("copying the tables into DuckDB and its Parquet files")
        attach(connection, url)
        connection.execute(f"CREATE SCHEMA {FILES}")
        # One thread reads PostgreSQL's pages in their order.
        connection.execute("SET threads = 1")
        for table in TABLES:
            connection.execute(
                f"CREATE TABLE {table} AS SELECT {_columns(connection, table)} FROM source.{table}"
            )
        connection.execute("RESET threads")
        for table in TABLES:
            file = Path(directory) / f"{table}.parquet"
            connection.execute(f"COPY {table} TO '{file}' (FORMAT parquet)")
            connection.execute(f"CREATE VIEW {FILES}.{table} AS SELECT * FROM read_parquet('{file}')")
        connection.execute("DETACH source")
        connection.execute("CHECKPOINT")
        with connection.cursor() as files:
            files.execute(f"SET schema = '{FILES}'")
            yield connection, files


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    described = connection.execute(f"DESCRIBE source.{table}").fetchall()
    return ", ".join(
        f"rtrim({name}) AS {name}" if data_type == "VARCHAR" else name for name, data_type, *_ in described
    )


def _measure(
    name: str, sql: str, memory: rail_forge.Client, engines: dict[str, Callable[[str], pa.Table]], runs: int
) -> dict[str, Series]:
    progress(name)
    warm(memory, sql)
    answers = {engine: _rows(answer(sql)) for engine, answer in engines.items()}
    for engine, rows in answers.items():
        if not _same(rows, answers[MEMORY]):
            raise WrongAnswerError(f"{name} {engine} is not what it is {MEMORY}")

    def act(answer: Callable[[str], pa.Table]) -> Callable[[], float]:
        return lambda: seconds_of(lambda: answer(sql))

    return interleaved(runs, {engine: act(answer) for engine, answer in engines.items()})


def _rows(table: pa.Table) -> list[tuple[object, ...]]:
    """The rows without padding, in an order that depends on no collation; of equal texts, as they came."""
    rows = [
        tuple(value.rstrip() if isinstance(value, str) else value for value in row)
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True)
    ]

    def key(row: Sequence[object]) -> list[str]:
        return [str(value) for value in row if isinstance(value, str | date)]

    return sorted(rows, key=key)


def _same(rows: Sequence[Sequence[object]], others: Sequence[Sequence[object]]) -> bool:
    return len(rows) == len(others) and all(
        len(row) == len(other) and all(map(_equal, row, other))
        for row, other in zip(rows, others, strict=True)
    )


def _equal(value: object, other: object) -> bool:
    if isinstance(value, int | float | Decimal) and isinstance(other, int | float | Decimal):
        return isclose(value, other, rel_tol=RELATIVE_TOLERANCE)
    return value == other


def _lines(engine: str, measured: dict[str, dict[str, Series]]) -> Iterator[Comparison]:
    """A line for each query, and one for all."""
    reference, wanted = PAIRS[engine]
    for name, series in measured.items():
        yield Comparison(
            Series(f"TPC-H {name}, {engine}", series[engine].values),
            Series(reference, series[reference].values),
        )

    def total(of: str) -> list[float]:
        return [sum(series[of].median for series in measured.values())]

    yield Comparison(
        Series(f"TPC-H, sum of the medians, {engine}", total(engine)),
        Series(reference, total(reference)),
        wanted,
    )
