"""CSV files into PostgreSQL's tables, for data sets that come as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BLOCK_BYTES = 1 << 20


def copy_csv(connection: psycopg.Connection, table: str, file: Path) -> int:
    """Fill a table that was created in this transaction from a file with a header; gives its rows."""
    # FREEZE, so that no vacuum has to rewrite the rows later.
    statement = f"COPY {table} FROM STDIN (FORMAT csv, HEADER, FREEZE)"
    with file.open("rb") as source, connection.cursor() as cursor:
        with cursor.copy(statement.encode()) as copy:
            while block := source.read(BLOCK_BYTES):
                copy.write(block)
        return cursor.rowcount


def analyze(url: str, tables: Sequence[str]) -> None:
    """Give the planner what it knows of tables that have just been filled."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ANALYZE {', '.join(tables)}".encode())
