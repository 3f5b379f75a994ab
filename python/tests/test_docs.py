"""The documentation is true: Python and SQL run, configuration is valid, the reference is what is printed."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import compatibility_page
import psycopg
import pytest
from conftest import NO_REFRESH
from django.test import RequestFactory
from django.test.utils import override_settings
from fastapi.testclient import TestClient
from java import require_jdk, run_source
from tls_clients import make_files
from tls_clients import settings as tls_settings

import rail_forge
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conftest import NewDatabase, Served

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
# Without a scheme, which each client has its own of.
WRITTEN_ADDRESS = "127.0.0.1:32010"
WRITTEN_TLS_ADDRESS = "grpc+tls://db.example.org:32010"
WRITTEN_SOCKET = "grpc+unix:///run/rail-forge/flight.sock"
CONNECTORS = ROOT / "docs" / "connectors.md"
DJANGO = ROOT / "docs" / "django.md"
PYTHON = ROOT / "docs" / "python.md"
CLIENTS = ROOT / "docs" / "clients.md"
RUST_CLIENT = ROOT / "server" / "examples" / "flight_sql_client.rs"
BLOCK, TOML, SQL, JAVA, RUST = (
    re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for language in ("python", "toml", "sql", "java", "rust")
)
# The example has no users.
REST_FRAMEWORK: dict[str, Any] = {"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []}
NAMED_VARIABLE = re.compile(r'^url_env = "(\w+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Secured:
    """A server of the shop with TLS and a socket, and the files of its clients by the names of the pages."""

    server: RailForgeServer
    files: Mapping[str, Path]


@pytest.fixture(scope="module")
def secured(shop: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    files = make_files(tmp_path_factory.mktemp("certificates"))
    # Its path has to be short.
    with tempfile.TemporaryDirectory(prefix="rail-forge-") as folder:
        arguments = [
            *NO_REFRESH,
            *tls_settings(files.server),
            *("--tls-client-ca", str(files.authority.certificate), "--tls-client-auth", "optional"),
            *("--unix-socket", f"{folder}/flight.sock"),
        ]
        with RailForgeServer({"shop": shop.url}, arguments=arguments) as server:
            with rail_forge.connect(server.unix) as client:
                client.refresh()
            names = {
                "authority.crt": files.authority.certificate,
                "client.crt": files.client.certificate,
                "client.key": files.client.key,
            }
            yield Secured(server, names)


PAGES = [README, CONFIGURATION, *sorted({*(ROOT / "docs").glob("*.md")} - {CONFIGURATION})]


def address(shop: Served) -> str:
    return shop.server.flight.removeprefix("grpc://")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_of_a_page_runs(
    page: Path,
    shop: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(tmp_path)
    executed(page, shop, tmp_path, request)


def executed(page: Path, shop: Served, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the names of a page's Python stand for, once it has run."""
    text = page.read_text()
    addresses = {WRITTEN_ADDRESS: address(shop)}
    if WRITTEN_TLS_ADDRESS in text:
        secured: Secured = request.getfixturevalue("secured")
        addresses |= {WRITTEN_TLS_ADDRESS: secured.server.flight, WRITTEN_SOCKET: secured.server.unix}
        # Beside the page's code, under the names that it has for them.
        for name, file in secured.files.items():
            shutil.copyfile(file, tmp_path / name)
    request.getfixturevalue("models")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in BLOCK.finditer(text):
        # As many empty lines as stand before it, so that a traceback shows the page's own lines.
        before = text.count("\n", 0, block.start(1))
        code = "\n" * before + block[1]
        for written, actual in addresses.items():
            code = code.replace(written, actual)
        with override_settings(REST_FRAMEWORK=REST_FRAMEWORK):
            exec(compile(code, page, "exec"), names)
    return names


def test_services_of_the_pages_answer(
    shop: Served, tmp_path: Path, request: pytest.FixtureRequest, shop_reference: psycopg.Connection
) -> None:
    [(count,)] = shop_reference.execute("SELECT count(*) FROM orders WHERE channel = 'app'").fetchall()
    names = executed(DJANGO, shop, tmp_path, request)
    with override_settings(REST_FRAMEWORK=REST_FRAMEWORK):
        answers = {
            name: json.loads(names[name](RequestFactory().get("/")).getvalue())
            for name in ("orders", "newest", "revenue", "report")
        }
    assert len(answers["orders"]) == count
    assert len(answers["newest"]["orders"]) == 50
    assert len(answers["revenue"]) == 12
    assert len(answers["report"]) == len({row["channel"] for row in answers["report"]}) > 1
    with TestClient(executed(PYTHON, shop, tmp_path, request)["app"]) as client:
        assert len(client.get("/orders").json()) == count


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_configuration_of_a_page_is_valid(page: Path, tmp_path: Path) -> None:
    config = tmp_path / "rail-forge.toml"
    for block in TOML.findall(page.read_text()):
        config.write_text(block)
        variables = dict.fromkeys(NAMED_VARIABLE.findall(block), "postgres://app@db/shop")
        ended = run_cli("check", "--config", str(config), env=variables)
        assert (ended.returncode, ended.stderr) == (0, ""), block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sql_of_a_page_runs(page: Path, new_database: NewDatabase) -> None:
    blocks = SQL.findall(page.read_text())
    if not blocks:
        return
    # Never committed: roles would stay in the server.
    with psycopg.connect(new_database("CREATE TABLE t (id integer)")) as connection:
        for block in blocks:
            connection.execute(block.encode())
        connection.rollback()


def test_java_runs(shop: Served, tmp_path: Path) -> None:
    require_jdk()
    source = tmp_path / "Example.java"
    for block in JAVA.findall(CLIENTS.read_text()):
        source.write_text(block.replace(WRITTEN_ADDRESS, address(shop)))
        ended = run_source(source)
        assert ended.returncode == 0, ended.stderr
        assert len(ended.stdout.splitlines()) == 3


def test_rust_is_of_the_program_that_is_tested() -> None:
    program = RUST_CLIENT.read_text()
    for block in RUST.findall(CLIENTS.read_text()):
        assert block in program


def test_pages_show_what_is_tested_here() -> None:
    assert len(BLOCK.findall(README.read_text())) >= 2
    assert len(TOML.findall(CONFIGURATION.read_text())) >= 1
    assert len(TOML.findall(CONNECTORS.read_text())) >= 4
    assert len(SQL.findall(CONNECTORS.read_text())) >= 1
    assert len(JAVA.findall(CLIENTS.read_text())) == len(RUST.findall(CLIENTS.read_text())) == 1


def test_configuration_reference_is_what_is_printed() -> None:
    printed = run_cli("settings")
    assert printed.returncode == 0
    assert CONFIGURATION.read_text() == printed.stdout


def test_compatibility_page_says_what_the_tests_say() -> None:
    text = compatibility_page.PAGE.read_text()
    assert compatibility_page.page(text) == text


def test_pages_link_to_what_exists() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
