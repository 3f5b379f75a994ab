"""TLS and passwords on the way to PostgreSQL: what `sslmode` and its like promise, beside libpq as the judge.

Every case is a real refresh through a server that ends TLS; psycopg, which is libpq, must come to the same.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import answer, refresh, run

import rail_forge
from rail_forge_testbed.certificates import Authority, Identity, self_signed
from rail_forge_testbed.tls_proxy import TlsProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Serve

    from rail_forge_testbed.postgres import EmbeddedPostgres

ONE_ROW = ("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)", "GRANT SELECT ON t TO locked")
DATABASE = "tls"
OTHERS_MAY_READ, PRIVATE = 0o644, 0o600


@dataclass(frozen=True)
class Files:
    """The certificates of these tests. `server` is for the name localhost, and not for 127.0.0.1."""

    authority: Authority
    stranger: Authority
    server: Identity
    client: Identity
    self_signed: Identity

    def fill(self, query: str) -> str:
        """A URL's query with the paths in place of their names."""
        return query.format(
            ca=self.authority.certificate,
            stranger=self.stranger.certificate,
            crt=self.client.certificate,
            key=self.client.key,
            own=self.self_signed.certificate,
        )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    directory = tmp_path_factory.mktemp("certificates")
    authority, stranger = Authority(directory, "authority"), Authority(directory, "stranger")
    return Files(
        authority,
        stranger,
        server=authority.sign("server", "DNS:localhost"),
        client=authority.sign("client"),
        self_signed=self_signed(directory, "self-signed", "DNS:localhost"),
    )


