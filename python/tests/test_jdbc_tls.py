"""Arrow's JDBC driver over TLS: what it trusts, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from java import JavaError, jdbc_url
from tokens import SOURCE, create_token

from rail_forge_testbed.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Serve
    from java import Jvm

    from rail_forge_testbed.server import RailForgeServer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("jdbc-tls"), "authority")


@pytest.fixture
def server(authority: Authority, serve: Serve) -> RailForgeServer:
    identity = authority.sign("server", "IP:127.0.0.1", "DNS:localhost")
    files = ("--tls-certificate", str(identity.certificate), "--tls-key", str(identity.key))
    return serve({"shop": SOURCE}, *files, authentication=True)


ONE = "SELECT 1 AS one"


def test_a_server_that_is_trusted(jvm: Jvm, server: RailForgeServer, authority: Authority) -> None:
    token = create_token(server, "reader")
    trusted = {"useEncryption": "true", "tlsRootCerts": str(authority.certificate)}
    for shown in ({"token": token}, {"user": "reader", "password": token}):
        with jvm.connected(jdbc_url(server, **trusted, **shown)) as connection:
            assert connection.createStatement().executeQuery(ONE).rows() == [(1,)]


def test_the_certificate_need_not_be_looked_at(jvm: Jvm, server: RailForgeServer) -> None:
    token = create_token(server, "careless")
    options = {"useEncryption": "true", "disableCertificateVerification": "true", "token": token}
    with jvm.connected(jdbc_url(server, **options)) as connection:
        assert connection.createStatement().executeQuery(ONE).rows() == [(1,)]


def test_a_server_that_nobody_vouches_for(jvm: Jvm, server: RailForgeServer, tmp_path: Path) -> None:
    token = create_token(server, "careful")
    stranger = Authority(tmp_path, "stranger")
    for trust in ({"tlsRootCerts": str(stranger.certificate)}, {"useSystemTrustStore": "true"}):
        url = jdbc_url(server, useEncryption="true", token=token, **trust)
        with pytest.raises(JavaError), jvm.connected(url):
            pass


def test_without_tls_nothing_is_answered(jvm: Jvm, server: RailForgeServer) -> None:
    token = create_token(server, "plain")
    with pytest.raises(JavaError), jvm.connected(jdbc_url(server, token=token)):
        pass
