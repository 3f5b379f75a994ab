"""Arrow's Flight SQL client in Rust, by the program in server/examples."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from comparison import reference_rows
from tokens import REFUSED

from rail_forge_testbed.server import binary

if TYPE_CHECKING:
    import psycopg
    from conftest import Served

    from rail_forge_testbed.server import RailForgeServer

# Where cargo puts examples, beside the binary.
PROGRAM = "examples/flight_sql_client"
SECONDS = 60.0


def run(
    server: RailForgeServer, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    program = binary().parent / PROGRAM
    assert program.exists(), "`cargo build --release --workspace --bins --examples` builds it"
    return subprocess.run(
        [str(program), server.flight, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PATH": os.environ["PATH"], **(env or {})},
        check=False,
    )


def rows(
    server: RailForgeServer, *arguments: str, env: dict[str, str] | None = None
) -> list[dict[str, object]]:
    """The rows that the program prints, in which NULLs are left out."""
    ended = run(server, *arguments, env=env)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def wanted(reference: psycopg.Connection, sql: str, *params: object) -> list[dict[str, object]]:
    found = reference_rows(reference, f"SELECT to_jsonb(q) FROM ({sql}) AS q", params)
    dictionaries = [json.loads(str(row[0])) for row in found]
    return [{key: value for key, value in row.items() if value is not None} for row in dictionaries]


def test_a_statement(shop: Served, shop_reference: psycopg.Connection) -> None:
    sql = "SELECT id, status, coupon, customer_id FROM orders WHERE id <= 50 ORDER BY id"
    assert rows(shop.server, sql) == wanted(shop_reference, sql)


def test_a_prepared_statement(shop: Served, shop_reference: psycopg.Connection) -> None:
    sql = "SELECT id, channel FROM orders WHERE customer_id = $1 AND id < $2 ORDER BY id"
    for customer in (1, 2, -1):
        got = rows(shop.server, sql, str(customer), "100000")
        assert got == wanted(shop_reference, sql, customer, 100_000)


def test_the_catalogue(shop: Served) -> None:
    listed = rows(shop.server)
    assert {(table["catalog_name"], table["db_schema_name"], table["table_type"]) for table in listed} == {
        ("shop", "public", "TABLE")
    }
    assert [table["table_name"] for table in listed] == sorted(shop.rows)


def test_a_large_result(shop: Served) -> None:
    assert len(rows(shop.server, "SELECT * FROM order_line")) == shop.rows["order_line"]


def test_an_error_arrives_in_the_servers_words(shop: Served) -> None:
    ended = run(shop.server, "SELECT totl FROM orders")
    assert ended.returncode == 1
    assert "did you mean" in ended.stderr


@pytest.mark.parametrize("user", [None, "reader"], ids=["token", "login"])
def test_who_asks(user: str | None, guarded: RailForgeServer, reader_token: str) -> None:
    shown = {"RAIL_FORGE_USER": user} if user else {}
    assert rows(guarded, "SELECT 1 AS one", env={**shown, "RAIL_FORGE_TOKEN": reader_token}) == [{"one": 1}]
    ended = run(guarded, "SELECT 1 AS one", env={**shown, "RAIL_FORGE_TOKEN": "rf_0123456789abcdef_wrong"})
    assert ended.returncode == 1
    assert REFUSED in ended.stderr
