"""How long snapshots stay on disk, and what the server says about the room that they take."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import answer, refresh, run
from pyarrow import flight
from waiting import until

import rail_forge
from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve


def manifests(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "manifests").iterdir())


def stored(data_dir: Path) -> int:
    files = (path for part in ("data", "manifests") for path in (data_dir / part).rglob("*"))
    return sum(path.stat().st_size for path in files if path.is_file())


def test_replaced_versions_go_in_time_without_another_refresh(
    new_database: NewDatabase, serve: Serve
) -> None:
    url = new_database("CREATE TABLE t AS SELECT generate_series(1, 1000) AS id")
    server = serve({"shop": url}, "--keep-versions", "1", "--keep-replaced", "1s")
    for _ in range(3):
        run(url, "UPDATE t SET id = -id WHERE id % 100 = 0")
        refresh(server)
    until(lambda: manifests(server.data_dir) == ["0000000003.json"], "replaced versions have gone")
    until(lambda: len(list((server.data_dir / "data").iterdir())) == 1, "and their files")
    assert answer(server, "SELECT count(*) FROM t") == [(1000,)]


def test_versions_that_are_to_be_kept_are_kept(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (0)")
    server = serve({"shop": url}, "--keep-versions", "3", "--keep-replaced", "1ms")
    with flight.connect(server.flight) as client:
        asked = flight.FlightDescriptor.for_command(b"SELECT id FROM t")
        tickets = []
        for number in range(5):
            run(url, f"UPDATE t SET id = {number}")
            refresh(server)
            tickets.append(client.get_flight_info(asked).endpoints[0].ticket)
        server.stop()
        server.start()
    assert manifests(server.data_dir) == [f"000000000{version}.json" for version in (3, 4, 5)]
    with flight.connect(server.flight) as client:
        kept = [client.do_get(ticket).read_all().column(0).to_pylist() for ticket in tickets[2:]]
        assert kept == [[2], [3], [4]]
        with pytest.raises(Exception, match="snapshot 2 has been replaced"):
            client.do_get(tickets[1]).read_all()


@pytest.mark.parametrize("wrong", [("--keep-versions", "0"), ("--keep-replaced", "soon")])
def test_wrong_retention(wrong: tuple[str, str]) -> None:
    ended = run_cli("check", "--source", "shop=postgres://app@db/shop", *wrong)
    assert ended.returncode == 2
    assert wrong[0] in ended.stderr


def test_the_size_of_what_is_stored_is_told(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t AS SELECT i AS id, md5(i::text) FROM generate_series(1, 10000) AS i")
    server = serve({"shop": url})
    before, unchanged = refresh(server), refresh(server)
    assert unchanged[0].bytes == before[0].bytes
    with rail_forge.connect(server.flight) as client:
        status = client.status()
        # A refresh that finds the same rows adds nothing but its manifest.
        assert status.stored_bytes == stored(server.data_dir)
        assert before[0].bytes < status.stored_bytes < 1.5 * before[0].bytes
        run(url, "UPDATE t SET id = -id WHERE id % 2 = 0")
        [changed] = refresh(server)
        status = client.status()
    assert status.stored_bytes == stored(server.data_dir)
    assert status.stored_bytes > before[0].bytes + changed.bytes
    assert "stored, replaced versions included" in run_cli("status", "--url", server.flight).stdout


def test_spilled_data_goes_where_it_is_told(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    server = serve({"shop": new_database()}, "--spill-dir", str(tmp_path / "fast"))
    [folder] = (tmp_path / "fast").iterdir()
    assert not (server.data_dir / "spill").exists()
    other = serve({"shop": new_database()}, "--spill-dir", str(tmp_path / "fast"))
    assert len(list((tmp_path / "fast").iterdir())) == 2
    server.kill()
    server.start()
    assert not folder.exists()
    other.stop()
    server.stop()
    assert list((tmp_path / "fast").iterdir()) == []


def test_a_refresh_that_waits_does_not_hold_up_another(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE slow (id integer)", "CREATE TABLE quick (id integer)")
    server = serve({"shop": url}, "--keep-versions", "1", "--keep-replaced", "1ms")
    with psycopg.connect(url) as connection, ThreadPoolExecutor(1) as thread:
        connection.execute("LOCK TABLE slow IN ACCESS EXCLUSIVE MODE")
        waiting = thread.submit(refresh, server, "slow")
        until(lambda: locks(url) > 0, "the refresh waits for the lock")
        for number in range(3):
            run(url, f"INSERT INTO quick VALUES ({number})")
            assert [table.rows for table in refresh(server, "quick")] == [number + 1]
        assert not waiting.done()
        connection.commit()
        assert [table.rows for table in waiting.result()] == [0]
    # The slow one has seen PostgreSQL before the quick ones, and has taken nothing of theirs back.
    assert answer(server, "SELECT count(*) FROM quick") == [(3,)]
    assert answer(server, "SELECT count(*) FROM slow") == [(0,)]


def locks(url: str) -> int:
    """How many sessions wait for a lock."""
    with psycopg.connect(url, autocommit=True) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchall()
        return int(count)
