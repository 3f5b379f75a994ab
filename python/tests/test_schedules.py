"""Schedules and settings of tables: which count for a table, and that none holds up another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import answer, number, refresh
from mirror import mirror
from waiting import until, until_equal

import rail_forge
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import NewDatabase, Serve

ALWAYS = ("--initial-refresh", "always")
# A refresh every second has shown a change after this, on a machine that is busy with a large table.
SOON_SECONDS = 10.0
NUMBERS = "SELECT i AS id, i AS w FROM generate_series(1, 100) AS i"
SLOW = "CREATE VIEW slow AS SELECT i AS id, pg_sleep(0.05) IS NULL AS slept FROM generate_series(1, 100) AS i"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
PULLS = """SELECT count(*) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name = 'rail-forge pull' AND query LIKE '%{}%'
             AND state = 'active'"""


def is_seen(server: RailForgeServer, table: str, rows: int) -> None:
    def rows_of() -> int | None:
        with rail_forge.connect(server.flight) as client:
            return {table.table: table.rows for table in client.status().tables}.get(table)

    until(lambda: rows_of() == rows, f"{table} has {rows} rows", SOON_SECONDS)
    assert answer(server, f"SELECT count(*) FROM {table}") == [(rows,)]


def started(server: RailForgeServer) -> RailForgeServer:
    """The server, once its first refresh is done."""
    with rail_forge.connect(server.flight) as client:
        until(lambda: [each.state for each in client.status().sources] == ["ready"], "the source is ready")
    return server


@pytest.mark.parametrize("mode", ['mode = "full"', 'mode = "diff"', 'mode = "watermark", column = "id"'])
def test_a_schedule_does_not_wait_for_another(
    mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE busy (id integer)", "CREATE TABLE quick (id integer)")
    tables = {"public.quick": f'{mode}, every = "100ms"'}
    settings = source(url, 'every = "150ms"', 'lock_timeout = "1m"', tables=tables)
    server = started(serve({}, *configuration(tmp_path, settings), *ALWAYS))
    with psycopg.connect(url) as connection, psycopg.connect(url, autocommit=True) as other:
        connection.execute("LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        until(lambda: number(url, WAITING) > 0, "a refresh waits for the lock")
        for rows in range(1, 4):
            other.execute("INSERT INTO quick VALUES (%s)", [rows])
            is_seen(server, "quick", rows)
        assert number(url, WAITING) == 1
        connection.execute("INSERT INTO busy VALUES (1)")
        connection.commit()
    is_seen(server, "busy", 1)


def test_a_slow_refresh_does_not_hold_up_one_of_every_second(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(SLOW, "CREATE TABLE quick (id integer)")
    tables = {"public.quick": 'every = "1s"', "public.slow": 'every = "10ms"'}
    settings = source(url, tables=tables)
    server = serve({}, *configuration(tmp_path, settings), "--initial-refresh", "never")
    until(lambda: number(url, PULLS.format("slow")) > 0, "the slow table is being read")
    for rows in range(1, 4):
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO quick VALUES (1)")
        is_seen(server, "quick", rows)
    # The first refresh of the slow one goes on, or another has begun.
    until(lambda: number(url, PULLS.format("slow")) > 0, "the slow table is still being read")


SESSIONS = """SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'rail-forge {}'"""
# How many are between statements, after the same one.
ALIKE_IN_CATALOGUE = """SELECT coalesce(max(alike), 0)
                        FROM (SELECT count(*) AS alike FROM pg_stat_activity
                              WHERE datname = current_database() AND application_name = 'rail-forge catalogue'
                                AND state = 'idle in transaction'
                              GROUP BY query) AS statements"""
# Nobody else changes what PostgreSQL knows of a table's size, by which tables are read.
BY_ITSELF = "WITH (autovacuum_enabled = off)"
# From the largest, which is read first, to the smallest.
SIZES = {name: 1_000 * (10 - place) for place, name in enumerate("abcdefghij")}


def waited_for(url: str) -> list[str]:
    """The tables whose locks are waited for."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            """SELECT relation::regclass::text FROM pg_locks JOIN pg_database ON pg_database.oid = database
               WHERE datname = current_database() AND NOT granted"""
        )
        return [table for (table,) in rows]


@pytest.fixture
def one_connection(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> tuple[str, RailForgeServer]:
    """Tables of a source whose refreshes have one connection for rows together."""
    rows = "SELECT i AS id FROM generate_series(1, {}) AS i"
    url = new_database(
        *(f"CREATE TABLE {name} {BY_ITSELF} AS {rows.format(size)}" for name, size in SIZES.items()),
        "ANALYZE",
    )
    settings = source(url, 'mode = "full"', "connections = 1", 'lock_timeout = "1m"')
    server = serve({}, *configuration(tmp_path, settings), "--initial-refresh", "never")
    return url, server


def test_refreshes_share_the_connections_of_their_source(one_connection: tuple[str, RailForgeServer]) -> None:
    url, server = one_connection
    with ThreadPoolExecutor(4) as threads, psycopg.connect(url) as other:
        other.execute("LOCK TABLE a, b, c, d IN ACCESS EXCLUSIVE MODE")
        refreshes = [threads.submit(refresh, server, table) for table in "abcd"]
        until(lambda: number(url, SESSIONS.format("catalogue")) == 4, "all refreshes have begun")
        until(lambda: number(url, WAITING) > 0, "one of them reads")
        assert number(url, SESSIONS.format("pull")) == 1
        other.rollback()
        read = [table.rows for done in refreshes for table in done.result()]
        assert read == [SIZES[name] for name in "abcd"]


def test_a_refresh_gives_way_to_one_that_waits(one_connection: tuple[str, RailForgeServer]) -> None:
    url, server = one_connection
    # Read in this order. All are locked, and unlocked one after another.
    long_ones = "acdefghij"
    with ThreadPoolExecutor(2) as threads, psycopg.connect(url) as locks:
        for table in reversed(long_ones):
            locks.execute(f"SAVEPOINT {table}".encode())
            locks.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        long = threads.submit(refresh, server, *long_ones)

        def state() -> list[str] | BaseException | None:
            return long.exception() if long.done() else waited_for(url)

        until_equal(state, ["a"], "it waits for its first table")
        short = threads.submit(refresh, server, "b")
        until(lambda: number(url, ALIKE_IN_CATALOGUE) == 2, "the other has read the catalogue as well")
        # From then on, nobody can see when the other begins to wait. The first may not notice at once.
        for table, following in pairwise(long_ones):
            locks.execute(f"ROLLBACK TO SAVEPOINT {table}".encode())
            until(
                lambda: short.done() or waited_for(url) == [following],  # noqa: B023 - asked in this turn only
                f"{table} is read",
            )
            if short.done():
                break
        until(short.done, "the other is done")
        assert not long.done()
        locks.rollback()
        assert [table.rows for table in short.result()] == [SIZES["b"]]
        assert [table.rows for table in long.result()] == [SIZES[name] for name in long_ones]


def test_tables_of_one_schedule_are_of_one_moment(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(*(f"CREATE TABLE {table} (id integer)" for table in ("a", "b", "c", "d")))
    tables = {
        "public.a": 'every = "50ms"',
        "public.b": 'mode = "diff", every = "50ms"',
        "public.c": 'every = "50ms", jitter = "20ms"',
    }
    server = started(serve({}, *configuration(tmp_path, source(url, 'every = "1h"', tables=tables)), *ALWAYS))
    with rail_forge.connect(server.flight) as client:

        def moments() -> dict[str, rail_forge.AsOf | None]:
            return {table.table: table.as_of for table in client.status().tables}

        first = moments()
        assert len(set(first.values())) == 1
        until(lambda: moments()["a"] != first["a"] and moments()["c"] != first["c"], "two schedules have run")
        for _ in range(20):
            now = moments()
            assert now["a"] == now["b"]
            assert now["d"] == first["d"]
        assert now["a"] != now["c"]


def test_a_new_table_has_the_schedule_of_its_pattern(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE other (id integer)")
    settings = source(url, 'every = "1h"', tables={"public.log_*": 'every = "50ms", jitter = "10ms"'})
    server = started(serve({}, *configuration(tmp_path, settings), *ALWAYS))
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("CREATE TABLE log_1 AS SELECT 1 AS id")
        until(lambda: "log_1" in tables_of(server), "the new table is served")
        database.execute("INSERT INTO log_1 VALUES (2)")
        is_seen(server, "log_1", 2)
        database.execute("DROP TABLE log_1")
        until(lambda: "log_1" not in tables_of(server), "the dropped table is gone")


def tables_of(server: RailForgeServer) -> set[str]:
    with rail_forge.connect(server.flight) as client:
        return {table.table for table in client.status().tables}


# What a new row makes a refresh read, which tells the modes apart: its `w` is not the largest.
READ = {"full": 101, "diff": 1, "watermark": 3}
FULL, DIFF, WATERMARK = 'mode = "full"', 'mode = "diff"', 'mode = "watermark", column = "w", overlap = 1'

PRECEDENCE = {
    "the source's": (DIFF, {}, "diff"),
    "nothing said": (None, {}, "full"),
    "a name": (FULL, {"public.orders": DIFF}, "diff"),
    "another name": (FULL, {"public.order": DIFF, "orders": DIFF, "other.orders": DIFF}, "full"),
    "a pattern": (FULL, {"public.*": DIFF}, "diff"),
    "a pattern of the end": (FULL, {"*.orders": DIFF}, "diff"),
    "a pattern of the middle": (FULL, {"p*c.o*s": DIFF}, "diff"),
    "everything": (FULL, {"*": DIFF}, "diff"),
    "a name before a longer pattern": (FULL, {"public.order*s*": WATERMARK, "public.orders": DIFF}, "diff"),
    "a longer pattern before a shorter": (FULL, {"*": WATERMARK, "public.o*": DIFF, "p*": WATERMARK}, "diff"),
    "other letters": (FULL, {"public.ORDERS": DIFF}, "full"),
}
INHERITANCE = {
    "the mode": (DIFF, 'every = "1h"', "diff"),
    "the mode with its column": (WATERMARK, 'every = "1h", jitter = "1m"', "watermark"),
    "not the mode when it is another": (WATERMARK, DIFF, "diff"),
    "not the mode when it is full": (WATERMARK, FULL, "full"),
    "the mode of a table with nothing": (DIFF, "", "diff"),
}


@pytest.fixture(scope="module")
def read(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, int]:
    """How many rows a refresh has read after a new row, with each of these settings."""
    url = new_database(f"CREATE TABLE orders AS {NUMBERS}", "ALTER TABLE orders ADD PRIMARY KEY (id)")
    sources = [
        source(url, refresh, name=name, tables=tables) for name, (refresh, tables, _) in PRECEDENCE.items()
    ]
    sources += [
        source(url, refresh, name=name, tables={"public.orders": own})
        for name, (refresh, own, _) in INHERITANCE.items()
    ]
    file = configuration(tmp_path_factory.mktemp("settings"), *sources)
    with (
        RailForgeServer({}, arguments=[*file, "--initial-refresh", "never"]) as server,
        mirror(server, url) as both,
    ):
        both.refresh()
        both.run("INSERT INTO orders VALUES (101, 99)")
        return both.try_refresh().read_of_source


@pytest.mark.parametrize("name", PRECEDENCE)
def test_which_settings_count(name: str, read: Mapping[str, int]) -> None:
    assert read[name] == READ[PRECEDENCE[name][-1]]


@pytest.mark.parametrize("name", INHERITANCE)
def test_a_table_inherits_what_it_does_not_say(name: str, read: Mapping[str, int]) -> None:
    assert read[name] == READ[INHERITANCE[name][-1]]


def test_a_table_inherits_the_schedule(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE orders (id integer)", "CREATE TABLE never (id integer)")
    file = tmp_path / "rail-forge.toml"
    settings = source(url, 'every = "50ms", jitter = "10ms"', tables={"public.orders": DIFF})
    # Settings of a table that say nothing about its refresh.
    file.write_text(f"{settings}[source.tables.'public.never']\ntext_columns = ['id']\n")
    server = started(serve({}, "--config", str(file), *ALWAYS))
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("INSERT INTO orders VALUES (1)")
        database.execute("INSERT INTO never VALUES (1)")
        is_seen(server, "orders", 1)
        is_seen(server, "never", 1)


WRONG = {
    "refresh = { mode = 'often' }": ["line 4", "often", "watermark"],
    "refresh = { mode = 'live', every = '1m' }": ["shop", "live", "every"],
    "refresh = { modes = 'full' }": ["line 4", "modes"],
    "refresh = 'full'": ["line 4"],
    "refresh = { mode = 'watermark' }": ["shop", "watermark", "column"],
    "refresh = { column = 'w' }": ["shop", "column", "watermark"],
    "refresh = { mode = 'diff', column = 'w' }": ["shop", "column", "watermark"],
    "refresh = { mode = 'full', overlap = 5 }": ["shop", "overlap", "watermark"],
    "refresh = { mode = 'watermark', column = 'w', overlap = -1 }": ["line 4", "overlap"],
    "refresh = { mode = 'watermark', column = 'w', overlap = 'soon' }": ["line 4", "overlap"],
    "refresh = { mode = 'watermark', column = 'w', overlap = 1.5 }": ["line 4", "overlap"],
    "refresh = { every = 'soon' }": ["line 4", "soon", "time"],
    "refresh = { every = '0s' }": ["line 4", "0s", "time"],
    "refresh = { every = 5 }": ["line 4"],
    "refresh = { jitter = '1s' }": ["shop", "jitter", "every"],
    "refresh = { every = '1m', jitter = 'some' }": ["line 4", "some", "time"],
    "lock_timeout = 'soon'": ["line 4", "soon", "time"],
    "connections = 0": ["shop", "connections"],
    "[source.tables.'public.t']\nrefresh = { mode = 'often' }": ["line 5", "often"],
    "[source.tables.'public.t']\nrefreshing = { mode = 'full' }": ["line 5", "refreshing"],
    "[source.tables.'public.t']\nrefresh = { mode = 'watermark' }": ["shop", "public.t", "column"],
    "[source.tables.'public.t']\nrefresh = { overlap = '1m' }": ["shop", "public.t", "overlap"],
    "[source.tables.'public.t']\nrefresh = { jitter = '1m' }": ["shop", "public.t", "jitter", "every"],
    "[source.tables.'public.t']\ntext_columns = 'a'": ["line 5"],
}


@pytest.mark.parametrize("lines", WRONG)
def test_wrong_settings_are_named(lines: str, tmp_path: Path) -> None:
    file = tmp_path / "rail-forge.toml"
    file.write_text(f"[[source]]\nname = 'shop'\nurl = 'postgres://app@127.0.0.1:1/shop'\n{lines}\n")
    ended = run_cli("check", "--config", str(file), "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 2
    for word in [str(file), *WRONG[lines]]:
        assert word in ended.stderr
    assert "untagged" not in ended.stderr
