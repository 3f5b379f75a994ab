"""Live tables that change between their description and a query, or while one waits for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest
from configuration import configuration, source
from conftest import answer, number, refresh, run
from live_tables import live_server
from waiting import until

import rail_forge

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.server import RailForgeServer


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


def test_a_type_is_the_same_wherever_names_are_looked_for(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE SCHEMA moods",
        "CREATE TYPE moods.mood AS ENUM ('glad', 'sad')",
        "CREATE TABLE t AS SELECT 1 AS id, 'sad'::moods.mood AS mood",
    )
    server = live_server(serve, tmp_path, url)
    database = urlsplit(url).path.removeprefix("/")
    run(url, f'ALTER DATABASE "{database}" SET search_path = moods, public')
    assert answer(server, "SELECT id, mood FROM t") == [(1, "sad")]


def test_a_column_that_was_added_does_not_matter(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE t AS SELECT 1 AS id")
    server = live_server(serve, tmp_path, url)
    run(url, "ALTER TABLE t ADD COLUMN x text DEFAULT 'x'", "CREATE INDEX ON t (id)")
    assert answer(server, "SELECT * FROM t") == [(1,)]
    refresh(server)
    assert answer(server, "SELECT * FROM t") == [(1, "x")]


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
