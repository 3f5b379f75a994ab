"""DuckDB's `postgres` extension, writing a PostgreSQL table to Parquet: what a user would pick instead.

With DuckDB's defaults: as many threads as there are cores, connections of its own for ranges of pages, COPY
in binary, one file compressed with Snappy. The extension is the one in the package; nothing is downloaded.
"""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path

import duckdb

from .comparison import seconds_of

PACKAGE = "duckdb_extension_postgres_scanner"


def to_parquet(url: str, table: str) -> float:
    """The seconds to write the table; not counted are the start of DuckDB and its look at the catalogue."""
    with (
        tempfile.TemporaryDirectory(prefix="rail-forge-duckdb-") as directory,
        duckdb.connect() as connection,
    ):
        attach(connection, url)
        file = Path(directory) / "table.parquet"
        copy = f"COPY source.{table} TO '{file}' (FORMAT parquet)"
        return seconds_of(lambda: connection.execute(copy))


def attach(connection: duckdb.DuckDBPyConnection, url: str) -> None:
    """Have DuckDB see the database, as `source`."""
    version = f"v{duckdb.__version__}"
    extension = resources.files(PACKAGE) / "extensions" / version / "postgres_scanner.duckdb_extension"
    connection.execute(f"LOAD '{extension}'")
    connection.execute(f"ATTACH '{url}' AS source (TYPE postgres, READ_ONLY)")
