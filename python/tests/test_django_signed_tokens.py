"""Tokens that say who is asking: each request sees the rows of its tenant, and nobody else's."""

from __future__ import annotations

import asyncio
import io
import json
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import shop_project
from asgiref.sync import sync_to_async
from configuration import source
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test.utils import override_settings
from roles import grant, role, server_with_roles, token_with

import rail_forge
from rail_forge.django import SignedTokensMiddleware, astream, stream
from rail_forge.django.signed_tokens import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from conftest import NewDatabase, Served

ISSUER = "https://shop.example.org"
REGIONS = """CREATE TABLE region AS
             SELECT i::bigint AS id, 'region ' || i AS name FROM generate_series(1, 6) AS i"""


def pem_of(key: Any) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return pem


def claims(request: HttpRequest) -> dict[str, Any] | None:
    """Who is asking says itself, as nobody should be allowed to."""
    region = request.headers.get("Region")
    return region and {"sub": f"user-{region}", "roles": ["regional"], "region": region}


def request_of(region: str | None) -> HttpRequest:
    request = HttpRequest()
    if region is not None:
        request.META["HTTP_REGION"] = region
    return request


def told(key: bytes | str | Path, **changes: Any) -> dict[str, Any]:
    return {"SIGNED_TOKENS": {"KEY": key, "ISSUER": ISSUER, "CLAIMS": claims, **changes}}


@pytest.fixture(scope="module")
def key() -> bytes:
    return pem_of(ed25519.Ed25519PrivateKey.generate())


@pytest.fixture
def regions(shop: Served, new_database: NewDatabase, tmp_path: Path, key: bytes) -> Iterator[ModuleType]:
    """The models of the shop, on a server where each token sees the region that it names."""
    models = shop_project.models(shop)
    keys = tmp_path / "keys.json"
    with override_settings(RAIL_FORGE=told(key)):
        out = io.StringIO()
        call_command("railforge_jwks", stdout=out)
        keys.write_text(out.getvalue())
        issuer = f"""
            [[oidc]]
            name = "django"
            issuer = "{ISSUER}"
            audience = "rail-forge"
            jwks_file = "{keys}"
            roles_claim = "roles"
            claims = ["region"]
        """
        regional = role("regional", grant(tables=["region"], rows="id = claim('region')"))
        folder = tmp_path / "server"
        folder.mkdir()
        with server_with_roles(
            folder, source(new_database(REGIONS, "CREATE TABLE secret AS SELECT 1 AS one")), issuer, regional
        ) as server:
            settings = connections.settings["analytics"]
            before = dict(settings)
            options = {**before["OPTIONS"], "token": token_with(server, "own", "admin")}
            settings.update(PORT=int(server.flight.rpartition(":")[2]), OPTIONS=options)
            with anew("analytics"):
                yield models
            settings.update(before)


@contextmanager
def anew(alias: str) -> Iterator[None]:
    """Without the connections that were made before, and without those that are made within."""

    def drop() -> None:
        connections[alias].close()
        del connections[alias]

    def drop_all() -> None:
        drop()
        asyncio.run(sync_to_async(drop)())  # that of the thread that works for async views

    drop_all()
    yield
    drop_all()


def names(models: ModuleType) -> list[str]:
    regions = models.Region.objects.using("analytics").order_by("id")
    return list(regions.values_list("name", flat=True))


def answered(models: ModuleType, region: str | None, view: Callable[[], Any] | None = None) -> Any:
    """What a view answers this region behind the middleware; the names that it sees by default."""
    answers = []

    def get_response(_request: HttpRequest) -> HttpResponse:
        answers.append(view() if view else names(models))
        return HttpResponse()

    SignedTokensMiddleware(get_response)(request_of(region))
    return answers[0]


def test_each_request_sees_what_its_claims_allow(regions: ModuleType) -> None:
    assert answered(regions, "2") == ["region 2"]
    assert answered(regions, "3") == ["region 3"]
    assert answered(regions, "7") == []
    # Beyond a request, the token of the settings asks.
    assert len(names(regions)) == 6


def test_nobody_may_ask_whom_the_claims_do_not_know(regions: ModuleType) -> None:
    with pytest.raises(PermissionDenied):
        answered(regions, None)
    assert answered(regions, None, lambda: "no query") == "no query"


def test_who_is_asking_is_found_out_by_the_application_itself(regions: ModuleType) -> None:
    seen = []

    def asked(request: HttpRequest) -> dict[str, Any] | None:
        seen.append(len(names(regions)))
        return claims(request)

    key = pem_of(ec.generate_private_key(ec.SECP256R1()))
    with (
        override_settings(RAIL_FORGE=told(key, CLAIMS=asked)),
        pytest.raises(OperationalError, match="who is"),
    ):
        answered(regions, "2")  # by a key that the server does not know
    assert seen == [6]


