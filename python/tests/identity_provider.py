"""An identity provider in this process: it tells its keys over HTTP, and signs whatever it is asked to.

Tokens are put together by hand, so that wrong ones can be made as well as right ones.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from rail_forge_testbed.certificates import Identity

HOST = "127.0.0.1"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"
LIFETIME_SECONDS = 300
_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm, int]] = {
    "P-256": (ec.SECP256R1(), hashes.SHA256(), 32),
    "P-384": (ec.SECP384R1(), hashes.SHA384(), 48),
}


def encoded(content: bytes) -> str:
    """A part of a token: base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def encoded_json(content: Mapping[str, Any]) -> str:
    return encoded(json.dumps(content).encode())


def _encoded_number(number: int, length: int | None = None) -> str:
    return encoded(number.to_bytes(length or (number.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Key:
    """A key pair: its name, its algorithm, its public half as a JSON Web Key, and how it signs."""

    kid: str
    algorithm: str
    jwk: dict[str, Any]
    sign: Callable[[bytes], bytes] = field(repr=False)
    pem: bytes = field(repr=False)


def rsa_key(kid: str) -> Key:
    private = rsa.generate_private_key(65537, 2048)
    numbers = private.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": _encoded_number(numbers.n), "e": _encoded_number(numbers.e)}
    return Key(
        kid,
        "RS256",
        {"kid": kid, "use": "sig", "alg": "RS256", **jwk},
        lambda message: private.sign(message, padding.PKCS1v15(), hashes.SHA256()),
        _pem(private.public_key()),
    )


def curve_key(kid: str, curve: str = "P-256") -> Key:
    kind, hashed, length = _CURVES[curve]
    private = ec.generate_private_key(kind)
    numbers = private.public_key().public_numbers()

    def sign(message: bytes) -> bytes:
        pair = decode_dss_signature(private.sign(message, ec.ECDSA(hashed)))
        return b"".join(number.to_bytes(length, "big") for number in pair)

    x, y = (_encoded_number(number, length) for number in (numbers.x, numbers.y))
    jwk = {"kty": "EC", "crv": curve, "kid": kid, "x": x, "y": y}
    return Key(kid, f"ES{length * 8}", jwk, sign, _pem(private.public_key()))


def edwards_key(kid: str) -> Key:
    private = ed25519.Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encoded(private.public_key().public_bytes_raw())}
    return Key(kid, "EdDSA", jwk, private.sign, _pem(private.public_key()))


def _pem(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: who does not trust the certificate leaves."""


class IdentityProvider:
    """An issuer on a free port; it tells `keys`, listens from entry (or `listen`) to exit of the context.

    What it answers at a path can be replaced in `answers`: a status and a body. `asked` has the paths in
    order.
    """

    def __init__(self, *keys: Key, identity: Identity | None = None, at_once: bool = True) -> None:
        self.keys = list(keys)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self._at_once = at_once
        self._server = _Server((HOST, 0), self._handler(), bind_and_activate=False)
        # Nobody gets the port meanwhile, and whoever connects before it listens is refused.
        self._server.server_bind()
        if identity is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity.certificate, identity.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if identity is None else "https"
        self.issuer = f"{scheme}://{HOST}:{self._server.server_address[1]}/realms/shop"

    def __enter__(self) -> Self:
        if self._at_once:
            self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._at_once:
            self._server.shutdown()
        self._server.server_close()

    def listen(self) -> None:
        self._at_once = True
        self._server.server_activate()
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    @property
    def host(self) -> str:
        """The issuer without a path."""
        return self.issuer.removesuffix("/realms/shop")

    @property
    def key_set(self) -> dict[str, Any]:
        return {"keys": [key.jwk for key in self.keys]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a token says that holds, with changes; None removes a claim."""
        claims = {
            "iss": self.issuer,
            "aud": "rail-forge",
            "sub": "jan",
            "exp": int(time.time()) + LIFETIME_SECONDS,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: Any) -> str:
        """A token of the first key that holds but for these changes."""
        return signed(self.keys[0], self.claims(**changes))

    def _answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == f"/realms/shop{DISCOVERY}":
            document = {"issuer": self.issuer, "jwks_uri": f"{self.host}{KEYS}"}
            return 200, json.dumps(document).encode()
        if path == KEYS:
            return 200, json.dumps(self.key_set).encode()
        return 404, b""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = provider._answer(self.path)
                self.send_response(status)
                for name, value in provider.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def signed(key: Key, claims: Mapping[str, Any], **header: Any) -> str:
    """A token that a key has signed; `header` changes what it says of itself, and None removes that."""
    whole = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **header}
    shown = {name: value for name, value in whole.items() if value is not None}
    text = f"{encoded_json(shown)}.{encoded_json(claims)}"
    return f"{text}.{encoded(key.sign(text.encode()))}"
