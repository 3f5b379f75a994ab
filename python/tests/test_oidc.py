"""Tokens of identity providers: what holds, what does not and why, and keys that come and go."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest
from adbc_driver_flightsql import DatabaseOptions
from flight_sql_messages import prepare, read
from identity_provider import (
    DISCOVERY,
    KEYS,
    IdentityProvider,
    Key,
    curve_key,
    edwards_key,
    encoded,
    encoded_json,
    rsa_key,
    signed,
)
from pyarrow import flight
from roles import grant, role
from test_handles import UNKNOWN, get_prepared
from tokens import FOR_ONE, ONE, REFUSED, SOURCE, answers, create_token, guarded_server, log_in, stock_client
from waiting import until

import rail_forge
from rail_forge_testbed.certificates import Authority
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Serve

DISCOVERY_PATH = f"/realms/shop{DISCOVERY}"
UNAVAILABLE = "does not have the keys of the identity provider"
AUDIENCE = 'audience = "rail-forge"'


def table(provider: IdentityProvider, *lines: str, name: str = "corp", audience: str = AUDIENCE) -> str:
    """An `[[oidc]]`."""
    return "\n".join(["[[oidc]]", f'name = "{name}"', f'issuer = "{provider.issuer}"', audience, *lines, ""])


def trusting(serve: Serve, folder: Path, *tables: str, level: str = "info") -> RailForgeServer:
    """A server that accepts the tokens of identity providers, and has no tables."""
    path = folder / "rail-forge.toml"
    path.write_text("\n".join(tables))
    return guarded_server(serve, "--config", str(path), "--log-level", level)


def accepts(server: RailForgeServer, token: str) -> bool:
    """Whether a token is let in; also a server that cannot tell does not."""
    try:
        return answers(server, f"Bearer {token}")
    except flight.FlightUnavailableError:
        return False


def refusals(server: RailForgeServer) -> list[str]:
    return [line for line in server.log.splitlines() if "refused a token of an identity provider" in line]


@pytest.fixture(scope="module")
def rsa() -> Key:
    return rsa_key("rsa")


@pytest.fixture(scope="module")
def elliptic() -> Key:
    return curve_key("elliptic")


@pytest.fixture
def provider(rsa: Key, elliptic: Key) -> Iterator[IdentityProvider]:
    with IdentityProvider(rsa, elliptic, edwards_key("edwards"), curve_key("longer", "P-384")) as started:
        yield started


def test_tokens_of_each_algorithm_name_their_principal(
    serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    server = trusting(serve, tmp_path, table(provider))
    assert "there is no API token" not in server.log
    for key in provider.keys[:3]:
        token = signed(key, provider.claims(sub=f"by-{key.kid}"))
        assert answers(server, f"Bearer {token}")
        assert log_in(server, "anybody", token) == f"Bearer {token}"
        assert f'principal="corp/by-{key.kid}"' in server.log
    for claims in (
        provider.claims(aud=["billing", "rail-forge"]),
        provider.claims(exp=time.time() - 5),
        provider.claims(nbf=time.time() + 5),
    ):
        assert answers(server, f"Bearer {signed(provider.keys[0], claims)}")
    for header in ({"typ": "at+jwt"}, {"typ": "application/at+jwt"}, {"typ": None}, {"kid": None}):
        assert answers(server, f"Bearer {signed(provider.keys[0], provider.claims(), **header)}")
    assert refusals(server) == []


def test_stock_clients(serve: Serve, tmp_path: Path, provider: IdentityProvider) -> None:
    server = trusting(serve, tmp_path, table(provider))
    token = provider.token()
    with rail_forge.connect(server.flight, token) as client:
        assert client.sql(ONE).rows() == [(1,)]
    for shown in (
        {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {token}"},
        {"username": "jan", "password": token},
    ):
        with (
            adbc.connect(server.flight, db_kwargs=shown, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT $1 + 1", [1])
            assert cursor.fetchall() == [(2,)]
    ended = run_cli("sql", "--json", "--url", server.flight, ONE, env={"RAIL_FORGE_TOKEN": token})
    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"one": 1})


def by_secret(provider: IdentityProvider) -> str:
    """A token that is signed with the public key as if that were a secret."""
    key = provider.keys[0]
    text = f"{encoded_json({'alg': 'HS256', 'kid': key.kid})}.{encoded_json(provider.claims())}"
    return f"{text}.{encoded(hmac.digest(key.pem, text.encode(), hashlib.sha256))}"


def by_own_key(provider: IdentityProvider) -> str:
    """A token that brings the key along that it is signed with."""
    own = rsa_key("rsa")
    return signed(own, provider.claims(), jwk=own.jwk, jku=f"{provider.host}/own", x5c=["x"])


def with_claims_of_another(provider: IdentityProvider) -> str:
    header, _, signature = provider.token().split(".")
    return f"{header}.{encoded_json(provider.claims(sub='root'))}.{signature}"


def unsigned(provider: IdentityProvider, algorithm: str) -> str:
    return f"{encoded_json({'alg': algorithm})}.{encoded_json(provider.claims())}."


def of_longer_curve(provider: IdentityProvider) -> str:
    return signed(provider.keys[3], provider.claims(), alg="ES256")


WRONG: dict[str, tuple[Callable[[IdentityProvider], str], str]] = {
    "expired": (lambda one: one.token(exp=time.time() - 60), "it has expired"),
    "never ends": (lambda one: one.token(exp=None), "does not say when it ends"),
    "ends at a text": (lambda one: one.token(exp="2999-01-01"), "its time cannot be read"),
    "not yet valid": (lambda one: one.token(nbf=time.time() + 60), "it is not valid yet"),
    "for somebody else": (lambda one: one.token(aud=["billing"]), "billing"),
    "for nobody": (lambda one: one.token(aud=None), "does not say for whom"),
    "of another issuer": (lambda one: one.token(iss="https://evil.example"), "https://evil.example"),
    "of nobody": (lambda one: one.token(iss=None), "its issuer (iss) cannot be read"),
    "without a name": (lambda one: one.token(sub=None), "it has no sub"),
    "with a name of two lines": (lambda one: one.token(sub="a\nb"), "it has no sub"),
    "of an unknown key": (lambda one: signed(rsa_key("new"), one.claims()), 'the issuer has no key "new"'),
    "of another's key": (lambda one: signed(rsa_key("rsa"), one.claims()), "its signature is wrong"),
    "with its own key": (by_own_key, "its signature is wrong"),
    "of another's key, which it does not name": (
        lambda one: signed(rsa_key("rsa"), one.claims(), kid=None),
        "its signature is wrong",
    ),
    "with changed claims": (with_claims_of_another, "its signature is wrong"),
    "of no algorithm": (lambda one: unsigned(one, "none"), 'its algorithm is "none"'),
    "of no algorithm, otherwise": (lambda one: unsigned(one, "nOnE"), 'its algorithm is "nOnE"'),
    "unsigned": (lambda one: unsigned(one, "ES256"), "its signature is wrong"),
    "signed with a secret": (by_secret, 'its algorithm is "HS256"'),
    "of a longer curve": (of_longer_curve, "its algorithm is not that of the key"),
    "of an algorithm that is off": (
        lambda one: signed(one.keys[3], one.claims()),
        'its algorithm is "ES384"',
    ),
    "for logging out": (lambda one: signed(one.keys[0], one.claims(), typ="logout+jwt"), "logout+jwt"),
    "with an extension": (lambda one: signed(one.keys[0], one.claims(), crit=["b64"], b64=False), "crit"),
    "cut": (lambda one: one.token()[:-18], "its signature is wrong"),
    "with nonsense for a header": (
        lambda one: f"x.{one.token().split('.', 1)[1]}",
        "its header cannot be read",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_token_that_does_not_hold(
    wrong: str, serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    make, reason = WRONG[wrong]
    server = trusting(serve, tmp_path, table(provider))
    token = make(provider)
    with (
        stock_client(server, f"Bearer {token}") as client,
        pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED) as raised,
    ):
        read(client, FOR_ONE)
    assert reason not in str(raised.value)
    [line] = refusals(server)
    assert reason in line
    assert "attempts=1" in server.log
    with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
        log_in(server, "jan", token)
    assert token.rpartition(".")[2][:40] not in server.log or token.endswith(".")


def test_what_is_cut_or_huge_is_refused(serve: Serve, tmp_path: Path, provider: IdentityProvider) -> None:
    server = trusting(serve, tmp_path, table(provider))
    token = provider.token()
    header, claims, _ = token.split(".")
    assert not accepts(server, f"{header}.{claims}")
    assert not accepts(server, f"{token}.{token}")
    huge = provider.token(padding="x" * 20_000)
    with (
        stock_client(server, f"Bearer {huge}") as client,
        pytest.raises((flight.FlightError, pa.ArrowException)),
    ):
        read(client, FOR_ONE)
    assert answers(server, f"Bearer {token}")


def test_a_token_ends_with_its_time(serve: Serve, tmp_path: Path, provider: IdentityProvider) -> None:
    server = trusting(serve, tmp_path, table(provider, 'leeway = "1s"'))
    ends = time.time() + 2
    token = provider.token(exp=ends)
    login = log_in(server, "jan", token)
    with stock_client(server, login) as client:
        assert read(client, FOR_ONE).num_rows == 1
        until(lambda: not answers(server, login), "the token has ended")
        assert time.time() >= ends
        with pytest.raises(flight.FlightUnauthenticatedError, match=REFUSED):
            read(client, FOR_ONE)


def test_audiences_algorithms_and_claims_as_configured(
    serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    lines = (
        'algorithms = ["ES384"]',
        'principal_claim = "email"',
        'roles_claim = "realm_access.roles"',
        'claims = ["tenant"]',
    )
    trusted = table(provider, *lines, audience='audience = ["a", "b"]')
    server = trusting(serve, tmp_path, trusted, role("analyst", grant()))
    longer = provider.keys[3]
    claims = provider.claims(aud="b", email="jan@example.org", realm_access={"roles": ["analyst"]}, tenant=7)
    token = signed(longer, claims)
    assert log_in(server, "jan", token)
    assert 'principal="corp/jan@example.org"' in server.log
    assert accepts(server, signed(longer, {**claims, "realm_access": {"roles": "analyst reader"}}))
    assert accepts(server, signed(longer, {**claims, "realm_access": {}}))
    for changes, reason in (
        ({"realm_access": {"roles": [1]}}, "its realm_access.roles is neither"),
        ({"email": None}, "it has no email"),
        ({"aud": "rail-forge"}, "it is for"),
    ):
        assert not accepts(server, signed(longer, {**claims, **changes}))
        assert reason in refusals(server)[-1]
    assert not accepts(server, signed(provider.keys[0], claims))
    assert 'its algorithm is "RS256"' in refusals(server)[-1]


def test_issuers_are_told_apart(serve: Serve, tmp_path: Path, provider: IdentityProvider, rsa: Key) -> None:
    # The name of a key says nothing: this one has another of the same name.
    with IdentityProvider(rsa_key("rsa")) as partner:
        server = trusting(serve, tmp_path, table(provider), table(partner, name="partner"))
        create_token(server, "jan")
        of_corp, of_partner = provider.token(), partner.token()
        for token, name in ((of_corp, "corp/jan"), (of_partner, "partner/jan")):
            assert log_in(server, "jan", token)
            assert f'principal="{name}"' in server.log
        assert not accepts(server, signed(rsa, partner.claims()))
        assert not accepts(server, signed(partner.keys[0], provider.claims()))


def test_a_handle_is_for_one_principal_of_one_issuer(
    serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    with IdentityProvider(rsa_key("rsa")) as partner:
        server = trusting(serve, tmp_path, table(provider), table(partner, name="partner"))
        named_alike = create_token(server, "jan")
        with stock_client(server, f"Bearer {provider.token()}") as owner:
            handle = bytes(prepare(owner, ONE).prepared_statement_handle)
            assert get_prepared(owner, handle).num_rows == 1
        # Another token of the same principal is as good.
        with stock_client(server, f"Bearer {provider.token(tenant=1)}") as owner:
            assert get_prepared(owner, handle).num_rows == 1
        for other in (partner.token(), provider.token(sub="eva"), named_alike):
            with (
                stock_client(server, f"Bearer {other}") as client,
                pytest.raises(KeyError, match=UNKNOWN),
            ):
                get_prepared(client, handle)


def test_keys_change_without_a_word(
    serve: Serve, tmp_path: Path, provider: IdentityProvider, rsa: Key
) -> None:
    server = trusting(serve, tmp_path, table(provider))
    before = provider.token()
    assert answers(server, f"Bearer {before}")
    provider.keys = [edwards_key("next")]
    assert answers(server, f"Bearer {provider.token()}")
    # The issuer has dropped it.
    assert not answers(server, f"Bearer {before}")
    assert f'the issuer has no key "{rsa.kid}"' in refusals(server)[-1]


def test_a_revoked_key_is_refused_after_the_next_fetch(
    serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    server = trusting(serve, tmp_path, table(provider, 'refresh_keys = "1s"'))
    token, other = provider.token(), signed(provider.keys[1], provider.claims())
    assert answers(server, f"Bearer {token}")
    del provider.keys[0]
    until(lambda: not answers(server, f"Bearer {token}"), "the key is no longer good")
    assert answers(server, f"Bearer {other}")


def test_invented_keys_do_not_make_the_server_ask_without_end(
    serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    server = trusting(serve, tmp_path, table(provider))
    assert answers(server, f"Bearer {provider.token()}")
    stranger = curve_key("stranger")
    for number in range(5):
        assert not answers(server, f"Bearer {signed(stranger, provider.claims(), kid=f'invented-{number}')}")
    # Once at the start, and once for the first of them; a slow machine may come to one more.
    assert provider.asked.count(KEYS) <= 3


def test_an_issuer_that_is_away_at_the_start(serve: Serve, tmp_path: Path, rsa: Key) -> None:
    with IdentityProvider(rsa, at_once=False) as provider:
        server = trusting(serve, tmp_path, table(provider))
        with (
            rail_forge.connect(server.flight, provider.token()) as client,
            pytest.raises(rail_forge.ServerUnavailable, match=UNAVAILABLE),
        ):
            client.sql(ONE)
        assert "cannot fetch the keys of the issuer" in server.log
        assert provider.issuer in server.log
        # Others do not need it.
        assert answers(server, f"Bearer {create_token(server, 'one')}")
        provider.listen()
        until(lambda: accepts(server, provider.token()), "the keys have been fetched")
    # Nobody was refused.
    assert "attempts=" not in server.log


def test_keys_are_believed_for_a_while_when_their_issuer_is_away(
    serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    server = trusting(serve, tmp_path, table(provider, 'refresh_keys = "1s"', 'keep_keys = "3s"'))
    token = provider.token()
    assert answers(server, f"Bearer {token}")
    provider.answers[DISCOVERY_PATH] = (503, b"")
    asked = len(provider.asked)
    until(lambda: len(provider.asked) > asked, "the issuer was asked again")
    assert answers(server, f"Bearer {token}")
    until(lambda: not accepts(server, token), "the keys are no longer believed")
    assert "503" in server.log
    del provider.answers[DISCOVERY_PATH]
    until(lambda: accepts(server, token), "the keys have been fetched again")


BROKEN: dict[str, tuple[str, Callable[[IdentityProvider], tuple[int, bytes]], str]] = {
    "another issuer": (
        DISCOVERY_PATH,
        lambda one: (200, json.dumps({"issuer": one.host, "jwks_uri": f"{one.host}{KEYS}"}).encode()),
        "which is not the one that is configured",
    ),
    "keys without TLS": (
        DISCOVERY_PATH,
        lambda one: (200, json.dumps({"issuer": one.issuer, "jwks_uri": "http://keys.example/"}).encode()),
        "it has no TLS",
    ),
    "keys in a file": (
        DISCOVERY_PATH,
        lambda one: (200, json.dumps({"issuer": one.issuer, "jwks_uri": "file:///etc/passwd"}).encode()),
        "it must begin with https://",
    ),
    "a page": (DISCOVERY_PATH, lambda _: (200, b"<html>"), "is no JSON object"),
    "a redirection": (DISCOVERY_PATH, lambda _: (302, b""), "redirections are not followed"),
    "no keys": (KEYS, lambda _: (200, b"{}"), "holds no keys"),
    "an error": (KEYS, lambda _: (500, b"{}"), "500"),
    "a flood": (KEYS, lambda _: (200, b" " * 300_000), "has more than"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_an_issuer_that_answers_something_else(
    broken: str, serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    path, answer, words = BROKEN[broken]
    provider.answers[path] = answer(provider)
    provider.headers["Location"] = f"{provider.host}/elsewhere"
    server = trusting(serve, tmp_path, table(provider))
    with (
        rail_forge.connect(server.flight, provider.token()) as client,
        pytest.raises(rail_forge.ServerUnavailable, match=UNAVAILABLE),
    ):
        client.sql(ONE)
    assert words in server.log
    assert "/elsewhere" not in provider.asked
    provider.answers.clear()
    until(lambda: accepts(server, provider.token()), "the keys have been fetched")


def test_keys_at_an_address_or_in_a_file(serve: Serve, tmp_path: Path, provider: IdentityProvider) -> None:
    by_address = trusting(serve, tmp_path, table(provider, f'jwks_url = "{provider.host}{KEYS}"'))
    assert answers(by_address, f"Bearer {provider.token()}")
    assert DISCOVERY_PATH not in provider.asked
    asked = len(provider.asked)
    (tmp_path / "keys.json").write_text(json.dumps(provider.key_set))
    in_file = trusting(serve, tmp_path, table(provider, 'jwks_file = "keys.json"'))
    assert answers(in_file, f"Bearer {provider.token()}")
    assert len(provider.asked) == asked


def test_an_issuer_with_a_certificate_of_its_own_authority(serve: Serve, tmp_path: Path, rsa: Key) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    identity = authority.sign("issuer", "IP:127.0.0.1")
    with IdentityProvider(rsa, identity=identity) as provider:
        trusted = trusting(serve, tmp_path, table(provider, f'tls_ca = "{authority.certificate}"'))
        assert answers(trusted, f"Bearer {provider.token()}")
        for lines in ([], [f'tls_ca = "{stranger.certificate}"']):
            server = trusting(serve, tmp_path, table(provider, *lines))
            assert not accepts(server, provider.token())
            assert "certificate" in server.log


def test_a_server_that_asks_nobody_asks_no_issuer(
    serve: Serve, tmp_path: Path, provider: IdentityProvider
) -> None:
    path = tmp_path / "rail-forge.toml"
    path.write_text(table(provider))
    server = serve({"shop": SOURCE}, "--config", str(path))
    assert answers(server, f"Bearer {provider.token(exp=0)}")
    assert provider.asked == []


def test_no_token_is_written_anywhere(serve: Serve, tmp_path: Path, provider: IdentityProvider) -> None:
    server = trusting(serve, tmp_path, table(provider), level="trace")
    tokens = [provider.token(), provider.token(exp=0), by_secret(provider)]
    for token in tokens:
        accepts(server, token)
    log_in(server, "jan", tokens[0])
    server.stop()
    for token in tokens:
        for part in token.split("."):
            assert part not in server.log
    assert "principal=corp/jan" in server.log


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "http://login.example.org"}, ['oidc "corp"', "issuer: it has no TLS"]),
        ({"issuer": "login.example.org"}, ['oidc "corp"', "issuer"]),
        ({"name": "a/b"}, ['oidc "a/b"']),
        ({"name": None}, ["missing field `name`"]),
        ({"audience": None}, ["missing field `audience`"]),
        ({"audience": []}, ["audience must name"]),
        ({"algorithms": ["none"]}, ['algorithms: "none"', "RS256"]),
        ({"algorithms": ["HS256"]}, ['algorithms: "HS256"']),
        ({"jwks_url": "http://login.example.org/keys"}, ["jwks_url: it has no TLS"]),
        ({"jwks_url": "https://user:canary@login.example.org"}, ["jwks_url: it must not hold a user"]),
        ({"jwks_url": "https://a", "jwks_file": "b"}, ["jwks_url and jwks_file"]),
        ({"tls_ca": "missing.pem"}, ["tls_ca", "missing.pem"]),
        ({"leeway": "1h"}, ["leeway must be at most 5m"]),
        ({"refresh_keys": "2h", "keep_keys": "1h"}, ["keep_keys"]),
        ({"colour": "red"}, ["unknown field `colour`"]),
    ],
)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_wrong_settings(command: str, changes: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    least = {"name": "corp", "issuer": "https://login.example.org", "audience": "rail-forge"}
    lines = [
        f"{key} = {json.dumps(value)}" for key, value in {**least, **changes}.items() if value is not None
    ]
    path = tmp_path / "rail-forge.toml"
    path.write_text("\n".join(["[[oidc]]", *lines, ""]))
    ended = run_cli(
        *(command, "--config", str(path), "--source", f"shop={SOURCE}"),
        *("--data-dir", str(tmp_path / "data")),
    )
    assert ended.returncode == 2
    for word in words:
        assert word in ended.stderr
    assert "canary" not in ended.stderr
