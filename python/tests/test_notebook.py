"""The notebook magic, in a shell of IPython's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from IPython.core.interactiveshell import InteractiveShell

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Served


@pytest.fixture
def shell(shop: Served) -> Iterator[Any]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "rail_forge.magic")
    shell.run_line_magic("railforge", shop.server.flight)
    yield shell
    shell.run_line_magic("railforge", shop.server.flight).close()
    InteractiveShell.clear_instance()


def test_a_cell_is_a_query(shell: Any) -> None:
    frame = shell.run_cell_magic("railforge", "", "SELECT id, name FROM region ORDER BY id;\n")
    assert isinstance(frame, pl.DataFrame)
    assert frame.height == 12


def test_the_cells_of_the_page_run(shell: Any, shop: Served) -> None:
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    [block] = re.findall(r"^```ipython\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    cells = block.replace("grpc://127.0.0.1:32010", shop.server.flight).split("\n\n")
    assert len(cells) == 2
    for cell in cells:
        ran = shell.run_cell(cell)
        ran.raise_error()
    assert isinstance(shell.user_ns["large"], pl.DataFrame)
    assert shell.user_ns["large"].height > 0


def test_the_frame_is_kept_under_a_name(shell: Any) -> None:
    shell.user_ns["least"] = 900
    shell.run_cell_magic("railforge", "large", "SELECT id, total FROM orders WHERE total > :least")
    assert shell.user_ns["large"]["total"].min() > 900
    with pytest.raises(ValueError, match="takes the name of a variable"):
        shell.run_cell_magic("railforge", "two words", "SELECT 1")
    with pytest.raises(ValueError, match="no value is given for :nothing"):
        shell.run_cell_magic("railforge", "", "SELECT :least, :nothing")
    with pytest.raises(rail_forge.QueryError):
        shell.run_cell_magic("railforge", "", "SELECT totl FROM orders")
