"""Live tables: fresh without a refresh, PostgreSQL's own answers, of one snapshot, and bounded.

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
from pyarrow import flight
from waiting import until

import rail_forge
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import EmbeddedPostgres

LIVE = 'mode = "live"'


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


def explain(client: rail_forge.Client, sql: str) -> str:
    """The plan, with the statements that PostgreSQL gets."""
    return "\n".join(str(plan) for _, plan in client.sql(f"EXPLAIN {sql}").rows())


def statements(client: rail_forge.Client, sql: str) -> list[str]:
    """The statements that PostgreSQL gets, one for each scan."""
    lines = explain(client, sql).splitlines()
    return [line.partition("sql=[")[2].removesuffix("]") for line in lines if "LiveScan" in line]


def live_server(
    serve: Serve, folder: Path, url: str, *further: str, arguments: tuple[str, ...] = ()
) -> RailForgeServer:
    """A server of one source whose tables are live and described."""
    server = serve({}, *configuration(folder, source(url, LIVE, *further)), *arguments)
    refresh(server)
    return server


def backends(url: str) -> int:
    """How many connections RailForge has to a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        counted = connection.execute(
            """SELECT count(*) FROM pg_stat_activity
               WHERE datname = %s AND application_name LIKE 'rail-forge%%'""",
            [connection.info.dbname],
        ).fetchall()
        return int(counted[0][0])