def test_streams_are_made_within_the_request(regions: ModuleType) -> None:
    def lazily() -> Iterator[bytes]:
        yield from (name.encode() for name in names(regions))

    for view in (
        lambda _: StreamingHttpResponse(lazily()),
        lambda _: stream(regions.Region.objects.using("analytics").only("name"), format="json"),
    ):
        response: Any = SignedTokensMiddleware(view)(request_of("4"))
        # Another request comes between.
        assert answered(regions, "5") == ["region 5"]
        content = b"".join(response.streaming_content)
        assert b"region 4" in content
        assert content.count(b"region") == 1


def test_async_requests_see_what_their_claims_allow(regions: ModuleType) -> None:
    queryset = regions.Region.objects.using("analytics").only("name").order_by("id")

    async def listed(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(",".join([region.name async for region in queryset.all()]))

    async def streamed(_request: HttpRequest) -> StreamingHttpResponse:
        return await astream(queryset.all(), format="json")

    async def lazily() -> Any:
        async for region in queryset.all():
            yield region.name.encode()

    async def streamed_lazily(_request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(lazily())

    async def content(view: Any, region: str) -> bytes:
        response = await SignedTokensMiddleware(view)(request_of(region))
        if not response.streaming:
            return bytes(response.content)
        return b"".join([chunk async for chunk in response.streaming_content])

    async def both(view: Any) -> list[bytes]:
        return list(await asyncio.gather(content(view, "1"), content(view, "6")))

    for view in (listed, streamed, streamed_lazily):
        first, second = asyncio.run(both(view))
        assert (b"region 1" in first, first.count(b"region")) == (True, 1)
        assert (b"region 6" in second, second.count(b"region")) == (True, 1)


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
)
def test_tokens_are_signed_by_each_kind_of_key(private: Any, algorithm: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem_of(private))
    with override_settings(RAIL_FORGE=told(path, LIFETIME="1m")):
        signer = Signer.of_settings()
        token = signer.sign({"sub": "jan", "tenant": 3})
    [shown] = jwt.PyJWKSet.from_dict(signer.key_set).keys
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT", "kid": shown.key_id}
    said = jwt.decode(token, shown.key, [algorithm], audience="rail-forge", issuer=ISSUER)
    assert (said["sub"], said["tenant"], said["exp"] - said["iat"]) == ("jan", 3, 60)
    assert "d" not in signer.jwk


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"KEY": b"none"}, "no private key in PEM"),
        ({"KEY": "/nowhere/key.pem"}, "no private key in PEM"),
        ({"KEY": None}, "needs 'KEY'"),
        ({"ISSUER": ""}, "needs 'ISSUER'"),
        ({"LIFETIME": "soon"}, "is no time"),
        ({"LIFETIME": 0}, "at least a second"),
        ({"CLAIMS": "shop.nowhere.claims"}, "nowhere"),
        ({"KEYS": 1}, "has no 'KEYS'"),
        ({"KEY": pem_of(ec.generate_private_key(ec.SECP384R1()))}, "of no known kind"),
    ],
)
def test_settings_that_cannot_be_used_stop_the_start(
    key: bytes, changes: dict[str, Any], message: str
) -> None:
    with override_settings(RAIL_FORGE=told(key, **changes)):
        with pytest.raises(ImproperlyConfigured, match=message):
            SignedTokensMiddleware(lambda _: HttpResponse())
        with pytest.raises(CommandError, match=message):
            call_command("railforge_jwks")


def test_a_key_in_place_of_its_path_is_not_shown(key: bytes) -> None:
    refused = pytest.raises(ImproperlyConfigured, match="no private key")
    with override_settings(RAIL_FORGE=told(key.decode())), refused as caught:
        Signer.of_settings()
    assert key.decode().splitlines()[1] not in "".join(traceback.format_exception(caught.value))


def test_introspection_shows_what_the_claims_allow(regions: ModuleType) -> None:
    def tables() -> list[str]:
        connection = connections["analytics"]
        with connection.cursor() as cursor:
            return list(connection.introspection.table_names(cursor))

    assert answered(regions, "2", tables) == ["region"]


def test_an_empty_token_is_none(shop: Served) -> None:
    with rail_forge.connect(shop.server.flight) as client, pytest.raises(ValueError, match="empty"):
        client.with_session(token=" ")


def test_claims_cannot_change_what_the_signer_says(key: bytes) -> None:
    with override_settings(RAIL_FORGE=told(key)):
        signer = Signer.of_settings()
    for claims_of_it, message in (
        ({"sub": "a", "exp": 1}, "cannot have exp"),
        ({"tenant": 1}, 'need "sub"'),
        ({"sub": 7}, "as a text"),
    ):
        with pytest.raises(ImproperlyConfigured, match=message):
            signer.sign(claims_of_it)


def test_the_key_set_is_for_the_server(key: bytes) -> None:
    with override_settings(RAIL_FORGE=told(key)):
        out = io.StringIO()
        call_command("railforge_jwks", stdout=out)
    [shown] = json.loads(out.getvalue())["keys"]
    assert (shown["kty"], shown["crv"], shown["alg"], shown["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
