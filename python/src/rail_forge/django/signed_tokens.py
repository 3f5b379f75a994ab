"""Short-lived tokens that say who is asking: each request's queries see the rows of its user alone.

The middleware keeps a caller for the time of a request, and the backend asks it for a token with each cursor.
The server knows the key's other half as an issuer's (`[[oidc]]`), and its roles filter rows by the token's
claims.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from inspect import iscoroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.utils.module_loading import import_string

from .block import seconds
from .within import made_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    Claims = Callable[[HttpRequest], Mapping[str, Any] | None]

_KEYS = frozenset({"KEY", "ISSUER", "AUDIENCE", "CLAIMS", "LIFETIME"})
_REQUIRED = ("KEY", "ISSUER", "CLAIMS")
# What the signer says of a token itself.
_RESERVED = frozenset({"iss", "aud", "iat", "exp", "nbf"})
# A token is signed anew when so much of its life is over, so that no query begins with one that is about to
# end.
_FRESH_SHARE = 0.5


@dataclass(frozen=True)
class Signer:
    """What `settings.RAIL_FORGE["SIGNED_TOKENS"]` says: a key, and what its tokens say."""

    key: Any
    algorithm: str
    issuer: str
    audience: str
    claims: Claims
    lifetime_seconds: float

    @classmethod
    def of_settings(cls) -> Self:
        """Read the settings; raises ImproperlyConfigured when they cannot be used."""
        told = getattr(settings, "RAIL_FORGE", {}).get("SIGNED_TOKENS", {})
        where = 'settings.RAIL_FORGE["SIGNED_TOKENS"]'
        unknown, missing = sorted(set(told) - _KEYS), [name for name in _REQUIRED if not told.get(name)]
        if unknown:
            raise ImproperlyConfigured(
                f"{where} has no {', '.join(map(repr, unknown))}; it has {', '.join(sorted(_KEYS))}"
            )
        if missing:
            raise ImproperlyConfigured(f"{where} needs {', '.join(map(repr, missing))}")
        key, algorithm = _private_key(told["KEY"], where)
        claims = told["CLAIMS"]
        try:
            lifetime = seconds(told.get("LIFETIME", "5m"))
            claims = claims if callable(claims) else import_string(claims)
        except (ImportError, TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"{where}: {error}") from error
        if lifetime < 1:
            raise ImproperlyConfigured(f'{where}["LIFETIME"] is at least a second, not {told["LIFETIME"]!r}')
        return cls(key, algorithm, told["ISSUER"], told.get("AUDIENCE", "rail-forge"), claims, lifetime)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token that says these claims from now on for its lifetime."""
        reserved = sorted(_RESERVED & set(claims))
        if reserved:
            raise ImproperlyConfigured(f"the claims of a signed token cannot have {', '.join(reserved)}")
        if not claims.get("sub") or not isinstance(claims["sub"], str):
            raise ImproperlyConfigured(
                'the claims of a signed token need "sub", the name of who is asking, as a text'
            )
        now = int(time.time())
        whole = {**claims, "iss": self.issuer, "aud": self.audience, "iat": now}
        whole["exp"] = now + int(self.lifetime_seconds)
        headers = {"kid": key_id(self.jwk)}
        token: str = _jwt().encode(whole, self.key, algorithm=self.algorithm, headers=headers)
        return token

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half of the key as a JSON Web Key, without a name."""
        algorithm = _jwt().get_algorithm_by_name(self.algorithm)
        jwk: dict[str, Any] = algorithm.to_jwk(self.key.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        return jwk

    @property
    def key_set(self) -> dict[str, Any]:
        """What the server's `jwks_file` holds."""
        jwk = self.jwk
        return {"keys": [{**jwk, "kid": key_id(jwk), "use": "sig", "alg": self.algorithm}]}


