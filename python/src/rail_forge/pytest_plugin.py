"""pytest's fixture `rail_forge_server`: a server in front of the test database.

The database is the one that `--rail-forge-source` or the setting `rail_forge_source` names, as a URL; without
either, with pytest-django, it is Django's own test database of the alias `default`, and the RailForge
databases of `settings.DATABASES` are led to the server.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

from rail_forge.testing import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "test"
_ENGINE = "rail_forge.django"
# What the configured server asks for, and the one of the tests does not.
_OPTIONS_OF_ANOTHER = frozenset({"tls", "tls_roots", "tls_certificate", "tls_key", "token"})
# Of psycopg's, those that a source's URL has too.
_OPTIONS_OF_URLS = ("sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout", "options")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the setting."""
    text = "the PostgreSQL URL that the fixture rail_forge_server reads from"
    parser.addoption("--rail-forge-source", help=text)
    parser.addini("rail_forge_source", text)


@pytest.fixture(scope="session")
def rail_forge_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A RailForge server in front of the test database; `refresh()` has it read what was committed."""
    named = request.config.getoption("--rail-forge-source") or request.config.getini("rail_forge_source")
    if named:
        with Server({_NAME: named}) as server:
            yield server
        return
    if not request.config.pluginmanager.hasplugin("django"):
        pytest.fail("rail_forge_server needs --rail-forge-source URL, or pytest-django", pytrace=False)
    request.getfixturevalue("django_db_setup")
    with Server({_NAME: _django_url()}) as server, _led_to(server):
        yield server


def _django_url() -> str:
    """Return the URL of Django's test database."""
    from django.db import connections  # noqa: PLC0415 - of those who use Django

    told = connections["default"].settings_dict
    options = {name: told["OPTIONS"].get(name) for name in _OPTIONS_OF_URLS}
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    parameters = options | {name: told[setting] for name, setting in named.items()}
    # As parameters, of which the host may be a socket's folder.
    given = {name: value for name, value in parameters.items() if value}
    return f"postgres:///?{urlencode(given, quote_via=quote)}"


@contextmanager
def _led_to(server: Server) -> Iterator[None]:
    """Have the RailForge databases of the settings, which mirror the default one in tests, ask the server.

    The settings themselves are changed, since every thread makes its connections of them.
    """
    from django.db import connections  # noqa: PLC0415 - of those who use Django

    led = {alias: told for alias, told in connections.settings.items() if told["ENGINE"] == _ENGINE}
    before = {alias: dict(told) for alias, told in led.items()}
    for alias, told in led.items():
        options = {name: value for name, value in told["OPTIONS"].items() if name not in _OPTIONS_OF_ANOTHER}
        told.update(HOST="127.0.0.1", PORT=server.port, NAME=_NAME, OPTIONS=options)
        connections[alias].close()
    try:
        yield
    finally:
        for alias, told in led.items():
            told.update(before[alias])
            connections[alias].close()
