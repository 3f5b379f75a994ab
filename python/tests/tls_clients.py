"""Clients of a server with TLS, and the files that it takes: stock ones that show what they are given."""

from __future__ import annotations

import shutil
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pyarrow import flight
from tokens import FOR_ONE

from rail_forge_testbed.certificates import Authority, Identity

if TYPE_CHECKING:
    from pathlib import Path

    from rail_forge_testbed.server import RailForgeServer

# A client that is refused tries again for as long as it may.
PATIENCE_SECONDS = 5.0
# The names by which tests reach a server.
HERE = ("DNS:localhost", "IP:127.0.0.1")


@dataclass(frozen=True)
class Files:
    """Certificates of these tests: of a server, and of a client that is known and one that is not."""

    authority: Authority
    stranger: Authority
    server: Identity
    client: Identity
    unknown_client: Identity

    @property
    def roots(self) -> bytes:
        """What a client of the server trusts."""
        return self.authority.certificate.read_bytes()


def make_files(directory: Path) -> Files:
    authority, stranger = Authority(directory, "authority"), Authority(directory, "stranger")
    return Files(
        authority,
        stranger,
        server=authority.sign("server", *HERE),
        client=authority.sign("jan@example.org"),
        unknown_client=stranger.sign("jan@example.org"),
    )


def settings(identity: Identity) -> tuple[str, ...]:
    """What has a server use a certificate."""
    return ("--tls-certificate", str(identity.certificate), "--tls-key", str(identity.key))


def copy(identity: Identity, place: Identity) -> None:
    """Put a certificate and its key where another one is, the key first."""
    shutil.copyfile(identity.key, place.key)
    shutil.copyfile(identity.certificate, place.certificate)


def connect(
    server: RailForgeServer, roots: bytes, identity: Identity | None = None, url: str | None = None
) -> flight.FlightClient:
    shown = {}
    if identity is not None:
        shown = {
            "cert_chain": identity.certificate.read_bytes(),
            "private_key": identity.key.read_bytes(),
        }
    return flight.FlightClient(url or server.flight, tls_root_certs=roots, **shown)


def ask(client: flight.FlightClient, authorization: str | None = None) -> bool:
    """Ask for one row; raises what pyarrow does when there is no answer."""
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    options = flight.FlightCallOptions(timeout=PATIENCE_SECONDS, headers=headers)
    info = client.get_flight_info(FOR_ONE, options)
    table = client.do_get(info.endpoints[0].ticket, options).read_all()
    assert table.to_pydict() == {"one": [1]}
    return True


def is_answered(server: RailForgeServer, roots: bytes, identity: Identity | None = None) -> bool:
    """Whether a new connection comes about and is answered."""
    with connect(server, roots, identity) as client:
        try:
            return ask(client)
        except (flight.FlightUnavailableError, flight.FlightTimedOutError):
            return False


def greet(server: RailForgeServer, roots: Path, **versions: ssl.TLSVersion) -> tuple[str | None, str | None]:
    """Shake hands as OpenSSL does; gives the version of TLS and the protocol that were agreed on."""
    context = ssl.create_default_context(cafile=roots)
    context.set_alpn_protocols(["h2"])
    for name, version in versions.items():
        setattr(context, name, version)
    with shake_hands(server, context) as stream:
        return stream.version(), stream.selected_alpn_protocol()


def shake_hands(server: RailForgeServer, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(open_socket(server), server_hostname="localhost")


def open_socket(server: RailForgeServer) -> socket.socket:
    """A connection on which nothing has been said."""
    port = urlsplit(server.flight).port
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
