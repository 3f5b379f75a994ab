"""A source that cannot be reached or refuses us: the server serves what it has, and says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import answer, refresh, run
from waiting import until

import rail_forge

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import EmbeddedPostgres
    from rail_forge_testbed.server import RailForgeServer

ONE_ROW = ("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")


def source(server: RailForgeServer) -> rail_forge.SourceStatus:
    with rail_forge.connect(server.flight) as client:
        [status] = client.status().sources
        return status


def failing(server: RailForgeServer) -> rail_forge.SourceStatus:
    """The status of the source, once the first refresh has failed."""
    until(lambda: source(server).state == "failing", "the source is failing")
    return source(server)


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
    until(lambda: source(server) == rail_forge.SourceStatus("shop", "ready", None), "the source is ready")


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
    until(lambda: source(server).state == "ready", "the source is ready")
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
    assert source(server).state == "failing"
    stoppable_postgres.start()
    refresh(server)
    assert source(server).state == "ready"


def test_killed_in_the_middle_of_a_pull(stoppable_postgres: EmbeddedPostgres, serve: Serve) -> None:
    url = stoppable_postgres.create_database("killed_pull")
    run(url, "CREATE TABLE t AS SELECT i AS id, repeat('x', 500) AS x FROM generate_series(1, 400000) AS i")
    server = serve({"shop": url})
    [before] = refresh(server)
    run(url, "UPDATE t SET id = -id WHERE id % 2 = 0")
    with rail_forge.connect(server.flight) as client:
        answers = client._connection._client.do_action(("rail_forge.refresh", b""))
        next(answer for answer in answers if b'"progress"' in answer.body.to_pybytes())
        stoppable_postgres.kill()
        with pytest.raises(Exception, match='source "shop"'):
            list(answers)
        result = client.sql("SELECT count(*), min(id) FROM t")
        assert (result.rows(), result.as_of) == ([(400_000, 1)], before.as_of)
    stoppable_postgres.start()


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