@pytest.fixture(scope="module")
def upstream(own_postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    """A PostgreSQL that has a table, a role `locked` with the password `right`, and no TLS."""
    run(own_postgres.create_database(DATABASE), *ONE_ROW)
    return own_postgres


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, for libpq and for servers: the developer's may hold certificates or passwords."""
    for variable in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(variable)
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    return directory


@pytest.fixture
def with_tls(upstream: EmbeddedPostgres, files: Files) -> Iterator[TlsProxy]:
    with TlsProxy(upstream.port, files.server) as proxy:
        yield proxy


@pytest.fixture
def without_tls(upstream: EmbeddedPostgres) -> Iterator[TlsProxy]:
    with TlsProxy(upstream.port) as proxy:
        yield proxy


def url(proxy: TlsProxy, query: str = "", host: str = "localhost", user: str = "postgres") -> str:
    return f"postgres://{user}@{host}:{proxy.port}/{DATABASE}?{query}"


def libpq_connects(source: str) -> bool:
    try:
        psycopg.connect(source).close()
    except psycopg.OperationalError:
        return False
    return True


def refusal(serve: Serve, source: str) -> str | None:
    """Why the source cannot be refreshed, or None when it can. libpq must agree."""
    server = serve({"shop": source})
    message = None
    try:
        refresh(server)
    except rail_forge.ServerUnavailable as error:
        message = str(error)
    assert libpq_connects(source) == (message is None), message
    if message is None:
        assert answer(server, "SELECT id FROM t") == [(1,)]
    return message


@pytest.mark.parametrize(
    ("query", "encryption"),
    [
        ("sslmode=disable", "plain"),
        ("sslmode=allow", "plain"),
        ("", "tls"),
        ("sslmode=prefer", "tls"),
        ("sslmode=require", "tls"),
        ("sslmode=require&sslrootcert={ca}", "tls"),
        ("sslmode=verify-ca&sslrootcert={ca}", "tls"),
        ("sslmode=verify-full&sslrootcert={ca}", "tls"),
    ],
)
def test_a_server_with_tls(
    query: str, encryption: str, with_tls: TlsProxy, files: Files, serve: Serve
) -> None:
    assert refusal(serve, url(with_tls, files.fill(query))) is None
    # libpq's session, the catalogue's and at least one that pulled.
    assert len(with_tls.sessions) >= 3
    assert set(with_tls.sessions) == {encryption}


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_a_server_without_tls(mode: str, without_tls: TlsProxy, serve: Serve) -> None:
    assert refusal(serve, url(without_tls, f"sslmode={mode}")) is None


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_without_tls_where_it_is_asked_for(
    mode: str, without_tls: TlsProxy, files: Files, serve: Serve
) -> None:
    message = refusal(serve, url(without_tls, files.fill(f"sslmode={mode}&sslrootcert={{ca}}")))
    assert f"localhost:{without_tls.port}/{DATABASE} has no TLS" in str(message)
    assert without_tls.sessions == []


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_an_authority_that_has_not_signed(mode: str, with_tls: TlsProxy, files: Files, serve: Serve) -> None:
    message = refusal(serve, url(with_tls, files.fill(f"sslmode={mode}&sslrootcert={{stranger}}")))
    assert "has a certificate that is not trusted; check sslrootcert" in str(message)
    assert with_tls.sessions == []


def test_the_system_s_authorities_do_not_count_beside_a_file(
    with_tls: TlsProxy, files: Files, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(files.authority.certificate))
    message = refusal(serve, url(with_tls, files.fill("sslmode=verify-ca&sslrootcert={stranger}")))
    assert "has a certificate that is not trusted" in str(message)
    assert with_tls.sessions == []


def test_the_system_s_authorities(
    with_tls: TlsProxy, files: Files, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not trusted" in str(refusal(serve, url(with_tls, "sslrootcert=system")))
    monkeypatch.setenv("SSL_CERT_FILE", str(files.authority.certificate))
    assert refusal(serve, url(with_tls, "sslrootcert=system")) is None
    assert set(with_tls.sessions) == {"tls"}


def test_authorities_in_the_home_directory(
    with_tls: TlsProxy, files: Files, serve: Serve, home: Path
) -> None:
    folder = home / ".postgresql"
    folder.mkdir()
    (folder / "root.crt").write_bytes(files.stranger.certificate.read_bytes())
    assert "not trusted" in str(refusal(serve, url(with_tls, "sslmode=verify-ca")))
    (folder / "root.crt").write_bytes(files.authority.certificate.read_bytes())
    assert refusal(serve, url(with_tls, "sslmode=verify-full")) is None


def test_a_certificate_for_another_host(with_tls: TlsProxy, files: Files, serve: Serve) -> None:
    query = files.fill("sslrootcert={ca}&sslmode=")
    assert refusal(serve, url(with_tls, f"{query}verify-ca", host="127.0.0.1")) is None
    with_tls.sessions.clear()
    message = refusal(serve, url(with_tls, f"{query}verify-full", host="127.0.0.1"))
    assert "has a certificate for another host" in str(message)
    assert with_tls.sessions == []


def test_a_self_signed_certificate(upstream: EmbeddedPostgres, files: Files, serve: Serve) -> None:
    with TlsProxy(upstream.port, files.self_signed) as proxy:
        for mode in ("verify-ca", "verify-full"):
            assert refusal(serve, url(proxy, files.fill(f"sslmode={mode}&sslrootcert={{own}}"))) is None
            message = refusal(serve, url(proxy, files.fill(f"sslmode={mode}&sslrootcert={{ca}}")))
            assert "not trusted" in str(message)


def test_a_server_that_lets_only_tls_in(upstream: EmbeddedPostgres, files: Files, serve: Serve) -> None:
    with TlsProxy(upstream.port, files.server, refuses="plain") as proxy:
        for mode in ("allow", "prefer", "require"):
            assert refusal(serve, url(proxy, f"sslmode={mode}")) is None
        assert "refused the role" in str(refusal(serve, url(proxy, "sslmode=disable")))
        assert set(proxy.sessions) == {"tls"}


def test_a_server_that_lets_no_tls_in(upstream: EmbeddedPostgres, files: Files, serve: Serve) -> None:
    with TlsProxy(upstream.port, files.server, refuses="tls") as proxy:
        for mode in ("disable", "allow", "prefer"):
            assert refusal(serve, url(proxy, f"sslmode={mode}")) is None
        assert "refused the role" in str(refusal(serve, url(proxy, "sslmode=require")))
        assert set(proxy.sessions) == {"plain"}


def test_a_client_certificate(upstream: EmbeddedPostgres, files: Files, serve: Serve) -> None:
    shown = files.fill("sslcert={crt}&sslkey={key}")
    with TlsProxy(upstream.port, files.server, client_authority=files.authority.certificate) as proxy:
        assert "asks for a client certificate; set sslcert" in str(
            refusal(serve, url(proxy, "sslmode=require"))
        )
        for query in (
            "sslmode=require",
            "sslmode=prefer",
            files.fill("sslmode=verify-full&sslrootcert={ca}"),
        ):
            assert refusal(serve, url(proxy, f"{query}&{shown}")) is None
        assert set(proxy.sessions) == {"tls"}
    with TlsProxy(upstream.port, files.server, client_authority=files.stranger.certificate) as proxy:
        message = refusal(serve, url(proxy, f"sslmode=require&{shown}"))
        assert "refused the client certificate" in str(message)
        assert proxy.sessions == []
    with TlsProxy(upstream.port) as proxy:
        assert refusal(serve, url(proxy, f"sslmode=prefer&{shown}")) is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sslmode=verify-ca&sslrootcert=/no/such.pem", "sslrootcert /no/such.pem cannot be read"),
        ("sslmode=verify-ca&sslrootcert={key}", "client.key holds no certificates"),
        ("sslmode=require&sslcert=/no/such.pem&sslkey={key}", "sslcert /no/such.pem cannot be read"),
        ("sslmode=require&sslcert={crt}&sslkey={crt}", "client.crt holds no private key"),
        ("sslmode=require&sslcert={ca}&sslkey={key}", "do not fit"),
        ("sslmode=verify-ca", "sslmode=verify-ca needs sslrootcert"),
    ],
)
def test_files_that_cannot_be_used(
    query: str, words: str, with_tls: TlsProxy, files: Files, serve: Serve
) -> None:
    # libpq would do without a certificate of ours that is missing, and connect.
    server = serve({"shop": url(with_tls, files.fill(query))})
    with pytest.raises(rail_forge.ServerUnavailable, match=re.escape(words)):
        refresh(server)
    assert with_tls.sessions == []


