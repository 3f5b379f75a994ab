"""The documentation is true: Python and SQL run, configuration is valid, the reference is what is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import compatibility_page
import psycopg
import pytest

from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from conftest import NewDatabase, Served

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
WRITTEN_ADDRESS = "grpc://127.0.0.1:32010"
CONNECTORS = ROOT / "docs" / "connectors.md"
BLOCK, TOML, SQL = (
    re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for language in ("python", "toml", "sql")
)
NAMED_VARIABLE = re.compile(r'^url_env = "(\w+)"$', re.MULTILINE)

PAGES = [README, CONFIGURATION, *sorted({*(ROOT / "docs").glob("*.md")} - {CONFIGURATION})]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_of_a_page_runs(
    page: Path, shop: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    names: dict[str, object] = {"__name__": "__main__"}
    for block in BLOCK.finditer(text):
        # As many empty lines as stand before it, so that a traceback shows the page's own lines.
        before = text.count("\n", 0, block.start(1))
        code = "\n" * before + block[1].replace(WRITTEN_ADDRESS, shop.server.flight)
        exec(compile(code, page, "exec"), names)


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


def test_pages_show_what_is_tested_here() -> None:
    assert len(BLOCK.findall(README.read_text())) >= 2
    assert len(TOML.findall(CONFIGURATION.read_text())) >= 1
    assert len(TOML.findall(CONNECTORS.read_text())) >= 4
    assert len(SQL.findall(CONNECTORS.read_text())) >= 1


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
