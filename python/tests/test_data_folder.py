"""The data folder: damage is found and named, one server at a time uses it, what is gone is called gone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from conftest import answer, refresh, run
from pyarrow import flight

import rail_forge
from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import NewDatabase, Serve

OLD, NEW = [(1,)], [(2,)]


@pytest.fixture
def two_snapshots(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> tuple[str, Path]:
    """The URL of a database and a data folder with two snapshots of it; the server has stopped."""
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    server = serve({"shop": url}, data_dir=tmp_path / "data")
    refresh(server)
    run(url, "UPDATE t SET id = 2")
    refresh(server)
    assert answer(server, "SELECT id FROM t") == NEW
    server.stop()
    run(url, "UPDATE t SET id = 3")
    return url, tmp_path / "data"


def manifests(data_dir: Path) -> list[Path]:
    """Newest last."""
    return sorted((data_dir / "manifests").glob("*.json"))


def newest_manifest(data_dir: Path) -> Path:
    return manifests(data_dir)[-1]


def newest_parquet(data_dir: Path) -> Path:
    text = newest_manifest(data_dir).read_text()
    [table] = json.loads(text.rstrip().rpartition("\n")[0])["tables"]
    [file] = table["files"]
    return data_dir / str(file["path"])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x01
    path.write_bytes(content)


def remove(path: Path) -> None:
    path.unlink()


DAMAGES: dict[str, tuple[Callable[[Path], Path], Callable[[Path], None]]] = {
    "manifest cut": (newest_manifest, cut),
    "manifest empty": (newest_manifest, empty),
    "manifest changed": (newest_manifest, change_a_byte),
    "parquet cut": (newest_parquet, cut),
    "parquet empty": (newest_parquet, empty),
    "parquet changed": (newest_parquet, change_a_byte),
    "parquet missing": (newest_parquet, remove),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_snapshot_before_the_damage_is_served(
    damage: str, two_snapshots: tuple[str, Path], serve: Serve
) -> None:
    url, data_dir = two_snapshots
    find, spoil = DAMAGES[damage]
    path = find(data_dir)
    spoil(path)
    server = serve({"shop": url}, data_dir=data_dir)
    assert answer(server, "SELECT id FROM t") == OLD
    [line] = [line for line in server.log.splitlines() if "damaged" in line]
    assert str(path) in line
    assert "ERROR" in line
    refresh(server)
    assert answer(server, "SELECT id FROM t") == [(3,)]
    server.stop()
    server.start()
    assert answer(server, "SELECT id FROM t") == [(3,)]
    assert server.log.count("damaged") == 1


@pytest.mark.parametrize("damage", ["manifest changed", "parquet missing"])
def test_damage_without_another_snapshot(damage: str, two_snapshots: tuple[str, Path], serve: Serve) -> None:
    url, data_dir = two_snapshots
    for old in manifests(data_dir)[:-1]:
        old.unlink()
    find, spoil = DAMAGES[damage]
    path = find(data_dir)
    spoil(path)
    server = serve({"shop": url}, data_dir=data_dir)
    assert str(path) in server.log
    with pytest.raises(rail_forge.NotFoundError, match='source "shop"'):
        answer(server, "SELECT id FROM t")
    refresh(server)
    assert answer(server, "SELECT id FROM t") == [(3,)]


def test_a_file_that_is_damaged_while_serving_is_an_error(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS m FROM generate_series(1, 50000) AS i"
    )
    server = serve({"shop": url}, data_dir=tmp_path / "data")
    refresh(server)
    empty(newest_parquet(tmp_path / "data"))
    with pytest.raises(rail_forge.ServerError, match="log has the cause"):
        answer(server, "SELECT max(m) FROM t")
    assert "parquet" in server.log.lower()
    refresh(server)
    assert answer(server, "SELECT count(DISTINCT m) FROM t") == [(50_000,)]


def test_a_manifest_of_another_format_is_refused(two_snapshots: tuple[str, Path], serve: Serve) -> None:
    url, data_dir = two_snapshots
    newest_manifest(data_dir).rename(data_dir / "manifests" / "0000000099.json")
    server = serve({"shop": url}, data_dir=data_dir)
    assert answer(server, "SELECT id FROM t") == OLD
    assert "0000000099.json" in server.log
    refresh(server)
    assert answer(server, "SELECT id FROM t") == [(3,)]


def test_a_second_server_is_refused(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer)")
    first = serve({"shop": url}, data_dir=tmp_path / "data")
    refresh(first)
    second = run_cli(
        "serve", "--source", f"shop={url}", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data")
    )
    assert second.returncode == 1
    assert str(tmp_path / "data") in second.stderr
    assert "in use" in second.stderr
    assert str(first.pid) in second.stderr
    assert answer(first, "SELECT count(*) FROM t") == [(0,)]
    first.stop()
    assert answer(serve({"shop": url}, data_dir=tmp_path / "data"), "SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize("inside", ["data", "deep/er/data"])
def test_a_folder_that_cannot_be_made(inside: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    place = tmp_path / "file" / inside
    ended = run_cli("serve", "--source", "shop=postgres://app@127.0.0.1:1/shop", "--data-dir", str(place))
    assert ended.returncode == 1
    assert str(place) in ended.stderr
    assert re.search("cannot create the folder", ended.stderr)


def test_a_folder_that_becomes_unwritable(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    server = serve({"shop": url}, data_dir=tmp_path / "data")
    refresh(server)
    data = tmp_path / "data" / "data"
    data.rename(tmp_path / "data" / "elsewhere")
    data.write_text("not a folder")
    with pytest.raises(rail_forge.Error, match=re.escape(str(data))):
        refresh(server)
    data.unlink()
    (tmp_path / "data" / "elsewhere").rename(data)
    assert answer(server, "SELECT id FROM t") == [(1,)]
    refresh(server)


def test_a_ticket_of_a_snapshot_that_is_gone(two_snapshots: tuple[str, Path], serve: Serve) -> None:
    url, data_dir = two_snapshots
    first = serve({"shop": url}, data_dir=data_dir)
    with flight.connect(first.flight) as client:
        asked = flight.FlightDescriptor.for_command(b"SELECT id FROM t")
        [endpoint] = client.get_flight_info(asked).endpoints
        for _ in range(2):
            refresh(first)
        assert client.do_get(endpoint.ticket).read_all().to_pylist() == [{"id": 2}]
    first.stop()
    first.start()
    with (
        flight.connect(first.flight) as client,
        pytest.raises(Exception, match=r"snapshot 2 has been replaced .*run the query again"),
    ):
        client.do_get(endpoint.ticket).read_all()


def test_the_ready_file_cannot_be_written(new_database: NewDatabase, tmp_path: Path) -> None:
    ready = tmp_path / "nowhere" / "ready.json"
    url = new_database()
    ended = run_cli(
        *(
            "serve",
            "--source",
            f"shop={url}",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            str(tmp_path / "data"),
        ),
        *("--ready-file", str(ready)),
    )
    assert ended.returncode == 1
    assert str(ready) in ended.stderr


def test_a_port_that_is_taken(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database()
    address = serve({"shop": url}).flight.removeprefix("grpc://")
    ended = run_cli(
        "serve", "--source", f"shop={url}", "--listen", address, "--data-dir", str(tmp_path / "data")
    )
    assert ended.returncode == 1
    assert f"cannot listen on {address}" in ended.stderr