def test_certificates_are_renewed_under_a_running_server(
    with_tls: TlsProxy, files: Files, serve: Serve, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(files.stranger.certificate.read_bytes())
    server = serve({"shop": url(with_tls, f"sslmode=verify-full&sslrootcert={file}")})
    with pytest.raises(rail_forge.ServerUnavailable, match="not trusted"):
        refresh(server)
    file.write_bytes(files.authority.certificate.read_bytes())
    refresh(server)


def test_no_file_stays_behind(with_tls: TlsProxy, files: Files, serve: Serve, tmp_path: Path) -> None:
    source = url(with_tls, files.fill("sslmode=verify-full&sslrootcert={ca}"))
    # The second is longer than the path of a socket may be.
    for name in ("temporary", "t" * 100):
        (tmp_path / name).mkdir()
        refresh(serve({"shop": source}, env={"TMPDIR": str(tmp_path / name)}))
        assert list((tmp_path / name).iterdir()) == []
    # As in a container whose file system is read-only.
    refresh(serve({"shop": source}, env={"TMPDIR": "/no/such"}))


def test_a_socket_needs_no_tls(upstream: EmbeddedPostgres, serve: Serve) -> None:
    source = f"postgres://postgres@/{DATABASE}?host={upstream.socket_directory}&port={upstream.port}"
    assert refusal(serve, f"{source}&sslmode=require") is None


def test_a_password_from_the_environment(
    with_tls: TlsProxy, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = url(with_tls, user="locked")
    assert "asks for a password, and there is none" in str(refusal(serve, source))
    monkeypatch.setenv("PGPASSWORD", "canary-wrong")
    message = refusal(serve, source)
    assert "refused the password; check PGPASSWORD" in str(message)
    assert "canary" not in str(message)
    monkeypatch.setenv("PGPASSWORD", "right")
    assert refusal(serve, source) is None


def test_a_password_file(
    with_tls: TlsProxy, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passwords"
    monkeypatch.setenv("PGPASSFILE", str(file))
    file.write_text(f"# a comment\nother:*:*:*:canary\nlocalhost:{with_tls.port}:{DATABASE}:locked:right\n")
    file.chmod(PRIVATE)
    assert refusal(serve, url(with_tls, user="locked")) is None
    file.chmod(OTHERS_MAY_READ)
    server = serve({"shop": url(with_tls, user="locked")})
    with pytest.raises(rail_forge.ServerUnavailable, match="asks for a password"):
        refresh(server)
    assert f"the password file {file} is ignored: group or others may use it" in server.log


def test_a_password_changes_under_a_running_server(with_tls: TlsProxy, serve: Serve, home: Path) -> None:
    file = home / ".pgpass"
    file.write_text("*:*:*:*:canary-wrong\n")
    file.chmod(PRIVATE)
    server = serve({"shop": url(with_tls, user="locked")})
    with pytest.raises(
        rail_forge.ServerUnavailable, match=r"refused the password; check the password file .*\.pgpass"
    ):
        refresh(server)
    file.write_text("*:*:*:*:right\n")
    refresh(server)
    assert "canary" not in server.log
