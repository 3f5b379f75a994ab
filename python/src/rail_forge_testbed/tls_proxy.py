"""A PostgreSQL server with TLS: a proxy that ends TLS before an embedded server, which has none.

It speaks just enough of PostgreSQL's protocol to answer the request for TLS and to tell how each session
came in. It can ask for client certificates, and refuse as `hostssl` and `hostnossl` lines of pg_hba.conf
would. One thread per connection, on a free port of 127.0.0.1.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from rail_forge_testbed.certificates import Identity

HOST = "127.0.0.1"
CHUNK_BYTES = 1 << 16
GOODBYE_SECONDS = 1.0
LENGTH_BYTES = 4
# The codes that stand where a startup message has its version (PostgreSQL's protocol, message formats).
CANCEL_REQUEST, SSL_REQUEST, GSSENC_REQUEST = 80877102, 80877103, 80877104

Encryption = Literal["tls", "plain"]


class TlsProxy:
    """A proxy before the PostgreSQL server on `upstream_port`; it works from entry to exit of the context.

    Without an `identity` it says that it has no TLS. `client_authority` makes it ask for client certificates,
    and `refuses` names the sessions that it does not let in.
    """

    def __init__(
        self,
        upstream_port: int,
        identity: Identity | None = None,
        *,
        client_authority: Path | None = None,
        refuses: Encryption | None = None,
    ) -> None:
        self.sessions: list[Encryption] = []
        """How the sessions came in that were let through, in order."""
        self.cancels: list[Encryption] = []
        """How the requests to cancel came in."""
        self._upstream_port = upstream_port
        self._refuses = refuses
        self._context = None if identity is None else _context(identity, client_authority)
        self._listener = socket.create_server((HOST, 0))
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in [self._listener, *self._open]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        port: int = self._listener.getsockname()[1]
        return port

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        try:
            # Whoever breaks off, in TLS or in the protocol, ends this connection and nothing else.
            with suppress(OSError, EOFError):
                self._forward(client)
        finally:
            self._open.discard(client)
            client.close()

    def _forward(self, client: socket.socket) -> None:
        encryption: Encryption = "plain"
        while (code := _code(message := _first_message(client))) in (SSL_REQUEST, GSSENC_REQUEST):
            if code == GSSENC_REQUEST or self._context is None:
                client.sendall(b"N")
                continue
            client.sendall(b"S")
            client = _with_tls(self._context, client)
            encryption = "tls"
        with client:
            if code == CANCEL_REQUEST:
                self.cancels.append(encryption)
            elif self._refuses == encryption:
                client.sendall(_refusal())
                return
            else:
                self.sessions.append(encryption)
            with socket.create_connection((HOST, self._upstream_port)) as upstream:
                upstream.sendall(message)
                _pump(client, upstream)
            if isinstance(client, ssl.SSLSocket):
                # As a server ends TLS; an end without a word could be somebody's in the middle.
                client.settimeout(GOODBYE_SECONDS)
                client.unwrap()


def _context(identity: Identity, client_authority: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _with_tls(context: ssl.SSLContext, client: socket.socket) -> ssl.SSLSocket:
    with client.dup() as bare:
        try:
            return context.wrap_socket(client, server_side=True)
        except ssl.SSLError:
            # A socket that is closed with unread bytes takes back what was sent: here, why TLS has failed.
            bare.shutdown(socket.SHUT_WR)
            while bare.recv(CHUNK_BYTES):
                pass
            raise


def _first_message(connection: socket.socket) -> bytes:
    """A message as a client sends it before the session begins: its length, and no letter before that."""
    length = _exactly(connection, LENGTH_BYTES)
    return length + _exactly(connection, int.from_bytes(length) - LENGTH_BYTES)


def _code(message: bytes) -> int:
    return int.from_bytes(message[LENGTH_BYTES : 2 * LENGTH_BYTES])


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise EOFError
        received += part
    return received


def _refusal() -> bytes:
    fields = b"SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry\0\0"
    return b"E" + (len(fields) + LENGTH_BYTES).to_bytes(LENGTH_BYTES) + fields


def _pump(client: socket.socket, upstream: socket.socket) -> None:
    """Carry bytes both ways until one side ends. In one thread: OpenSSL does not read and write at a time."""
    while True:
        # Bytes that TLS has already decrypted do not show on the socket.
        decrypted = isinstance(client, ssl.SSLSocket) and client.pending() > 0
        readable = [client] if decrypted else select.select([client, upstream], [], [])[0]
        for source in readable:
            data = source.recv(CHUNK_BYTES)
            if not data:
                return
            (upstream if source is client else client).sendall(data)
