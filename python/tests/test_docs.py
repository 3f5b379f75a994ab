"""The documentation is true: its Python runs, and the configuration reference is the one that is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from conftest import Served

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
WRITTEN_ADDRESS = "grpc://127.0.0.1:32010"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

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


def test_the_readme_shows_python() -> None:
    assert len(BLOCK.findall(README.read_text())) >= 2


def test_configuration_reference_is_what_is_printed() -> None:
    printed = run_cli("settings")
    assert printed.returncode == 0
    assert CONFIGURATION.read_text() == printed.stdout


def test_pages_link_to_what_exists() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