def number(url: str, query: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        [(count,)] = connection.execute(query.encode()).fetchall()
        return int(count)


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


SLOW = (
    "CREATE FUNCTION slow(i integer) RETURNS integer LANGUAGE plpgsql "
    "AS $$ BEGIN PERFORM pg_sleep(60); RETURN i; END $$",
    "CREATE VIEW v AS SELECT slow(i) AS i FROM generate_series(1, 10) AS i",
    "CREATE TABLE t AS SELECT 1 AS id",
)


def test_a_client_that_goes_away_ends_the_backend(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(*SLOW)
    server = live_server(serve, tmp_path, url)
    with (
        rail_forge.connect(server.flight, timeout=1) as client,
        pytest.raises(rail_forge.QueryTimeout),
    ):
        client.sql("SELECT count(*) FROM v JOIN t ON t.id = v.i").rows()
    until(lambda: backends(url) == 0, "its backends have ended", seconds=10)
    assert answer(server, "SELECT id FROM t") == [(1,)]


def test_the_deadline_ends_the_backend(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(*SLOW)
    server = live_server(serve, tmp_path, url, arguments=("--query-timeout", "1s"))
    with pytest.raises(rail_forge.QueryTimeout, match="query_timeout"):
        answer(server, "SELECT * FROM v")
    until(lambda: backends(url) == 0, "its backends have ended", seconds=10)


def test_a_result_that_is_closed_ends_the_backend(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE VIEW v AS SELECT i, repeat('x', 1000) AS x FROM generate_series(1, 10000000) AS i"
    )
    server = live_server(serve, tmp_path, url)
    with rail_forge.connect(server.flight) as client:
        batches = client.sql("SELECT * FROM v").batches()
        assert next(batches).num_rows > 0
        assert backends(url) == 1
        del batches
        until(lambda: backends(url) == 0, "its backend has ended", seconds=10)
        first = client.sql("SELECT i FROM v LIMIT 3").rows()
        assert len(first) == 3


def test_the_statement_timeout_is_a_setting(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(*SLOW)
    server = live_server(serve, tmp_path, url, 'statement_timeout = "500ms"')
    with pytest.raises(rail_forge.ServerError, match=r"shop\.public\.v: .*statement_timeout"):
        answer(server, "SELECT * FROM v")
    assert answer(server, "SELECT id FROM t") == [(1,)]
    until(lambda: backends(url) == 0, "no connection stays", seconds=5)


def test_timeouts_of_the_database_do_not_hold(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE VIEW v AS SELECT 1 AS i, pg_sleep(0.3)::text AS x")
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
        run(url, f"ALTER DATABASE \"{url.rpartition('/')[2]}\" SET {setting} = '100ms'")
    server = live_server(serve, tmp_path, url)
    assert answer(server, "SELECT a.i FROM v a JOIN v b ON a.i = b.i WHERE a.x = b.x") == [(1,)]


def test_connections_are_limited(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(
        "CREATE FUNCTION slow(i integer) RETURNS integer LANGUAGE plpgsql "
        "AS $$ BEGIN PERFORM pg_sleep(4); RETURN i; END $$",
        "CREATE VIEW v AS SELECT slow(i) AS i FROM generate_series(1, 1) AS i",
        "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 100000) AS i",
    )
    server = live_server(serve, tmp_path, url, "live_connections = 2", 'connect_timeout = "1s"')

    def ask(sql: str) -> str:
        try:
            return str(answer(server, sql))
        except rail_forge.ServerUnavailable as error:
            return str(error)

    with ThreadPoolExecutor(3) as threads:
        long = [threads.submit(ask, "SELECT i FROM v") for _ in range(2)]
        until(lambda: backends(url) == 2, "both have their connections", seconds=3)
        refused = ask("SELECT count(*) FROM t")
        assert "its 2 connections for live tables are in use" in refused
        assert "live_connections" in refused
        assert [future.result() for future in long] == ["[(1,)]", "[(1,)]"]
    assert ask("SELECT count(*) FROM t") == "[(100000,)]"
    until(lambda: backends(url) == 0, "no connection stays", seconds=5)


def test_many_tables_are_read_with_few_connections(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    rows = "SELECT i AS id, i::text AS x FROM generate_series(1, 50000) AS i"
    names = [f"t{number}" for number in range(6)]
    url = new_database(*(f"CREATE TABLE {name} AS {rows}" for name in names))
    server = live_server(serve, tmp_path, url, "live_connections = 2")
    most = 0
    joined = " ".join(f"JOIN {name} ON {name}.id = t0.id" for name in names[1:])
    ends = threading.Event()

    def watch() -> int:
        seen = 0
        while not ends.is_set():
            seen = max(seen, backends(url))
            ends.wait(0.005)
        return seen

    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(watch)
        try:
            joins = answer(server, f"SELECT count(*), max(t0.x) FROM t0 {joined}")
            # All are wanted at the same time: whoever holds a connection must not wait for the others' rows.
            ordered = " UNION ALL ".join(f"SELECT id, x FROM {name}" for name in names)
            sorted_rows = answer(server, f"SELECT count(*), max(x) FROM ({ordered}) AS u")
        finally:
            ends.set()
        most = watching.result()
    assert joins == [(50_000, "9999")]
    assert sorted_rows == [(300_000, "9999")]
    assert 1 <= most <= 2


def test_what_waits_in_memory_is_limited(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    rows = "SELECT i AS id, repeat('x', 1000) AS x FROM generate_series(1, 60000) AS i"
    url = new_database(*(f"CREATE TABLE t{number} AS {rows}" for number in range(3)))
    server = live_server(serve, tmp_path, url, "live_connections = 2", arguments=("--memory-limit", "16MiB"))
    with pytest.raises(rail_forge.ServerError, match="memory_limit"):
        answer(server, "SELECT count(*) FROM t0 JOIN t1 ON t0.x = t1.x JOIN t2 ON t1.x = t2.x")
    assert answer(server, "SELECT count(*) FROM t0") == [(60_000,)]
    until(lambda: backends(url) == 0, "no connection stays", seconds=10)


def test_postgresql_may_restart_between_queries(
    stoppable_postgres: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    url = stoppable_postgres.create_database("live_restart")
    run(url, "CREATE TABLE t AS SELECT 1 AS id")
    server = live_server(serve, tmp_path, url)
    assert answer(server, "SELECT id FROM t") == [(1,)]
    stoppable_postgres.restart()
    assert answer(server, "SELECT id FROM t") == [(1,)]
    stoppable_postgres.stop()
    with pytest.raises(rail_forge.ServerUnavailable, match=r'source "shop".*cannot be reached'):
        answer(server, "SELECT id FROM t")
    with rail_forge.connect(server.flight) as client:
        assert statements(client, "SELECT id FROM t") == ['SELECT "id" FROM "public"."t"']
    stoppable_postgres.start()
    assert answer(server, "SELECT id FROM t") == [(1,)]


def test_postgresql_may_crash_during_a_query(
    stoppable_postgres: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    url = stoppable_postgres.create_database("live_crash")
    run(url, *SLOW)
    server = live_server(serve, tmp_path, url)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(answer, server, "SELECT * FROM v")
        until(lambda: backends(url) == 1, "the query runs")
        stoppable_postgres.kill()
        with pytest.raises(rail_forge.ServerUnavailable, match=r"lost|shutting down"):
            running.result()
    stoppable_postgres.start()
    assert answer(server, "SELECT id FROM t") == [(1,)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE t", ["public.t", "dropped", "refresh"]),
        ("ALTER TABLE t DROP COLUMN x", ['column "x"', "dropped", "refresh"]),
        ("ALTER TABLE t RENAME COLUMN x TO y", ['column "x"', "refresh"]),
        ("ALTER TABLE t ALTER COLUMN id TYPE real", ['column "id"', "changed", "refresh"]),
        ("ALTER TABLE t ALTER COLUMN id TYPE bigint", ['column "id"', "changed", "refresh"]),
        ("ALTER TABLE t ALTER COLUMN id DROP NOT NULL", ['column "id"', "changed", "refresh"]),
        ("REVOKE SELECT ON t FROM reader", ["public.t", "may not read it"]),
    ],
)
def test_a_table_that_has_changed_says_so(
    change: str, words: list[str], new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        "CREATE TABLE t (id integer NOT NULL, x text)",
        "CREATE TABLE other AS SELECT 1 AS id",
        "GRANT SELECT ON t, other TO reader",
    )
    as_reader = f"postgres://reader@{url.rpartition('@')[2]}"
    server = live_server(serve, tmp_path, as_reader)
    assert answer(server, "SELECT id, x FROM t") == []
    run(url, change)
    with pytest.raises(rail_forge.ServerError) as raised:
        answer(server, "SELECT id FROM t")
    for word in words:
        assert word in str(raised.value)
    assert answer(server, "SELECT id FROM other") == [(1,)]
    if "REVOKE" in change:
        run(url, "GRANT SELECT ON t TO reader")
    else:
        refresh(server)
    if "DROP TABLE" not in change:
        assert answer(server, "SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    "change",
    {
        "filled anew": "TRUNCATE t; INSERT INTO t SELECT i, i FROM generate_series(1, 2000) AS i",
        "rewritten": "ALTER TABLE t ADD COLUMN r double precision DEFAULT random()",
        "replaced": "ALTER TABLE t RENAME TO old; ALTER TABLE next RENAME TO t",
    }.items(),
    ids=lambda change: change[0],
)
def test_a_table_that_changes_while_a_query_waits_for_it(
    change: tuple[str, str], new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    rows = "SELECT i AS id, i::bigint AS v FROM generate_series(1, 1000) AS i"
    other = "SELECT i AS id, i::bigint * 2 AS v FROM generate_series(1, 1000) AS i"
    url = new_database(f"CREATE TABLE t AS {rows}", f"CREATE TABLE next AS {other}")
    server = live_server(serve, tmp_path, url)
    question = "SELECT count(*), sum(v), max(id) FROM t"
    with ThreadPoolExecutor(2) as threads, psycopg.connect(url) as writer:
        # Of one connection, and of one that reads in the snapshot of another.
        [(oid,)] = writer.execute("SELECT 't'::regclass::oid").fetchall()
        waiting = f"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = {oid}"
        writer.execute(change[1].encode())
        asked = [
            threads.submit(answer, server, sql)
            for sql in (question, f"SELECT * FROM ({question}) a, (SELECT count(*) FROM t) b")
        ]
        until(lambda: number(url, waiting) == 2, "both wait")
        writer.commit()
        [wanted] = writer.execute(question.encode()).fetchall()
        assert [future.result() for future in asked] == [[wanted], [(*wanted, wanted[0])]]


def test_a_table_of_another_type_that_takes_the_place_says_so(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE t AS SELECT 1::bigint AS v", "CREATE TABLE f AS SELECT 1::float8 AS v")
    server = live_server(serve, tmp_path, url)
    with ThreadPoolExecutor(1) as threads, psycopg.connect(url) as writer:
        writer.execute("ALTER TABLE t RENAME TO old; ALTER TABLE f RENAME TO t")
        asked = threads.submit(answer, server, "SELECT v FROM t")
        until(lambda: number(url, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 1, "it waits")
        writer.commit()
        with pytest.raises(rail_forge.ServerError, match=r'column "v".*changed'):
            asked.result()


def test_a_key_that_is_gone_is_not_relied_on(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer PRIMARY KEY, x text)", "INSERT INTO t VALUES (1, 'a')")
    server = live_server(serve, tmp_path, url)
    assert answer(server, "SELECT id, x FROM t GROUP BY id") == [(1, "a")]
    run(url, "ALTER TABLE t DROP CONSTRAINT t_pkey", "INSERT INTO t VALUES (1, 'b')")
    with pytest.raises(rail_forge.ServerError, match="primary key has changed"):
        answer(server, "SELECT DISTINCT id FROM t")
    refresh(server)
    assert answer(server, "SELECT DISTINCT id FROM t") == [(1,)]
    run(url, "TRUNCATE t", "ALTER TABLE t ADD PRIMARY KEY (id)", "INSERT INTO t VALUES (1, 'a')")
    refresh(server)
    # Rows of tables that inherit are not under the key.
    run(url, "CREATE TABLE child () INHERITS (t)", "INSERT INTO child VALUES (1, 'c')")
    with pytest.raises(rail_forge.ServerError, match="primary key has changed"):
        answer(server, "SELECT DISTINCT id FROM t")
    refresh(server)
    assert answer(server, "SELECT DISTINCT id FROM t") == [(1,)]


def test_a_column_that_was_added_does_not_matter(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE t AS SELECT 1 AS id")
    server = live_server(serve, tmp_path, url)
    run(url, "ALTER TABLE t ADD COLUMN x text DEFAULT 'x'", "CREATE INDEX ON t (id)")
    assert answer(server, "SELECT * FROM t") == [(1,)]
    refresh(server)
    assert answer(server, "SELECT * FROM t") == [(1, "x")]


def test_a_locked_table_is_waited_for_and_then_named(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE t (id integer)")
    server = live_server(serve, tmp_path, url, 'lock_timeout = "200ms"')
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(rail_forge.ServerError, match=r"shop\.public\.t: .*lock"):
            answer(server, "SELECT id FROM t")
    assert answer(server, "SELECT id FROM t") == []


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
    # A numeric without a precision is text.
    assert answer(server, "SELECT total, mean, mean::numeric(10,2) * 2 AS twice FROM v ORDER BY day")[0][
        :2
    ] == (
        1,
        "1.00000000000000000000",
    )
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


def test_a_collation_that_folds_case_does_not(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    try:
        url = new_database(
            "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            "CREATE TABLE t (id integer, x text COLLATE folded)",
            "INSERT INTO t VALUES (1, 'a'), (2, 'A'), (3, 'b')",
        )
    except psycopg.errors.FeatureNotSupported:
        return  # a PostgreSQL without ICU has no such collations
    server = live_server(serve, tmp_path, url)
    with rail_forge.connect(server.flight) as client:
        assert client.sql("SELECT id FROM t WHERE x = 'a'").rows() == [(1,)]
        assert sorted(client.sql("SELECT x, count(*) FROM t GROUP BY x").rows()) == [
            ("A", 1),
            ("a", 1),
            ("b", 1),
        ]
        assert client.sql("SELECT id FROM t WHERE x LIKE 'A%'").rows() == [(2,)]


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
        "SET client_encoding = 'UTF8';"
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


def test_settings_that_change_are_taken_up_at_the_start(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE t AS SELECT 1 AS id", "CREATE TABLE other AS SELECT 1 AS id")
    data_dir = tmp_path / "data"

    def start(mode: str) -> RailForgeServer:
        folder = tmp_path / mode
        folder.mkdir(exist_ok=True)
        settings = configuration(folder, source(url, tables={"public.t": f'mode = "{mode}"'}))
        return serve({}, *settings, "--initial-refresh", "missing", data_dir=data_dir)

    def table(server: RailForgeServer, name: str) -> rail_forge.TableStatus | None:
        with rail_forge.connect(server.flight) as client:
            return next((table for table in client.status().tables if table.table == name), None)

    def is_live(server: RailForgeServer) -> bool | None:
        found = table(server, "t")
        return None if found is None else found.live

    for mode, live in (("full", False), ("live", True), ("full", False)):
        server = start(mode)
        until(lambda server=server, live=live: is_live(server) == live, f"the table is {mode}")  # type: ignore[misc]
        kept = table(server, "other")
        assert kept is not None
        assert answer(server, "SELECT count(*) FROM t") == [(1,)]
        server.stop()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("live_connections = 1", "live_connections must be at least 2"),
        ('refresh = { mode = "live", every = "5m" }', "leave out every"),
        ('refresh = { mode = "live", column = "x" }', "watermark"),
        ('statement_timeout = "0s"', "is not a time"),
    ],
)
def test_wrong_settings_are_refused(line: str, words: str, tmp_path: Path) -> None:
    text = f'[[source]]\nname = "shop"\nurl = "postgres://app@127.0.0.1:1/shop"\n{line}\n'
    ended = run_cli("check", *configuration(tmp_path, text), "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 2
    assert words in ended.stderr


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
