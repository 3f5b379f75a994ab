"""Where a server is, and what TLS with it takes.

It refuses URLs of which a part would be ignored, TLS settings for a server without TLS, and to send the token
of the environment where others could read it on the way.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing import TypeAlias

    # A PEM file as its path, or what is in one.
    Pem: TypeAlias = str | os.PathLike[str] | bytes

_PLAIN, _TLS, _UNIX = ("grpc", "grpc+tcp"), "grpc+tls", "grpc+unix"
_PEM_MARK = b"-----BEGIN "


@dataclass(frozen=True)
class Tls:
    """What is in PEM files; None where the defaults of gRPC hold."""

    roots: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Address:
    """The URL of a server, and the host to which others can read what is sent; None when they cannot."""

    url: str
    exposed_host: str | None
    has_tls: bool

    @property
    def is_here(self) -> bool:
        """Whether what is sent stays on this host, as far as it is known without looking names up."""
        return self.exposed_host is None and not self.has_tls


def read_url(url: str) -> Address:
    """Read the URL of a server: a scheme, a host and a port, or the path of a Unix domain socket.

    Raises ValueError when it is something else, or holds more.
    """
    parts = urlsplit(url)
    if parts.scheme == _UNIX:
        if parts.netloc or not parts.path.startswith("/") or parts.query or parts.fragment:
            raise ValueError("the URL of a Unix domain socket is grpc+unix:///PATH, and ends with the path")
        return Address(f"{_UNIX}://{parts.path}", exposed_host=None, has_tls=False)
    if parts.scheme not in {*_PLAIN, _TLS} or parts.hostname is None or parts.port is None:
        raise ValueError(
            "the URL of a server is grpc://HOST:PORT, grpc+tcp://HOST:PORT, grpc+tls://HOST:PORT or"
            " grpc+unix:///PATH"
        )
    if "@" in parts.netloc or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("the URL of a server ends with its port and holds no user, path or options")
    has_tls = parts.scheme == _TLS
    exposed = None if has_tls or _is_loopback(parts.hostname) else parts.hostname
    return Address(f"{parts.scheme}://{parts.netloc}", exposed, has_tls)


def read_tls(address: Address, roots: Pem | None, certificate: Pem | None, key: Pem | None) -> Tls:
    """Read what TLS takes, from files where paths are given.

    Raises ValueError when it is not PEM, is not whole, or the server has no TLS; OSError when a file cannot
    be read.
    """
    if (certificate is None) != (key is None):
        raise ValueError("tls_certificate and tls_key go together: give both, or none")
    if not address.has_tls and (roots is not None or certificate is not None):
        raise ValueError(
            f"tls_roots and tls_certificate go with a URL of {_TLS}://, and not with {address.url}"
        )
    return Tls(
        _read_pem("tls_roots", roots),
        _read_pem("tls_certificate", certificate),
        _read_pem("tls_key", key),
    )


def _read_pem(name: str, pem: Pem | None) -> bytes | None:
    if pem is None:
        return None
    content = pem if isinstance(pem, bytes) else Path(pem).read_bytes()
    if _PEM_MARK not in content:
        where = "what is given" if isinstance(pem, bytes) else os.fspath(pem)
        raise ValueError(f"{name}: {where} is not in PEM format")
    return content


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback
