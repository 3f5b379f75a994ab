"""Connections of queries on live tables: limits, timeouts, locks, and ends before their time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration
from conftest import answer, locked, run, sessions
from live_tables import live_server, statements
from waiting import until

import rail_forge
from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import EmbeddedPostgres


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
    until(lambda: sessions(url) == 0, "its backends have ended", seconds=10)
    assert answer(server, "SELECT id FROM t") == [(1,)]


def test_the_deadline_ends_the_backend(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(*SLOW)
    server = live_server(serve, tmp_path, url, arguments=("--query-timeout", "1s"))
    with pytest.raises(rail_forge.QueryTimeout, match="query_timeout"):
        answer(server, "SELECT * FROM v")
    until(lambda: sessions(url) == 0, "its backends have ended", seconds=10)


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
        assert sessions(url) == 1
        del batches
        until(lambda: sessions(url) == 0, "its backend has ended", seconds=10)
        first = client.sql("SELECT i FROM v LIMIT 3").rows()
        assert len(first) == 3


def test_the_statement_timeout_is_a_setting(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(*SLOW)
    server = live_server(serve, tmp_path, url, 'statement_timeout = "500ms"')
    with pytest.raises(rail_forge.ServerError, match=r"shop\.public\.v: .*statement_timeout"):
        answer(server, "SELECT * FROM v")
    assert answer(server, "SELECT id FROM t") == [(1,)]
    until(lambda: sessions(url) == 0, "no connection stays", seconds=5)


def test_timeouts_of_the_database_do_not_hold(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    # A query of it takes longer than the timeouts, which no round trip reaches.
    url = new_database("CREATE VIEW v AS SELECT 1 AS i, pg_sleep(2)::text AS x")
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
        run(url, f"ALTER DATABASE \"{url.rpartition('/')[2]}\" SET {setting} = '1s'")
    server = live_server(serve, tmp_path, url)
    assert answer(server, "SELECT a.i FROM v a JOIN v b ON a.i = b.i WHERE a.x = b.x") == [(1,)]


def test_connections_are_limited(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(
        "CREATE TABLE busy AS SELECT 1 AS id",
        "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 100000) AS i",
    )
    settings = ("live_connections = 2", 'connect_timeout = "3s"', 'lock_timeout = "1m"')
    server = live_server(serve, tmp_path, url, *settings)

    def ask(sql: str) -> str:
        try:
            return str(answer(server, sql))
        except rail_forge.ServerUnavailable as error:
            return str(error)

    with ThreadPoolExecutor(2) as threads:
        with locked(url, "busy"):
            long = [threads.submit(ask, "SELECT id FROM busy") for _ in range(2)]
            until(lambda: sessions(url) == 2, "both have their connections")
            refused = ask("SELECT count(*) FROM t")
        assert "its 2 connections for live tables are in use" in refused
        assert "live_connections" in refused
        assert [future.result() for future in long] == ["[(1,)]", "[(1,)]"]
    assert ask("SELECT count(*) FROM t") == "[(100000,)]"
    until(lambda: sessions(url) == 0, "no connection stays", seconds=5)


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
            seen = max(seen, sessions(url))
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
    until(lambda: sessions(url) == 0, "no connection stays", seconds=10)


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
    run(url, *SLOW, "CHECKPOINT")
    server = live_server(serve, tmp_path, url)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(answer, server, "SELECT * FROM v")
        until(lambda: sessions(url) == 1, "the query runs")
        stoppable_postgres.kill()
        with pytest.raises(rail_forge.ServerUnavailable, match=r"lost|shutting down"):
            running.result()
    stoppable_postgres.start()
    assert answer(server, "SELECT id FROM t") == [(1,)]


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
