"""The shop: a small web shop's database, for the demo, the examples and the tests.

    python -m rail_forge_testbed.shop URL [--scale 0.1] [--seed 7]

Scale 1 has 100,000 customers, 20,000 products, a million orders with three million lines. The same scale and
seed give the same rows. A load is one transaction: it refuses a database that has a table of the same name,
and leaves nothing behind when it fails.
"""

from __future__ import annotations

import argparse
import sys
from importlib import resources
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from rail_forge_testbed._shop import shop_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_SEED = 7
BLOCK_ROWS = 65_536
MAINTENANCE_MEMORY = "256MB"


def load_shop(url: str, scale: float = 1.0, seed: int = DEFAULT_SEED) -> dict[str, int]:
    """Create and fill the shop's tables; gives the number of rows of each."""
    rows = {}
    with psycopg.connect(url) as connection:
        connection.execute(f"SET LOCAL maintenance_work_mem = '{MAINTENANCE_MEMORY}'")
        connection.execute("SET LOCAL timezone = 'UTC'")
        connection.execute(_script("shop_tables.sql"))
        for name, table in shop_tables(scale, seed):
            _copy(connection, name, table)
            rows[name] = table.num_rows
        connection.execute(_script("shop_keys.sql"))
    with psycopg.connect(url, autocommit=True) as connection:
        for name in rows:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))
    return rows


def _script(name: str) -> bytes:
    return resources.files(__package__).joinpath(name).read_bytes()


def _copy(connection: psycopg.Connection, name: str, table: pa.Table) -> None:
    # FREEZE, because the table was created in this transaction: no vacuum has to rewrite the rows later.
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FREEZE)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    )
    options = pyarrow.csv.WriteOptions(include_header=False)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in table.to_batches(max_chunksize=BLOCK_ROWS):
            block = pa.BufferOutputStream()
            pyarrow.csv.write_csv(batch, block, options)
            copy.write(memoryview(block.getvalue()))
    _advance_identity(connection, name, table.num_rows)


def _advance_identity(connection: psycopg.Connection, table: str, last: int) -> None:
    quoted = sql.Identifier(table).as_string(connection)
    connection.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (quoted, last))


def main(arguments: Sequence[str]) -> int:
    """The command line; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rail_forge_testbed.shop")
    parser.add_argument("url")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options = parser.parse_args(arguments)
    for table, rows in load_shop(options.url, options.scale, options.seed).items():
        print(f"{table:10}{rows:>12,} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
