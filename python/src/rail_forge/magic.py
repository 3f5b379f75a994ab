"""`%%railforge` in notebooks: SQL in a cell, a Polars frame out.

    %load_ext rail_forge.magic
    %railforge grpc://127.0.0.1:32010

    %%railforge orders
    SELECT * FROM orders WHERE channel = :channel

The frame is shown, and kept under the name that is given. A `:name` takes the value of the notebook's
variable.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class, needs_local_scope
from IPython.core.magic import cell_magic as of_cells

from ._client import Client, connect
from ._named_parameters import names_in

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_DEFAULT_URL = "grpc://127.0.0.1:32010"
_NAME = re.compile(r"[^\W\d]\w*")


@magics_class
class RailForgeMagics(Magics):
    """The magics, and the client that they ask."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._client: Client | None = None

    @line_magic
    def railforge(self, line: str) -> Client:
        """Connect to a server: `%railforge [URL]`, by default that of RAIL_FORGE_URL."""
        if self._client is not None:
            self._client.close()
        self._client = connect(line.strip() or os.environ.get("RAIL_FORGE_URL") or _DEFAULT_URL)
        return self._client

    @needs_local_scope
    @of_cells("railforge")
    def query(self, line: str, cell: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Answer the cell's SQL: `%%railforge [name]`."""
        name = line.strip()
        if name and not _NAME.fullmatch(name):
            raise ValueError(f"%%railforge takes the name of a variable for the frame, not {name!r}")
        known = {**self.shell.user_ns, **(local_ns or {})}
        params = {used: known[used] for used in names_in(cell) if used in known}
        client = self._client or self.railforge("")
        frame = client.sql(cell.rstrip().removesuffix(";"), params or None).polars()
        if name:
            self.shell.user_ns[name] = frame
        return frame


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics, for `%load_ext rail_forge.magic`."""
    shell.register_magics(RailForgeMagics(shell))