class SignedTokensMiddleware:
    """Has the queries of each request asked with a token of the request's own.

    `CLAIMS` of the settings gets the request when its first query is made, and returns what the token says:
    `sub`, and what the server's `roles_claim` and `claims` name. When it returns None, nobody may ask, and
    the query raises PermissionDenied. Queries beyond a request, such as those of commands and tasks, are
    asked with the token of `settings.DATABASES`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._signer = Signer.of_settings()
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Answer a request within its caller."""
        caller = _Caller(self._signer, request)
        if iscoroutinefunction(self):
            return self._answer(caller, request)
        with caller.asking():
            return made_within(self._get_response(request), caller.asking)

    async def _answer(self, caller: _Caller, request: HttpRequest) -> HttpResponseBase:
        with caller.asking():
            return made_within(await self._get_response(request), caller.asking)


class _Caller:
    """Who asks in a request; found out, and given a token, when the first query is made."""

    def __init__(self, signer: Signer, request: HttpRequest) -> None:
        self._signer = signer
        self._request = request
        self._token: str | None = None
        self._fresh_until = 0.0

    def token(self) -> str:
        now = time.monotonic()
        if self._token is None or now >= self._fresh_until:
            # To find out who is asking may take a query itself, which nobody can ask yet but the application.
            with _asking(None):
                claims = self._signer.claims(self._request)
            if iscoroutine(claims):
                claims.close()
                raise ImproperlyConfigured(
                    "CLAIMS of signed tokens is an async function: it has to return, not to be awaited"
                )
            if claims is None:
                raise PermissionDenied("this request may not read from RailForge")
            self._token = self._signer.sign(claims)
            self._fresh_until = now + self._signer.lifetime_seconds * _FRESH_SHARE
        return self._token

    def asking(self) -> AbstractContextManager[None]:
        """Queries are asked by this caller for the time of a block."""
        return _asking(self)


_caller: ContextVar[_Caller | None] = ContextVar("rail_forge_caller", default=None)


def token_of_request() -> str | None:
    """Return the token that a query made now is asked with; None for that of the settings."""
    caller = _caller.get()
    return None if caller is None else caller.token()


@contextmanager
def _asking(caller: _Caller | None) -> Iterator[None]:
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


def key_id(jwk: Mapping[str, Any]) -> str:
    """Return a key's name: its thumbprint by RFC 7638."""
    members = {name: jwk[name] for name in sorted(("crv", "e", "kty", "n", "x", "y")) if name in jwk}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _private_key(told: str | bytes | Path, where: str) -> tuple[Any, str]:
    """Read a private key in PEM format, given as the path of a file or as bytes, and how it signs."""
    _jwt()
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - optional
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - optional

    # What was told is not in an error, and neither is one that has it: it may be the key instead of its path.
    try:
        pem = told if isinstance(told, bytes) else Path(told).read_bytes()
    except OSError as error:
        why = f"its file cannot be read: {error.strerror}"
        raise ImproperlyConfigured(f'{where}["KEY"] is no private key in PEM format: {why}') from None
    try:
        key = load_pem_private_key(pem, None)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f'{where}["KEY"] is no private key in PEM format: {error}') from error
    match key:
        case ed25519.Ed25519PrivateKey():
            return key, "EdDSA"
        case ec.EllipticCurvePrivateKey(curve=ec.SECP256R1()):
            return key, "ES256"
        case rsa.RSAPrivateKey():
            return key, "RS256"
    raise ImproperlyConfigured(f'{where}["KEY"] is of no known kind: Ed25519, P-256 or RSA')


def _jwt() -> Any:
    try:
        import jwt  # noqa: PLC0415 - an optional dependency
        import jwt.algorithms  # noqa: PLC0415

        if not jwt.algorithms.has_crypto:
            raise ModuleNotFoundError(name="cryptography")
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured(
            "signed tokens need PyJWT and cryptography: pip install rail-forge[signed-tokens]"
        ) from error
    return jwt
