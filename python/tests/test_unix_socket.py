"""The Unix domain socket: clients on the same host, who may use it, and what becomes of its file."""

from __future__ import annotations

import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import refresh, run
from pyarrow import flight
from tls_clients import ask
from tokens import ONE, REFUSED, SOURCE, create_token, guarded_server

import rail_forge
from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.server import RailForgeServer


@pytest.fixture
def path() -> Iterator[Path]:
    """A path that is short enough; those of pytest's own folders may not be."""
    folder = Path(tempfile.mkdtemp(prefix="rail-forge-"))
    # Several folders: gRPC sends the path with percent signs, which is no authority for h2.
    inner = folder / "run_1" / "a.b"
    inner.mkdir(parents=True)
    try:
        yield inner / "flight.sock"
    finally:
        shutil.rmtree(folder)


def with_socket(serve: Serve, path: Path) -> RailForgeServer:
    return serve({"shop": SOURCE}, "--unix-socket", str(path))


def test_every_client_reaches_it(serve: Serve, path: Path) -> None:
    server = with_socket(serve, path)
    assert server.unix == f"grpc+unix://{path}"
    with flight.FlightClient(server.unix) as stock, rail_forge.connect(server.unix) as client:
        for _ in range(5):
            assert ask(stock)
            assert client.sql("SELECT $1 + 1", [1]).rows() == [(2,)]
        assert client.status().version
    assert run_cli("sql", "--url", server.unix, ONE).returncode == 0
    assert run_cli("status", "--url", server.unix).returncode == 0
    # The other way in stays.
    with flight.FlightClient(server.flight) as client:
        assert ask(client)


def test_results_and_parameters_of_any_size(new_database: NewDatabase, serve: Serve, path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer PRIMARY KEY, path text)")
    run(url, "INSERT INTO t SELECT n, 'a%2Fb:authority' || n FROM generate_series(1, 200000) n")
    server = serve({"shop": url}, "--unix-socket", str(path))
    refresh(server)
    with rail_forge.connect(server.unix) as client:
        rows = client.sql("SELECT id, path FROM t ORDER BY id").rows()
        assert rows == [(number, f"a%2Fb:authority{number}") for number in range(1, 200_001)]
        long = "%2F:authority" * 100_000
        assert client.sql("SELECT $1 = $2, length($1)", [long, long]).rows() == [(True, len(long))]


def test_tokens_are_asked_for(serve: Serve, path: Path) -> None:
    server = guarded_server(serve, "--unix-socket", str(path))
    token = create_token(server, "reader")
    with flight.FlightClient(server.unix) as client:
        assert ask(client, f"Bearer {token}")
        assert ask(client, client.authenticate_basic_token("reader", token)[1].decode())
        with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
            ask(client)
        with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
            ask(client, "Bearer rf_nonsense")


def test_the_file_is_for_the_owner_and_goes_with_the_server(serve: Serve, path: Path) -> None:
    server = with_socket(serve, path)
    mode = path.lstat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert server.stop() == 0
    assert not path.exists()


def test_what_a_dead_server_has_left_is_replaced(serve: Serve, path: Path) -> None:
    server = with_socket(serve, path)
    server.kill()
    assert path.is_socket()
    server.start()
    with flight.FlightClient(server.unix) as client:
        assert ask(client)


def test_the_socket_of_a_living_server_is_not_taken(serve: Serve, path: Path, tmp_path: Path) -> None:
    server = with_socket(serve, path)
    ended = start(path, tmp_path)
    assert ended[0] == 1
    assert f"another server listens at unix_socket {path}" in ended[1]
    with flight.FlightClient(server.unix) as client:
        assert ask(client)


def test_a_file_that_is_no_socket_is_not_touched(path: Path, tmp_path: Path) -> None:
    path.write_text("mine")
    code, complaint = start(path, tmp_path)
    assert code == 1
    assert str(path) in complaint
    assert "is no socket" in complaint
    assert path.read_text() == "mine"


def test_a_path_that_cannot_be(path: Path, tmp_path: Path) -> None:
    long = path.parent / ("x" * 120)
    code, complaint = start(long, tmp_path)
    assert code == 2
    assert f"unix_socket {long} has {len(str(long))} bytes" in complaint
    code, complaint = start(path.parent / "nowhere" / "flight.sock", tmp_path)
    assert code == 1
    assert "cannot listen at unix_socket" in complaint


def start(path: Path, folder: Path) -> tuple[int, str]:
    """How a server ends that cannot use a path."""
    ended = run_cli(
        *("serve", "--source", f"shop={SOURCE}", "--no-authentication", "--listen", "127.0.0.1:0"),
        *("--data-dir", str(folder / "data"), "--unix-socket", str(path)),
    )
    return ended.returncode, ended.stderr
