"""`COPY ... (FORMAT binary)` with its bytes thrown away: the least that a pull of all rows could take.

The client is `psql`, which receives at a few percent of what a bare loop of `recv` in C takes; psycopg would
take half as long again. It is a process of its own for every connection, as PostgreSQL's backends are.
"""

from __future__ import annotations

import psycopg

from rail_forge_testbed.psql import run_psql

from .comparison import seconds_of

TO_NOWHERE = "TO STDOUT (FORMAT binary)"


def over_one_connection(url: str, *tables: str) -> float:
    """The seconds for all rows of the tables, one table after the other."""
    statements = [f"COPY {table} {TO_NOWHERE}" for table in tables]
    return seconds_of(lambda: run_psql(url, statements))


def over_two_connections(url: str, table: str) -> float:
    """The seconds for all rows, half of the table's pages on each connection, under one exported snapshot."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        half = (
            "SELECT pg_export_snapshot(),"
            " pg_relation_size(%s::regclass) / current_setting('block_size')::bigint / 2"
        )
        row = connection.execute(half, [table]).fetchone()
        assert row is not None
        snapshot, page = row
        begin = [
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            f"SET TRANSACTION SNAPSHOT '{snapshot}'",
        ]
        halves = [
            f"COPY (SELECT * FROM {table} WHERE ctid {side} '({page},0)'::tid) {TO_NOWHERE}"
            for side in ("<", ">=")
        ]
        return seconds_of(lambda: run_psql(url, *([*begin, copy] for copy in halves)))
