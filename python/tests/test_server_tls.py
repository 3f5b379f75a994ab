"""TLS between clients and the server: who is trusted, who is let in, certificates that change meanwhile."""

from __future__ import annotations

import json
import os
import signal
import ssl
from typing import TYPE_CHECKING

import adbc_driver_flightsql.dbapi as adbc
import pytest
from adbc_driver_flightsql import DatabaseOptions
from pyarrow import flight
from tls_clients import (
    HERE,
    Files,
    ask,
    connect,
    copy,
    greet,
    is_answered,
    make_files,
    open_socket,
    settings,
    shake_hands,
)
from tokens import ONE, REFUSED, SOURCE, create_token, guarded_server
from waiting import until, until_equal

import rail_forge
from rail_forge_testbed.certificates import Identity
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Serve

NOT_NOW = (flight.FlightUnavailableError, flight.FlightTimedOutError)
CANARY = "rf_canary"
ELSEWHERE = "grpc://db.example.org:32010"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_files(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(files: Files) -> Iterator[RailForgeServer]:
    """A server with TLS that answers everybody, and has no tables."""
    arguments = ["--initial-refresh", "never", *settings(files.server)]
    with RailForgeServer({"shop": SOURCE}, arguments=arguments) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, files: Files) -> Identity:
    """The server's certificate at a place of its own, where it can be replaced."""
    place = Identity(tmp_path / "server.crt", tmp_path / "server.key")
    copy(files.server, place)
    return place


def test_a_stock_client_that_trusts_the_authority(secured: RailForgeServer, files: Files) -> None:
    assert secured.flight.startswith("grpc+tls://127.0.0.1:")
    assert f'flight="{secured.flight}"' in secured.log
    with connect(secured, files.roots) as client:
        assert ask(client)
    by_name = secured.flight.replace("127.0.0.1", "localhost")
    with connect(secured, files.roots, url=by_name) as client:
        assert ask(client)


def test_the_client_takes_files_and_what_is_in_them(secured: RailForgeServer, files: Files) -> None:
    path = files.authority.certificate
    for roots in (path, str(path), files.roots):
        with rail_forge.connect(secured.flight, tls_roots=roots) as client:
            assert client.sql("SELECT $1 + 1", [1]).rows() == [(2,)]
            assert client.status().version


def test_who_trusts_others_does_not_connect(secured: RailForgeServer, files: Files) -> None:
    with connect(secured, files.stranger.certificate.read_bytes()) as client, pytest.raises(NOT_NOW):
        ask(client)
    with (
        rail_forge.connect(secured.flight, tls_roots=files.stranger.certificate, timeout=5) as ours,
        pytest.raises(rail_forge.Error),
    ):
        ours.sql(ONE)
    assert is_answered(secured, files.roots)


def test_a_client_without_tls_is_refused_and_others_are_answered(
    secured: RailForgeServer, files: Files
) -> None:
    plain = secured.flight.replace("grpc+tls://", "grpc://")
    with flight.FlightClient(plain) as client, pytest.raises(NOT_NOW):
        ask(client)
    assert is_answered(secured, files.roots)
    # Whoever speaks something else is no news.
    assert "ERROR" not in secured.log


