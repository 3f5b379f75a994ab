"""Servers of live tables, and what they ask PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from configuration import configuration, source
from conftest import refresh

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Serve

    import rail_forge
    from rail_forge_testbed.server import RailForgeServer


LIVE = 'mode = "live"'


def explain(client: rail_forge.Client, sql: str) -> str:
    """The plan, with the statements that PostgreSQL gets."""
    return "\n".join(line for (line,) in client.sql(f"EXPLAIN {sql}").rows())


def statements(client: rail_forge.Client, sql: str) -> list[str]:
    """The statements that PostgreSQL gets, one for each scan."""
    lines = explain(client, sql).splitlines()
    return [line.partition("sql=[")[2].removesuffix("]") for line in lines if "LiveScan" in line]


def live_server(
    serve: Serve, folder: Path, url: str, *further: str, arguments: tuple[str, ...] = ()
) -> RailForgeServer:
    """A server of one source whose tables are live and described."""
    server = serve({}, *configuration(folder, source(url, LIVE, *further)), *arguments)
    refresh(server)
    return server
