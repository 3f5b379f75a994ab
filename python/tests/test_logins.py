"""Logins: the handshakes of stock clients, what refuses them, and what they outlive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import adbc_driver_flightsql.dbapi as adbc
import pytest
from flight_sql_messages import read
from pyarrow import flight
from tokens import FOR_ONE, ONE, REFUSED, answers, create_token, guarded_server, log_in

from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Serve


class OlderHandshake(flight.ClientAuthHandler):  # type: ignore[misc]
    """The handshake of clients that send no header: both sides' words are messages."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__()
        self._basic = flight.BasicAuth(user, password)
        self._token = b""

    def authenticate(self, outgoing: flight.ClientAuthSender, incoming: flight.ClientAuthReader) -> None:
        outgoing.write(self._basic.serialize())
        self._token = incoming.read()

    def get_token(self) -> bytes:
        return self._token


class NothingToSay(flight.ClientAuthHandler):  # type: ignore[misc]
    """A handshake that says all in its headers, as JDBC's driver does with a token."""

    def authenticate(self, outgoing: flight.ClientAuthSender, incoming: flight.ClientAuthReader) -> None:
        pass

    def get_token(self) -> bytes:
        return b""


def test_a_login_of_pyarrow(guarded: RailForgeServer, reader_token: str) -> None:
    secret = reader_token.rpartition("_")[2]
    for password in (reader_token, secret):
        login = log_in(guarded, "reader", password)
        assert login.startswith("Bearer ")
        assert secret not in login
        assert answers(guarded, login)


def test_the_older_handshake(guarded: RailForgeServer, reader_token: str) -> None:
    with flight.connect(guarded.flight) as client:
        client.authenticate(OlderHandshake("reader", reader_token))
        assert read(client, FOR_ONE).to_pydict() == {"one": [1]}


def test_a_handshake_with_a_token(guarded: RailForgeServer, reader_token: str) -> None:
    options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {reader_token}".encode())])
    with flight.connect(guarded.flight) as client:
        client.authenticate(NothingToSay(), options)
        info = client.get_flight_info(FOR_ONE, options)
        assert client.do_get(info.endpoints[0].ticket, options).read_all().to_pydict() == {"one": [1]}


def test_a_wrong_password(serve: Serve) -> None:
    server = guarded_server(serve)
    token, other = create_token(server, "one"), create_token(server, "other")
    for user, password in (("one", other), ("other", token), ("nobody", token), ("one", "")):
        with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
            log_in(server, user, password)
    shown = {"username": "one", "password": other}
    with (
        pytest.raises(adbc.Error, match=REFUSED),
        adbc.connect(server.flight, db_kwargs=shown, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(ONE)
    with (
        flight.connect(server.flight) as client,
        pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED),
    ):
        client.authenticate(OlderHandshake("one", other))


def test_a_restart_keeps_logins_and_another_key_ends_them(serve: Serve) -> None:
    server = guarded_server(serve)
    login = log_in(server, "one", create_token(server, "one"))
    server.stop()
    server.start()
    assert answers(server, login)
    server.stop()
    (server.data_dir / "signing.key").unlink()
    server.start()
    assert not answers(server, login)


def test_servers_with_the_same_files_accept_each_others_logins(serve: Serve, tmp_path: Path) -> None:
    shared = ("--signing-key-file", str(tmp_path / "key"), "--token-file", str(tmp_path / "tokens"))
    one, other = (guarded_server(serve, *shared, data_dir=tmp_path / name) for name in ("one", "other"))
    created = run_cli("token", "create", "both", *shared[2:])
    login = log_in(one, "both", created.stdout.strip())
    assert answers(other, login)
    assert not (tmp_path / "one" / "signing.key").exists()
