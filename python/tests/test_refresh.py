"""A refresh as PostgreSQL sees it: what it reads, what may not stop it, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import answer, locked, refresh, run, sessions
from pyarrow import flight
from waiting import until

import rail_forge

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import PostgresServer

SOME_SECONDS = "CREATE TABLE t AS SELECT i AS id, repeat('x', 300) AS x FROM generate_series(1, 300000) AS i"


def data_folders(data_dir: Path) -> set[str]:
    return {path.name for path in (data_dir / "data").iterdir()}


def test_no_connection_stays_open(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        "CREATE TABLE one (id integer)",
        "CREATE TABLE bare ()",
        "CREATE TABLE nan (n numeric(4,2))",
        "INSERT INTO nan VALUES ('NaN')",
    )
    server = serve({"shop": url})
    for _ in range(3):
        with pytest.raises(rail_forge.RefreshError):
            refresh(server)
    with pytest.raises(rail_forge.NotFoundError):
        refresh(server, "nothing")
    until(lambda: sessions(url) == 0, "all connections are closed", seconds=5)


def test_only_what_is_committed_is_seen(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    server = serve({"shop": url})
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
        connection.execute("DELETE FROM t WHERE id = 1")
        refresh(server)
        assert answer(server, "SELECT id FROM t") == [(1,)]
        connection.commit()
    refresh(server)
    assert answer(server, "SELECT id FROM t") == [(2,)]


# A pull of it takes longer than the timeouts below, which no round trip reaches.
SLOW = "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(2) IS NULL AS slept"


@pytest.mark.parametrize(
    "setting",
    [
        "statement_timeout = '1s'",
        "idle_in_transaction_session_timeout = '1s'",
        "transaction_timeout = '1s'",
        "idle_session_timeout = '1s'",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on",
        "cursor_tuple_fraction = 1",
    ],
)
def test_settings_of_the_database_do_not_stop_a_refresh(
    setting: str, postgres: PostgresServer, new_database: NewDatabase, serve: Serve
) -> None:
    if setting.startswith("transaction_timeout") and postgres.version < 17:
        return  # PostgreSQL has it since 17
    url = new_database(SOME_SECONDS, SLOW)
    run(url, f'ALTER DATABASE "{url.rpartition("/")[2]}" SET {setting}')
    server = serve({"shop": url})
    assert {table.table: table.rows for table in refresh(server)} == {"slow": 1, "t": 300_000}


def test_a_refresh_ends_when_its_client_goes_away(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(SOME_SECONDS, "CREATE TABLE small (id integer)")
    server = serve({"shop": url})
    refresh(server, "small")
    before = data_folders(server.data_dir)
    # A refresh that waits for another table does not end before its client goes away.
    with locked(url, "small"):
        client = flight.connect(server.flight)
        answers = client.do_action(("rail_forge.refresh", b""))
        next(answer for answer in answers if b'"progress"' in answer.body.to_pybytes())
        client.close()
        del answers, client
        until(lambda: sessions(url) == 0, "the pull has stopped", seconds=10)
        until(lambda: data_folders(server.data_dir) == before, "its files are gone", seconds=5)
    with rail_forge.connect(server.flight) as connected:
        assert [table.table for table in connected.status().tables] == ["small"]
        assert {table.table: table.rows for table in connected.refresh()} == {"small": 0, "t": 300_000}


def test_a_locked_table_does_not_hold_the_others(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE busy (id integer)", "CREATE TABLE free (id integer)")
    server = serve({"shop": url})
    with (
        psycopg.connect(url) as connection,
        rail_forge.connect(server.flight, timeout=10) as client,
    ):
        connection.execute("LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        assert [table.table for table in client.refresh("free")] == ["free"]


def test_the_server_stops_though_a_pull_waits_for_a_lock(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)")
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        server = serve({"shop": url}, "--initial-refresh", "always")
        until(lambda: sessions(url) == 2, "the catalogue is read and the pull waits")
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: server.exit_code() is not None, "the server has ended", seconds=15)
    until(lambda: sessions(url) == 0, "its connections are gone", seconds=10)


def test_progress_is_told_while_it_runs(new_database: NewDatabase, serve: Serve) -> None:
    server = serve({"shop": new_database(SOME_SECONDS)})
    with flight.connect(server.flight) as client:
        events = [
            json.loads(each.body.to_pybytes()) for each in client.do_action(("rail_forge.refresh", b""))
        ]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-2:]) == ("started", ["table", "done"])
    assert sum(event["rows"] for event in events if event["event"] == "progress") == 300_000
    assert len(kinds) > 5


def test_a_wrong_body_is_named(new_database: NewDatabase, serve: Serve) -> None:
    server = serve({"shop": new_database()})
    with flight.connect(server.flight) as client:
        for body in (b"{", b'{"table": ["t"]}', b'{"tables": "t"}', b"\xff"):
            with pytest.raises(Exception, match=r'the body is not \{"tables"'):
                list(client.do_action(("rail_forge.refresh", body)))


def test_a_table_that_grows_and_shrinks(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)")
    server = serve({"shop": url})
    for statement, rows in [
        ("INSERT INTO t SELECT generate_series(1, 100000)", 100_000),
        ("DELETE FROM t WHERE id > 10", 10),
        ("TRUNCATE t", 0),
        ("ALTER TABLE t ADD COLUMN x text DEFAULT 'x'", 0),
        ("INSERT INTO t VALUES (1, 'y')", 1),
        ("ALTER TABLE t DROP COLUMN id", 1),
        ("ALTER TABLE t ALTER COLUMN x DROP DEFAULT, ALTER COLUMN x TYPE integer USING 7", 1),
    ]:
        run(url, statement)
        assert [table.rows for table in refresh(server)] == [rows]
        assert answer(server, "SELECT count(*) FROM t") == [(rows,)]
    assert answer(server, "SELECT * FROM t") == [(7,)]
