"""The 24 tables and the 99 queries of TPC-DS, from DuckDB's extension `tpcds`.

    python -m rail_forge_testbed.tpcds URL --scale-factor 0.1

DuckDB generates the data in memory and writes CSV files into a temporary directory, and COPY reads them. The
extension is the one in the package `duckdb-extension-tpcds`; nothing is downloaded. The columns have the
specification's types, derived from DuckDB's by rules; the tables have its primary keys, and indexes for what
the queries look up row by row. There are no foreign keys. All of a load is one transaction: it refuses a
database that has a table of the same name, and leaves nothing behind when it fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import psycopg

from rail_forge_testbed._copy import analyze, copy_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGE = "duckdb_extension_tpcds"
MAINTENANCE_MEMORY = "256MB"


@dataclass(frozen=True)
class Keys:
    """A table's primary key, and what else has an index."""

    primary: str
    indexes: tuple[str, ...] = ()


TABLES = {
    "call_center": Keys("cc_call_center_sk"),
    "catalog_page": Keys("cp_catalog_page_sk"),
    "catalog_returns": Keys("cr_item_sk, cr_order_number", ("cr_order_number",)),
    "catalog_sales": Keys("cs_item_sk, cs_order_number", ("cs_order_number",)),
    "customer": Keys("c_customer_sk"),
    "customer_address": Keys("ca_address_sk"),
    "customer_demographics": Keys("cd_demo_sk"),
    "date_dim": Keys("d_date_sk"),
    "household_demographics": Keys("hd_demo_sk"),
    "income_band": Keys("ib_income_band_sk"),
    "inventory": Keys("inv_date_sk, inv_item_sk, inv_warehouse_sk"),
    "item": Keys("i_item_sk"),
    "promotion": Keys("p_promo_sk"),
    "reason": Keys("r_reason_sk"),
    "ship_mode": Keys("sm_ship_mode_sk"),
    "store": Keys("s_store_sk"),
    "store_returns": Keys("sr_item_sk, sr_ticket_number"),
    "store_sales": Keys("ss_item_sk, ss_ticket_number"),
    "time_dim": Keys("t_time_sk"),
    "warehouse": Keys("w_warehouse_sk"),
    "web_page": Keys("wp_web_page_sk"),
    "web_returns": Keys("wr_item_sk, wr_order_number", ("wr_order_number",)),
    "web_sales": Keys("ws_item_sk, ws_order_number", ("ws_order_number",)),
    "web_site": Keys("web_site_sk"),
}

# The columns of type char(n), by their whole names or their names without the table's prefix; for DuckDB, all
# text is varchar. Besides, every `..._id` of text is char(16).
CHARACTERS = {
    1: (
        "autogen_flag channel_catalog channel_demo channel_dmail channel_email channel_event channel_press"
        " channel_radio channel_tv current_day current_month current_quarter current_week current_year"
        " discount_active following_holiday gender holiday marital_status preferred_cust_flag weekend"
    ),
    2: "am_pm state",
    6: "quarter_name",
    9: "day_name",
    10: "code container credit_rating salutation street_number suite_number units zip",
    13: "login",
    15: "buy_potential purpose street_type",
    20: (
        "carrier color contract education_status first_name formulation hours location_type meal_time shift"
        " size sub_shift"
    ),
    30: "last_name sm_type",
    50: (
        "brand category cc_company_name cc_mkt_class email_address i_class manufact product_name promo_name"
        " web_company_name wp_type"
    ),
    100: "reason_desc",
}
ID_CHARACTERS = 16


def load_tpcds(url: str, scale_factor: float) -> dict[str, int]:
    """Create and fill the tables; gives the number of rows of each."""
    with (
        tempfile.TemporaryDirectory(prefix="rail-forge-tpcds-") as directory,
        psycopg.connect(url) as connection,
    ):
        definitions = _generate(Path(directory), scale_factor)
        connection.execute(f"SET LOCAL maintenance_work_mem = '{MAINTENANCE_MEMORY}'")
        rows = {}
        for table, keys in TABLES.items():
            connection.execute(f"CREATE TABLE {table} ({definitions[table]})".encode())
            rows[table] = copy_csv(connection, table, Path(directory) / f"{table}.csv")
            connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({keys.primary})".encode())
            for columns in keys.indexes:
                connection.execute(f"CREATE INDEX ON {table} ({columns})".encode())
    analyze(url, list(TABLES))
    return rows


def tpcds_queries() -> dict[int, str]:
    """The queries by number, in DuckDB's words, with the parameters that the specification answers."""
    with _duckdb() as connection:
        return dict(connection.execute("SELECT query_nr, query FROM tpcds_queries()").fetchall())


@contextmanager
def _duckdb() -> Iterator[duckdb.DuckDBPyConnection]:
    extension = resources.files(PACKAGE) / "extensions" / f"v{duckdb.__version__}" / "tpcds.duckdb_extension"
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        yield connection


def _generate(directory: Path, scale_factor: float) -> dict[str, str]:
    """Write each table's file; gives each table's columns as PostgreSQL is to define them."""
    definitions = {}
    with _duckdb() as connection:
        connection.execute(f"CALL dsdgen(sf = {scale_factor})")
        for table in TABLES:
            columns = connection.execute(f"DESCRIBE {table}").fetchall()
            definitions[table] = ", ".join(f"{name} {_column_type(name, kind)}" for name, kind, *_ in columns)
            connection.execute(f"COPY {table} TO '{directory / table}.csv' (FORMAT csv, HEADER)")
    return definitions


def _column_type(name: str, duckdb_type: str) -> str:
    without_prefix = name.partition("_")[2]
    if duckdb_type in ("BIGINT", "INTEGER"):
        return "bigint" if name.endswith(("_sk", "_ticket_number", "_order_number")) else "integer"
    if duckdb_type != "VARCHAR":
        return duckdb_type
    if name.endswith("_id"):
        return f"char({ID_CHARACTERS})"
    for width, names in CHARACTERS.items():
        if {name, without_prefix} & set(names.split()):
            return f"char({width})"
    return "varchar"


def main(arguments: Sequence[str]) -> int:
    """The command line; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rail_forge_testbed.tpcds")
    parser.add_argument("url")
    parser.add_argument("--scale-factor", type=float, default=0.1)
    options = parser.parse_args(arguments)
    for table, rows in load_tpcds(options.url, options.scale_factor).items():
        print(f"{table:23}{rows:>14,} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
