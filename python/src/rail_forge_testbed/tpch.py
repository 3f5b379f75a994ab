"""The eight tables of TPC-H, loaded into PostgreSQL.

    python -m rail_forge_testbed.tpch URL --scale-factor 1 [--tables lineitem orders]

`tpchgen-cli` writes CSV files into a temporary directory (1.1 GB for scale factor 1), and COPY reads them.
One run for all tables, because each run spends a second on its pool of words. The tables have the types and
the primary and foreign keys of the specification, and an index for every key. All of a load is one
transaction: it refuses a database that has a table of the same name, and leaves nothing behind when it fails.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from rail_forge_testbed._copy import analyze, copy_csv

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MAINTENANCE_MEMORY = "512MB"


@dataclass(frozen=True)
class Reference:
    """A foreign key: columns, the other table, its columns."""

    columns: str
    table: str
    other_columns: str


@dataclass(frozen=True)
class Keys:
    """A table's primary and foreign keys."""

    primary: str
    references: tuple[Reference, ...] = ()


# In an order in which every table follows those that it refers to.
TABLES = {
    "region": Keys("r_regionkey"),
    "nation": Keys("n_nationkey", (Reference("n_regionkey", "region", "r_regionkey"),)),
    "part": Keys("p_partkey"),
    "supplier": Keys("s_suppkey", (Reference("s_nationkey", "nation", "n_nationkey"),)),
    "partsupp": Keys(
        "ps_partkey, ps_suppkey",
        (Reference("ps_partkey", "part", "p_partkey"), Reference("ps_suppkey", "supplier", "s_suppkey")),
    ),
    "customer": Keys("c_custkey", (Reference("c_nationkey", "nation", "n_nationkey"),)),
    "orders": Keys("o_orderkey", (Reference("o_custkey", "customer", "c_custkey"),)),
    "lineitem": Keys(
        "l_orderkey, l_linenumber",
        (
            Reference("l_orderkey", "orders", "o_orderkey"),
            Reference("l_partkey, l_suppkey", "partsupp", "ps_partkey, ps_suppkey"),
        ),
    ),
}


def load_tpch(url: str, scale_factor: float, tables: Collection[str] = tuple(TABLES)) -> dict[str, int]:
    """Create and fill the tables; gives the number of rows of each.

    A foreign key to a table that is not among `tables` is left out.
    """
    if unknown := set(tables) - set(TABLES):
        raise ValueError(f"TPC-H has no table {', '.join(sorted(unknown))}; it has {', '.join(TABLES)}")
    chosen = [table for table in TABLES if table in tables]
    with (
        tempfile.TemporaryDirectory(prefix="rail-forge-tpch-") as directory,
        psycopg.connect(url) as connection,
    ):
        _generate(Path(directory), scale_factor, chosen)
        connection.execute(f"SET LOCAL maintenance_work_mem = '{MAINTENANCE_MEMORY}'")
        for table in chosen:
            connection.execute(_definition(table))
        rows = {table: copy_csv(connection, table, Path(directory) / f"{table}.csv") for table in chosen}
        for table in chosen:
            _add_keys(connection, table, chosen)
    analyze(url, chosen)
    return rows


def _generate(directory: Path, scale_factor: float, tables: Sequence[str]) -> None:
    # Looked for beside the interpreter first, so that an environment need not be activated.
    program = shutil.which("tpchgen-cli", path=sysconfig.get_path("scripts")) or shutil.which("tpchgen-cli")
    if program is None:
        raise RuntimeError("TPC-H data needs the package tpchgen-cli")
    what = ["--scale-factor", str(scale_factor), "--tables", ",".join(tables)]
    subprocess.run([program, "csv", "--quiet", "--output-dir", str(directory), *what], check=True)


def _definition(table: str) -> bytes:
    text = resources.files(__package__).joinpath("tpch_tables.sql").read_text()
    start = text.index(f"CREATE TABLE {table} (")
    return text[start : text.index(";", start)].encode()


def _add_keys(connection: psycopg.Connection, table: str, chosen: Collection[str]) -> None:
    keys = TABLES[table]
    clauses = [f"ADD PRIMARY KEY ({keys.primary})"]
    for reference in keys.references:
        if reference.table not in chosen:
            continue
        target = f"{reference.table} ({reference.other_columns})"
        clauses.append(f"ADD FOREIGN KEY ({reference.columns}) REFERENCES {target}")
        # Queries 17 and 20 look parts up for each row: without the index they take minutes, not seconds.
        if not keys.primary.startswith(reference.columns):
            connection.execute(f"CREATE INDEX ON {table} ({reference.columns})".encode())
    connection.execute(f"ALTER TABLE {table} {', '.join(clauses)}".encode())


def main(arguments: Sequence[str]) -> int:
    """The command line; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rail_forge_testbed.tpch")
    parser.add_argument("url")
    parser.add_argument("--scale-factor", type=float, default=1.0)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    options = parser.parse_args(arguments)
    for table, rows in load_tpch(options.url, options.scale_factor, options.tables).items():
        print(f"{table:10}{rows:>14,} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