def test_versions_and_protocol(secured: RailForgeServer, files: Files) -> None:
    roots = files.authority.certificate
    assert greet(secured, roots) == ("TLSv1.3", "h2")
    assert greet(secured, roots, maximum_version=ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", "h2")
    context = ssl.create_default_context(cafile=roots)
    context.set_alpn_protocols(["http/1.1"])
    with pytest.raises(ssl.SSLError):
        shake_hands(secured, context)


def test_silent_clients_keep_nobody_waiting_and_are_closed(
    secured: RailForgeServer, files: Files, serve: Serve
) -> None:
    plain = serve({"shop": SOURCE})
    silent = [open_socket(server) for server in (secured, plain) for _ in range(300)]
    try:
        assert is_answered(secured, files.roots)
        with flight.FlightClient(plain.flight) as client:
            assert ask(client)
        # Until its client has said something, a connection has ten seconds.
        for client in silent:
            client.settimeout(20)
            while client.recv(4096):
                pass
    finally:
        for client in silent:
            client.close()


def test_adbc(secured: RailForgeServer, files: Files) -> None:
    roots = {DatabaseOptions.TLS_ROOT_CERTS.value: files.roots.decode()}
    with (
        adbc.connect(secured.flight, db_kwargs=roots, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT $1 + 1", [1])
        assert cursor.fetchall() == [(2,)]


def test_the_command_line(secured: RailForgeServer, files: Files) -> None:
    arguments = ("sql", "--json", "--url", secured.flight, ONE)
    trusting = run_cli(*arguments, "--tls-ca", str(files.authority.certificate))
    assert (trusting.stderr, trusting.returncode, json.loads(trusting.stdout)) == ("", 0, {"one": 1})
    environment = {"RAIL_FORGE_TLS_CA": str(files.authority.certificate)}
    assert run_cli("status", "--url", secured.flight, env=environment).returncode == 0
    for roots in ((), ("--tls-ca", str(files.stranger.certificate))):
        refused = run_cli(*arguments, *roots)
        assert refused.returncode == 1
        assert f"no server answers at {secured.flight} (invalid peer certificate" in refused.stderr
    missing = run_cli(*arguments, "--tls-ca", "/nowhere.crt")
    assert missing.returncode == 2
    assert "cannot read /nowhere.crt" in missing.stderr


def test_a_token_over_tls(serve: Serve, files: Files) -> None:
    server = guarded_server(serve, *settings(files.server))
    token = create_token(server, "reader")
    with rail_forge.connect(server.flight, token, tls_roots=files.roots) as client:
        assert client.sql(ONE).rows() == [(1,)]
    with connect(server, files.roots) as stock:
        assert ask(stock, f"Bearer {token}")
        header = stock.authenticate_basic_token("reader", token)
        assert ask(stock, header[1].decode())
        with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
            ask(stock)


def test_a_required_certificate_names_the_principal(serve: Serve, files: Files) -> None:
    authority = ("--tls-client-ca", str(files.authority.certificate))
    server = guarded_server(serve, *settings(files.server), *authority, "--log-level", "debug")
    # Nobody has to create a token.
    assert "rail-forge token create" not in server.log
    assert is_answered(server, files.roots, files.client)
    assert "principal=jan@example.org (certificate)" in server.log
    assert not is_answered(server, files.roots, files.unknown_client)
    assert not is_answered(server, files.roots)
    with rail_forge.connect(
        server.flight,
        tls_roots=files.roots,
        tls_certificate=files.client.certificate,
        tls_key=files.client.key,
    ) as client:
        assert client.sql("SELECT $1 + 1", [1]).rows() == [(2,)]
    shown = ("--client-certificate", str(files.client.certificate), "--client-key", str(files.client.key))
    asked = ("sql", "--url", server.flight, "--tls-ca", str(files.authority.certificate), ONE)
    assert run_cli(*asked, *shown).returncode == 0
    assert run_cli(*asked).returncode == 1
    mutual = {
        DatabaseOptions.TLS_ROOT_CERTS.value: files.roots.decode(),
        DatabaseOptions.MTLS_CERT_CHAIN.value: files.client.certificate.read_text(),
        DatabaseOptions.MTLS_PRIVATE_KEY.value: files.client.key.read_text(),
    }
    with (
        adbc.connect(server.flight, db_kwargs=mutual, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(ONE)
        assert cursor.fetchall() == [(1,)]


def test_what_a_call_shows_comes_before_the_certificate(serve: Serve, files: Files) -> None:
    authority = ("--tls-client-ca", str(files.authority.certificate))
    server = guarded_server(serve, *settings(files.server), *authority, "--log-level", "debug")
    token = create_token(server, "reader")
    with connect(server, files.roots, files.client) as client:
        assert ask(client, f"Bearer {token}")
        assert "principal=reader (token)" in server.log
        assert "(certificate)" not in server.log
        with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
            ask(client, "Bearer rf_nonsense")


def test_a_certificate_that_names_nobody_is_refused(serve: Serve, files: Files) -> None:
    authority = ("--tls-client-ca", str(files.authority.certificate))
    server = guarded_server(serve, *settings(files.server), *authority)
    with (
        connect(server, files.roots, files.authority.sign("no principal")) as client,
        pytest.raises(flight.FlightUnauthenticatedError, match="common name"),
    ):
        ask(client)


def test_an_optional_certificate(serve: Serve, files: Files) -> None:
    optional = ("--tls-client-ca", str(files.authority.certificate), "--tls-client-auth", "optional")
    server = guarded_server(serve, *settings(files.server), *optional)
    token = create_token(server, "reader")
    assert is_answered(server, files.roots, files.client)
    assert not is_answered(server, files.roots, files.unknown_client)
    with connect(server, files.roots) as client:
        assert ask(client, f"Bearer {token}")
        with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
            ask(client)


@pytest.mark.parametrize("is_asked", [False, True], ids=["by itself", "on SIGHUP"])
def test_a_new_certificate_is_for_new_connections(
    serve: Serve, files: Files, place: Identity, *, is_asked: bool
) -> None:
    server = serve({"shop": SOURCE}, *settings(place))
    with connect(server, files.roots) as standing:
        assert ask(standing)
        copy(files.stranger.sign("renewed", *HERE), place)
        if is_asked:
            os.kill(server.pid, signal.SIGHUP)
        new_roots = files.stranger.certificate.read_bytes()
        until(lambda: is_answered(server, new_roots), "new connections get the new certificate")
        assert not is_answered(server, files.roots)
        assert ask(standing)
    assert "new connections get the new TLS certificate" in server.log


def test_a_damaged_certificate_changes_nothing(serve: Serve, files: Files, place: Identity) -> None:
    server = serve({"shop": SOURCE}, *settings(place))
    good = place.certificate.read_text()
    complaints: list[str] = []
    for content, complaint in (
        ("nonsense", "holds no certificate"),
        (good[: len(good) // 2], "is damaged"),
        (files.client.certificate.read_text(), "is not the key of the certificate"),
    ):
        place.certificate.write_text(content)
        os.kill(server.pid, signal.SIGHUP)
        until_equal(lambda: len(_complaints(server)), len(complaints) + 1, "the log complains once")
        complaints = _complaints(server)
        assert "ERROR" in complaints[-1]
        assert str(place.certificate) in complaints[-1]
        assert complaint in complaints[-1]
        assert is_answered(server, files.roots)
    place.certificate.unlink()
    until(lambda: f"cannot read {place.certificate}" in server.log, "the log complains by itself")
    assert is_answered(server, files.roots)
    copy(files.stranger.sign("repaired", *HERE), place)
    new_roots = files.stranger.certificate.read_bytes()
    until(lambda: is_answered(server, new_roots), "the next good certificate is taken up")


def _complaints(server: RailForgeServer) -> list[str]:
    return [line for line in server.log.splitlines() if "the old one stays" in line]


def test_no_server_starts_with_half_of_tls(files: Files, tmp_path: Path) -> None:
    certificate, key = str(files.server.certificate), str(files.server.key)
    source = ("--source", f"shop={SOURCE}")
    halves: list[tuple[tuple[str, ...], str]] = [
        (("--tls-certificate", certificate), "tls_key is not"),
        (("--tls-key", key), "tls_certificate is not"),
        (("--tls-client-ca", certificate), "give tls_certificate and tls_key"),
        (
            ("--tls-certificate", certificate, "--tls-key", key, "--tls-client-auth", "optional"),
            "tls_client_ca",
        ),
    ]
    for arguments, complaint in halves:
        ended = run_cli("check", *source, *arguments)
        assert ended.returncode == 2
        assert complaint in ended.stderr
    place = ("--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--no-authentication")
    for files_given, complaint in (
        (("--tls-certificate", certificate, "--tls-key", "/nowhere.key"), "cannot read /nowhere.key"),
        (("--tls-certificate", key, "--tls-key", key), f"{key} holds no certificate in PEM format"),
        (("--tls-certificate", certificate, "--tls-key", certificate), "holds no private key"),
        (("--tls-certificate", certificate, "--tls-key", str(files.client.key)), "is not the key of"),
    ):
        ended = run_cli("serve", *source, *place, *files_given)
        assert ended.returncode == 1
        assert complaint in ended.stderr
        assert "BEGIN" not in ended.stderr


def test_clients_beyond_the_limit_are_turned_away(serve: Serve) -> None:
    server = serve({"shop": SOURCE}, "--max-connections", "3")
    with flight.FlightClient(server.flight) as client:
        assert ask(client)
        others = [open_socket(server) for _ in range(20)]
        try:
            until(lambda: "others are turned away" in server.log, "the log tells of it")
            assert server.log.count("others are turned away") == 1
            # Those that stand are served, and whoever comes when there is a place again.
            assert ask(client)
        finally:
            for other in others:
                other.close()
        until(lambda: _connects(server), "there is a place again")


def _connects(server: RailForgeServer) -> bool:
    with flight.FlightClient(server.flight) as client:
        try:
            return ask(client)
        except NOT_NOW:
            return False


def test_the_token_of_the_environment_is_not_sent_where_others_read_it(
    monkeypatch: pytest.MonkeyPatch, files: Files
) -> None:
    monkeypatch.setenv("RAIL_FORGE_TOKEN", CANARY)
    with pytest.raises(ValueError, match=r"grpc\+tls") as raised:
        rail_forge.connect(ELSEWHERE)
    assert CANARY not in str(raised.value)
    for url in ("grpc://localhost:1", "grpc://127.0.0.1:1", "grpc://[::1]:1", "grpc+unix:///x"):
        rail_forge.connect(url).close()
    rail_forge.connect(ELSEWHERE.replace("grpc", "grpc+tls"), tls_roots=files.roots).close()
    rail_forge.connect(ELSEWHERE, CANARY).close()
    ended = run_cli("status", "--url", ELSEWHERE, env={"RAIL_FORGE_TOKEN": CANARY})
    assert ended.returncode == 2
    assert "grpc+tls://" in ended.stderr
    assert CANARY not in ended.stderr


def test_the_client_refuses_what_does_not_go_together(files: Files, tmp_path: Path) -> None:
    url = "grpc+tls://127.0.0.1:1"
    certificate, key = files.client.certificate, files.client.key
    for wrong in (
        {"url": "grpc://127.0.0.1:1", "tls_roots": files.roots},
        {"url": "grpc+unix:///x", "tls_roots": files.roots},
        {"url": "grpc+unix://host/x"},
        {"url": "grpc+unix://x"},
        {"url": "grpc+ssl://127.0.0.1:1"},
        {"url": url, "tls_certificate": certificate},
        {"url": url, "tls_key": key},
        {"url": url, "tls_roots": b"nonsense"},
    ):
        with pytest.raises(ValueError, match=r"grpc|tls"):
            rail_forge.connect(**wrong)
    with pytest.raises(FileNotFoundError):
        rail_forge.connect(url, tls_roots=tmp_path / "nowhere.crt")
