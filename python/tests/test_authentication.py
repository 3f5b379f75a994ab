"""Authentication from the outside: tokens of stock clients, their end, their file, attempts, the log."""

from __future__ import annotations

import json
import socket
import stat
import threading
import time
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import adbc_driver_flightsql.dbapi as adbc
import pytest
from adbc_driver_flightsql import DatabaseOptions
from flight_sql_messages import read
from pyarrow import flight
from tokens import (
    FOR_ONE,
    ONE,
    REFUSED,
    SOURCE,
    answers,
    create_token,
    described_token,
    guarded_server,
    log_in,
    revoke_token,
    stock_client,
)
from waiting import until

import rail_forge
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from conftest import Serve

CANARY = "canary-of-a-password"


def test_a_token_in_the_header(guarded: RailForgeServer, reader_token: str) -> None:
    assert answers(guarded, f"Bearer {reader_token}")
    assert answers(guarded, f"bearer {reader_token}")


def test_the_client_and_its_variable(
    guarded: RailForgeServer, reader_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rail_forge.connect(guarded.flight, reader_token) as client:
        assert client.sql(ONE).rows() == [(1,)]
        assert client.sql("SELECT $1 + 1", [1]).rows() == [(2,)]
        assert client.status().version
    monkeypatch.setenv("RAIL_FORGE_TOKEN", reader_token)
    with rail_forge.connect(guarded.flight) as client:
        assert client.sql(ONE).rows() == [(1,)]
        assert reader_token not in repr(client)


def test_a_token_for_this_host_goes_through_no_proxy(
    guarded: RailForgeServer, reader_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAIL_FORGE_TOKEN", reader_token)
    for variable in ("no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("grpc_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with rail_forge.connect(guarded.flight, timeout=30) as client:
            assert client.sql(ONE).rows() == [(1,)]
        proxy.settimeout(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()


@pytest.mark.parametrize("nonsense", [f"{CANARY} two words", f"{CANARY}-ä", f"{CANARY}\nx: y"])
def test_what_is_no_token_is_not_sent_and_not_shown(nonsense: str) -> None:
    with pytest.raises(ValueError, match="token") as raised:
        rail_forge.connect("grpc://127.0.0.1:1", token=nonsense)
    assert CANARY not in str(raised.value)


def test_adbc(guarded: RailForgeServer, reader_token: str) -> None:
    for shown in (
        {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {reader_token}"},
        {"username": "reader", "password": reader_token},
        {"username": "reader", "password": reader_token.rpartition("_")[2]},
    ):
        with (
            adbc.connect(guarded.flight, db_kwargs=shown, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT $1 + 1", [1])
            assert cursor.fetchall() == [(2,)]


def test_the_command_line(guarded: RailForgeServer, reader_token: str) -> None:
    arguments = ("sql", "--json", "--url", guarded.flight, ONE)
    by_flag = run_cli(*arguments, "--token", reader_token)
    assert (by_flag.returncode, json.loads(by_flag.stdout)) == (0, {"one": 1})
    environment = {"RAIL_FORGE_TOKEN": reader_token}
    assert run_cli(*arguments, env=environment).returncode == 0
    assert run_cli("status", "--url", guarded.flight, env=environment).returncode == 0
    for command in (("sql", "--help"), ("sql", "--nonsense"), ("status", "--help")):
        ended = run_cli(*command, env=environment)
        assert reader_token not in ended.stdout + ended.stderr
    wrong = run_cli(*arguments, "--token", f"{CANARY}\n")
    assert CANARY not in wrong.stdout + wrong.stderr
    nonsense = run_cli(*arguments, "--token", f"{CANARY}\nä")
    assert nonsense.returncode == 2
    assert CANARY not in nonsense.stdout + nonsense.stderr


def test_who_is_refused_is_told_what_to_do(serve: Serve) -> None:
    server = guarded_server(serve)
    ended = run_cli("status", "--url", server.flight)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert REFUSED in ended.stderr
    assert "rail-forge token create" in ended.stderr
    with (
        rail_forge.connect(server.flight, "rf_nonsense") as client,
        pytest.raises(rail_forge.AuthenticationError, match=REFUSED),
    ):
        client.sql(ONE)


def test_a_server_without_tokens_says_how_to_make_one(serve: Serve) -> None:
    server = guarded_server(serve)
    assert "rail-forge token create NAME" in server.log
    assert not answers(server, "Bearer x")
    # It need not be started again.
    assert answers(server, f"Bearer {create_token(server, 'first')}")


def test_revoking_ends_a_token_and_its_logins_at_once(serve: Serve) -> None:
    server = guarded_server(serve)
    token, other = create_token(server, "one"), create_token(server, "other")
    login = log_in(server, "one", token)
    with stock_client(server, f"Bearer {token}") as client:
        assert read(client, FOR_ONE).num_rows == 1
        assert answers(server, login)
        revoke_token(server, "one")
        with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
            read(client, FOR_ONE)
    assert not answers(server, login)
    assert answers(server, f"Bearer {other}")
    # Another token of the same name is another token.
    create_token(server, "one")
    assert not answers(server, login)


def test_an_expired_token_is_refused_and_its_login(serve: Serve) -> None:
    server = guarded_server(serve)
    described = described_token(server, "brief", "--expires", "5s")
    login = log_in(server, "brief", described["token"])
    until(lambda: not answers(server, login), "the login has ended with its token")
    assert datetime.now(UTC) >= datetime.fromisoformat(described["expires"])
    assert not answers(server, f"Bearer {described['token']}")
    listed = run_cli("token", "list", "--data-dir", str(server.data_dir))
    assert "expired" in listed.stdout
    # Its name is free again.
    assert answers(server, f"Bearer {create_token(server, 'brief')}")


def test_files_are_for_the_owner_alone(guarded: RailForgeServer, reader_token: str) -> None:
    for name in ("tokens.json", "signing.key"):
        path = guarded.data_dir / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert reader_token.rpartition("_")[2] not in path.read_text()
    assert not list(guarded.data_dir.glob("*.partial"))
    assert "$argon2id$" in (guarded.data_dir / "tokens.json").read_text()


def test_a_damaged_token_file_lets_nobody_in(serve: Serve) -> None:
    server = guarded_server(serve)
    token = create_token(server, "one")
    file = server.data_dir / "tokens.json"
    good = file.read_text()
    assert answers(server, f"Bearer {token}")
    file.write_text(good[:-20])
    with (
        rail_forge.connect(server.flight, token) as client,
        pytest.raises(rail_forge.ServerUnavailable, match="cannot read its tokens"),
    ):
        client.sql(ONE)
    [line] = [line for line in server.log.splitlines() if "damaged" in line]
    assert str(file) in line
    listed = run_cli("token", "list", "--data-dir", str(server.data_dir))
    assert listed.returncode == 1
    assert f"{file} is damaged" in listed.stderr
    server.stop()
    started = run_cli(
        *("serve", "--source", f"shop={SOURCE}", "--listen", "127.0.0.1:0"),
        *("--data-dir", str(server.data_dir)),
    )
    assert started.returncode == 1
    assert f"{file} is damaged" in started.stderr
    file.write_text(good)
    server.start()
    assert answers(server, f"Bearer {token}")


def test_failures_are_slowed_and_counted_and_nobody_else_waits(serve: Serve) -> None:
    server = guarded_server(serve)
    token = create_token(server, "one")
    before = time.monotonic()
    for _ in range(5):
        assert not answers(server, "Bearer rf_nonsense")
    # 50 ms, then twice as long each time.
    assert time.monotonic() - before >= 1.5
    slowed = [threading.Thread(target=answers, args=(server, "Bearer rf_nonsense")) for _ in range(3)]
    for thread in slowed:
        thread.start()
    assert answers(server, f"Bearer {token}")
    assert any(thread.is_alive() for thread in slowed)
    for thread in slowed:
        thread.join()
    counted = [line for line in server.log.splitlines() if "attempts=" in line]
    assert [line.partition("attempts=")[2].split()[0] for line in counted] == ["1", "2", "4", "8"]
    assert all("address=127.0.0.1" in line for line in counted)


def test_no_secret_is_written_anywhere(serve: Serve) -> None:
    server = guarded_server(serve, "--log-level", "trace")
    token = create_token(server, "one")
    login = log_in(server, "one", token)
    assert answers(server, f"Bearer {token}")
    assert answers(server, login)
    assert not answers(server, f"Bearer {CANARY}")
    with pytest.raises(flight.FlightUnauthenticatedError) as raised:
        log_in(server, "one", CANARY)
    revoke_token(server, "one")
    assert not answers(server, f"Bearer {token}")
    listed = run_cli("token", "list", "--json", "--data-dir", str(server.data_dir))
    server.stop()
    written = [server.log, str(raised.value), listed.stdout + listed.stderr]
    files = [file for file in server.data_dir.rglob("*") if file.is_file() and file.name != "signing.key"]
    written += [file.read_bytes().decode(errors="replace") for file in files]
    for text in written:
        for secret in (token, token.rpartition("_")[2], login.removeprefix("Bearer "), CANARY):
            assert secret not in text
    assert "principal=one" in server.log


def test_an_open_server_answers_whatever_is_shown(serve: Serve) -> None:
    server = serve({"shop": SOURCE})
    assert "authentication is off" in server.log
    assert answers(server, "Bearer nonsense")
    assert answers(server, log_in(server, "anybody", "anything"))


def test_probes_need_no_token(guarded: RailForgeServer) -> None:
    with urllib.request.urlopen(f"{guarded.http}/healthz", timeout=5) as response:
        assert response.status == 200
