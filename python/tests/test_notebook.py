"""The notebook magic, in a shell of IPython's."""

from __future__ import annotations

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
