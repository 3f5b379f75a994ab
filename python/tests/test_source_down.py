"""A source that cannot be reached or refuses us: the server serves what it has, and says what is wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import answer, locked, number, refresh, run
from pyarrow import flight
from waiting import until

import rail_forge

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import EmbeddedPostgres
    from rail_forge_testbed.server import RailForgeServer

MODES = {"full": 'mode = "full"', "watermark": 'mode = "watermark", column = "w"', "diff": 'mode = "diff"'}
# The servers of tests lose what was committed last when they are killed.
DURABLE = "SET synchronous_commit = on"
SUMS = "SELECT count(*), max(w), sum(v) FROM t"
SESSIONS = "pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'rail-forge%'"
PULLS = "pg_stat_activity WHERE datname = current_database() AND application_name = 'rail-forge pull'"
ONE_ROW = ("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")


def source_status(server: RailForgeServer) -> rail_forge.SourceStatus:
    with rail_forge.connect(server.flight) as client:
        [status] = client.status().sources
        return status


def failing(server: RailForgeServer) -> rail_forge.SourceStatus:
    """The status of the source, once the first refresh has failed."""
    until(lambda: source_status(server).state == "failing", "the source is failing")
    return source_status(server)


def test_down_at_the_start_with_a_snapshot(
    stoppable_postgres: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    url = stoppable_postgres.create_database("down_with_snapshot")
    run(url, *ONE_ROW)
    first = serve({"shop": url}, data_dir=tmp_path / "data")
    [before] = refresh(first)
    first.stop()
    run(url, "INSERT INTO t VALUES (2)")
    stoppable_postgres.stop()

    server = serve({"shop": url}, "--initial-refresh", "always", data_dir=tmp_path / "data")
    assert answer(server, "SELECT id FROM t") == [(1,)]
    status = failing(server)
    assert "cannot be reached" in str(status.message)
    assert f"127.0.0.1:{stoppable_postgres.port}" in str(status.message)
    assert str(status.message) in server.log
    with rail_forge.connect(server.flight) as client:
        assert client.status().tables[0].as_of == before.as_of
        with pytest.raises(rail_forge.ServerUnavailable, match="cannot be reached"):
            client.refresh()
    assert answer(server, "SELECT id FROM t") == [(1,)]

    stoppable_postgres.start()
    until(lambda: len(answer(server, "SELECT id FROM t")) == 2, "the server has caught up by itself")
    until(
        lambda: source_status(server) == rail_forge.SourceStatus("shop", "ready", None), "the source is ready"
    )


def test_down_at_the_first_start(stoppable_postgres: EmbeddedPostgres, serve: Serve) -> None:
    url = stoppable_postgres.create_database("down_without_snapshot")
    run(url, *ONE_ROW)
    stoppable_postgres.stop()
    server = serve({"shop": url}, "--initial-refresh", "missing")
    failing(server)
    with pytest.raises(rail_forge.NotFoundError, match=r'source "shop".*tables.*status'):
        answer(server, "SELECT id FROM t")
    assert answer(server, "SELECT 1 AS one") == [(1,)]
    stoppable_postgres.start()
    until(lambda: source_status(server).state == "ready", "the source is ready")
    assert answer(server, "SELECT id FROM t") == [(1,)]


def test_lost_while_running(stoppable_postgres: EmbeddedPostgres, serve: Serve) -> None:
    url = stoppable_postgres.create_database("lost")
    run(url, *ONE_ROW)
    server = serve({"shop": url})
    refresh(server)
    stoppable_postgres.kill()
    with pytest.raises(rail_forge.ServerUnavailable, match='source "shop"'):
        refresh(server)
    assert answer(server, "SELECT id FROM t") == [(1,)]
    assert source_status(server).state == "failing"
    stoppable_postgres.start()
    refresh(server)
    assert source_status(server).state == "ready"


@pytest.mark.parametrize("mode", MODES)
def test_killed_in_the_middle_of_a_pull(
    mode: str, stoppable_postgres: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    url = stoppable_postgres.create_database(f"killed_pull_{mode}")
    create = "SELECT i AS id, i AS w, 0 AS v, repeat('x', 500) AS x FROM generate_series(1, 150000) AS i"
    run(url, f"CREATE TABLE t AS {create}", "ALTER TABLE t ADD PRIMARY KEY (id)")
    run(url, "CREATE TABLE held (w integer)")
    server = serve({}, *configuration(tmp_path, source(url, MODES[mode], 'lock_timeout = "1m"')))
    before = refresh(server)[0].as_of
    # So many that they are all read, in every mode.
    run(url, f"{DURABLE}; UPDATE t SET w = w + 1000000, v = 1")
    # A refresh that waits for another table does not end before PostgreSQL.
    with rail_forge.connect(server.flight) as client, locked(url, "held"):
        answers = client._connection._client.do_action(("rail_forge.refresh", b""))
        next(answer for answer in answers if b'"progress"' in answer.body.to_pybytes())
        stoppable_postgres.kill()
        with pytest.raises(Exception, match='source "shop"'):
            list(answers)
        result = client.sql(SUMS)
        assert (result.rows(), result.as_of) == ([(150_000, 150_000, 0)], before)
    stoppable_postgres.start()
    refresh(server)
    assert answer(server, SUMS) == [(150_000, 1_150_000, 150_000)]


@pytest.mark.parametrize("ending", ["restart", "kill"])
@pytest.mark.parametrize("mode", MODES)
def test_restarted_between_two_tables_of_a_refresh(
    mode: str, ending: str, stoppable_postgres: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    url = stoppable_postgres.create_database(f"{ending}ed_{mode}")
    large = "SELECT i AS id, i AS w, 0 AS v FROM generate_series(1, 3000) AS i"
    run(
        url,
        f"CREATE TABLE t AS {large}",
        "ALTER TABLE t ADD PRIMARY KEY (id)",
        "CREATE TABLE held (w integer)",
        "ANALYZE",
    )
    settings = source(url, MODES[mode], "connections = 1", 'lock_timeout = "1m"')
    server = serve({}, *configuration(tmp_path, settings))
    before = refresh(server)
    change = "UPDATE t SET w = w + 10000, v = 1 WHERE id % 10 = 0; INSERT INTO held VALUES (1)"
    run(url, f"{DURABLE}; {change}")
    with ThreadPoolExecutor(1) as thread:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
            waiting = thread.submit(refresh, server)
            until(
                lambda: count(url, "pg_locks WHERE NOT granted") > 0,
                "the refresh has read one table and waits",
            )
            if ending == "kill":
                stoppable_postgres.kill()
                stoppable_postgres.start()
            else:
                stoppable_postgres.restart()
            with suppress(psycopg.OperationalError):
                other.rollback()
        with pytest.raises(rail_forge.ServerUnavailable, match='source "shop"'):
            waiting.result()
    # Nothing of what was read is shown.
    assert answer(server, SUMS) == [(3000, 3000, 0)]
    with rail_forge.connect(server.flight) as client:
        assert {table.as_of for table in client.status().tables} == {table.as_of for table in before}
    refresh(server)
    assert answer(server, SUMS) == [(3000, 13_000, 300)]
    assert answer(server, "SELECT w FROM held") == [(1,)]
    assert source_status(server).state == "ready"


@pytest.mark.parametrize("mode", MODES)
def test_a_table_that_stays_locked(
    mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    partitioned = [
        "CREATE TABLE parts (id integer, w integer) PARTITION BY LIST (id)",
        "CREATE TABLE leaf PARTITION OF parts FOR VALUES IN (1)",
        "INSERT INTO parts VALUES (1, 1)",
    ]
    url = new_database(
        *partitioned, *(f"CREATE TABLE {table} AS SELECT 1 AS w" for table in ("busy", "free", "last"))
    )
    server = serve({}, *configuration(tmp_path, source(url, MODES[mode], 'lock_timeout = "200ms"')))
    refresh(server)
    with psycopg.connect(url) as other, rail_forge.connect(server.flight, timeout=20) as client:
        other.execute("LOCK TABLE busy, leaf IN ACCESS EXCLUSIVE MODE")
        run(url, "INSERT INTO free VALUES (2)", "INSERT INTO last VALUES (2)")
        with pytest.raises(rail_forge.RefreshError) as raised:
            client.refresh()
        errors = {table.table: table.error for table in raised.value.tables if table.error is not None}
        assert errors.keys() == {"busy", "parts"}
        assert all(f"shop.public.{table}" in error and "lock" in error for table, error in errors.items())
        assert {table.table: table.error for table in client.status().tables if table.error} == errors
        for table, rows in {"busy": 1, "parts": 1, "free": 2, "last": 2}.items():
            assert client.sql(f"SELECT count(*) FROM {table}").rows() == [(rows,)]
        other.rollback()
        client.refresh()
        assert {table.error for table in client.status().tables} == {None}


SLEEPING = (
    "CREATE VIEW sleeping AS SELECT i AS w, pg_sleep(600) IS NULL AS slept FROM generate_series(1, 10) AS i"
)


@pytest.mark.parametrize("held", ["by a lock", "by a long query"])
@pytest.mark.parametrize("mode", MODES)
def test_a_cancelled_refresh_ends_its_queries(
    mode: str, held: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE t (w integer)", "CREATE TABLE u (w integer)")
    server = serve({}, *configuration(tmp_path, source(url, MODES[mode], 'lock_timeout = "10m"')))
    refresh(server)
    run(url, "INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (1)")
    with psycopg.connect(url) as other:
        if held == "by a lock":
            other.execute("LOCK TABLE t, u IN ACCESS EXCLUSIVE MODE")
        else:
            run(url, SLEEPING)
        client = flight.connect(server.flight)
        answers = client.do_action(("rail_forge.refresh", b""))
        assert b'"started"' in next(answers).body.to_pybytes()
        until(lambda: count(url, f"{PULLS} AND state = 'active'") > 0, "a query is held up")
        client.close()
        del answers, client
        until(lambda: count(url, PULLS) == 0, "the queries have ended", seconds=10)
        until(lambda: count(url, SESSIONS) == 0, "no connection is left", seconds=10)
        assert [table.rows for table in tables_of(server)] == [0, 0]
    run(url, "DROP VIEW IF EXISTS sleeping")
    assert [table.rows for table in refresh(server)] == [1, 1]


def tables_of(server: RailForgeServer) -> list[rail_forge.TableStatus]:
    with rail_forge.connect(server.flight) as client:
        return client.status().tables


def count(url: str, what: str) -> int:
    """How many rows of a system view."""
    return number(url, f"SELECT count(*) FROM {what}")


def test_a_wrong_password(own_postgres: EmbeddedPostgres, serve: Serve) -> None:
    server = serve(
        {"shop": own_postgres.url(user="locked", password="canary-7311")}, "--initial-refresh", "always"
    )
    status = failing(server)
    assert "refused the password" in str(status.message)
    assert "127.0.0.1" in str(status.message)
    assert "canary" not in server.log
    assert "canary" not in repr(status)


def test_the_right_password(own_postgres: EmbeddedPostgres, serve: Serve) -> None:
    url = own_postgres.create_database("locked_right")
    run(url, *ONE_ROW, "GRANT SELECT ON t TO locked")
    server = serve({"shop": own_postgres.url("locked_right", "locked", "right")})
    refresh(server)
    assert answer(server, "SELECT id FROM t") == [(1,)]


def test_an_unknown_database(own_postgres: EmbeddedPostgres, serve: Serve) -> None:
    server = serve({"shop": own_postgres.url("no_such_database")}, "--initial-refresh", "always")
    assert "no_such_database has no database of that name" in str(failing(server).message)


def test_an_unknown_role(own_postgres: EmbeddedPostgres, serve: Serve) -> None:
    server = serve({"shop": own_postgres.url(user="nobody_here")}, "--initial-refresh", "always")
    assert "role" in str(failing(server).message)


def test_one_source_is_down_and_the_other_is_served(
    own_postgres: EmbeddedPostgres, new_database: NewDatabase, serve: Serve
) -> None:
    sources = {"gone": own_postgres.url("no_such_database"), "shop": new_database(*ONE_ROW)}
    server = serve(sources, "--initial-refresh", "always")
    with rail_forge.connect(server.flight, catalog="shop") as client:
        until(
            lambda: [source.state for source in client.status().sources] == ["failing", "ready"],
            "one source is failing and one is ready",
        )
        assert client.sql("SELECT id FROM t").rows() == [(1,)]
        assert [table.full_name for table in client.refresh("shop.public.t")] == ["shop.public.t"]


def test_a_schedule_refreshes_by_itself(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(*ONE_ROW)
    config = tmp_path / "rail-forge.toml"
    config.write_text(
        f'[[source]]\nname = "shop"\nurl = "{url}"\nrefresh = {{ mode = "full", every = "200ms" }}\n'
    )
    server = serve({}, "--config", str(config), "--initial-refresh", "always")
    with rail_forge.connect(server.flight) as client, psycopg.connect(url, autocommit=True) as database:
        until(lambda: bool(client.status().tables), "the first refresh is done")
        for number in (2, 3):
            database.execute("INSERT INTO t VALUES (%s)", [number])
            until(lambda: len(client.sql("SELECT id FROM t").rows()) == number, "the change is seen")  # noqa: B023
