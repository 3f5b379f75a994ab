"""Live tables: fresh without a refresh, PostgreSQL's own answers, and of one snapshot.

That something was sent to PostgreSQL is shown by EXPLAIN, which has the statements.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from comparison import multiset, reference_rows
from configuration import configuration, source
from conftest import Served, answer, refresh, run
from live_statements import KEPT, SENT
from live_tables import LIVE, live_server, statements
from pyarrow import flight
from waiting import until

import rail_forge
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def live_shop(shop: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rail_forge.Client]:
    """A client of a server for which all tables of the shop are live."""
    folder = tmp_path_factory.mktemp("live")
    arguments = configuration(folder, source(shop.url, LIVE))
    with (
        RailForgeServer({}, arguments=[*arguments, "--initial-refresh", "missing"]) as server,
        rail_forge.connect(server.flight) as client,
    ):
        until(lambda: client.status().tables, "the tables are described")
        yield client


@pytest.mark.parametrize(("sql", "part"), SENT, ids=[sql for sql, _ in SENT])
def test_what_is_sent_has_postgresqls_answer(
    sql: str, part: str, live_shop: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    assert part in "; ".join(statements(live_shop, sql))
    wanted = multiset(reference_rows(shop_reference, sql))
    assert multiset(live_shop.sql(sql).rows()) == wanted


@pytest.mark.parametrize(("sql", "word"), KEPT, ids=[sql for sql, _ in KEPT])
def test_what_is_kept_has_it_too(
    sql: str, word: str, live_shop: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    sent = statements(live_shop, sql)
    assert sent
    assert not [statement for statement in sent if word in statement]
    assert multiset(live_shop.sql(sql).rows()) == multiset(reference_rows(shop_reference, sql))


def test_only_the_columns_that_are_wanted_are_read(live_shop: rail_forge.Client) -> None:
    assert statements(live_shop, "SELECT name FROM region") == ['SELECT "name" FROM "public"."region"']
    [counted] = statements(live_shop, "SELECT 1 AS one FROM region, (SELECT 1 AS x) AS y")
    assert counted == 'SELECT TRUE FROM "public"."region"'
    assert len(live_shop.sql("SELECT 1 AS one FROM region").rows()) == 12


def test_a_limit_is_sent(live_shop: rail_forge.Client) -> None:
    assert statements(live_shop, "SELECT id FROM orders LIMIT 5") == [
        'SELECT "id" FROM "public"."orders" LIMIT 5'
    ]
    assert len(live_shop.sql("SELECT id FROM orders LIMIT 5").rows()) == 5
    # A condition that the engine evaluates needs rows that the limit would cut off.
    assert "LIMIT" not in statements(live_shop, "SELECT id FROM customer WHERE name > 'M' LIMIT 5")[0]


def test_parameters_become_constants(
    live_shop: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    sql = "SELECT id, public_id FROM customer WHERE id = $1"
    [row] = live_shop.sql(sql, [7]).rows()
    assert [row] == reference_rows(shop_reference, sql, [7])
    by_text = "SELECT id FROM customer WHERE public_id = $1 AND name <> $2"
    assert live_shop.sql(by_text, [row[1], "Robert'); DROP TABLE customer;--"]).rows() == [(7,)]


def test_columns_and_keys_are_described(live_shop: rail_forge.Client, client: rail_forge.Client) -> None:
    for table in ("orders", "product", '"Gift Wrap"'):
        sql = f"SELECT * FROM {table} ORDER BY id LIMIT 20"
        live, kept = live_shop.sql(sql).arrow(), client.sql(sql).arrow()
        assert live.schema.equals(kept.schema, check_metadata=True)
        assert live.equals(kept)


def test_the_status_says_live(live_shop: rail_forge.Client) -> None:
    table = next(table for table in live_shop.status().tables if table.table == "orders")
    assert (table.live, table.rows, table.bytes, table.as_of, table.lag_seconds) == (
        True,
        None,
        None,
        None,
        None,
    )


def test_the_command_line_says_live(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer)")
    server = live_server(serve, tmp_path, url)
    assert "shop.public.t" in run_cli("status", "--url", server.flight).stdout
    assert " live" in run_cli("status", "--url", server.flight).stdout
    refreshed = run_cli("refresh", "--url", server.flight)
    assert "public.t: live" in refreshed.stderr


def test_rows_are_fresh_without_a_refresh(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer, x text)", "CREATE TABLE kept (id integer)")
    tables = {"public.t": LIVE}
    server = serve({}, *configuration(tmp_path, source(url, tables=tables)))
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        prepared = client.sql("SELECT id, x FROM t")
        run(url, "INSERT INTO t VALUES (1, 'a'), (2, NULL)", "INSERT INTO kept VALUES (1)")
        assert sorted(prepared.rows()) == [(1, "a"), (2, None)]
        assert client.sql("SELECT count(*) FROM kept").rows() == [(0,)]
        run(url, "UPDATE t SET x = 'b' WHERE id = 2", "DELETE FROM t WHERE id = 1")
        assert client.sql("SELECT t.id, x, kept.id FROM t LEFT JOIN kept ON true").rows() == [(2, "b", None)]


def test_each_tables_moment_is_said(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer)", "CREATE TABLE kept (id integer)")
    server = serve({}, *configuration(tmp_path, source(url, tables={"public.t": LIVE})))
    refresh(server)
    run(url, "INSERT INTO t VALUES (1)")
    with psycopg.connect(url, autocommit=True) as connection, rail_forge.connect(server.flight) as client:
        [(before,)] = connection.execute("SELECT clock_timestamp()").fetchall()
        live, both = client.sql("SELECT id FROM t"), client.sql("SELECT t.id FROM t, kept")
        kept = client.sql("SELECT id FROM kept")
        assert live.as_of is not None
        assert both.as_of is not None
        assert live.as_of.time >= before
        assert live.as_of.lsn == "0/0"  # it is read later, and PostgreSQL was not asked yet
        assert both.as_of == kept.as_of
        assert live.rows() == [(1,)]


def test_a_self_join_sees_one_snapshot(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    rows = (
        "SELECT i AS id, 1000::bigint AS balance, repeat('x', 500) AS note FROM generate_series(1, 200) AS i"
    )
    url = new_database(f"CREATE TABLE here AS {rows}", f"CREATE TABLE there AS {rows}")
    server = live_server(serve, tmp_path, url)
    questions = [
        "SELECT (SELECT sum(balance) FROM here) + (SELECT sum(balance) FROM there)",
        "SELECT sum(balance) FROM (SELECT balance FROM here UNION ALL SELECT balance FROM there) AS u",
        "SELECT sum(h.balance + t.balance) FROM here h JOIN there t ON h.id = t.id",
    ]
    stop, moved = threading.Event(), 0

    def move_money() -> int:
        transfers = 0
        with psycopg.connect(url) as connection:
            while not stop.is_set():
                for giver, taker, amount in (("here", "there", 7), ("there", "here", 3)):
                    account = [1 + transfers % 200]
                    connection.execute(
                        f"UPDATE {giver} SET balance = balance - {amount} WHERE id = %s".encode(), account
                    )
                    connection.execute(
                        f"UPDATE {taker} SET balance = balance + {amount} WHERE id = %s".encode(), account
                    )
                    connection.commit()
                    transfers += 1
        return transfers

    with ThreadPoolExecutor(1) as threads, rail_forge.connect(server.flight) as client:
        writer = threads.submit(move_money)
        try:
            for _ in range(20):
                for question in questions:
                    assert client.sql(question).rows() == [(400_000,)]
        finally:
            stop.set()
        moved = writer.result()
    assert moved > 100


def test_a_large_heap_is_read_in_two_parts(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(
        "CREATE TABLE t (id integer, x text)",
        "ALTER TABLE t ALTER COLUMN x SET STORAGE plain",
        "INSERT INTO t SELECT i, repeat(md5(i::text), 60) FROM generate_series(1, 50000) AS i",
        "ANALYZE t",
    )
    server = live_server(serve, tmp_path, url)
    with rail_forge.connect(server.flight) as client:
        [both] = statements(client, "SELECT id, x FROM t")
        assert both.count("SELECT") == 2
        assert "ctid < '(" in both
        assert "ctid >= '(" in both
        frame = client.sql("SELECT id, x FROM t").arrow()
        assert sorted(frame["id"].to_pylist()) == list(range(1, 50_001))
        assert "ctid" not in statements(client, "SELECT x FROM t WHERE id = 7")[0]


def test_views_and_partitioned_tables_are_read(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE TABLE p (id integer, day date) PARTITION BY RANGE (day)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        "INSERT INTO p VALUES (1, '2024-05-05'), (2, '2025-05-05')",
        "CREATE VIEW v AS SELECT day, sum(id) AS total, avg(id) AS mean FROM p GROUP BY day",
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM p",
    )
    server = live_server(serve, tmp_path, url)
    assert answer(server, "SELECT id FROM p WHERE day > '2025-01-01'") == [(2,)]
    assert answer(server, "SELECT count(*) FROM m") == [(2,)]
    assert answer(server, "SELECT total, mean, mean * 2 AS twice FROM v ORDER BY total DESC LIMIT 1") == [
        (2, 2, 4)
    ]
    run(url, "INSERT INTO p VALUES (5, '2025-06-06')", "CREATE TABLE p3 PARTITION OF p DEFAULT")
    run(url, "INSERT INTO p VALUES (6, '2030-06-06')")
    assert answer(server, "SELECT sum(id) FROM p") == [(14,)]


def test_what_arrow_cannot_hold_is_named_or_null(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE TABLE t (id integer PRIMARY KEY, d date, n numeric(6,2), z timestamptz)",
        """INSERT INTO t VALUES (1, 'infinity', 1, 'infinity'), (2, '2024-01-01', 'NaN', '2024-01-01'),
           (3, NULL, 3, NULL)""",
    )
    server = live_server(serve, tmp_path, url)
    for column in ("d", "n", "z"):
        with pytest.raises(rail_forge.ServerError, match=f'column "{column}".*unrepresentable'):
            answer(server, f"SELECT {column} FROM t")
    assert answer(server, "SELECT d, n FROM t WHERE id = 3") == [(None, 3)]

    with_nulls = live_server(serve, tmp_path, url, 'unrepresentable = "null"')
    with rail_forge.connect(with_nulls.flight) as client:
        for sql, wanted in {
            "SELECT id FROM t WHERE d IS NULL": [(1,), (3,)],
            "SELECT id FROM t WHERE d > '2020-01-01'": [(2,)],
            "SELECT id FROM t WHERE NOT (n > 2)": [(1,)],
            "SELECT count(z), max(d), sum(n) FROM t": None,
            "SELECT n, count(*) FROM t GROUP BY n": None,
        }.items():
            assert "CASE WHEN" in statements(client, sql)[0]
            got = client.sql(sql).rows()
            if wanted is not None:
                assert sorted(got) == wanted
        assert client.sql("SELECT count(z), count(d), sum(n) FROM t").rows() == [(1, 1, 4)]
        assert len(client.sql("SELECT n, count(*) FROM t GROUP BY n").rows()) == 3


def test_a_numeric_without_a_precision_is_exact_or_refused(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE TABLE t (id integer, n numeric, many numeric[])",
        "INSERT INTO t VALUES (1, 9, ARRAY[0.5]), (2, 10.25, NULL), (3, 100, '{}')",
        "INSERT INTO t (id, n) VALUES (4, -5), (5, NULL)",
    )
    server = live_server(serve, tmp_path, url)
    questions = [
        "SELECT max(n), min(n), count(DISTINCT n), sum(n), avg(n) FROM t",
        "SELECT id, n, many FROM t ORDER BY n DESC NULLS LAST LIMIT 2",
        "SELECT id FROM t WHERE n = 10.250 OR n > 99.99 ORDER BY id",
        "SELECT n, count(*) FROM t GROUP BY n ORDER BY n",
    ]
    with psycopg.connect(url) as reference, rail_forge.connect(server.flight) as client:
        for question in questions:
            assert client.sql(question).rows() == reference_rows(reference, question)
        run(url, "INSERT INTO t VALUES (6, 1e-21), (7, 1e18)")
        for number in (6, 7):
            with pytest.raises(rail_forge.ServerError, match=r'column "n".*more digits'):
                client.sql(f"SELECT n FROM t WHERE id = {number}").rows()
        assert client.sql("SELECT id, n FROM t WHERE n < 9.5 AND id < 6 ORDER BY id").rows() == [
            (1, 9),
            (4, -5),
        ]


def test_a_collation_that_folds_case_is_not_sent(
    postgres_with_icu: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    url = postgres_with_icu.create_database("folded")
    run(
        url,
        "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE TABLE t (id integer, x text COLLATE folded)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'A'), (3, 'b')",
    )
    server = live_server(serve, tmp_path, url)
    with rail_forge.connect(server.flight) as client:
        assert client.sql("SELECT id FROM t WHERE x = 'a' ORDER BY id").rows() == [(1,), (2,)]
        counts = client.sql("SELECT lower(x), count(*) FROM t GROUP BY x").rows()
        assert sorted(counts) == [("a", 2), ("b", 1)]
        with pytest.raises(rail_forge.Error, match="nondeterministic"):
            client.sql("SELECT id FROM t WHERE x LIKE 'A%'")


def test_another_encoding_than_utf8(
    stoppable_postgres: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    run(
        stoppable_postgres.url("postgres"),
        "CREATE DATABASE live_latin1 ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'",
    )
    url = stoppable_postgres.url("live_latin1")
    # The test's statements are sent as UTF-8.
    run(
        url,
        "SET client_encoding = 'UTF8'",
        "CREATE TABLE t AS SELECT i AS id, 'Zürich'::text AS x FROM generate_series(1, 3) AS i",
    )
    server = live_server(serve, tmp_path, url)
    with rail_forge.connect(server.flight) as client:
        for sql, count in {
            "SELECT count(*) FROM t WHERE x = 'Zürich'": 3,
            "SELECT count(*) FROM t WHERE x = '東京'": 0,
            "SELECT count(*) FROM t WHERE x LIKE 'Z_rich'": 3,
            "SELECT count(*) FROM t WHERE x <> 'Berlin'": 3,
        }.items():
            assert client.sql(sql).rows() == [(count,)]


def test_a_stock_client_is_told_the_moment_of_reading(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE t AS SELECT 1 AS id")
    server = live_server(serve, tmp_path, url)
    with flight.connect(server.flight) as client:
        info = client.get_flight_info(flight.FlightDescriptor.for_command(b"SELECT id FROM t"))
        assert b'"live":true' in info.app_metadata
        [endpoint] = info.endpoints
        assert client.do_get(endpoint.ticket).read_all().num_rows == 1
